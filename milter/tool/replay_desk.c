/*
 * replay_desk.c - messages of a log before the desk itself: the same rules,
 * policies and counters as the daemon's, over a store in memory, with the time
 * of the log.
 *
 * A message that is stopped is not tried again: what a client would have done
 * cannot be known.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "account_key.h"
#include "limit.h"
#include "log.h"
#include "match.h"
#include "meter.h"
#include "replay.h"
#include "transaction.h"

#define STOPPED_MOST 5000 /* rows: accounts and limits */
#define EPISODE HOUR      /* refusals further apart are another time */

struct stopped {
	char who[MAILADDR_MAX + 1];
	char policy[STORE_NAME], limit[LIMIT_TEXT];
	uint64_t messages, times;
	int64_t first, last, wait; /* wait: the longest, ms */
};

struct account {
	const struct smarthost *smarthost;
	const struct policy *policy;
	unsigned percent[POLICY_LIMITS];
	uint64_t used[POLICY_LIMITS], max[POLICY_LIMITS];
	int64_t when[POLICY_LIMITS];
};

struct replay_desk {
	struct config *conf;
	struct store *store;
	uint64_t messages, outgoing, passed, stopped, for_good, no_rule;
	int64_t first, last;
	struct stopped *row;
	size_t nrow;
	bool more;
	struct account *account;
	size_t naccount;
};

static void
no_end(const char *why)
{
	log_error("%s", why);
	exit(1);
}

/* list_accounts - the budgets of smarthosts that will be looked at */
static int
list_accounts(struct replay_desk *d)
{
	size_t n = 0;

	for (size_t i = 0; i < d->conf->nsmarthost; i++)
		n += d->conf->smarthost[i].policies.n;
	d->account = calloc(n + 1, sizeof(*d->account));
	if (d->account == NULL)
		return -1;
	for (size_t i = 0; i < d->conf->nsmarthost; i++) {
		const struct smarthost *sh = &d->conf->smarthost[i];

		for (size_t k = 0; k < sh->policies.n; k++)
			if (sh->policies.v[k]->per != PER_SENDER)
				d->account[d->naccount++] =
				    (struct account){ .smarthost = sh,
					    .policy = sh->policies.v[k] };
	}
	return 0;
}

struct replay_desk *
replay_desk_new(struct config *conf, struct why *why)
{
	static const struct store_env env = { .fatal = no_end };
	struct replay_desk *d = calloc(1, sizeof(*d));
	char *memory = strdup("memory:");
	enum store_fault fault;

	if (d == NULL || memory == NULL) {
		free(d);
		free(memory);
		why_set(why, "out of memory");
		return NULL;
	}
	free(conf->store);
	conf->store = memory;
	d->conf = conf;
	d->row = calloc(STOPPED_MOST, sizeof(*d->row));
	d->store = store_open(conf, &env, why, &fault);
	if (d->store == NULL || d->row == NULL || list_accounts(d) == -1) {
		if (d->store != NULL)
			store_close(&d->store);
		free(d->row);
		free(d);
		return NULL;
	}
	return d;
}

void
replay_who(const struct config *conf, const struct replay_message *m, char *dst,
    size_t size)
{
	struct mailaddr a;
	char login[MAILADDR_MAX + 1];

	if (m->login[0] != '\0') {
		config_login(conf, m->login, login);
		snprintf(dst, size, "%s", login);
		return;
	}
	mailaddr_canon(
	    &a, m->sender, strlen(m->sender), conf->recipient_delimiter);
	snprintf(dst, size, "%s",
	    a.text[0] != '\0'      ? a.text
	    : m->client[0] != '\0' ? m->client
				   : "localhost");
}

/* replay_desk_fill - the transaction that the daemon would have seen; -1:
 * memory is out */
static int
replay_desk_fill(
    const struct replay_desk *d, const struct replay_message *m, struct txn *t)
{
	static const struct rcpt_word nothing = { NULL, NULL };

	txn_begin(t);
	match_envelope_sender(d->conf, m->sender, NULL, &t->sender);
	if (m->login[0] != '\0')
		config_login(d->conf, m->login, t->login);
	t->submitted = m->submitted;
	(void)netaddr_parse(m->submitted ? "127.0.0.1" : m->client, &t->client);
	t->bytes = m->bytes;
	for (size_t i = 0; i < m->n; i++)
		if (txn_add(t, mailaddr_exact(m->rcpt[i], strlen(m->rcpt[i])),
			match_recipient(d->conf, m->rcpt[i], &nothing)) == -1)
			return -1;
	/* Those that the log does not name leave, each its own. */
	for (uint64_t i = m->n; i < m->nrcpt && m->n == 0; i++)
		if (txn_add(t, i + 1, WAY_ROUTED) == -1)
			return -1;
	return 0;
}

static struct stopped *
replay_desk_row_of(struct replay_desk *d, const char *who, const char *policy,
    const char *limit)
{
	struct stopped *r = d->row;

	while (r < d->row + d->nrow &&
	       (strcmp(r->who, who) != 0 || strcmp(r->policy, policy) != 0 ||
		   strcmp(r->limit, limit) != 0))
		r++;
	if (r < d->row + d->nrow)
		return r;
	if (d->nrow == STOPPED_MOST) {
		d->more = true;
		return NULL;
	}
	d->nrow++;
	snprintf(r->who, sizeof(r->who), "%s", who);
	snprintf(r->policy, sizeof(r->policy), "%s", policy);
	snprintf(r->limit, sizeof(r->limit), "%s", limit);
	return r;
}

/* stop - notes a message that would not have passed */
static void
stop(struct replay_desk *d, const struct replay_message *m,
    const struct outcome *o)
{
	char who[MAILADDR_MAX + 1], limit[LIMIT_TEXT] = "";
	struct stopped *r;

	d->stopped++;
	d->for_good += o->verdict == VERDICT_REJECT ||
		       o->verdict == VERDICT_TOO_LARGE ||
		       o->verdict == VERDICT_NO_RULE;
	d->no_rule += o->verdict == VERDICT_NO_RULE;
	replay_who(d->conf, m, who, sizeof(who));
	if (o->limit != NULL)
		limit_text(o->limit, limit, sizeof(limit));
	r = replay_desk_row_of(d, who, o->policy != NULL ? o->policy->name : "",
	    limit[0] != '\0' ? limit : verdict_name(o->verdict));
	if (r == NULL)
		return;
	if (r->messages++ == 0)
		r->first = m->when;
	if (r->times == 0 || m->when - r->last > EPISODE)
		r->times++;
	r->last = m->when;
	if (o->again != NEVER && o->again > 0 && o->again - m->when > r->wait)
		r->wait = o->again - m->when;
}

/* replay_desk_look_at - how full the account that took it is now */
static void
replay_desk_look_at(struct replay_desk *d, const char *smarthost, int64_t now)
{
	char key[MAILADDR_MAX + 1];

	account_key(BUDGET_PROMISED, smarthost, key, sizeof(key));
	for (size_t i = 0; i < d->naccount; i++) {
		struct account *a = &d->account[i];
		struct counter *c = NULL;
		struct why why;

		if (strcmp(a->smarthost->name, smarthost) != 0 ||
		    store_read(d->store, a->policy, key, now, &c, &why) !=
			STORE_OK)
			continue;
		for (size_t l = 0; l < a->policy->nlimit; l++) {
			uint64_t used, max;
			unsigned percent;

			quota_usage(a->policy, c, l, now, &used, &max);
			percent = max == 0 ? 100 : (unsigned)(used * 100 / max);
			if (used <= a->used[l])
				continue;
			a->percent[l] = percent;
			a->used[l] = used;
			a->max[l] = max;
			a->when[l] = now;
		}
		counter_free(&c);
	}
}

void
replay_desk_message(void *arg, const struct replay_message *m)
{
	struct replay_desk *d = arg;
	struct txn t = { .submitted = false };
	struct outcome o;

	d->messages++;
	if (d->first == 0)
		d->first = m->when;
	d->last = m->when;
	if (replay_desk_fill(d, m, &t) == 0 && match_outgoing(d->conf, &t)) {
		const struct desk desk = { .conf = d->conf, .store = d->store };

		meter_charge(&desk, &t, m->when, &o);
		d->outgoing++;
		if (o.verdict == VERDICT_PASS) {
			d->passed++;
			if (o.smarthost != NULL)
				replay_desk_look_at(d, o.smarthost, m->when);
		} else if (o.verdict != VERDICT_IGNORE) {
			stop(d, m, &o);
		}
	}
	txn_end(&t);
}

/* --- the report ---------------------------------------------------------- */

static json_t *
replay_time(const struct replay_desk *d, int64_t when)
{
	char text[64];
	struct tm tm;

	if (when == 0)
		return json_null();
	zone_localtime(d->conf->zone, when, &tm);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %z", &tm);
	return json_pack("{s:I, s:s}", "ms", (json_int_t)when, "text", text);
}

static int
more_stopped(const void *a, const void *b)
{
	const struct stopped *x = a, *y = b;

	return (x->messages < y->messages) - (x->messages > y->messages);
}

static json_t *
replay_desk_text_of(const char *s)
{
	json_t *t = json_string(s);

	return t != NULL ? t : json_string("(no UTF-8)");
}

static json_t *
rows_of(struct replay_desk *d)
{
	json_t *list = json_array();

	qsort(d->row, d->nrow, sizeof(*d->row), more_stopped);
	for (size_t i = 0; i < d->nrow; i++) {
		const struct stopped *r = &d->row[i];

		json_array_append_new(list,
		    json_pack("{s:o, s:s, s:s, s:I, s:I, s:o, s:o, s:I}", "who",
			replay_desk_text_of(r->who), "policy", r->policy,
			"limit", r->limit, "times", (json_int_t)r->times,
			"messages", (json_int_t)r->messages, "first",
			replay_time(d, r->first), "last",
			replay_time(d, r->last), "longest_wait_ms",
			(json_int_t)r->wait));
	}
	return list;
}

static json_t *
accounts_of(const struct replay_desk *d)
{
	json_t *list = json_array();
	char text[LIMIT_TEXT];

	for (size_t i = 0; i < d->naccount; i++)
		for (size_t l = 0; l < d->account[i].policy->nlimit; l++) {
			const struct account *a = &d->account[i];

			json_array_append_new(list,
			    json_pack("{s:s, s:s, s:I, s:I, s:i, s:o}",
				"smarthost", a->smarthost->name, "limit",
				limit_text(
				    &a->policy->limit[l], text, sizeof(text)),
				"used", (json_int_t)a->used[l], "max",
				(json_int_t)(a->max[l] != 0
						 ? a->max[l]
						 : a->policy->limit[l].max),
				"percent", (int)a->percent[l], "when",
				replay_time(d, a->when[l])));
		}
	return list;
}

json_t *
replay_desk_end(struct replay_desk **dp)
{
	struct replay_desk *d = *dp;
	json_t *answer = json_pack(
	    "{s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:o, s:o}", "from",
	    replay_time(d, d->first), "to", replay_time(d, d->last), "messages",
	    (json_int_t)d->messages, "outgoing", (json_int_t)d->outgoing,
	    "passed", (json_int_t)d->passed, "stopped", (json_int_t)d->stopped,
	    "for_good", (json_int_t)d->for_good, "no_rule",
	    (json_int_t)d->no_rule, "truncated", d->more, "senders", rows_of(d),
	    "accounts", accounts_of(d));

	*dp = NULL;
	store_close(&d->store);
	free(d->row);
	free(d->account);
	free(d);
	return answer;
}
