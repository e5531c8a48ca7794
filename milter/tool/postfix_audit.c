/*
 * postfix_audit.c - is the mail server set up so that no mail goes around the
 * meter and no key goes to a stranger?
 *
 * `setup` knows what it wrote; this looks at what is in force, whoever wrote
 * it, and at what others have set beside it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postfix.h"
#include "tool.h"

struct audit {
	const struct postfix *pf;
	const struct config *conf;
	json_t *found;
};

/* --- milters ------------------------------------------------------------- */

/* inside - path as it is seen from the queue directory */
static const char *
inside(const struct audit *a, const char *path)
{
	const size_t n = strlen(a->pf->queue_directory);

	return strncmp(path, a->pf->queue_directory, n) == 0 && path[n] == '/'
		   ? path + n + 1
		   : path;
}

static bool
is_ours(const struct audit *a, const char *item, size_t len)
{
	const char *path = a->conf->milter_socket.path;

	return postfix_names_socket(item, len, path) ||
	       postfix_names_socket(item, len, inside(a, path));
}

/* lets_pass - would mail pass while postmeter is away? */
static bool
lets_pass(const char *item, size_t len, const char *usual)
{
	char text[400];
	const char *own;

	snprintf(text, sizeof(text), "%.*s", (int)len, item);
	own = strstr(text, "default_action");
	if (own == NULL)
		return strcmp(usual, "accept") == 0;
	own += strlen("default_action");
	own += strspn(own, " =");
	return strncmp(own, "accept", 6) == 0;
}

/*
 * postfix_audit_expand - list with each $name, ${name} and $(name) as main.cf
 * sets it.  What is too long is cut; so are more than eight in each other.
 */
static void
postfix_audit_expand(const struct audit *a, const char *list, char *dst,
    size_t size, unsigned depth)
{
	size_t n = strlen(dst);
	char name[100];

	while (*list != '\0' && n + 1 < size) {
		const bool closed =
		    list[0] == '$' && (list[1] == '{' || list[1] == '(');
		const char *start = list + 1 + closed;
		const size_t len = strspn(start,
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

		if (list[0] != '$' || len == 0 || len >= sizeof(name) ||
		    depth == 8) {
			dst[n++] = *list++;
			dst[n] = '\0';
			continue;
		}
		snprintf(name, sizeof(name), "%.*s", (int)len, start);
		postfix_audit_expand(
		    a, postfix_setting(a->pf, name), dst, size, depth + 1);
		n = strlen(dst);
		list = start + len + (closed && start[len] != '\0');
	}
}

#define SETUP "postmeterctl setup postfix --apply && postfix reload"

/* milter_remedy - the command that puts ours at the end of the list */
static void
milter_remedy(const struct audit *a, const char *where, const char *name,
    const char *list, char *dst, size_t size)
{
	const char *item;
	size_t len;
	int n;

	/* What main.cf says, setup writes anew. */
	if (list == postfix_setting(a->pf, name)) {
		snprintf(dst, size, SETUP);
		return;
	}
	/* postconf -P takes no blanks in a value. */
	n = snprintf(dst, size, "postconf -P '%s/%s=", where, name);
	while ((item = postfix_next_item(&list, &len)) != NULL) {
		if (is_ours(a, item, len))
			continue;
		for (size_t i = 0; i < len && (size_t)n + 3 < size; i++)
			if (item[i] != ' ')
				dst[n++] = item[i];
		dst[n++] = ',';
	}
	snprintf(dst + n, size - (size_t)n,
	    "{unix:%s,default_action=tempfail}' && postfix reload",
	    inside(a, a->conf->milter_socket.path));
}

/* audit_milters - the list that mail of some kind goes through */
static void
audit_milters(struct audit *a, const char *where, const char *name,
    const char *list, const char *usual)
{
	char expanded[4096] = "", remedy[5000];
	const char *item;
	bool ours = false, last = false, pass = false;
	size_t len;

	milter_remedy(a, where, name, list, remedy, sizeof(remedy));
	postfix_audit_expand(a, list, expanded, sizeof(expanded), 0);
	list = expanded;
	while ((item = postfix_next_item(&list, &len)) != NULL) {
		last = is_ours(a, item, len);
		ours |= last;
		pass |= last && lets_pass(item, len, usual);
	}
	if (!ours)
		ctl_finding(a->found, true, remedy,
		    "%s: %s does not name postmeter: that mail is not metered",
		    where, name);
	else if (!last)
		ctl_finding(a->found, true, remedy,
		    "%s: a milter behind postmeter in %s can refuse mail that was charged",
		    where, name);
	if (pass)
		ctl_finding(a->found, true, remedy,
		    "%s: mail passes unmetered while postmeter is away", where);
}

/* audit_override - a service told to ask no milter at all */
static void
audit_override(struct audit *a, const char *service)
{
	const char *list =
	    postfix_effective(a->pf, service, "receive_override_options");
	char left[400] = "", remedy[600];
	const char *item;
	size_t len;

	if (!postfix_has_word(list, "no_milters"))
		return;
	while ((item = postfix_next_item(&list, &len)) != NULL)
		if (len != strlen("no_milters") ||
		    memcmp(item, "no_milters", len) != 0)
			snprintf(left + strlen(left),
			    sizeof(left) - strlen(left), "%s%.*s",
			    left[0] != '\0' ? "," : "", (int)len, item);
	snprintf(remedy, sizeof(remedy),
	    "postconf -P '%s/receive_override_options=%s' && postfix reload",
	    service, left);
	ctl_finding(a->found, true, remedy,
	    "%s: receive_override_options has no_milters: that mail is not metered",
	    service);
}

static void
audit_inputs(struct audit *a)
{
	const char *name, *entry;
	json_t *value;

	json_object_foreach (a->pf->master, name, value) {
		entry = json_string_value(value);
		if (!postfix_runs(entry, "smtpd") || postfix_is_inner(name))
			continue;
		audit_override(a, name);
		audit_milters(a, name, "smtpd_milters",
		    postfix_effective(a->pf, name, "smtpd_milters"),
		    postfix_effective(a->pf, name, "milter_default_action"));
	}
	audit_milters(a, "sendmail(1)", "non_smtpd_milters",
	    postfix_setting(a->pf, "non_smtpd_milters"),
	    postfix_setting(a->pf, "milter_default_action"));
	if (a->pf->chrooted &&
	    (inside(a, a->conf->milter_socket.path)[0] == '/' ||
		inside(a, a->conf->map_socket.path)[0] == '/'))
		ctl_finding(a->found, true,
		    "put milter-socket and map-socket below the queue directory",
		    "services run chrooted in %s and cannot reach a socket outside of it",
		    a->pf->queue_directory);
}

/* --- smarthosts ---------------------------------------------------------- */

/* is_default - has Postfix that value where nothing is set? */
static bool
is_default(const char *name, const char *wanted)
{
	static const char *const defaults[][2] = {
		{ "smtp_sasl_auth_soft_bounce", "yes" },
		{ "smtp_never_send_ehlo", "no" },
		{ "smtp_always_send_ehlo", "yes" },
		{ "smtp_tls_connection_reuse", "no" },
		{ "smtp_tls_wrappermode", "no" },
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (strcmp(name, defaults[i][0]) == 0)
			return strcmp(wanted, defaults[i][1]) == 0;
	return wanted[0] == '\0';
}

/* same_list - the same, blanks aside */
static bool
same_list(const char *a, const char *b)
{
	for (;;) {
		a += strspn(a, " \t");
		b += strspn(b, " \t");
		if (*a != *b)
			return false;
		if (*a == '\0')
			return true;
		a++, b++;
	}
}

/* suffices - is now as good as what setup writes? */
static bool
suffices(const char *name, const char *now, const char *wanted)
{
	if (strcmp(name, "smtp_tls_security_level") == 0 &&
	    postfix_has_word("secure verify fingerprint dane-only", now))
		return true;
	return same_list(now, wanted) ||
	       (now[0] == '\0' && is_default(name, wanted));
}

/* audit_client - each setting of a smarthost's client, as it is in force */
static void
audit_client(struct audit *a, const char *service, const struct smarthost *sh)
{
	json_t *settings =
	    postfix_service(inside(a, a->conf->auth_socket.path), sh);
	const json_t *s;
	size_t i;

	json_array_foreach (settings, i, s) {
		const char *name = obj_str(s, "name");
		const char *now = postfix_effective(a->pf, service, name);
		const char *wanted = obj_str(s, "value");

		if (obj_str(s, "why")[0] != '\0' &&
		    !suffices(name, now, wanted))
			ctl_finding(a->found, true, SETUP,
			    "%s: %s is \"%s\", not \"%s\": %s", service, name,
			    now, wanted, obj_str(s, "why"));
	}
	json_decref(settings);
	if (sh->tls == TLS_VERIFY &&
	    postfix_effective(a->pf, service, "smtp_tls_CAfile")[0] == '\0' &&
	    postfix_effective(a->pf, service, "smtp_tls_CApath")[0] == '\0')
		ctl_finding(a->found, true, SETUP,
		    "%s: without smtp_tls_CAfile no certificate can be verified",
		    service);
}

/* audit_relayhost - the host of a key, for the lookup of anybody's MX */
static void
audit_relayhost(struct audit *a, const struct smarthost *sh)
{
	const char *relay = postfix_setting(a->pf, "relayhost"), *at;
	char exact[400], remedy[480];

	snprintf(exact, sizeof(exact), "[%s]:%u", sh->host, (unsigned)sh->port);
	snprintf(remedy, sizeof(remedy),
	    "postconf -e 'relayhost = %s' && postfix reload", exact);
	at = strstr(relay, sh->host);
	if (at != NULL && strcmp(relay, exact) != 0)
		ctl_finding(a->found, true, remedy,
		    "relayhost = %s is not exactly %s: who answers for the name gets the mail",
		    relay, exact);
}

static void
audit_smarthost(struct audit *a, const struct smarthost *sh)
{
	char service[128];
	const char *entry;

	snprintf(service, sizeof(service), "smarthost-%s/unix", sh->name);
	audit_relayhost(a, sh);
	entry = json_string_value(json_object_get(a->pf->master, service));
	if (entry == NULL) {
		ctl_finding(a->found, true, SETUP,
		    "%s: there is no such service: its mail waits", service);
		return;
	}
	audit_client(a, service, sh);
}

/* audit_verbose - a client that writes whole sessions into the log */
static void
audit_verbose(struct audit *a, const char *name, const char *entry)
{
	const char *at = strstr(entry, " -v");
	const size_t word = at != NULL ? 1 + strcspn(at + 1, " ") : 0;
	char remedy[4300];

	if (at == NULL || at < postfix_program(entry))
		return;
	snprintf(remedy, sizeof(remedy),
	    "postconf -M '%s=%.*s%s' && postfix reload", name,
	    (int)(at - entry), entry, at + word);
	ctl_finding(a->found, false, remedy,
	    "%s: -v writes passwords into the log", name);
}

/* audit_strangers - clients that talk to anybody must have no key of ours */
static void
audit_strangers(struct audit *a)
{
	const char *auth = a->conf->auth_socket.path, *name, *entry;
	json_t *value;

	json_object_foreach (a->pf->master, name, value) {
		const char *maps;
		char remedy[500];

		entry = json_string_value(value);
		if (!postfix_runs(entry, "smtp"))
			continue;
		audit_verbose(a, name, entry);
		maps =
		    postfix_effective(a->pf, name, "smtp_sasl_password_maps");
		if (strncmp(name, "smarthost-", 10) == 0 ||
		    (strstr(maps, auth) == NULL &&
			strstr(maps, inside(a, auth)) == NULL))
			continue;
		if (maps == postfix_setting(a->pf, "smtp_sasl_password_maps"))
			snprintf(remedy, sizeof(remedy),
			    "postconf -X smtp_sasl_password_maps && postfix reload");
		else
			snprintf(remedy, sizeof(remedy),
			    "postconf -PX %s/smtp_sasl_password_maps && postfix reload",
			    name);
		ctl_finding(a->found, true, remedy,
		    "%s: it talks to any server and has the passwords of smarthosts",
		    name);
	}
}

/* audit_map - does the mail of metered senders leave by its smarthost? */
static void
audit_map(struct audit *a)
{
	const char *list =
	    postfix_setting(a->pf, "sender_dependent_default_transport_maps");
	char ours[300];
	size_t len;
	const char *first = postfix_next_item(&list, &len);

	snprintf(ours, sizeof(ours), "socketmap:unix:%s:transport-in",
	    inside(a, a->conf->map_socket.path));
	if (first == NULL || len != strlen(ours) ||
	    memcmp(first, ours, len) != 0)
		ctl_finding(a->found, true, SETUP,
		    "sender_dependent_default_transport_maps does not begin with postmeter's map: mail does not leave by its smarthost");
	if (strstr(postfix_setting(a->pf, "rewrite_service_name"),
		"rewrite-exit") == NULL ||
	    json_object_get(a->pf->master, "rewrite-exit/unix") == NULL)
		ctl_finding(a->found, true, SETUP,
		    "rewrite_service_name does not lead the queue manager to rewrite-exit: it does not hear that an account is full");
}

/* --- what is seldom meant ------------------------------------------------ */

/* smallest_cap - of recipients in one message; 0 if there is none */
static uint32_t
smallest_cap(const struct config *conf)
{
	uint32_t least = 0;

	for (size_t i = 0; i < conf->npolicy; i++) {
		const uint32_t n = conf->policy[i].recipients_per_message;

		if (n > 0 && (least == 0 || n < least))
			least = n;
	}
	return least;
}

/* habit - a setting that is odd as it is now */
static void
habit(struct audit *a, const char *name, const char *now, const char *what)
{
	char remedy[200];

	/* Only the default of a newer Postfix forbids it. */
	if (strcmp(name, "smtpd_forbid_bare_newline") == 0)
		snprintf(remedy, sizeof(remedy),
		    "postconf -e '%s = yes' && postfix reload", name);
	else if (strcmp(name, "authorized_submit_users") == 0)
		snprintf(remedy, sizeof(remedy),
		    "postconf -e '%s = !www-data, static:all' && postfix reload",
		    name);
	else
		snprintf(remedy, sizeof(remedy),
		    "postconf -X %s && postfix reload", name);
	ctl_finding(a->found, false, remedy, "%s = %s: %s", name, now, what);
}

static void
audit_habits(struct audit *a)
{
	static const struct {
		const char *name, *value, *what;
	} odd[] = {
		{ "smtpd_forbid_bare_newline", "no",
		    "a client can smuggle a message into another" },
		{ "authorized_submit_users", "static:anyone",
		    "any user of the machine hands in mail under any name" },
		{ "soft_bounce", "yes",
		    "mail that a server refuses for good is tried again for days, and each try is a login" },
		{ "debug_peer_list", NULL,
		    "sessions with passwords are logged" },
		{ "smtpd_milter_maps", NULL,
		    "it overrides the milters for some clients" },
		{ "smtpd_authorized_xclient_hosts", NULL,
		    "these clients choose their address and login" },
	};
	const uint32_t cap = smallest_cap(a->conf);
	const char *limit = postfix_setting(a->pf, "smtpd_recipient_limit");
	char remedy[200];

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		const char *v = postfix_setting(a->pf, odd[i].name);

		if (odd[i].value == NULL ? v[0] != '\0'
					 : strcmp(v, odd[i].value) == 0)
			habit(a, odd[i].name, v, odd[i].what);
	}
	if (postfix_has_word(
		postfix_setting(a->pf, "internal_mail_filter_classes"),
		"bounce"))
		ctl_finding(a->found, false,
		    "postconf -X internal_mail_filter_classes && postfix reload",
		    "internal_mail_filter_classes has bounce: notices of the mail server itself are metered and may wait");
	snprintf(remedy, sizeof(remedy),
	    "postconf -e 'smtpd_recipient_limit = %u' && postfix reload",
	    (unsigned)cap);
	if (cap > 0 && strtoul(limit, NULL, 10) > cap)
		ctl_finding(a->found, false, remedy,
		    "smtpd_recipient_limit = %s is above the %u recipients that a policy allows in one message",
		    limit, (unsigned)cap);
}

json_t *
postfix_audit(const struct postfix *pf, const struct config *conf)
{
	struct audit a = { .pf = pf, .conf = conf, .found = json_array() };

	audit_inputs(&a);
	for (size_t i = 0; i < conf->nsmarthost; i++)
		audit_smarthost(&a, &conf->smarthost[i]);
	if (conf->nsmarthost > 0)
		audit_map(&a);
	audit_strangers(&a);
	audit_habits(&a);
	postfix_unseen(pf, conf, a.found);
	return a.found;
}
