/*
 * mail_log.h - lines of a mail server's log: bytes in, spans out.
 *
 * Pure: a line that is none of those known is no event, never an error.
 */
#ifndef MAIL_LOG_H
#define MAIL_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bytes.h"

/* The prefix of a line: RFC 3164, ISO 8601, or the journal's JSON. */
struct log_stamp {
	int year;		/* 0: the form has none */
	int month, day, hour, minute, second, ms;
	bool has_offset;	/* of UTC; else it is local time */
	int offset;		/* seconds east */
};

struct log_line {
	struct log_stamp stamp;
	struct bytes program;	/* "postfix/submission/smtpd", "sm-mta" */
	struct bytes pid;
	struct bytes message;
};

/* False if it is no line of a log. */
bool	log_line_parse(struct bytes line, struct log_line *l_r);

enum mail_event_kind {
	MAIL_NOTHING,		/* of no use for us, but understood */
	MAIL_UNKNOWN,		/* of a mail server, and not understood */
	MAIL_CLIENT,		/* smtpd has a client: id, client, login */
	MAIL_SUBMITTED,		/* pickup: id, sender */
	MAIL_QUEUED,		/* qmgr: id, sender, size, nrcpt */
	MAIL_TO,		/* one recipient's outcome: id, to, orig_to, next_id */
	MAIL_GONE,		/* the id may be used again */
	MAIL_REFUSED,		/* by a milter: client, sender, to */
	MAIL_AUTH,		/* Sendmail, without an id: relay, login */
	MAIL_FROM,		/* Sendmail: id, sender, size, nrcpt, client, relay */
	MAIL_TO_LIST		/* Sendmail: id, to: "<a>,<b>" */
};

struct mail_event {
	enum mail_event_kind kind;
	struct bytes id;
	struct bytes client;	/* address, no brackets; empty if not known */
	struct bytes login, sender, to, orig_to, relay;
	struct bytes next_id;	/* where a content filter put it */
	uint64_t size, nrcpt;
	bool refiltered;	/* a service behind a content filter took it */
};

/*
 * Is that line of Sendmail's about a delivery that was refused?  Then the
 * message's id, and the reply, "550 5.4.5 words" (Sendmail 8.16 and later).
 */
bool	mail_log_refusal(const struct log_line *l, struct bytes *id_r,
	    struct bytes *reply_r);

/* What a line says. */
void	mail_event_parse(const struct log_line *l, struct mail_event *e_r);

#endif
