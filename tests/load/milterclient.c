/*
 * milterclient.c - a mail server that exists only as far as a milter can tell.
 *
 * libmilter has the milter's side only, and Postfix is too slow and too kind
 * to find out what a milter does with hundreds of connections at once.  The
 * protocol is a list of steps; the milter's wishes strike steps and answers
 * off that list, and the rest is walked.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <libmilter/mfapi.h>
#include <libmilter/mfdef.h>

#include "milterclient.h"

#define VERSION 6U
#define ACTIONS                                                                \
	(SMFIF_ADDHDRS | SMFIF_CHGHDRS | SMFIF_CHGBODY | SMFIF_ADDRCPT |       \
	    SMFIF_DELRCPT | SMFIF_QUARANTINE | SMFIF_CHGFROM |                 \
	    SMFIF_SETSYMLIST)
/* What Postfix offers: every step may be struck off, every answer spared. */
#define OFFERED 0x1fffffU

enum step {
	STEP_NEGOTIATE,
	STEP_CONNECT,
	STEP_HELO,
	STEP_IDLE,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_HEADER,
	STEP_EOH,
	STEP_BODY,
	STEP_EOM
};

/* Which bit strikes off a step, and which one its answer. */
static const struct {
	uint32_t skip, silent;
} wish[] = {
	[STEP_CONNECT] = { SMFIP_NOCONNECT, SMFIP_NR_CONN },
	[STEP_HELO] = { SMFIP_NOHELO, SMFIP_NR_HELO },
	[STEP_MAIL] = { SMFIP_NOMAIL, SMFIP_NR_MAIL },
	[STEP_RCPT] = { SMFIP_NORCPT, SMFIP_NR_RCPT },
	[STEP_DATA] = { SMFIP_NODATA, SMFIP_NR_DATA },
	[STEP_HEADER] = { SMFIP_NOHDRS, SMFIP_NR_HDR },
	[STEP_EOH] = { SMFIP_NOEOH, SMFIP_NR_EOH },
	[STEP_BODY] = { SMFIP_NOBODY, SMFIP_NR_BODY },
	[STEP_EOM] = { 0, 0 },
};

struct milterclient {
	int fd;
	bool lost, waiting;
	enum step step; /* the next to take, or waited for */
	uint32_t wishes;
	bool pass_message;   /* the milter wants no more of this message */
	bool pass_all;       /* nor of any other on this connection */
	size_t rcpt, header; /* the next of them */
	const struct mc_message *msg;
	struct mc_result result;
	size_t outlen, inlen;
	unsigned char out[16384], in[16384];
};

/* --- bytes out --------------------------------------------------------------
 */

/* flush - a UNIX socket takes far more than we ever owe it */
static void
flush(struct milterclient *m)
{
	if (m->outlen > 0 && !m->lost &&
	    send(m->fd, m->out, m->outlen, MSG_NOSIGNAL) != (ssize_t)m->outlen)
		m->lost = true;
	m->outlen = 0;
}

static void
put(struct milterclient *m, const void *data, size_t len)
{
	if (m->outlen + len > sizeof(m->out))
		flush(m);
	if (len > sizeof(m->out)) {
		m->lost = true;
		return;
	}
	memcpy(m->out + m->outlen, data, len);
	m->outlen += len;
}

static void
put_head(struct milterclient *m, char command, size_t len)
{
	uint32_t n = htonl((uint32_t)len + 1);

	put(m, &n, sizeof(n));
	put(m, &command, 1);
}

/* put_strings - a command whose data are strings, up to a NULL */
static void
put_strings(struct milterclient *m, char command, const char *prefix,
    size_t nprefix, const char *const *string)
{
	size_t len = nprefix;

	for (size_t i = 0; string[i] != NULL; i++)
		len += strlen(string[i]) + 1;
	put_head(m, command, len);
	put(m, prefix, nprefix);
	for (size_t i = 0; string[i] != NULL; i++)
		put(m, string[i], strlen(string[i]) + 1);
}

static void
put_macros(struct milterclient *m, char command, const char *const *pairs)
{
	put_strings(m, SMFIC_MACRO, &command, 1, pairs);
}

/* --- the steps --------------------------------------------------------------
 */

static void
say_options(struct milterclient *m)
{
	const uint32_t offer[] = { htonl(VERSION), htonl(ACTIONS),
		htonl(OFFERED) };

	put_head(m, SMFIC_OPTNEG, sizeof(offer));
	put(m, offer, sizeof(offer));
}

static void
say_connect(struct milterclient *m)
{
	static const char *const macros[] = { "j", "mail.office.example",
		"{daemon_name}", "mail.office.example", "{daemon_addr}",
		"127.0.0.1", "{daemon_port}", "25", "v", "Postfix 3.7.11",
		NULL };
	static const char host[] = "localhost\0"
				   "4\0\0"
				   "127.0.0.1";

	put_macros(m, SMFIC_CONNECT, macros);
	put_head(m, SMFIC_CONNECT, sizeof(host));
	put(m, host, sizeof(host));
}

static void
say_helo(struct milterclient *m)
{
	static const char *const none[] = { NULL };
	static const char *const name[] = { "desk.office.example", NULL };

	put_macros(m, SMFIC_HELO, none);
	put_strings(m, SMFIC_HELO, "", 0, name);
}

static void
say_mail(struct milterclient *m)
{
	const char *const macros[] = { "{mail_addr}", m->msg->sender,
		"{mail_host}", "office.example", "{mail_mailer}", "virtual",
		m->msg->login != NULL ? "{auth_authen}" : NULL, m->msg->login,
		"{auth_type}", "PLAIN", NULL };
	char path[512];
	const char *const args[] = { path, NULL };

	snprintf(path, sizeof(path), "<%s>", m->msg->sender);
	put_macros(m, SMFIC_MAIL, macros);
	put_strings(m, SMFIC_MAIL, "", 0, args);
}

static void
say_rcpt(struct milterclient *m)
{
	const char *rcpt = m->msg->recipient[m->rcpt];
	const char *at = strrchr(rcpt, '@');
	/* Postfix has no queue id before it has accepted a recipient. */
	const char *const macros[] = { "{rcpt_addr}", rcpt, "{rcpt_host}",
		at != NULL ? at + 1 : "", "{rcpt_mailer}", "smtp",
		m->result.recipients > 0 ? "i" : NULL, m->msg->id, NULL };
	char path[512];
	const char *const args[] = { path, NULL };

	snprintf(path, sizeof(path), "<%s>", rcpt);
	put_macros(m, SMFIC_RCPT, macros);
	put_strings(m, SMFIC_RCPT, "", 0, args);
}

/* header - the n-th header's name and value; false after the last */
static bool
header(const struct milterclient *m, size_t n, char *value, size_t size,
    const char *pair[3])
{
	static const char *const name[] = { "From", "Subject", "Message-Id" };

	if (n >= sizeof(name) / sizeof(name[0]))
		return false;
	snprintf(value, size,
	    n == 0   ? " <%s>"
	    : n == 1 ? " %s"
		     : " <%s@stage>",
	    n == 0 ? m->msg->sender : m->msg->id);
	pair[0] = name[n];
	pair[1] = value;
	pair[2] = NULL;
	return true;
}

static void
say_with_id(struct milterclient *m, char command, const char *data, size_t len)
{
	const char *const macros[] = { "i", m->msg->id, NULL };

	put_macros(m, command, macros);
	put_head(m, command, len);
	put(m, data, len);
}

static void
say_header(struct milterclient *m)
{
	const char *const macros[] = { "i", m->msg->id, NULL };
	char value[512];
	const char *pair[3];

	if (!header(m, m->header, value, sizeof(value), pair))
		return;
	put_macros(m, SMFIC_HEADER, macros);
	put_strings(m, SMFIC_HEADER, "", 0, pair);
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
say(struct milterclient *m)
{
	switch (m->step) {
	case STEP_NEGOTIATE:
		say_options(m);
		break;
	case STEP_CONNECT:
		say_connect(m);
		break;
	case STEP_HELO:
		say_helo(m);
		break;
	case STEP_MAIL:
		say_mail(m);
		break;
	case STEP_RCPT:
		say_rcpt(m);
		break;
	case STEP_DATA:
		say_with_id(m, SMFIC_DATA, "", 0);
		break;
	case STEP_HEADER:
		say_header(m);
		break;
	case STEP_EOH:
		say_with_id(m, SMFIC_EOH, "", 0);
		break;
	case STEP_BODY:
		say_with_id(m, SMFIC_BODY, m->msg->body, strlen(m->msg->body));
		break;
	case STEP_EOM:
		m->result.end_sent = now();
		say_with_id(m, SMFIC_BODYEOB, "", 0);
		break;
	case STEP_IDLE:
		break;
	}
}

/* --- walking ----------------------------------------------------------------
 */

static void
end_message(struct milterclient *m, enum mc_verdict verdict)
{
	m->result.verdict = verdict;
	m->msg = NULL;
	m->step = STEP_IDLE;
}

/* drop_message - ends it before its end, and the milter is told so */
static void
drop_message(struct milterclient *m, enum mc_verdict verdict)
{
	put_head(m, SMFIC_ABORT, 0);
	flush(m);
	end_message(m, verdict);
}

/* again - does the step that was just done have another round? */
static bool
again(struct milterclient *m)
{
	char value[512];
	const char *pair[3];

	if (m->step == STEP_RCPT)
		return ++m->rcpt < m->msg->nrecipient;
	if (m->step == STEP_HEADER)
		return header(m, ++m->header, value, sizeof(value), pair);
	return false;
}

/* done - the step is behind us: on to the next, or the message is over */
static void
done(struct milterclient *m)
{
	if (again(m))
		return;
	if (m->step == STEP_RCPT && m->result.recipients == 0) {
		drop_message(m, MC_ABORTED);
		return;
	}
	m->step++;
	if (m->step == STEP_EOM && m->msg->abort)
		drop_message(m, MC_ABORTED);
}

/* walk - on, until an answer is owed or nothing is left to do */
static void
walk(struct milterclient *m)
{
	while (!m->waiting && m->step != STEP_IDLE && !m->lost) {
		if (m->pass_message && m->step > STEP_IDLE) {
			if (m->step <= STEP_RCPT)
				m->result.recipients = m->msg->nrecipient;
			end_message(m, MC_ACCEPTED);
			break;
		}
		if (m->wishes & wish[m->step].skip) {
			if (m->step == STEP_RCPT)
				m->result.recipients++;
			done(m);
			continue;
		}
		say(m);
		if (m->wishes & wish[m->step].silent) {
			if (m->step == STEP_RCPT)
				m->result.recipients++;
			done(m);
			continue;
		}
		m->waiting = true;
	}
	flush(m);
}

/* --- answers ----------------------------------------------------------------
 */

static void
keep_reply(struct milterclient *m, const char *text, size_t len)
{
	if (len >= sizeof(m->result.reply))
		len = sizeof(m->result.reply) - 1;
	memcpy(m->result.reply, text, len);
	m->result.reply[len] = '\0';
}

/* refused - a recipient, or the whole message */
static void
refused(struct milterclient *m, enum mc_verdict verdict)
{
	if (m->step == STEP_RCPT) {
		done(m);
		if (m->msg == NULL) /* it was the last hope */
			m->result.verdict = verdict;
	} else if (m->step == STEP_EOM) {
		end_message(m, verdict);
	} else if (m->step > STEP_IDLE) {
		drop_message(m, verdict);
	} else {
		m->lost = true;
	}
}

static void
negotiated(struct milterclient *m, const unsigned char *data, size_t len)
{
	uint32_t answer[3];

	if (m->step != STEP_NEGOTIATE || len < sizeof(answer)) {
		m->lost = true;
		return;
	}
	memcpy(answer, data, sizeof(answer));
	m->wishes = ntohl(answer[2]);
	m->waiting = false;
	m->step = STEP_CONNECT;
}

/* answered - one packet; changes to the message are let pass */
static void
answered(struct milterclient *m, const unsigned char *data, size_t len)
{
	const char *text = (const char *)data + 1;

	switch (data[0]) {
	case SMFIC_OPTNEG:
		negotiated(m, data + 1, len - 1);
		return;
	case SMFIR_QUARANTINE:
		m->result.quarantined = true;
		return;
	case SMFIR_PROGRESS:
	case SMFIR_ADDRCPT:
	case SMFIR_DELRCPT:
	case SMFIR_ADDRCPT_PAR:
	case SMFIR_CHGFROM:
	case SMFIR_ADDHEADER:
	case SMFIR_INSHEADER:
	case SMFIR_CHGHEADER:
	case SMFIR_REPLBODY:
		return;
	default:
		break;
	}
	if (!m->waiting || m->step == STEP_NEGOTIATE) {
		m->lost = true; /* nobody asked */
		return;
	}
	m->waiting = false;
	switch (data[0]) {
	case SMFIR_CONTINUE:
	case SMFIR_SKIP:
		if (m->step == STEP_RCPT)
			m->result.recipients++;
		if (m->step == STEP_EOM)
			end_message(m, MC_ACCEPTED);
		else
			done(m);
		break;
	case SMFIR_ACCEPT:
		m->pass_message = true;
		if (m->step == STEP_EOM)
			end_message(m, MC_ACCEPTED);
		if (m->step < STEP_IDLE) {
			m->pass_all = true;
			m->step = STEP_IDLE;
		}
		break;
	case SMFIR_REPLYCODE:
		keep_reply(m, text, len - 1);
		refused(m, text[0] == '4' ? MC_DEFERRED : MC_REFUSED);
		break;
	case SMFIR_TEMPFAIL:
		keep_reply(m, "4.7.1", 5);
		refused(m, MC_DEFERRED);
		break;
	case SMFIR_REJECT:
	case SMFIR_DISCARD:
		keep_reply(m, "5.7.1", 5);
		refused(m, MC_REFUSED);
		break;
	default:
		m->lost = true;
	}
}

/* receive - false if nothing has come */
static bool
receive(struct milterclient *m)
{
	ssize_t n = recv(
	    m->fd, m->in + m->inlen, sizeof(m->in) - m->inlen, MSG_DONTWAIT);

	if (n > 0)
		m->inlen += (size_t)n;
	else if (n == 0 ||
		 (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
		m->lost = true;
	return n > 0;
}

/* take - one whole packet from what was received; false if there is none */
static bool
take(struct milterclient *m)
{
	uint32_t len;

	if (m->inlen < sizeof(len))
		return false;
	memcpy(&len, m->in, sizeof(len));
	len = ntohl(len);
	if (len == 0 || len > sizeof(m->in) - sizeof(len)) {
		m->lost = true;
		return false;
	}
	if (m->inlen < sizeof(len) + len)
		return false;
	answered(m, m->in + sizeof(len), len);
	m->inlen -= sizeof(len) + len;
	memmove(m->in, m->in + sizeof(len) + len, m->inlen);
	return true;
}

/* gone - what became of the message under way, if there was one */
static enum mc_progress
gone(struct milterclient *m)
{
	if (m->msg != NULL)
		end_message(m, m->step == STEP_EOM && m->waiting ? MC_UNANSWERED
								 : MC_DROPPED);
	return MC_GONE;
}

/* --- the contract -----------------------------------------------------------
 */

struct milterclient *
mc_open(const char *path)
{
	struct milterclient *m = calloc(1, sizeof(*m));
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	if (m == NULL)
		return NULL;
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	m->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (m->fd == -1 ||
	    connect(m->fd, (struct sockaddr *)&to, sizeof(to)) == -1) {
		int saved = errno;

		mc_close(&m);
		errno = saved;
		return NULL;
	}
	walk(m);
	return m;
}

void
mc_close(struct milterclient **mp)
{
	struct milterclient *m = *mp;

	if (m == NULL)
		return;
	if (m->fd != -1) {
		put_head(m, SMFIC_QUIT, 0);
		flush(m);
		close(m->fd);
	}
	free(m);
	*mp = NULL;
}

int
mc_fd(const struct milterclient *m)
{
	return m->fd;
}

const struct mc_result *
mc_result(const struct milterclient *m)
{
	return &m->result;
}

void
mc_send(struct milterclient *m, const struct mc_message *msg)
{
	m->msg = msg;
	m->rcpt = m->header = 0;
	m->pass_message = m->pass_all;
	m->result = (struct mc_result){ .verdict = MC_DROPPED };
	m->step = STEP_MAIL;
	walk(m);
}

enum mc_progress
mc_step(struct milterclient *m)
{
	do {
		while (!m->lost && take(m))
			walk(m);
	} while (!m->lost && receive(m));
	if (m->lost)
		return gone(m);
	return m->step == STEP_IDLE ? MC_IDLE : MC_BUSY;
}
