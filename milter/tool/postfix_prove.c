/*
 * postfix_prove.c - files can say what they like: does what comes in at each
 * listener reach the meter?
 *
 * To each of them EHLO, MAIL, RCPT and RSET are said, with a sender that nobody
 * has, and the daemon is asked whether it saw that one.  No message is sent and
 * nothing is charged.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "postfix.h"
#include "smtp_dialog.h"
#include "tool.h"

#define TRIES 3 /* a process from before a reload may serve one more client */

struct listener {
	const char *name; /* "smtp/inet" */
	char host[200], port[200];
	bool wrapped;
};

/* postfix_prove_here - an address at which a service without one of its own
 * listens */
static void
postfix_prove_here(const struct postfix *pf, char *dst, size_t size)
{
	const char *list = postfix_setting(pf, "inet_interfaces");
	const size_t n = strcspn(list, ", \t");
	char first[200];

	snprintf(first, sizeof(first), "%.*s", (int)n, list);
	snprintf(dst, size, "%s",
	    first[0] == '\0' || first[0] == '$' || strcmp(first, "all") == 0 ||
		    strcmp(first, "loopback-only") == 0
		? "127.0.0.1"
		: first);
}

/* listener - where a service of master.cf can be spoken to; false: nowhere, or
 * behind a content filter, where mail was metered before */
static bool
listener(const struct postfix *pf, const char *name, const char *entry,
    struct listener *l)
{
	const size_t n = strlen(name);
	const char *colon;
	char place[200];

	if (n < 6 || strcmp(name + n - 5, "/inet") != 0 ||
	    (strstr(entry, " smtpd") == NULL &&
		strstr(entry, " postscreen") == NULL))
		return false;
	l->name = name;
	snprintf(place, sizeof(place), "%.*s", (int)(n - 5), name);
	colon = strrchr(place, ':');
	if (colon != NULL)
		snprintf(l->host, sizeof(l->host), "%.*s",
		    (int)(colon - place) - (place[0] == '[' ? 2 : 0),
		    place + (place[0] == '['));
	else
		postfix_prove_here(pf, l->host, sizeof(l->host));
	snprintf(
	    l->port, sizeof(l->port), "%s", colon != NULL ? colon + 1 : place);
	l->wrapped =
	    strcmp(postfix_effective(pf, name, "smtpd_tls_wrappermode"),
		"yes") == 0;
	return strncmp(l->host, "127.", 4) != 0 || colon == NULL ||
	       postfix_effective(pf, name, "smtpd_milters")[0] != '\0';
}

/* postfix_prove_ask - the daemon about that sender; how often it came, -1: no
 * answer */
static long long
postfix_prove_ask(const struct config *conf, const char *sender, bool expect)
{
	json_t *request = json_pack("{s:s, s:s, s:b}", "command", "sighting",
	    "sender", sender, "expect", expect);
	json_t *said = NULL;
	const int code = ctl_ask(&conf->control_socket, request, &said);
	const long long n = code == EX_OK ? obj_num(said, "seen") : -1;

	json_decref(request);
	json_decref(said);
	return n;
}

/* seen - within two seconds: the milter's word may come behind the reply */
static bool
seen(const struct config *conf, const char *sender)
{
	const struct timespec pause = { .tv_nsec = 100 * 1000 * 1000 };

	for (int i = 0; i < 20; i++) {
		if (postfix_prove_ask(conf, sender, false) > 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* attempt - one dialog.  1: seen, 0: not seen, -1: it could not be spoken to;
 * what it said in dst */
static int
attempt(const struct config *conf, const struct listener *l, const char *sender,
    char *dst, size_t size)
{
	struct smtp_dialog *d =
	    smtp_dialog_open(l->host, l->port, l->wrapped, dst, size);
	char command[400], reset[200];
	int r = -1;

	if (d == NULL)
		return -1;
	postfix_prove_ask(conf, sender, true);
	snprintf(command, sizeof(command), "MAIL FROM:<%s>", sender);
	if (smtp_dialog_say(d, command, dst, size) != -1) {
		smtp_dialog_say(
		    d, "RCPT TO:<nobody@postmeter.invalid>", dst, size);
		r = seen(conf, sender);
		smtp_dialog_say(d, "RSET", reset, sizeof(reset));
	}
	smtp_dialog_close(&d);
	return r;
}

static void
prove(const struct config *conf, const struct listener *l, json_t *proofs,
    json_t *found)
{
	static unsigned number;
	char sender[300], said[600];
	int r = -1;

	for (int i = 0; i < TRIES && r != 1; i++) {
		snprintf(sender, sizeof(sender), "postmeterproof%lx%u@%s",
		    (unsigned long)time(NULL) * 32768 + (unsigned long)getpid(),
		    ++number,
		    conf->local_domains.n > 0 ? conf->local_domains.v[0]
					      : "localhost");
		r = attempt(conf, l, sender, said, sizeof(said));
	}
	json_array_append_new(proofs,
	    json_pack("{s:s, s:s, s:s, s:b, s:s}", "listener", l->name, "host",
		l->host, "port", l->port, "seen", r == 1, "said", said));
	if (r == -1)
		ctl_finding(found, true, "postfix start",
		    "%s: %s port %s cannot be spoken to: %s", l->name, l->host,
		    l->port, said);
	else if (r == 0)
		ctl_finding(found, true,
		    "postfix stop; postfix start; postmeterctl check --mta",
		    "%s: a message to %s port %s did not reach the meter",
		    l->name, l->host, l->port);
}

json_t *
postfix_prove(
    const struct postfix *pf, const struct config *conf, json_t *found)
{
	json_t *proofs = json_array(), *value;
	const char *name;

	signal(
	    SIGPIPE, SIG_IGN); /* a server may hang up; SSL_write raises it */
	if (postfix_prove_ask(conf, "", true) == -1)
		ctl_finding(found, true, "postmeterctl status",
		    "no daemon answers at %s: nothing can be proved",
		    conf->control_socket.path);
	else
		json_object_foreach (pf->master, name, value) {
			struct listener l;

			if (listener(pf, name, json_string_value(value), &l))
				prove(conf, &l, proofs, found);
		}
	postfix_prove_ask(conf, "", true);
	return proofs;
}
