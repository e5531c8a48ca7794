/*
 * delivery_status.c - what became of a recipient at the exit.
 *
 * One table, from Postfix's words (smtp_trouble.c, smtp_sasl_proto.c,
 * smtp_connect.c; the same in 3.7 and 3.10) to what the provider may have
 * counted.  What is in no row may have been counted.
 */
#include <stdbool.h>
#include <string.h>

#include "delivery_status.h"

/* Where in the reason a phrase has to stand. */
enum where { BEGINS, ENDS, HOLDS };

static const struct row {
	const char *code; /* how "X.Y.Z" begins */
	enum where where; /* of the reason behind it */
	const char *phrase;
	enum delivery_status status;
} rows[] = {
	/* A probe of an address (verify(8)) ends at RCPT or with DATA's 354. */
	{ "2.1.", HOLDS, "", STATUS_NOT_SENT },
	{ "2.0.0", BEGINS, "354 ", STATUS_NOT_SENT },
	{ "2.", HOLDS, "", STATUS_SENT },
	{ "4.3.0", ENDS, ": trace service failed", STATUS_IGNORED },

	/* What we said ourselves. */
	{ "4.3.0", BEGINS, "local data error while talking to ",
	    STATUS_WAITED },
	{ "4.7.5", BEGINS, "client TLS configuration problem", STATUS_WAITED },

	/* The provider's own word, and to what. */
	{ "", ENDS, " (in reply to MAIL FROM command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to RCPT TO command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to DATA command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to end of DATA command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to AUTH command)", STATUS_LOGIN_REFUSED },
	{ "", ENDS, " (in reply to EHLO command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to HELO command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to STARTTLS command)", STATUS_NOT_SENT },
	{ "", ENDS, " (in reply to XFORWARD command)", STATUS_NOT_SENT },

	/* A connection that broke: behind the dot nobody knows. */
	{ "4.4.2", HOLDS,
	    " while sending end of data -- message may be sent more than once",
	    STATUS_UNKNOWN },
	{ "4.4.2", ENDS, " while sending message body", STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while sending MAIL FROM", STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while sending RCPT TO", STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while sending DATA command", STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while performing the EHLO handshake",
	    STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while performing the HELO handshake",
	    STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while receiving the initial server greeting",
	    STATUS_NOT_SENT },
	{ "4.4.2", ENDS, " while performing the initial protocol handshake",
	    STATUS_NOT_SENT },

	/* No login. */
	{ "", BEGINS, "SASL authentication failed", STATUS_LOGIN_REFUSED },
	{ "", BEGINS, "SASL [CACHED] authentication failed",
	    STATUS_LOGIN_REFUSED },

	/* No session. */
	{ "", HOLDS, " refused to talk to me: ", STATUS_NOT_SENT },
	{ "", BEGINS, "connect to ", STATUS_NOT_SENT },
	{ "", BEGINS, "Host or domain name not found", STATUS_NOT_SENT },
	{ "", BEGINS, "Cannot start TLS: ", STATUS_NOT_SENT },
	{ "", BEGINS, "TLS is required, but ", STATUS_NOT_SENT },
	{ "", BEGINS, "Server certificate not ", STATUS_NOT_SENT },
	{ "4.3.0", BEGINS, "server unavailable or unable to receive mail",
	    STATUS_NOT_SENT },

	/* Stopped by Postfix itself, before or in the middle of the body. */
	{ "5.3.4", BEGINS, "message size ", STATUS_NOT_SENT },
	{ "5.6.", HOLDS, "", STATUS_NOT_SENT },
	{ "5.3.0", BEGINS, "unreadable mail queue entry", STATUS_NOT_SENT },
};

static bool
stands(const char *text, size_t len, enum where where, const char *phrase)
{
	const size_t n = strlen(phrase);

	if (n > len)
		return false;
	switch (where) {
	case BEGINS:
		return memcmp(text, phrase, n) == 0;
	case ENDS:
		return memcmp(text + len - n, phrase, n) == 0;
	case HOLDS:
		return n == 0 || memmem(text, len, phrase, n) != NULL;
	}
	return false;
}

/*
 * is_refusal - "host H[IP] said: 4xx ..." is the provider's no.  Another code
 * at that place is no reply of SMTP: nobody knows what it did with the mail.
 */
static bool
is_refusal(const char *text, size_t len)
{
	static const char said[] = " said: ";
	const char *at = memmem(text, len, said, sizeof(said) - 1);

	if (at == NULL || at + sizeof(said) + 2 > text + len)
		return false;
	at += sizeof(said) - 1;
	return at[0] == '4' || at[0] == '5';
}

/* is_reply - the rows about a reply hold only if there was one */
static bool
is_reply(const struct row *r)
{
	return strncmp(r->phrase, " (in reply to ", 14) == 0;
}

enum delivery_status
delivery_status(const char *text, size_t len)
{
	const char *blank = memchr(text, ' ', len);
	const char *reason = blank != NULL ? blank + 1 : text + len;
	const size_t left = (size_t)(text + len - reason);

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];

		if (!stands(text, len, BEGINS, r->code) ||
		    !stands(reason, left, r->where, r->phrase))
			continue;
		if (is_reply(r) && !is_refusal(reason, left))
			return STATUS_UNKNOWN;
		return r->status;
	}
	return STATUS_UNKNOWN;
}

const char *
delivery_status_name(enum delivery_status s)
{
	static const char *const names[] = {
		[STATUS_IGNORED] = "ignored",
		[STATUS_WAITED] = "waited",
		[STATUS_NOT_SENT] = "not sent",
		[STATUS_LOGIN_REFUSED] = "login refused",
		[STATUS_UNKNOWN] = "unknown",
		[STATUS_SENT] = "sent",
	};

	return names[s];
}
