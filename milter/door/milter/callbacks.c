/*
 * callbacks.c - the milter door: callbacks gather, ask the desk, answer.
 *
 * Each step that is answered is a round trip for the mail server, so the door
 * asks for few: nothing is said at CONNECT and MAIL, where postmeter never
 * refuses, and headers and body come only if a policy counts bytes, or headers
 * if a smarthost takes mail of its own account only.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#include <libmilter/mfapi.h>

#include "arrivals.h"
#include "changes.h"
#include "clock.h"
#include "digest.h"
#include "escape.h"
#include "log.h"
#include "match.h"
#include "meter.h"
#include "milter.h"
#include "negotiate.h"
#include "record.h"
#include "runaway.h"
#include "sighting.h"
#include "snapshot.h"
#include "tally.h"

#define SLOW (100) /* ms: a callback that takes longer is worth a line */

/* One connection of the mail server. */
struct session {
	struct negotiation agreed;
	bool sendmail;             /* the mail server is Sendmail */
	const struct config *conf; /* held while a transaction runs */
	struct txn txn;
	struct arrival arrival; /* Sendmail's: from MAIL on it has an id */
	struct written written;
	bool outgoing;
	unsigned refused; /* recipients of this transaction */
	uint64_t seen;    /* bytes of header and body */
};

static struct desk the_desk; /* its conf is each session's own */

/* --- who is at the store ----------------------------------------------------
 *
 * libmilter's workers outlive smfi_main, so closing the store needs to know
 * that none of them is inside it, and that none will come.
 */
static atomic_uint visitors;
static atomic_bool closed;

static bool
enter(void)
{
	atomic_fetch_add(&visitors, 1);
	if (!atomic_load(&closed))
		return true;
	atomic_fetch_sub(&visitors, 1);
	return false;
}

static void
leave(enum tally_stage stage, int64_t since)
{
	const int64_t took = tally_took(stage, since) / 1000;

	atomic_fetch_sub(&visitors, 1);
	if (took > SLOW)
		log_warn("slow: stage=%s took=%" PRId64 "ms",
		    stage == TALLY_RCPT ? "rcpt" : "eom", took);
}

unsigned
mlfi_drain(int64_t timeout)
{
	int64_t deadline = clock_steady() + timeout;
	const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };

	atomic_store(&closed, true);
	while (atomic_load(&visitors) > 0 && clock_steady() < deadline)
		nanosleep(&pause, NULL);
	/* The last answers are in libmilter's hands: let it write them. */
	for (int i = 0; i < 10; i++)
		nanosleep(&pause, NULL);
	return atomic_load(&visitors);
}

/* --- answers ----------------------------------------------------------------
 */

/* set_reply - libmilter formats its text, so a percent sign is doubled */
static sfsistat
set_reply(SMFICTX *ctx, const struct reply *r)
{
	char code[4], xcode[12], text[2 * REPLY_TEXT];
	size_t n = 0;

	for (const char *p = r->text; *p != '\0' && n + 2 < sizeof(text); p++) {
		if (*p == '%')
			text[n++] = '%';
		text[n++] = *p;
	}
	text[n] = '\0';
	snprintf(code, sizeof(code), "%s", r->code);
	snprintf(xcode, sizeof(xcode), "%s", r->xcode);
	if (smfi_setreply(ctx, code, xcode, text) != MI_SUCCESS)
		log_warn("the mail server took no reply text: %s", r->text);
	return r->code[0] == '5' ? SMFIS_REJECT : SMFIS_TEMPFAIL;
}

/* unavailable - when there is not even a session or a store to ask */
static sfsistat
unavailable(SMFICTX *ctx)
{
	const struct outcome o = { .verdict = VERDICT_UNAVAILABLE };
	struct reply r;

	verdict_reply(&o, 0, NULL, &r);
	return set_reply(ctx, &r);
}

static void
log_message(
    const struct session *s, const struct outcome *o, const struct reply *r)
{
	char sender[MAILADDR_MAX + 8], login[MAILADDR_MAX + 8], key[400];
	char client[NETADDR_TEXT] = "", limit[64 + MAILADDR_MAX] = "", why[400];
	const struct txn *t = &s->txn;

	if (t->client.len > 0)
		netaddr_text(&t->client, 128, client, sizeof(client));
	if (o->policy != NULL)
		snprintf(limit, sizeof(limit),
		    " policy=%s used=%" PRIu64 " max=%" PRIu64, o->policy->name,
		    o->used, o->max);
	log_info(
	    "%s: client=%s login=%s sender=<%s> nrcpt=%zu external=%zu refused=%u bytes=%" PRIu64
	    " rule=%s verdict=%s%s%s%s%s%s%s%s%s%s",
	    t->queue_id[0] != '\0' ? t->queue_id : "NOQUEUE", client,
	    escape_str(login, sizeof(login), t->login),
	    escape_str(sender, sizeof(sender), t->sender.text),
	    txn_count(t, WAY_LOCAL), txn_count(t, WAY_EXTERNAL), s->refused,
	    t->bytes, o->rule != NULL ? o->rule : "-", verdict_name(o->verdict),
	    limit, o->key[0] != '\0' ? " key=" : "",
	    escape_str(key, sizeof(key), o->key),
	    o->smarthost != NULL ? " smarthost=" : "",
	    o->smarthost != NULL ? o->smarthost : "",
	    o->observed ? " observed=yes" : "",
	    o->unmetered ? " unmetered=yes" : "",
	    o->why.text[0] != '\0' ? " why=" : "",
	    escape_str(why, sizeof(why), o->why.text));
	if (r != NULL && r->code != NULL)
		log_debug("reply: %s %s %s", r->code, r->xcode, r->text);
}

/* --- a transaction ----------------------------------------------------------
 */

/* mlfi_finish - forget the transaction, if there is one */
static void
mlfi_finish(struct session *s)
{
	if (s->conf != NULL)
		snapshot_release(&s->conf);
	arrivals_remove(&s->arrival);
	written_forget(&s->written);
	txn_begin(&s->txn);
	s->outgoing = false;
	s->refused = 0;
	s->seen = 0;
}

static struct desk
desk_of(const struct session *s)
{
	struct desk desk = the_desk;

	desk.conf = s->conf;
	return desk;
}

static struct session *
session_of(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s == NULL) {
		s = calloc(1, sizeof(*s));
		if (s != NULL && smfi_setpriv(ctx, s) != MI_SUCCESS) {
			free(s);
			s = NULL;
		}
	}
	return s;
}

/* libmilter wants names that it does not write to as char *. */
static char queue_id[] = "i", auth_authen[] = "{auth_authen}",
	    mail_addr[] = "{mail_addr}", rcpt_mailer[] = "{rcpt_mailer}",
	    rcpt_host[] = "{rcpt_host}", rcpt_addr[] = "{rcpt_addr}",
	    mta_version[] = "v";

static void
note_queue_id(SMFICTX *ctx, struct session *s)
{
	const char *id = smfi_getsymval(ctx, queue_id);

	if (id != NULL)
		escape_str(s->txn.queue_id, sizeof(s->txn.queue_id), id);
}

/* parameter - what stands behind name ("SIZE=") of MAIL, or NULL */
static const char *
parameter(char **argv, const char *name)
{
	for (size_t i = 1; argv[0] != NULL && argv[i] != NULL; i++)
		if (strncasecmp(argv[i], name, strlen(name)) == 0)
			return argv[i] + strlen(name);
	return NULL;
}

static sfsistat
mlfi_connect(SMFICTX *ctx, char *hostname, _SOCK_ADDR *addr)
{
	struct session *s = session_of(ctx);
	const char *version;

	(void)hostname;
	if (s == NULL)
		return SMFIS_CONTINUE; /* refused at the first recipient */
	/* Sendmail gives a bare number here, Postfix its name before it. */
	version = smfi_getsymval(ctx, mta_version);
	s->sendmail = version != NULL && version[0] >= '0' && version[0] <= '9';
	if (addr != NULL)
		netaddr_from_sockaddr(addr, &s->txn.client);
	return s->agreed.quiet_connect ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat
mlfi_envfrom(SMFICTX *ctx, char **argv)
{
	struct session *s = session_of(ctx);
	const char *login, *raw, *size;

	if (s == NULL)
		return SMFIS_CONTINUE; /* refused at the first recipient */
	mlfi_finish(s);
	s->conf = snapshot_hold();
	raw = argv[0] != NULL ? argv[0] : "";
	match_envelope_sender(
	    s->conf, raw, smfi_getsymval(ctx, mail_addr), &s->txn.sender);
	login = smfi_getsymval(ctx, auth_authen);
	if (login != NULL)
		config_login(s->conf, login, s->txn.login);
	sighting_note(s->txn.sender.text);
	note_queue_id(ctx, s);
	s->txn.by_id = s->sendmail;
	if (s->sendmail && s->txn.queue_id[0] != '\0')
		arrivals_add(&s->arrival, s->txn.queue_id, &s->txn.sender);
	/*
	 * Over SMTP the address has brackets, and no queue id exists yet.  In
	 * Sendmail it does, and sendmail(1) speaks SMTP like everybody else.
	 */
	s->txn.submitted =
	    !s->sendmail && raw[0] != '<' && s->txn.queue_id[0] != '\0';
	size = parameter(argv, "SIZE="); /* RFC 1870 */
	s->txn.bytes = size != NULL ? strtoull(size, NULL, 10) : 0;
	if (s->agreed.can_mark && parameter(argv, "ENVID=") == NULL)
		s->written.sender = strdup(raw);
	s->outgoing = match_outgoing(s->conf, &s->txn);
	return s->agreed.quiet_mail ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

/* blind - a reload asked for more after this connection was negotiated */
static bool
blind(const struct session *s)
{
	return (config_needs_body(s->conf) && !s->agreed.sees_body) ||
	       (config_needs_headers(s->conf) && !s->agreed.can_rename);
}

/* mlfi_refusal - the last recipient is not taken: a line for the log, the words
 */
static sfsistat
mlfi_refusal(SMFICTX *ctx, struct session *s, const char *raw,
    const struct outcome *o, const struct reply *r)
{
	char rcpt[MAILADDR_MAX];
	struct desk desk;

	txn_undo(&s->txn);
	(void)record_outcome(s->conf, &s->txn, raw, o, r, clock_now());
	/* Once a message, however many recipients it has. */
	if (s->refused == 0 && enter()) {
		desk = desk_of(s);
		runaway_note(&desk, &s->txn, o, clock_now());
		atomic_fetch_sub(&visitors, 1);
	}
	if (s->refused++ == 0) {
		note_queue_id(ctx, s);
		log_message(s, o, r);
		log_info("%s: refused rcpt=%s", s->txn.queue_id,
		    escape_str(rcpt, sizeof(rcpt), raw));
	}
	return set_reply(ctx, r);
}

static sfsistat
mlfi_envrcpt(SMFICTX *ctx, char **argv)
{
	struct session *s = smfi_getpriv(ctx);
	int64_t since = tally_clock(), now = clock_now();
	struct rcpt_word word;
	struct outcome o;
	struct desk desk;
	struct reply r;
	enum txn_way way;

	if (s == NULL || s->conf == NULL || blind(s))
		return unavailable(ctx);
	if (argv[0] == NULL)
		return SMFIS_CONTINUE;
	word.mailer = smfi_getsymval(ctx, rcpt_mailer);
	word.addr = smfi_getsymval(ctx, rcpt_addr);
	way = match_recipient(s->conf, argv[0], &word);
	/* A stranger's mail that leaves by an account of ours is metered. */
	if (!s->outgoing)
		s->outgoing = s->txn.relayed =
		    way == WAY_ROUTED && word.mailer != NULL;
	if (!s->outgoing)
		return SMFIS_CONTINUE;
	if (txn_add(&s->txn, mailaddr_exact(argv[0], strlen(argv[0])), way) ==
	    -1)
		return unavailable(ctx);
	/* sendmail(1) mail cannot be refused in parts: it waits for the end. */
	if (s->txn.submitted)
		return SMFIS_CONTINUE;
	if (!enter())
		return unavailable(ctx);
	desk = desk_of(s);
	meter_preview(&desk, &s->txn, now, &o);
	leave(TALLY_RCPT, since);
	verdict_reply(&o, now, s->conf->zone, &r);
	if (r.code != NULL)
		return mlfi_refusal(ctx, s, argv[0], &o, &r);
	if (s->agreed.can_readdress &&
	    early_route_note(&s->written.early, argv, word.mailer,
		smfi_getsymval(ctx, rcpt_host)) == -1) {
		txn_undo(&s->txn);
		return unavailable(ctx);
	}
	return SMFIS_CONTINUE;
}

static sfsistat
mlfi_header(SMFICTX *ctx, char *name, char *value)
{
	struct session *s = smfi_getpriv(ctx);

	if (s == NULL)
		return SMFIS_CONTINUE;
	s->seen += strlen(name) + strlen(value) + 4; /* ": " and CRLF */
	written_header(&s->written, name, value);
	return s->agreed.quiet_header ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat
mlfi_body(SMFICTX *ctx, unsigned char *chunk, size_t len)
{
	struct session *s = smfi_getpriv(ctx);

	(void)chunk;
	if (s == NULL)
		return SMFIS_CONTINUE;
	s->seen += len;
	return s->agreed.quiet_body ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat
mlfi_answer(SMFICTX *ctx, const struct outcome *o, const struct reply *r)
{
	char reason[REPLY_TEXT];

	if (o->verdict == VERDICT_HOLD) {
		snprintf(reason, sizeof(reason), "%s", r->text);
		if (smfi_quarantine(ctx, reason) == MI_SUCCESS)
			return SMFIS_CONTINUE;
		log_warn(
		    "the mail server cannot hold mail for a milter: deferred instead");
		return unavailable(ctx);
	}
	return r->code != NULL ? set_reply(ctx, r) : SMFIS_CONTINUE;
}

static sfsistat
mlfi_eom(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);
	int64_t since = tally_clock(), now = clock_now();
	struct outcome o;
	struct desk desk;
	struct reply r;
	sfsistat st;

	if (s == NULL || s->conf == NULL || (s->outgoing && blind(s)))
		return unavailable(ctx);
	if (!s->outgoing) {
		mlfi_finish(s);
		return SMFIS_CONTINUE;
	}
	if (!enter())
		return unavailable(ctx);
	note_queue_id(ctx, s);
	if (s->agreed.sees_body)
		s->txn.bytes = s->seen; /* no longer what was declared */
	if (s->written.sender != NULL && mark_is_due(&s->txn))
		mark_make(&s->txn);
	desk = desk_of(s);
	meter_charge(&desk, &s->txn, now, &o);
	runaway_note(&desk, &s->txn, &o, now);
	leave(TALLY_EOM, since);
	verdict_reply(&o, now, s->conf->zone, &r);
	log_message(s, &o, &r);
	st = record_outcome(s->conf, &s->txn, NULL, &o, &r, now) &&
		     changes_make(ctx, s->conf, &s->txn, &o, &s->written) == 0
		 ? mlfi_answer(ctx, &o, &r)
		 : unavailable(ctx);
	mlfi_finish(s);
	return st;
}

static sfsistat
mlfi_abort(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	/* Nothing was charged, so there is nothing to give back. */
	if (s != NULL)
		mlfi_finish(s);
	return SMFIS_CONTINUE;
}

static sfsistat
mlfi_close(SMFICTX *ctx)
{
	struct session *s = smfi_getpriv(ctx);

	if (s != NULL) {
		mlfi_finish(s);
		txn_end(&s->txn);
		free(s);
		(void)smfi_setpriv(ctx, NULL);
	}
	return SMFIS_CONTINUE;
}

/* --- what the mail server is asked for --------------------------------------
 */

static sfsistat
/* NOLINTNEXTLINE(readability-function-size): libmilter's own signature */
mlfi_negotiate(SMFICTX *ctx, unsigned long actions, unsigned long offered,
    unsigned long f2, unsigned long f3, unsigned long *pactions,
    unsigned long *psteps, unsigned long *pf2, unsigned long *pf3)
{
	const struct config *conf = snapshot_hold();
	struct session *s = session_of(ctx);

	(void)f2;
	(void)f3;
	if (s == NULL) {
		snapshot_release(&conf);
		return SMFIS_REJECT;
	}
	s->agreed =
	    (struct negotiation){ .actions = actions, .steps = offered };
	negotiate(ctx, conf, &s->agreed);
	snapshot_release(&conf);
	*pactions = s->agreed.actions;
	*psteps = s->agreed.steps;
	*pf2 = *pf3 = 0;
	return SMFIS_CONTINUE;
}

int
mlfi_open(const struct config *conf, const struct unix_socket_owner *owner,
    bool *live_r, struct why *why)
{
	static char name[] = "postmeter";
	struct smfiDesc desc = {
		.xxfi_name = name,
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = NEGOTIATE_ACTIONS,
		.xxfi_connect = mlfi_connect,
		.xxfi_envfrom = mlfi_envfrom,
		.xxfi_envrcpt = mlfi_envrcpt,
		.xxfi_header = mlfi_header,
		.xxfi_body = mlfi_body,
		.xxfi_eom = mlfi_eom,
		.xxfi_abort = mlfi_abort,
		.xxfi_close = mlfi_close,
		.xxfi_negotiate = mlfi_negotiate,
	};
	char conn[ENDPOINT_PATH_MAX + 8];
	mode_t old;
	int rc;

	if (unix_socket_prepare(&conf->milter_socket, owner, live_r, why) == -1)
		return -1;
	snprintf(conn, sizeof(conn), "local:%s", conf->milter_socket.path);
	old = umask(0177);
	rc = smfi_setconn(conn) != MI_SUCCESS ||
	     smfi_register(desc) != MI_SUCCESS ||
	     smfi_opensocket(false) != MI_SUCCESS;
	umask(old);
	if (rc != 0) {
		why_set(why, "libmilter cannot listen on %s",
		    conf->milter_socket.path);
		return -1;
	}
	return unix_socket_chown(&conf->milter_socket, owner, why);
}

int
mlfi_serve(const struct desk *desk)
{
	the_desk = *desk;
	return smfi_main() == MI_SUCCESS ? 0 : -1;
}
