/*
 * metrics.c - what a monitoring system is told: families of samples, as JSON.
 *
 * The daemon knows no exposition format; the tool and the page write the one
 * that is asked for.  Counters begin at 0 for every label value that the
 * configuration names, so that a rate sees the first event.  No sender is ever
 * a label: how many counters are how full is told, not whose they are.
 */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "limit.h"
#include "meter.h"
#include "held_mail.h"
#include "request.h"
#include "tokens.h"
#include "gate.h"
#include "tally.h"
#include "version.h"

static const struct {
	const char *name, *help;
	const char *a, *b; /* names of the labels; NULL: none */
} counters[TALLY_KINDS] = {
	[TALLY_MESSAGES] = { "postmeter_messages",
	    "Messages judged at their end.", "verdict", "rule" },
	[TALLY_RECIPIENTS] = { "postmeter_recipients",
	    "Recipients of accepted messages.", "scope", NULL },
	[TALLY_BYTES] = { "postmeter_bytes",
	    "Bytes of accepted messages, as far as known.", NULL, NULL },
	[TALLY_RCPT_REFUSED] = { "postmeter_rcpt_refused",
	    "Recipients refused at RCPT.", "reason", NULL },
	[TALLY_OBSERVED] = { "postmeter_observed_refusals",
	    "Messages that would have been refused, were it enforced.",
	    "policy", NULL },
	[TALLY_UNMETERED] = { "postmeter_unmetered_messages",
	    "Messages accepted unmetered, the store being out.", NULL, NULL },
	[TALLY_LIMIT_HITS] = { "postmeter_limit_hits",
	    "How often a limit said no.", "policy", "limit" },
	[TALLY_LOCKOUTS] = { "postmeter_lockouts", "Lockouts begun.", "policy",
	    NULL },
	[TALLY_WARNINGS] = { "postmeter_warnings",
	    "How often use passed a percentage of warn-at.", "policy",
	    "percent" },
	[TALLY_SMARTHOST] = { "postmeter_smarthost_messages",
	    "Messages for which the smarthost was chosen.", "smarthost", NULL },
	[TALLY_FAILOVERS] = { "postmeter_failovers",
	    "Messages for another smarthost than the route's first.", "route",
	    NULL },
	[TALLY_REFUSALS] = { "postmeter_smarthost_refusals",
	    "Recipients that a provider refused, by what it means.",
	    "smarthost", "class" },
	[TALLY_PROBES_FAILED] = { "postmeter_smarthost_failures",
	    "Looks at a smarthost that failed.", "smarthost", NULL },
	[TALLY_LOOKUPS] = { "postmeter_lookups",
	    "Questions of the mail server.", "map", "answer" },
	[TALLY_AUTH_REFUSED] = { "postmeter_auth_refused",
	    "Connections for credentials by users that may not have any.", NULL,
	    NULL },
	[TALLY_CONTROL] = { "postmeter_control_requests",
	    "Questions of operators.", "command", "result" },
	[TALLY_ADMIN] = { "postmeter_admin_commands", "What operators changed.",
	    "command", "via" },
	[TALLY_RELOADS] = { "postmeter_config_reloads",
	    "Reloads of the configuration.", "result", NULL },
	[TALLY_RELEASED] = { "postmeter_released",
	    "Held messages by what became of them.", "result", NULL },
	[TALLY_NOTICES] = { "postmeter_notices",
	    "Mails to people by what became of them.", "result", NULL },
};

/* --- samples ------------------------------------------------------------- */

/* add_family - appends a family and returns its samples, borrowed */
static json_t *
add_family(
    json_t **families, const char *type, const char *name, const char *help)
{
	json_t *samples = json_array();

	control_append(
	    families, json_pack("{s:s, s:s, s:s, s:O}", "name", name, "type",
			  type, "help", help, "samples", samples));
	json_decref(samples);
	return *families == NULL ? NULL : samples;
}

/* metrics_add - one sample; labels and value are taken over */
static void
metrics_add(json_t *samples, json_t *labels, json_t *value)
{
	json_array_append_new(samples,
	    json_pack("{s:o, s:o}", "labels",
		labels != NULL ? labels : json_object(), "value", value));
}

static json_t *
label(const char *name, const char *value)
{
	return json_pack("{s:o}", name, obj_text(value));
}

static json_t *
labels(const char *a, const char *va, const char *b, const char *vb)
{
	return json_pack("{s:o, s:o}", a, obj_text(va), b, obj_text(vb));
}

static json_t *
seconds(int64_t ms)
{
	return json_real((double)ms / 1000);
}

/* gauge - a family of one sample without labels */
static void
gauge(json_t **families, const char *name, const char *help, json_t *value)
{
	metrics_add(add_family(families, "gauge", name, help), NULL, value);
}

/* --- counters ------------------------------------------------------------ */

/* begin_at_zero - the series that the configuration lets expect */
static void
begin_at_zero(const struct config *conf)
{
	static const char *const verdicts[] = { "pass", "defer", "reject",
		"hold", "too-many", "too-large", "unavailable" };
	static const char *const reasons[] = { "limit", "toomany", "blocked",
		"norule", "unavailable" };
	static const char *const maps[] = { "transport", "route", "tls",
		"auth" };
	static const char *const answers[] = { "ok", "notfound", "temp" };
	char text[LIMIT_TEXT];

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		for (size_t j = 0; j < sizeof(answers) / sizeof(answers[0]);
		     j++)
			tally_add(TALLY_LOOKUPS, maps[i], answers[j], 0);
	for (size_t i = 0; i < conf->nrule; i++)
		for (size_t v = 0; v < sizeof(verdicts) / sizeof(verdicts[0]);
		     v++)
			tally_add(
			    TALLY_MESSAGES, verdicts[v], conf->rule[i].name, 0);
	tally_add(TALLY_MESSAGES, "blocked", NULL, 0);
	tally_add(TALLY_MESSAGES, "no-rule", NULL, 0);
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		tally_add(TALLY_RCPT_REFUSED, reasons[i], NULL, 0);
	for (size_t i = 0; i < conf->npolicy; i++) {
		const struct policy *p = &conf->policy[i];

		if (p == conf->senders)
			continue;
		tally_add(TALLY_OBSERVED, p->name, NULL, 0);
		if (p->lockout > 0)
			tally_add(TALLY_LOCKOUTS, p->name, NULL, 0);
		for (size_t j = 0; j < p->nlimit; j++)
			tally_add(TALLY_LIMIT_HITS, p->name,
			    limit_text(&p->limit[j], text, sizeof(text)), 0);
	}
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		tally_add(TALLY_SMARTHOST, conf->smarthost[i].name, NULL, 0);
		tally_add(
		    TALLY_PROBES_FAILED, conf->smarthost[i].name, NULL, 0);
	}
	for (size_t i = 0; i < conf->nroute; i++)
		tally_add(TALLY_FAILOVERS, conf->route[i].name, NULL, 0);
	tally_add(TALLY_RECIPIENTS, "external", NULL, 0);
	tally_add(TALLY_RECIPIENTS, "internal", NULL, 0);
	tally_add(TALLY_BYTES, NULL, NULL, 0);
	tally_add(TALLY_UNMETERED, NULL, NULL, 0);
	tally_add(TALLY_AUTH_REFUSED, NULL, NULL, 0);
	tally_add(TALLY_RELOADS, "ok", NULL, 0);
	tally_add(TALLY_RELOADS, "refused", NULL, 0);
}

struct tallies {
	json_t *samples[TALLY_KINDS];
};

static void
add_tally(void *arg, enum tally kind, const char *a, const char *b, uint64_t n)
{
	struct tallies *t = arg;
	json_t *l = NULL;

	if (counters[kind].b != NULL)
		l = labels(counters[kind].a, a, counters[kind].b, b);
	else if (counters[kind].a != NULL)
		l = label(counters[kind].a, a);
	metrics_add(t->samples[kind], l, control_number(n));
}

static void
add_counters(const struct request *rq, json_t **families)
{
	struct tallies t;

	begin_at_zero(rq->conf);
	for (int i = 0; i < TALLY_KINDS; i++)
		t.samples[i] = add_family(
		    families, "counter", counters[i].name, counters[i].help);
	tally_walk(add_tally, &t);
}

static void
add_times(json_t **families)
{
	static const char *const stages[TALLY_STAGES] = { "rcpt", "eom" };
	json_t *samples = add_family(families, "histogram",
	    "postmeter_callback_duration_seconds",
	    "How long the mail server waited for an answer.");

	for (int stage = 0; stage < TALLY_STAGES; stage++) {
		struct tally_times t;
		uint64_t sum = 0;

		tally_times((enum tally_stage)stage, &t);
		for (size_t i = 0; i <= TALLY_BOUNDS; i++) {
			char le[24] = "+Inf";

			sum += t.count[i];
			if (i < TALLY_BOUNDS)
				snprintf(le, sizeof(le), "%g", tally_bound[i]);
			json_array_append_new(samples,
			    json_pack("{s:s, s:o, s:o}", "suffix", "_bucket",
				"labels",
				labels("stage", stages[stage], "le", le),
				"value", control_number(sum)));
		}
		json_array_append_new(samples,
		    json_pack("{s:s, s:o, s:f}", "suffix", "_sum", "labels",
			label("stage", stages[stage]), "value", t.sum));
		json_array_append_new(
		    samples, json_pack("{s:s, s:o, s:o}", "suffix", "_count",
				 "labels", label("stage", stages[stage]),
				 "value", control_number(sum)));
	}
}

/* --- the counters of the store ------------------------------------------- */

#define BANDS 5
static const char *const band_names[BANDS] = { "0-50", "50-80", "80-95",
	"95-100", "full" };

static size_t
band_of(double ratio)
{
	return ratio >= 1     ? 4
	       : ratio >= .95 ? 3
	       : ratio >= .8  ? 2
			      : ratio >= .5;
}

#define POLICIES_MOST 256

struct use {
	const struct request *rq;
	uint64_t band[POLICIES_MOST][BANDS];
	double most[POLICIES_MOST][POLICY_LIMITS];
	uint64_t grants;
	json_t *ratio, *limit, *locked; /* of the accounts */
};

static json_t *
account_labels(const struct smarthost *sh, enum account_budget budget,
    const struct limit *l)
{
	char text[LIMIT_TEXT];

	return json_pack("{s:s, s:s, s:s}", "smarthost", sh->name, "budget",
	    account_budget_words[budget], "limit",
	    limit_text(l, text, sizeof(text)));
}

static bool
use_each(
    void *arg, const char *policy, const char *key, const struct counter *c)
{
	struct use *u = arg;
	const struct config *conf = u->rq->conf;
	const struct policy *p = config_policy(conf, policy);
	enum account_budget budget;
	const struct smarthost *sh = control_account_of(conf, key, &budget);
	double fullest = 0;
	size_t at;

	if (p == NULL || p == conf->senders || !counter_fits(c, p))
		return true;
	at = (size_t)(p - conf->policy);
	for (size_t i = 0; i < c->ngrant; i++)
		u->grants += c->grant[i].until > u->rq->now;
	for (size_t i = 0; i < p->nlimit && at < POLICIES_MOST; i++) {
		uint64_t used, max;
		double ratio;

		quota_usage(p, c, i, u->rq->now, &used, &max);
		ratio = max == 0 ? 1 : (double)used / (double)max;
		if (ratio > fullest)
			fullest = ratio;
		if (ratio > u->most[at][i])
			u->most[at][i] = ratio;
		if (sh == NULL)
			continue;
		metrics_add(u->ratio, account_labels(sh, budget, &p->limit[i]),
		    json_real(ratio));
		metrics_add(u->limit, account_labels(sh, budget, &p->limit[i]),
		    control_number(max));
	}
	if (sh != NULL)
		metrics_add(u->locked,
		    json_pack("{s:s, s:s, s:s}", "smarthost", sh->name,
			"budget", account_budget_words[budget], "policy",
			p->name),
		    seconds(
			c->locked_until > u->rq->now ? c->locked_until : 0));
	else if (at < POLICIES_MOST)
		u->band[at][band_of(fullest)]++;
	return true;
}

static void
add_bands(const struct use *u, json_t **families)
{
	const struct config *conf = u->rq->conf;
	json_t *keys = add_family(families, "gauge", "postmeter_keys",
	    "Counters by the use of their fullest limit, in percent.");
	json_t *most = add_family(families, "gauge", "postmeter_max_used_ratio",
	    "Use of the fullest counter.");
	char text[LIMIT_TEXT];

	for (size_t i = 0; i < conf->npolicy && i < POLICIES_MOST; i++) {
		const struct policy *p = &conf->policy[i];

		if (p == conf->senders)
			continue;
		for (size_t b = 0; b < BANDS; b++)
			metrics_add(keys,
			    labels("policy", p->name, "band", band_names[b]),
			    control_number(u->band[i][b]));
		for (size_t j = 0; j < p->nlimit; j++)
			metrics_add(most,
			    labels("policy", p->name, "limit",
				limit_text(&p->limit[j], text, sizeof(text))),
			    json_real(u->most[i][j]));
	}
}

/* add_use - how full the counters are; what the store answered */
static enum store_answer
add_use(const struct request *rq, json_t **families, struct why *why)
{
	struct use *u = calloc(1, sizeof(*u));
	enum store_answer a;

	if (u == NULL) {
		why_set(why, "out of memory");
		return STORE_FAILED;
	}
	u->rq = rq;
	u->ratio = add_family(families, "gauge", "postmeter_account_used_ratio",
	    "Use of a smarthost's account.");
	u->limit = add_family(families, "gauge", "postmeter_account_limit",
	    "What a smarthost's account may use, its margin taken off.");
	u->locked = add_family(families, "gauge",
	    "postmeter_account_locked_until_timestamp_seconds",
	    "Until when an account is locked out; 0: it is not.");
	a = store_walk(rq->env->store, rq->now, use_each, u, why);
	add_bands(u, families);
	gauge(families, "postmeter_grants_active", "Grants in force.",
	    control_number(u->grants));
	free(u);
	return a == STORE_NONE ? STORE_OK : a;
}

/* --- smarthosts, store, process ------------------------------------------ */

static void
add_smarthosts(const struct request *rq, json_t **families)
{
	json_t *up = add_family(families, "gauge", "postmeter_smarthost_up",
	    "Did the smarthost answer when it was last looked at?");
	struct health_report r;

	for (size_t i = 0; i < rq->conf->nsmarthost; i++) {
		const char *name = rq->conf->smarthost[i].name;

		if (health_ask(rq->env->health, name, rq->now, &r))
			metrics_add(up, label("smarthost", name),
			    json_integer(r.state == BREAKER_CLOSED));
	}
}

/* add_gates - whether accounts take mail */
static void
add_gates(const struct request *rq, json_t **families)
{
	json_t *open = add_family(families, "gauge", "postmeter_gate_open",
	    "May mail leave by the account?");
	struct gate_report gate;

	for (size_t i = 0; rq->env->gate != NULL && i < rq->conf->nsmarthost;
	     i++) {
		const char *name = rq->conf->smarthost[i].name;

		gate_report(rq->env->gate, name, rq->now, &gate);
		metrics_add(
		    open, label("smarthost", name), json_integer(!gate.closed));
	}
}

/* add_tokens - how long access tokens and client secrets last */
static void
add_tokens(const struct request *rq, json_t **families)
{
	json_t *left = add_family(families, "gauge",
	    "postmeter_token_left_seconds",
	    "Until the access token of the smarthost ends; 0: there is none.");
	json_t *failing =
	    add_family(families, "gauge", "postmeter_token_renewal_failing",
		"Did the last try to renew the token of the smarthost fail?");
	json_t *secret = add_family(families, "gauge",
	    "postmeter_client_secret_left_seconds",
	    "Until the client secret of the smarthost ends, where that is configured.");

	for (size_t i = 0; i < rq->conf->nsmarthost; i++) {
		const struct smarthost *sh = &rq->conf->smarthost[i];
		struct token_report token;

		if (sh->oauth.grant == GRANT_NONE)
			continue;
		(void)tokens_report(sh->name, rq->now, &token);
		metrics_add(left, label("smarthost", sh->name),
		    json_integer(
			token.there
			    ? (json_int_t)((token.expires - rq->now) / SECOND)
			    : 0));
		metrics_add(failing, label("smarthost", sh->name),
		    json_integer(token.error.text[0] != '\0'));
		if (sh->oauth.secret_until != 0)
			metrics_add(secret, label("smarthost", sh->name),
			    json_integer((
				json_int_t)((sh->oauth.secret_until - rq->now) /
					    SECOND)));
	}
}

static bool
count_block(void *arg, const char *who, int64_t until, const char *text)
{
	(void)until;
	(void)text;
	*(uint64_t *)arg += who[0] != BLOCK_MARK;
	return true;
}

static void
add_store(const struct request *rq, json_t **families)
{
	struct store_stats st;
	uint64_t nblock = 0;
	struct why why;
	json_t *charges;

	store_stats(rq->env->store, &st);
	(void)store_blocks(rq->env->store, rq->now, count_block, &nblock, &why);
	gauge(families, "postmeter_blocks_active", "Blocks in force.",
	    control_number(nblock));
	gauge(families, "postmeter_store_healthy", "Does the store work?",
	    json_integer(st.healthy));
	charges = add_family(families, "counter", "postmeter_store_charges",
	    "What the store was asked to spend.");
	metrics_add(
	    charges, label("result", "applied"), control_number(st.charged));
	metrics_add(
	    charges, label("result", "declined"), control_number(st.declined));
	metrics_add(
	    charges, label("result", "failed"), control_number(st.failed));
	gauge(families, "postmeter_store_counters", "Counters in memory.",
	    control_number(st.counters));
	gauge(families, "postmeter_store_journal_bytes",
	    "Write-ahead log not yet in the database.",
	    control_number(st.journal_bytes));
	metrics_add(add_family(families, "counter", "postmeter_store_flushes",
			"Flushes into the database."),
	    NULL, control_number(st.flushes));
	gauge(families, "postmeter_store_last_flush_timestamp_seconds",
	    "When the last flush ended; 0: never.", seconds(st.flushed));
	metrics_add(
	    add_family(families, "counter", "postmeter_store_events_dropped",
		"Events that came too fast to be kept."),
	    NULL, control_number(st.events_dropped));
}

/* metrics_add_held - only root can see the queue: what its last round saw */
static void
metrics_add_held(const struct request *rq, json_t **families)
{
	int64_t oldest;
	size_t count;

	held_mail_stats(&count, &oldest);
	gauge(families, "postmeter_held_messages", "Messages that are held.",
	    json_integer((json_int_t)count));
	gauge(families, "postmeter_held_oldest_age_seconds",
	    "How long the oldest of them is held.",
	    seconds(oldest == 0 ? 0 : rq->now - oldest));
}

static json_t *
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	json_int_t n = -3; /* ".", ".." and the directory itself */

	if (dir == NULL)
		return json_integer(0);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return json_integer(n);
}

static json_t *
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	unsigned long long pages = 0;

	if (f != NULL) {
		if (fscanf(f, "%*u %llu", &pages) != 1)
			pages = 0;
		fclose(f);
	}
	return control_number(pages * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void
add_process(const struct request *rq, json_t **families)
{
	struct rlimit most = { .rlim_cur = 0 };
	struct timespec cpu = { .tv_sec = 0 };

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu);
	getrlimit(RLIMIT_NOFILE, &most);
	gauge(families, "process_resident_memory_bytes", "Memory in use.",
	    resident());
	metrics_add(add_family(families, "counter", "process_cpu_seconds",
			"Processor time used."),
	    NULL, json_real((double)cpu.tv_sec + (double)cpu.tv_nsec / 1e9));
	gauge(families, "process_open_fds", "Open descriptors.",
	    open_descriptors());
	gauge(families, "process_max_fds", "Descriptors allowed.",
	    control_number(most.rlim_cur));
	gauge(families, "process_start_time_seconds", "When the daemon began.",
	    seconds(rq->env->started));
}

json_t *
control_metrics(const struct request *rq)
{
	json_t *families = json_array();
	struct why why = WHY_NONE;
	enum store_answer a;

	metrics_add(add_family(&families, "gauge", "postmeter_build_info",
			"Which postmeter this is."),
	    labels("version", POSTMETER_VERSION, "store",
		store_kind(rq->env->store)),
	    json_integer(1));
	gauge(&families, "postmeter_start_timestamp_seconds",
	    "When the daemon began.", seconds(rq->env->started));
	gauge(&families, "postmeter_observing",
	    "1: it counts and refuses nothing.",
	    json_integer(rq->conf->observe));
	add_counters(rq, &families);
	add_times(&families);
	a = add_use(rq, &families, &why);
	add_smarthosts(rq, &families);
	add_gates(rq, &families);
	add_tokens(rq, &families);
	add_store(rq, &families);
	metrics_add_held(rq, &families);
	add_process(rq, &families);
	/* A store that is out is what the rest is needed for. */
	return json_pack("{s:b, s:b, s:s, s:o}", "ok", 1, "complete",
	    a == STORE_OK, "trouble", why.text, "families", families);
}
