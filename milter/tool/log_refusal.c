/*
 * log_refusal.c - what a provider refused, in Sendmail's log.
 *
 * The line begins with what senders choose, the recipients' addresses, and
 * ends with what the provider says: so it is read from its end, and a reply is
 * one only where Sendmail writes it, right behind the code of the delivery.
 */
#include <string.h>

#include "mail_log.h"

/* last - the place behind the last word in text; NULL: it is not there */
static const char *
last(struct bytes text, const char *word)
{
	const size_t n = strlen(word);
	const char *found = NULL, *p = text.p;
	size_t left = text.len;

	while (left >= n && (p = memmem(p, left, word, n)) != NULL) {
		found = p += n;
		left = (size_t)(text.p + text.len - p);
	}
	return found;
}

/* spells - is word in it? */
static bool
spells(struct bytes text, const char *word)
{
	return memmem(text.p, text.len, word, strlen(word)) != NULL;
}

/*
 * reply_behind - "5.4.5, reply=550 5.4.5 words": the reply behind the digits
 * and dots of a code; empty if it is none, or an address that spells all that,
 * with the rest of the line behind it
 */
static struct bytes
reply_behind(struct bytes code)
{
	static const char word[] = ", reply=";
	struct bytes reply = { code.p, 0 };
	size_t n = 0;

	while (n < code.len && strchr("0123456789.", code.p[n]) != NULL)
		n++;
	if (code.len - n < sizeof(word) ||
	    memcmp(code.p + n, word, sizeof(word) - 1) != 0)
		return reply;
	n += sizeof(word) - 1;
	reply = (struct bytes){ code.p + n, code.len - n };
	if (spells(reply, ", delay=") || spells(reply, ", mailer="))
		reply.len = 0;
	return reply;
}

bool
mail_log_refusal(
    const struct log_line *l, struct bytes *id_r, struct bytes *reply_r)
{
	const struct bytes m = l->message;
	const char *to = memmem(m.p, m.len, ": to=", 5);
	const char *stat, *dsn;
	struct bytes reply;

	if ((l->program.len < 3 || memcmp(l->program.p, "sm-", 3) != 0) &&
	    (l->program.len != 8 || memcmp(l->program.p, "sendmail", 8) != 0))
		return false;
	if (to == NULL || memchr(m.p, ' ', (size_t)(to - m.p)) != NULL)
		return false;
	/* dsn=5.4.5, reply=550 5.4.5 words, stat=Service unavailable */
	stat = last(m, ", stat=");
	if (stat == NULL)
		return false;
	stat -= strlen(", stat=");
	dsn = last((struct bytes){ m.p, (size_t)(stat - m.p) }, ", dsn=");
	if (dsn == NULL)
		return false;
	reply = reply_behind((struct bytes){ dsn, (size_t)(stat - dsn) });
	if (reply.len == 0 || (reply.p[0] != '4' && reply.p[0] != '5'))
		return false;
	*id_r = (struct bytes){ m.p, (size_t)(to - m.p) };
	*reply_r = reply;
	return true;
}
