/*
 * postfix_plan.c - what Postfix must know to be metered and routed.
 *
 * Each smarthost gets an SMTP client service of its own: the name of its
 * password map says which account is meant, so two accounts at one provider
 * cannot mix, and the plain smtp service, which talks to anybody, has no
 * keys at all.  Nothing that other programs rely on is changed: our milter
 * goes behind theirs and brings its own default action, our map stands
 * before theirs and knows only our senders.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postfix.h"
#include "tool.h"

#define CA_FILE "/etc/ssl/certs/ca-certificates.crt"

/* What a plan is made of, as it grows. */
#define EXIT_SERVICE "rewrite-exit"

struct plan {
	const struct postfix *pf;
	const struct config *conf;
	const json_t *made; /* what earlier runs changed */
	json_t *want, *notes;
	char milter[256], map[256], auth[256]; /* as Postfix sees them */
};

static const char *
value_of(const json_t *map, const char *name)
{
	return json_string_value(json_object_get(map, name));
}

static const json_t *
current_map(const struct postfix *pf, const char *file)
{
	return strcmp(file, "master") == 0 ? pf->master : pf->main;
}

/* want - name shall have value; NULL: shall not be set */
static void
want(struct plan *p, const char *file, const char *name, const char *value,
    const char *why)
{
	json_array_append_new(
	    p->want, json_pack("{s:s, s:s, s:s?, s:s?, s:s}", "file", file,
			 "name", name, "value", value, "before",
			 value_of(current_map(p->pf, file), name), "why", why));
}

/* --- lists of main.cf ---------------------------------------------------- */

/* append - one more item; list has room */
static void
append(char *list, const char *item, size_t len)
{
	if (list[0] != '\0')
		strcat(list, ", ");
	strncat(list, item, len);
}

/* without - list without the items that ours says are ours.  To be freed. */
static char *
without(const char *list,
    bool (*ours)(const struct plan *p, const char *item, size_t len),
    const struct plan *p)
{
	char *left = calloc(1, strlen(list) * 2 + 1);
	const char *item;
	size_t len;

	while (
	    left != NULL && (item = postfix_next_item(&list, &len)) != NULL) {
		if (ours(p, item, len))
			continue;
		append(left, item, len);
	}
	return left;
}

static bool
has_item(const char *list, const char *item, size_t len)
{
	const char *other;
	size_t n;

	while (list != NULL && (other = postfix_next_item(&list, &n)) != NULL)
		if (n == len && memcmp(other, item, n) == 0)
			return true;
	return false;
}

/* came_from_us - did an earlier run add that item to a list? */
static bool
came_from_us(const struct plan *p, const char *item, size_t len)
{
	const json_t *m;
	size_t i;

	json_array_foreach (p->made, i, m)
		if (strcmp(value_of(m, "file"), "main") == 0 &&
		    has_item(value_of(m, "value"), item, len) &&
		    !has_item(value_of(m, "before"), item, len))
			return true;
	return false;
}

static bool
names_milter(const struct plan *p, const char *item, size_t len)
{
	return postfix_names_socket(item, len, p->milter) ||
	       postfix_names_socket(item, len, p->conf->milter_socket.path);
}

/* is_milter - ours, also at the place of an earlier run */
static bool
is_milter(const struct plan *p, const char *item, size_t len)
{
	return names_milter(p, item, len) || came_from_us(p, item, len);
}

static bool
postfix_plan_is_map(const struct plan *p, const char *item, size_t len)
{
	char one[2][300];

	snprintf(
	    one[0], sizeof(one[0]), "socketmap:unix:%s:transport-in", p->map);
	snprintf(one[1], sizeof(one[1]), "socketmap:unix:%s:transport-in",
	    p->conf->map_socket.path);
	for (size_t i = 0; i < 2; i++)
		if (strlen(one[i]) == len && memcmp(one[i], item, len) == 0)
			return true;
	return came_from_us(p, item, len);
}

static bool
is_reference(const struct plan *p, const char *item, size_t len)
{
	(void)p;
	return (len == 14 && memcmp(item, "$smtpd_milters", len) == 0) ||
	       (len == 16 && memcmp(item, "${smtpd_milters}", len) == 0);
}

static bool
has(const struct plan *p, const char *list,
    bool (*ours)(const struct plan *p, const char *item, size_t len))
{
	const char *item;
	size_t len;

	while ((item = postfix_next_item(&list, &len)) != NULL)
		if (ours(p, item, len))
			return true;
	return false;
}

/*
 * want_milter - ours last: no callback tells of a later milter's refusal.
 * Blanks around "=" please postconf and kill smtpd.
 */
static void
want_milter(struct plan *p, const char *name, const char *why)
{
	const char *now = value_of(p->pf->main, name);
	char *others = without(now != NULL ? now : "", is_milter, p), *value;

	if (others == NULL)
		return;
	if (asprintf(&value, "%s%s{ unix:%s, default_action=tempfail }", others,
		others[0] != '\0' ? ", " : "", p->milter) != -1) {
		want(p, "main", name, value, why);
		free(value);
	}
	free(others);
}

/*
 * want_exit - the queue manager resolves by a service of its own: it alone is
 * told that an account is full, and parks the mail with the reason.  smtpd(8)
 * would refuse the recipient before the milter, and remember that.
 */
static void
want_exit(struct plan *p, const char *others)
{
	char entry[1024];
	size_t n = (size_t)snprintf(entry, sizeof(entry),
	    EXIT_SERVICE
	    " unix - - n - - trivial-rewrite -o sender_dependent_default_transport_maps=socketmap:unix:%s:transport",
	    p->map);

	/* No blanks in an -o: the other maps follow with commas alone. */
	if (others[0] != '\0')
		entry[n++] = ',';
	for (const char *c = others; *c != '\0' && n + 1 < sizeof(entry); c++)
		if (*c != ' ')
			entry[n++] = *c;
	entry[n] = '\0';
	want(p, "master", EXIT_SERVICE "/unix", entry,
	    "mail of an account that is full waits with the reason and the time");
	want(p, "main", "rewrite_service_name",
	    "${{$process_name} == {qmgr} ? {" EXIT_SERVICE "} : {rewrite}}",
	    "the queue manager alone asks there");
}

/* want_map - ours first: who is metered by a smarthost leaves by it */
static void
want_map(struct plan *p)
{
	const char *name = "sender_dependent_default_transport_maps";
	const char *now = value_of(p->pf->main, name);
	char *others = without(now != NULL ? now : "", postfix_plan_is_map, p),
	     *value;

	if (others == NULL)
		return;
	want_exit(p, others);
	if (asprintf(&value, "socketmap:unix:%s:transport-in%s%s", p->map,
		others[0] != '\0' ? ", " : "", others) != -1) {
		want(p, "main", name, value,
		    "a sender's mail leaves by the smarthost that it was charged to");
		free(value);
	}
	free(others);
}

/* --- services ------------------------------------------------------------ */

static void
want_service(struct plan *p, const struct smarthost *sh)
{
	json_t *settings = postfix_service(p->auth, sh);
	char name[128], entry[4096];
	const json_t *s;
	size_t i;
	int n;

	n = snprintf(
	    entry, sizeof(entry), "smarthost-%s unix - - n - - smtp", sh->name);
	json_array_foreach (settings, i, s)
		n += snprintf(entry + n, sizeof(entry) - (size_t)n, " -o %s=%s",
		    value_of(s, "name"), value_of(s, "value"));
	json_decref(settings);
	snprintf(name, sizeof(name), "smarthost-%s/unix", sh->name);
	want(p, "master", name, entry,
	    "a client of its own, with its own credential, that asks before each delivery and speaks only over TLS");
}

/*
 * want_patience - each recipient that is refused counts as an error of the
 * client: after ten each costs a second, after twenty Postfix hangs up, and
 * what fitted is not sent either.  Strangers come in at smtp, and stay bound.
 */
static void
want_patience(struct plan *p)
{
	const char *most = value_of(p->pf->main, "smtpd_recipient_limit");
	char value[160];

	/* A number, for a parameter that is not set has no value here. */
	if (most == NULL || most[strspn(most, "0123456789")] != '\0')
		most = "1000";
	snprintf(value, sizeof(value),
	    "${{$service_name} == {smtp} ? {10} : {%s}}", most);
	want(p, "main", "smtpd_soft_error_limit", value,
	    "of a large message what fits leaves, however many are refused");
	snprintf(value, sizeof(value),
	    "${{$service_name} == {smtp} ? {${stress?{1}:{20}}} : {%s}}", most);
	want(p, "main", "smtpd_hard_error_limit", value,
	    "of a large message what fits leaves, however many are refused");
}

static void
want_recipients(struct plan *p, const struct smarthost *sh)
{
	char name[160], value[16];

	snprintf(name, sizeof(name), "smarthost-%s_destination_recipient_limit",
	    sh->name);
	snprintf(value, sizeof(value), "%" PRIu32, sh->recipient_limit);
	want(p, "main", name, value,
	    "the parts that a message is split into are those it is charged for");
}

/*
 * want_pace - what the provider takes in a minute, or at a time.  Postfix
 * counts whole seconds between two deliveries, and then has one connection.
 */
static void
want_pace(struct plan *p, const struct smarthost *sh)
{
	const uint32_t n = sh->messages_per_minute;
	const uint32_t delay = n == 0 || n > 60 ? 0 : (60 + n - 1) / n;
	char name[160], value[24];

	if (delay > 0) {
		snprintf(name, sizeof(name),
		    "smarthost-%s_destination_rate_delay", sh->name);
		snprintf(value, sizeof(value), "%" PRIu32 "s", delay);
		want(p, "main", name, value,
		    "the provider takes so many messages in a minute");
	} else if (sh->concurrency > 0) {
		snprintf(name, sizeof(name),
		    "smarthost-%s_destination_concurrency_limit", sh->name);
		snprintf(value, sizeof(value), "%" PRIu32, sh->concurrency);
		want(p, "main", name, value,
		    "the provider takes so many connections at a time");
	}
}

/* want_authorities - without certificates nothing can be verified */
static void
want_authorities(struct plan *p, const json_t *made)
{
	const char *file = value_of(p->pf->main, "smtp_tls_CAfile");
	const char *path = value_of(p->pf->main, "smtp_tls_CApath");
	const json_t *m;
	bool ours = false;
	size_t i;

	json_array_foreach (made, i, m)
		ours |= strcmp(value_of(m, "name"), "smtp_tls_CAfile") == 0;
	if (!ours && ((file != NULL && file[0] != '\0') ||
			 (path != NULL && path[0] != '\0')))
		return;
	want(p, "main", "smtp_tls_CAfile", CA_FILE,
	    "the certificates that a smarthost's is checked against");
}

/* --- what a person must decide ------------------------------------------- */

static void
note_override(struct plan *p, const char *name, const char *value)
{
	const char *parameter = strrchr(name, '/');

	if (parameter == NULL || strcmp(parameter, "/smtpd_milters") != 0)
		return;
	if (postfix_is_inner(name))
		return;
	if (!has(p, value, names_milter) && !has(p, value, is_reference) &&
	    strchr(value, '$') == NULL)
		ctl_finding(p->notes, true, "",
		    "master.cf sets %s = %s: mail that comes in there is not metered; postconf -P '%s=%s%s{unix:%s,default_action=tempfail}' && postfix reload",
		    name, value, name, value, value[0] != '\0' ? "," : "",
		    p->milter);
}

static void
notes(struct plan *p)
{
	const char *maps = value_of(p->pf->main, "transport_maps"), *name;
	json_t *value;

	json_object_foreach (p->pf->override, name, value)
		note_override(p, name, json_string_value(value));
	if (maps != NULL && maps[0] != '\0' && p->conf->nsmarthost > 0)
		ctl_finding(p->notes, false, "",
		    "main.cf sets transport_maps = %s: what is listed there goes around the smarthosts",
		    maps);
	if (p->pf->chrooted && (p->milter[0] == '/' || p->map[0] == '/'))
		ctl_finding(p->notes, true, "",
		    "services of Postfix run chrooted in %s and cannot reach a socket outside of it: put milter-socket and map-socket into %s/postmeter",
		    p->pf->queue_directory, p->pf->queue_directory);
}

/* --- the plan ------------------------------------------------------------ */

/*
 * seen_from_queue - a path below the queue directory is written relative to
 * it: so it is right inside a chroot and outside.  False if it has bytes that
 * mean something in main.cf.
 */
static bool
seen_from_queue(
    const struct postfix *pf, const char *path, char *dst, size_t size)
{
	size_t n = strlen(pf->queue_directory);

	if (strpbrk(path, " \t\r\n,{}$:'\"\\#") != NULL)
		return false;
	if (strncmp(path, pf->queue_directory, n) == 0 && path[n] == '/')
		path += n + 1;
	snprintf(dst, size, "%s", path);
	return true;
}

/* equal - two values of a setting, either of which may be missing */
static bool
equal(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
postfix_plan_same_place(const json_t *a, const json_t *b)
{
	return equal(value_of(a, "file"), value_of(b, "file")) &&
	       equal(value_of(a, "name"), value_of(b, "name"));
}

static const json_t *
postfix_plan_find(const json_t *list, const json_t *change)
{
	const json_t *other;
	size_t i;

	json_array_foreach (list, i, other)
		if (postfix_plan_same_place(other, change))
			return other;
	return NULL;
}

/* set_back - the opposite of a change, from what is there now */
static json_t *
set_back(const struct postfix *pf, const json_t *made, const char *why)
{
	const char *file = value_of(made, "file");
	const char *name = value_of(made, "name");

	return json_pack("{s:s, s:s, s:s?, s:s?, s:s}", "file", file, "name",
	    name, "value", value_of(made, "before"), "before",
	    value_of(current_map(pf, file), name), "why", why);
}

/* is_change - does it change anything? */
static bool
is_change(const json_t *c)
{
	return !equal(value_of(c, "value"), value_of(c, "before"));
}

/* only_changes - what is wanted and not there yet, services first */
static json_t *
only_changes(const struct plan *p, const json_t *made)
{
	json_t *changes = json_array();
	const json_t *c;
	size_t i;

	for (int main_cf = 0; main_cf < 2; main_cf++)
		json_array_foreach (p->want, i, c)
			if (is_change(c) &&
			    (strcmp(value_of(c, "file"), "main") == 0) ==
				(main_cf == 1))
				json_array_append(
				    changes, (json_t *)(uintptr_t)c);
	json_array_foreach (made, i, c) {
		json_t *back;

		if (postfix_plan_find(p->want, c) != NULL)
			continue;
		back = set_back(
		    p->pf, c, "the configuration no longer asks for it");
		if (is_change(back))
			json_array_append(changes, back);
		json_decref(back);
	}
	return changes;
}

json_t *
postfix_plan(const struct postfix *pf, const struct config *conf,
    const json_t *made, json_t *notes_r, json_t **failure_r)
{
	struct plan p = {
		.pf = pf, .conf = conf, .made = made, .notes = notes_r
	};
	bool verify = false;
	json_t *changes;

	if (!seen_from_queue(
		pf, conf->milter_socket.path, p.milter, sizeof(p.milter)) ||
	    !seen_from_queue(pf, conf->map_socket.path, p.map, sizeof(p.map)) ||
	    !seen_from_queue(
		pf, conf->auth_socket.path, p.auth, sizeof(p.auth))) {
		*failure_r = ctl_failure(
		    "choose paths of letters, digits, dots, dashes and slashes",
		    "the path of a socket has characters that main.cf cannot hold");
		return NULL;
	}
	p.want = json_array();
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		want_service(&p, &conf->smarthost[i]);
		want_recipients(&p, &conf->smarthost[i]);
		want_pace(&p, &conf->smarthost[i]);
		verify |= conf->smarthost[i].tls == TLS_VERIFY;
	}
	if (verify)
		want_authorities(&p, made);
	if (conf->nsmarthost > 0)
		want_map(&p);
	want_patience(&p);
	want_milter(&p, "smtpd_milters",
	    "mail that comes by SMTP is metered; if postmeter is away it waits");
	if (!has(&p,
		value_of(pf->main, "non_smtpd_milters") != NULL
		    ? value_of(pf->main, "non_smtpd_milters")
		    : "",
		is_reference))
		want_milter(&p, "non_smtpd_milters",
		    "mail that programs of this machine hand in is metered");
	notes(&p);
	changes = only_changes(&p, made);
	json_decref(p.want);
	return changes;
}

/*
 * rest_of - a setting that somebody changed after us, without the items that
 * came from us.  To be freed; NULL if nothing is left or memory is out.
 */
static char *
rest_of(const json_t *made, const char *now)
{
	const char *ours = value_of(made, "value"), *item;
	const char *before = value_of(made, "before");
	char *left = calloc(1, strlen(now) * 2 + 1);
	size_t len;

	while (left != NULL && (item = postfix_next_item(&now, &len)) != NULL)
		if (!has_item(ours, item, len) || has_item(before, item, len))
			append(left, item, len);
	if (left != NULL && left[0] == '\0') {
		free(left);
		left = NULL;
	}
	return left;
}

/* postfix_plan_take_back - the change that undoes made, as far as it is still
 * there */
static json_t *
postfix_plan_take_back(const struct postfix *pf, const json_t *made)
{
	const char *file = value_of(made, "file");
	const char *now =
	    value_of(current_map(pf, file), value_of(made, "name"));
	json_t *back = set_back(pf, made, "as it was before");
	char *rest;

	if (!equal(value_of(made, "value"), now) && is_change(back)) {
		rest = now == NULL                 ? NULL
		       : strcmp(file, "main") == 0 ? rest_of(made, now)
						   : strdup(now);
		json_object_set_new(back, "value",
		    rest != NULL ? json_string(rest) : json_null());
		free(rest);
	}
	return back;
}

json_t *
postfix_plan_back(const struct postfix *pf, const json_t *made, json_t *notes_r)
{
	json_t *changes = postfix_overrides_back(pf, made);

	/* Backwards: a service goes after the settings that name it. */
	for (size_t i = json_array_size(made); i-- > 0;) {
		json_t *back =
		    postfix_plan_take_back(pf, json_array_get(made, i));

		if (is_change(back))
			json_array_append(changes, back);
		if (!equal(value_of(back, "value"),
			value_of(json_array_get(made, i), "before")))
			ctl_finding(notes_r, false, "",
			    "%s was changed by somebody else since: only our part of it goes",
			    value_of(back, "name"));
		json_decref(back);
	}
	return changes;
}

json_t *
postfix_merge(const json_t *made, const json_t *changes, bool done)
{
	json_t *merged = json_array(), *one;
	const json_t *m, *c;
	size_t i;

	json_array_foreach (made, i, m) {
		c = postfix_plan_find(changes, m);
		one = json_copy((json_t *)(uintptr_t)m);
		if (c != NULL)
			json_object_set(
			    one, "value", json_object_get(c, "value"));
		if (!done || is_change(one))
			json_array_append(merged, one);
		json_decref(one);
	}
	json_array_foreach (changes, i, c)
		if (postfix_plan_find(made, c) == NULL)
			json_array_append(merged, (json_t *)(uintptr_t)c);
	return merged;
}
