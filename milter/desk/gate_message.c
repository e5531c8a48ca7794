/*
 * gate_message.c - the messages of a mail server that tells no outcome.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gate_core.h"
#include "log.h"
#include "record.h"
#include "routing.h"
#include "sent.h"

/* end_taken - left of what was taken for m; without leases: nothing was */
static void
end_taken(const struct desk *d, const struct message *m, struct taken *t,
    const struct settlement *left, int64_t now)
{
	const struct smarthost *sh = config_smarthost(d->conf, m->account);

	if (sh != NULL && t->lease.id != 0)
		sent_settle(d, sh, NULL, &t->lease, left, now);
	if (sh != NULL && t->sender_lease.id != 0)
		sent_settle(d, sh, m->sender, &t->sender_lease, left, now);
	*t = (struct taken){ .rcpts = 0 };
}

static const struct settlement nothing_left = { 0, 0, 0 };
static const struct settlement one_left = { 1, 1, 0 };

/*
 * end_delivery - of m, for another begins.  Where it came to no recipient
 * nothing left; where it had one, the next delivery will say.
 */
static void
end_delivery(const struct desk *d, struct message *m, int64_t now)
{
	if (m->now.rcpts == 1)
		m->before = m->now;
	else
		end_taken(d, m, &m->now,
		    m->now.rcpts == 0 ? &nothing_left : &one_left, now);
	m->now = (struct taken){ .rcpts = 0 };
}

/* message_of - the message of that id; those that are long gone leave */
static struct message *
message_of(const struct desk *d, const char *id, int64_t now)
{
	struct message *found = NULL, **at = &d->gate->message, *m;

	while ((m = *at) != NULL) {
		if (strcmp(m->id, id) == 0) {
			found = m;
		} else if (m->when < now - GATE_MESSAGE) {
			*at = m->next;
			end_delivery(d, m, now);
			end_taken(d, m, &m->before, &one_left, now);
			free(m);
			continue;
		}
		at = &m->next;
	}
	if (found == NULL && (found = calloc(1, sizeof(*found))) != NULL) {
		snprintf(found->id, sizeof(found->id), "%s", id);
		*at = found;
	}
	if (found != NULL)
		found->when = now;
	return found;
}

/* note_try - for the trace, what is known of a try to deliver m at account */
static void
note_try(const struct desk *d, const struct message *m, const char *account,
    const struct record_delivery *r, int64_t now)
{
	struct record_delivery all = *r;

	all.id = m->id;
	all.account = account;
	all.sender = m->sender;
	record_delivery(d->conf, &all, now);
}

/* --- logins --------------------------------------------------------------- */

/* refused - the login that was due for m, or MAIL behind it */
static void
refused(const struct desk *d, struct message *m, const char *said, int64_t now)
{
	const struct smarthost *sh = config_smarthost(d->conf, m->due);

	m->asker[0] = '\0';
	end_delivery(d, m, now);
	if (sh == NULL)
		return;
	log_warn("exit: account=%s message=%s login=refused why=%s", sh->name,
	    m->id, said);
	note_try(d, m, sh->name,
	    &(struct record_delivery){
		.verdict = "login refused", .failed = true, .text = said },
	    now);
	holds_no_login(&d->gate->holds, d, sh, said, now);
}

void
gate_messages_end(const struct desk *d, const char *owner, int64_t now)
{
	for (struct message *m = d->gate->message; m != NULL; m = m->next)
		if (strcmp(m->asker, owner) == 0)
			refused(d, m,
			    "no recipient was named where a login was due: it was refused, or not offered",
			    now);
}

enum gate_answer
gate_login_due(const struct desk *d, const struct gate_rcpt *r,
    const struct smarthost *sh, int64_t now, struct why *why)
{
	enum gate_answer a = GATE_OPEN;
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, r->id, now);
	/* Of one message it may ask twice: a second try at TLS, a second host.
	 */
	if (m != NULL)
		m->asker[0] = '\0';
	gate_messages_end(d, r->process, now);
	if (m == NULL) {
		why_set(why, "out of memory");
		a = GATE_UNKNOWN;
	} else if (gate_is_shut(d, sh->name, true, now, why)) {
		a = GATE_SHUT;
	} else {
		snprintf(m->asker, sizeof(m->asker), "%s", r->process);
		snprintf(m->due, sizeof(m->due), "%s", sh->name);
	}
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

void
gate_login_withheld(
    const struct desk *d, const struct gate_rcpt *r, int64_t now)
{
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, r->id, now);
	if (m != NULL)
		m->asker[0] = '\0';
	pthread_mutex_unlock(&d->gate->lock);
}

void
gate_no_login(const struct desk *d, const struct gate_rcpt *r,
    const struct smarthost *sh, int64_t now)
{
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, r->id, now);
	/* Each recipient of the delivery says so: the first is heard. */
	if (m != NULL && strcmp(m->due, sh->name) == 0 && m->asker[0] != '\0')
		refused(d, m, "the provider refused the login, or offers none",
		    now);
	pthread_mutex_unlock(&d->gate->lock);
}

/* --- deliveries ----------------------------------------------------------- */

/* deliver - a delivery of m begins: one message and its first recipient */
static enum gate_answer
deliver(const struct desk *d, struct message *m, const struct smarthost *sh,
    const char *sender, int64_t now, struct why *why)
{
	struct lease first = { .messages = 1, .recipients = 1 };
	enum gate_answer a = GATE_OPEN;

	snprintf(first.owner, sizeof(first.owner), "%s", m->id);
	end_delivery(d, m, now);
	if (strcmp(m->account, sh->name) != 0 || strcmp(m->sender, sender) != 0)
		end_taken(d, m, &m->before, &one_left, now);
	snprintf(m->account, sizeof(m->account), "%s", sh->name);
	snprintf(m->sender, sizeof(m->sender), "%s", sender);
	/* Who is about to log in was let through just now. */
	if ((m->asker[0] == '\0' &&
		gate_is_shut(d, sh->name, true, now, why)) ||
	    (sender[0] != '\0' &&
		holds_shut(&d->gate->holds, d,
		    &(struct hold_question){ sh->name, sender, true }, now,
		    why)))
		a = GATE_SHUT;
	if (a == GATE_OPEN) {
		m->now.lease = first;
		a = sent_take(d, sh, NULL, now, &m->now.lease, why);
	}
	if (a == GATE_OPEN && sender[0] != '\0') {
		m->now.sender_lease = first;
		a = sent_take(d, sh, m->sender, now, &m->now.sender_lease, why);
	}
	if (a != GATE_OPEN)
		end_taken(d, m, &m->now, &nothing_left, now);
	log_info("exit: account=%s message=%s login=%s%s%s", sh->name, m->id,
	    a == GATE_OPEN ? "given" : "refused",
	    a == GATE_OPEN ? "" : " why=", a == GATE_OPEN ? "" : why->text);
	if (a == GATE_OPEN)
		note_try(d, m, sh->name,
		    &(struct record_delivery){ .recipients = 1,
			.verdict = "let through",
			.text = "what became of it is in Sendmail's log" },
		    now);
	return a;
}

enum gate_answer
gate_message(const struct desk *d, const struct gate_rcpt *r,
    const struct smarthost *sh, int64_t now, struct why *why)
{
	enum gate_answer a = GATE_UNKNOWN;
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, r->id, now);
	if (m == NULL)
		why_set(why, "out of memory");
	else
		a = deliver(d, m, sh, r->sender, now, why);
	/* It gets no login of us: that it goes no further is no refusal. */
	if (m != NULL && a != GATE_OPEN)
		m->asker[0] = '\0';
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

/* one_more - a recipient beside the first; nobody will give it back */
static enum gate_answer
one_more(const struct desk *d, const struct message *m,
    const struct smarthost *sh, const char *sender, int64_t now,
    struct why *why)
{
	const struct settlement one = { 0, 1, 0 };
	struct lease lease = { .recipients = 1 };
	enum gate_answer a;

	snprintf(lease.owner, sizeof(lease.owner), "%s", m->id);
	a = sent_take(d, sh, sender, now, &lease, why);
	if (a == GATE_OPEN && lease.id != 0)
		sent_settle(d, sh, sender, &lease, &one, now);
	return a;
}

/*
 * first_of - r is the first of a delivery of m: did it go out before?  Two
 * processes can deliver the same at the same time: a queue run beside the
 * session that took the message.
 */
static void
first_of(const struct desk *d, struct message *m, const struct gate_rcpt *r,
    int64_t now)
{
	const bool again = m->before.first == r->digest &&
			   now - m->before.since >= GATE_AGAIN &&
			   strcmp(m->before.process, r->process) != 0;

	end_taken(d, m, &m->before, again ? &nothing_left : &one_left, now);
	m->now.first = r->digest;
	m->now.since = now;
	snprintf(m->now.process, sizeof(m->now.process), "%s", r->process);
}

enum gate_answer
gate_recipient(const struct desk *d, const struct gate_rcpt *r,
    const struct smarthost *sh, int64_t now, struct why *why)
{
	enum gate_answer a = GATE_OPEN;
	struct message *m;

	pthread_mutex_lock(&d->gate->lock);
	m = message_of(d, r->id, now);
	if (m == NULL) {
		why_set(why, "out of memory");
		a = GATE_UNKNOWN;
	} else if (strcmp(m->account, sh->name) != 0) {
		/* It needs no login, or the daemon was restarted since. */
		a = deliver(d, m, sh, r->sender, now, why);
	} else if (m->now.rcpts > 0) {
		a = one_more(d, m, sh, NULL, now, why);
		if (a == GATE_OPEN && r->sender[0] != '\0')
			a = one_more(d, m, sh, r->sender, now, why);
	}
	if (m != NULL && m->asker[0] != '\0') {
		m->asker[0] = '\0';
		holds_delivered(&d->gate->holds, d, sh, "", now);
	}
	if (a == GATE_OPEN && m->now.rcpts++ == 0)
		first_of(d, m, r, now);
	pthread_mutex_unlock(&d->gate->lock);
	return a;
}

bool
gate_refused(
    const struct desk *d, const char *id, const char *said, int64_t now)
{
	struct heard heard = { .sender = "" };
	struct refusal_reply reply;
	const struct message *m;
	char bound[TXN_QUEUE_ID + 1], name[STORE_NAME];
	struct why why = WHY_NONE;

	if (!refusal_read(said, SAID_MAIL | SAID_RCPT | SAID_DATA, &reply))
		return false;
	heard.reply = &reply;
	pthread_mutex_lock(&d->gate->lock);
	m = d->gate->message;
	while (m != NULL && strcmp(m->id, id) != 0)
		m = m->next;
	if (m != NULL) {
		note_try(d, m, m->account,
		    &(struct record_delivery){
			.verdict = "not sent", .failed = true, .text = said },
		    now);
		heard.sender = m->sender;
		heard.sh = config_smarthost(d->conf, m->account);
	} else if (store_bound(d->store, binding_of_id(id, bound), now, name,
		       &why) == STORE_OK) {
		heard.sh = config_smarthost(d->conf, name);
	}
	if (heard.sh != NULL)
		(void)holds_heard(&d->gate->holds, d, &heard, now, &why);
	pthread_mutex_unlock(&d->gate->lock);
	return heard.sh != NULL;
}
