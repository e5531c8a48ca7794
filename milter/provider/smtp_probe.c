/*
 * smtp_probe.c - is this smarthost in order?  A short talk with it, step by
 * step.
 *
 * libcurl talks, as it has met more servers than we ever will.  We listen to
 * the talk to know where it broke off; commands are recognised by their first
 * word and never kept, for one of them bears the password.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "escape.h"
#include "secure_mem.h"
#include "smtp_betrays.h"
#include "smtp_probe.h"
#include "smtp_trouble.h"

#define PORT_SUBMISSIONS 465 /* RFC 8314 */
#define REPLY_MAX 600
#define DETAIL_MAX 800

struct talk {
	const struct probe_target *target;
	probe_step_fn *fn;
	void *arg;
	CURL *curl;
	enum probe_step step; /* under way, if open */
	bool open;
	bool secure;        /* TLS is there */
	bool authenticated; /* 235 was seen */
	bool parted;        /* 221 was seen: what follows tells nothing new */
	int64_t mark;       /* when the step before ended */
	char reply[REPLY_MAX];
	char *mail;
	size_t mail_len, mail_sent;
};

/* --- steps --------------------------------------------------------------- */

/* validity - "valid until ..." of the certificate that was just verified */
static void
validity(const struct talk *t, char dst[DETAIL_MAX])
{
	struct curl_certinfo *info = NULL;
	char text[100];

	if (curl_easy_getinfo(t->curl, CURLINFO_CERTINFO, &info) != CURLE_OK ||
	    info == NULL || info->num_of_certs < 1)
		return;
	for (struct curl_slist *s = info->certinfo[0]; s != NULL; s = s->next)
		if (strncmp(s->data, "Expire date:", 12) == 0)
			snprintf(dst, DETAIL_MAX, "%s, valid until %s",
			    t->target->tls == TLS_VERIFY
				? "certificate and name are good"
				: "certificate not checked",
			    escape_str(text, sizeof(text), s->data + 12));
}

/* hint_of - the provider's own words first, then what is known of any server */
static const struct smtp_hint *
hint_of(
    const struct talk *t, enum probe_trouble trouble, struct smtp_hint *hint_r)
{
	static const unsigned stages[] = { [PROBE_CONNECT] = SAID_CONNECT,
		[PROBE_GREETING] = SAID_CONNECT,
		[PROBE_HELLO] = SAID_CONNECT,
		[PROBE_TLS] = SAID_CONNECT,
		[PROBE_AUTH] = SAID_AUTH,
		[PROBE_SEND] = SAID_MAIL | SAID_RCPT | SAID_DATA,
		[PROBE_QUIT] = SAID_CONNECT };
	const char *provider = t->target->provider;
	const struct refusal_reaction *does;
	struct refusal_reply reply;
	struct refusal means;

	if (trouble != TROUBLE_REPLY ||
	    !refusal_read(t->reply, stages[t->step], &reply))
		return smtp_hint(t->step, trouble, t->reply);
	refusal_match(t->target->refusals, provider != NULL ? provider : "",
	    &reply, clock_now(), &means);
	if (means.rule == NULL)
		return smtp_hint(t->step, trouble, t->reply);
	does = refusal_reaction(means.class);
	hint_r->cause =
	    means.rule->cause[0] != '\0' ? means.rule->cause : does->cause;
	hint_r->remedy =
	    means.rule->remedy[0] != '\0' ? means.rule->remedy : does->remedy;
	return hint_r;
}

static void
report(struct talk *t, bool ok, int64_t ms, enum probe_trouble trouble)
{
	char detail[DETAIL_MAX] = "", *address = NULL;
	struct probe_report r = {
		.step = t->step, .ok = ok, .ms = ms, .detail = detail
	};
	struct smtp_hint hint;

	if (t->target->username != NULL &&
	    smtp_betrays(t->reply, t->target->username, t->target->password))
		snprintf(detail, sizeof(detail),
		    "(a reply that shows the password is not shown)");
	else
		escape_str(detail, sizeof(detail), t->reply);
	if (ok && t->step == PROBE_TLS)
		validity(t, detail);
	if (ok && t->step == PROBE_CONNECT &&
	    curl_easy_getinfo(t->curl, CURLINFO_PRIMARY_IP, &address) ==
		CURLE_OK &&
	    address != NULL)
		escape_str(detail, sizeof(detail), address);
	if (!ok)
		r.hint = hint_of(t, trouble, &hint);
	t->open = false;
	t->fn(&r, t->arg);
}

static void
smtp_probe_begin(struct talk *t, enum probe_step step)
{
	t->step = step;
	t->open = true;
	t->reply[0] = '\0';
}

static void
smtp_probe_finish(struct talk *t)
{
	const int64_t now = clock_steady();

	report(t, true, now - t->mark, TROUBLE_OTHER);
	t->mark = now;
}

/* connect_time - how long resolving and connecting took; 0: not done yet */
static curl_off_t
connect_time(const struct talk *t)
{
	curl_off_t us = 0;

	curl_easy_getinfo(t->curl, CURLINFO_CONNECT_TIME_T, &us);
	return us;
}

static void
connected(struct talk *t)
{
	const curl_off_t us = connect_time(t);

	report(t, true, us / 1000, TROUBLE_OTHER);
	t->mark += us / 1000;
}

/* --- listening ----------------------------------------------------------- */

static bool
at_step(const struct talk *t, enum probe_step step)
{
	return t->open && t->step == step;
}

/* smtp_probe_begins - is the command of this name? */
static bool
smtp_probe_begins(const char *line, size_t len, const char *name)
{
	const size_t n = strlen(name);

	return len >= n && memcmp(line, name, n) == 0;
}

static void
tls_is_there(struct talk *t)
{
	t->secure = true;
	smtp_probe_finish(t);
}

/*
 * heard_command - what we say.  While a login is under way all lines are part
 * of it, whatever they look like; a step that failed stays open until
 * probe_run tells of it, so the farewell after it opens none.
 */
static void
heard_command(struct talk *t, const char *line, size_t len)
{
	if (at_step(t, PROBE_TLS) && smtp_probe_begins(line, len, "EHLO "))
		tls_is_there(t);
	if (t->open || t->parted)
		return;
	if (smtp_probe_begins(line, len, "EHLO "))
		smtp_probe_begin(t, PROBE_HELLO);
	else if (smtp_probe_begins(line, len, "STARTTLS"))
		smtp_probe_begin(t, PROBE_TLS);
	else if (smtp_probe_begins(line, len, "AUTH "))
		smtp_probe_begin(t, PROBE_AUTH);
	else if (smtp_probe_begins(line, len, "MAIL "))
		smtp_probe_begin(t, PROBE_SEND);
	else if (smtp_probe_begins(line, len, "QUIT"))
		smtp_probe_begin(t, PROBE_QUIT);
}

/* smtp_probe_refused - was the step under way answered by a no? */
static bool
smtp_probe_refused(const struct talk *t)
{
	return t->open && (t->reply[0] == '4' || t->reply[0] == '5');
}

/* heard_reply - what the server says: code, then "-" or the last line */
static void
heard_reply(struct talk *t, const char *line, size_t len)
{
	static const char *const ends[] = { [PROBE_GREETING] = "220",
		[PROBE_HELLO] = "250",
		[PROBE_AUTH] = "235",
		[PROBE_QUIT] = "221" };

	if (at_step(t, PROBE_CONNECT)) {
		connected(t);
		smtp_probe_begin(t, PROBE_GREETING);
	} else if (at_step(t, PROBE_TLS) && !t->secure &&
		   t->target->port == PORT_SUBMISSIONS) {
		tls_is_there(t);
		smtp_probe_begin(t, PROBE_GREETING);
	}
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	if (len < 3 || (len > 3 && line[3] == '-'))
		return;
	if (!smtp_probe_refused(t)) /* then the farewell tells nothing new */
		snprintf(t->reply, sizeof(t->reply), "%.*s", (int)len, line);
	if (!t->open || t->step == PROBE_CONNECT || t->step == PROBE_TLS ||
	    t->step == PROBE_SEND ||
	    !smtp_probe_begins(line, len, ends[t->step]))
		return;
	t->authenticated = t->authenticated || t->step == PROBE_AUTH;
	t->parted = t->step == PROBE_QUIT;
	smtp_probe_finish(t);
}

static int
listen_in(CURL *curl, curl_infotype type, char *data, size_t len, void *arg)
{
	struct talk *t = arg;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		heard_command(t, data, len);
	else if (type == CURLINFO_HEADER_IN)
		heard_reply(t, data, len);
	else if (type == CURLINFO_SSL_DATA_OUT && at_step(t, PROBE_CONNECT)) {
		connected(t);
		smtp_probe_begin(t, PROBE_TLS);
	}
	return 0;
}

/* --- what broke ---------------------------------------------------------- */

/* smtp_probe_fail - tells which step broke and why */
static void
smtp_probe_fail(struct talk *t, CURLcode code)
{
	enum probe_trouble trouble;

	if (at_step(t, PROBE_CONNECT) && connect_time(t) > 0) {
		connected(t);
		smtp_probe_begin(t, PROBE_GREETING);
	}
	if (!t->open && code == CURLE_USE_SSL_FAILED) {
		smtp_probe_begin(t, PROBE_TLS);
		trouble = TROUBLE_NO_STARTTLS;
	} else if (!t->open && code == CURLE_LOGIN_DENIED) {
		smtp_probe_begin(t, PROBE_AUTH);
		trouble = TROUBLE_NO_MECHANISM;
	} else {
		if (!t->open)
			smtp_probe_begin(t, t->secure ? PROBE_AUTH : PROBE_TLS);
		trouble = smtp_trouble(t->curl, code, smtp_probe_refused(t));
	}
	report(t, false, clock_steady() - t->mark, trouble);
}

/* --- the message --------------------------------------------------------- */

static size_t
read_mail(char *dst, size_t size, size_t n, void *arg)
{
	struct talk *t = arg;
	size_t part = t->mail_len - t->mail_sent;

	if (part > size * n)
		part = size * n;
	memcpy(dst, t->mail + t->mail_sent, part);
	t->mail_sent += part;
	return part;
}

/* write_mail - composes it.  -1 if out of memory. */
static int
write_mail(struct talk *t)
{
	const time_t now = (time_t)(clock_now() / SECOND);
	const struct probe_target *to = t->target;
	char date[64];
	struct tm tm;
	int len;

	if (gmtime_r(&now, &tm) == NULL ||
	    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S +0000", &tm) ==
		0)
		return -1;
	len = asprintf(&t->mail,
	    "From: <%s>\r\nTo: <%s>\r\nDate: %s\r\n"
	    "Message-ID: <%lld.%d.postmeter@%s>\r\n"
	    "Subject: postmeter test message\r\nAuto-Submitted: auto-generated\r\n\r\n"
	    "This message went out through %s.\r\n",
	    to->from, to->to, date, (long long)clock_now(), (int)getpid(),
	    to->host, to->host);
	t->mail_len = len == -1 ? 0 : (size_t)len;
	return len == -1 ? -1 : 0;
}

/* --- talking ------------------------------------------------------------- */

/* discard - what the server says to NOOP is no news */
static size_t
discard(char *data, size_t size, size_t n, void *arg)
{
	(void)data;
	(void)arg;
	return size * n;
}

/* set_where - false if libcurl cannot make sense of it, or has no memory */
static bool
set_where(CURL *c, const struct probe_target *to, struct curl_slist **list_r)
{
	CURLU *url = curl_url();
	char text[300], *whole = NULL;
	bool good;

	snprintf(text, sizeof(text), "%s://host:%u",
	    to->port == PORT_SUBMISSIONS ? "smtps" : "smtp",
	    (unsigned)to->port);
	good = url != NULL &&
	       curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
	       curl_url_set(url, CURLUPART_HOST, to->host, 0) == CURLUE_OK &&
	       curl_url_get(url, CURLUPART_URL, &whole, 0) == CURLUE_OK &&
	       curl_easy_setopt(c, CURLOPT_URL, whole) == CURLE_OK;
	curl_free(whole);
	curl_url_cleanup(url);
	if (!good || to->connect_to == NULL)
		return good;
	snprintf(text, sizeof(text), "::%s", to->connect_to);
	*list_r = curl_slist_append(NULL, text);
	return *list_r != NULL &&
	       curl_easy_setopt(c, CURLOPT_CONNECT_TO, *list_r) == CURLE_OK;
}

#define SET(option, value) (curl_easy_setopt(c, option, value) == CURLE_OK)

/* set_safety - what stands between the credential and everybody else */
static bool
set_safety(CURL *c, const struct probe_target *to)
{
	const long verify = to->tls == TLS_VERIFY;

	return SET(CURLOPT_USE_SSL, (long)CURLUSESSL_ALL) &&
	       SET(CURLOPT_SSL_VERIFYPEER, verify) &&
	       SET(CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L) &&
	       SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
	       SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps") &&
	       SET(CURLOPT_PROXY, "") && /* whatever the environment says */
	       (to->ca_file == NULL || (SET(CURLOPT_CAINFO, to->ca_file) &&
					   SET(CURLOPT_CAPATH, NULL)));
}

static bool
set_login(CURL *c, const struct probe_target *to)
{
	return to->username == NULL ||
	       (SET(CURLOPT_USERNAME, to->username) &&
		   (to->is_token
			   ? SET(CURLOPT_XOAUTH2_BEARER, to->password) &&
				 SET(CURLOPT_LOGIN_OPTIONS, "AUTH=XOAUTH2")
			   : SET(CURLOPT_PASSWORD, to->password) &&
				 SET(CURLOPT_LOGIN_OPTIONS,
				     "AUTH=PLAIN;AUTH=LOGIN")));
}

static bool
set_manners(CURL *c, struct talk *t)
{
	const long wait =
	    t->target->timeout > 0 ? t->target->timeout : PROBE_TIMEOUT;

	return SET(CURLOPT_DEBUGFUNCTION, listen_in) &&
	       SET(CURLOPT_DEBUGDATA, t) && SET(CURLOPT_VERBOSE, 1L) &&
	       SET(CURLOPT_WRITEFUNCTION, discard) &&
	       SET(CURLOPT_READFUNCTION, read_mail) &&
	       SET(CURLOPT_READDATA, t) && SET(CURLOPT_NOSIGNAL, 1L) &&
	       SET(CURLOPT_TIMEOUT, wait) && SET(CURLOPT_CERTINFO, 1L) &&
	       SET(CURLOPT_CUSTOMREQUEST, "NOOP");
}

/* smtp_probe_greet - up to the login.  0, or 1 and the failure was told. */
static int
smtp_probe_greet(struct talk *t)
{
	CURLcode rc = curl_easy_perform(t->curl);

	if (rc == CURLE_OK && (t->authenticated || t->target->username == NULL))
		return 0;
	if (rc != CURLE_OK)
		smtp_probe_fail(t, rc);
	else {
		smtp_probe_begin(t, PROBE_AUTH);
		report(t, false, 0, TROUBLE_NO_AUTH);
	}
	return 1;
}

/* send_mail - one message.  0, 1 and the failure was told, or -1. */
static int
send_mail(struct talk *t)
{
	struct curl_slist *rcpt = curl_slist_append(NULL, t->target->to);
	CURL *c = t->curl;
	CURLcode rc;

	if (rcpt == NULL || write_mail(t) == -1 ||
	    !SET(CURLOPT_CUSTOMREQUEST, NULL) ||
	    !SET(CURLOPT_MAIL_FROM, t->target->from) ||
	    !SET(CURLOPT_MAIL_RCPT, rcpt) || !SET(CURLOPT_UPLOAD, 1L)) {
		curl_slist_free_all(rcpt);
		free(t->mail);
		return -1;
	}
	t->mark = clock_steady();
	rc = curl_easy_perform(c);
	if (rc == CURLE_OK)
		smtp_probe_finish(t);
	else
		smtp_probe_fail(t, rc);
	curl_slist_free_all(rcpt);
	free(t->mail);
	return rc != CURLE_OK;
}

/*
 * part - QUIT as a command of ours: what libcurl says by itself when a
 * connection is not kept, newer ones say unheard
 */
static int
part(struct talk *t)
{
	CURL *c = t->curl;
	CURLcode rc;

	if (!SET(CURLOPT_UPLOAD, 0L) || !SET(CURLOPT_MAIL_RCPT, NULL) ||
	    !SET(CURLOPT_CUSTOMREQUEST, "QUIT") ||
	    !SET(CURLOPT_FORBID_REUSE, 1L))
		return -1;
	t->mark = clock_steady();
	rc = curl_easy_perform(c);
	if (rc == CURLE_OK && !t->open)
		return 0;
	if (!t->open)
		smtp_probe_begin(t, PROBE_QUIT);
	report(t, false, clock_steady() - t->mark, TROUBLE_CLOSED);
	return 1;
}

static int
talk(struct talk *t)
{
	int rc = smtp_probe_greet(t);

	if (rc == 0 && t->target->to != NULL)
		rc = send_mail(t);
	return rc == 0 ? part(t) : rc;
}

int
probe_run(const struct probe_target *target, probe_step_fn *fn, void *arg)
{
	struct talk t = { .target = target, .fn = fn, .arg = arg };
	struct curl_slist *there = NULL;
	int rc = -1;

	if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, secure_free,
		secure_realloc, strdup, calloc) != CURLE_OK)
		return -1;
	t.curl = curl_easy_init();
	if (t.curl != NULL && set_safety(t.curl, target) &&
	    set_login(t.curl, target) && set_manners(t.curl, &t) &&
	    set_where(t.curl, target, &there)) {
		t.mark = clock_steady();
		smtp_probe_begin(&t, PROBE_CONNECT);
		rc = talk(&t);
	}
	curl_easy_cleanup(t.curl);
	curl_slist_free_all(there);
	curl_global_cleanup();
	return rc;
}
