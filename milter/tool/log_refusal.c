/*
 * log_refusal.c - what a provider refused, in Sendmail's log.
 *
 * The line begins with what senders choose, the recipients' addresses, and
 * ends with what the provider says: so it is read from its end.
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

bool
mail_log_refusal(
    const struct log_line *l, struct bytes *id_r, struct bytes *reply_r)
{
	const struct bytes m = l->message;
	const char *to = memmem(m.p, m.len, ": to=", 5);
	const char *stat, *reply;

	if ((l->program.len < 3 || memcmp(l->program.p, "sm-", 3) != 0) &&
	    (l->program.len != 8 || memcmp(l->program.p, "sendmail", 8) != 0))
		return false;
	if (to == NULL || memchr(m.p, ' ', (size_t)(to - m.p)) != NULL)
		return false;
	/* dsn=5.4.5, reply=550 5.4.5 words, stat=Service unavailable */
	stat = last(m, ", stat=");
	if (stat == NULL)
		return false;
	reply =
	    last((struct bytes){ m.p, (size_t)(stat - m.p) - 7 }, ", reply=");
	if (reply == NULL || (*reply != '4' && *reply != '5'))
		return false;
	*id_r = (struct bytes){ m.p, (size_t)(to - m.p) };
	*reply_r = (struct bytes){ reply, (size_t)(stat - 7 - reply) };
	return true;
}
