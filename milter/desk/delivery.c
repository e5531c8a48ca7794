/*
 * delivery.c - one delivery at the exit.
 */
#include "delivery.h"

void
delivery_note(struct delivery *d, enum delivery_status s, const char *said)
{
	if (d->stage == DELIVERY_REFUSED && s != STATUS_SENT)
		return;
	if (d->probe && s == STATUS_SENT)
		s = STATUS_NOT_SENT; /* it ends before DATA */
	d->statuses++;
	d->sent += s == STATUS_SENT;
	d->unknown += s == STATUS_UNKNOWN;
	if (d->said.text[0] == '\0' || s > d->worst)
		why_set(&d->said, "%s", said);
	if (s > d->worst)
		d->worst = s;
}

struct settlement
delivery_settle(const struct delivery *d)
{
	if (d->statuses == 0)
		return (struct settlement){ d->lease.messages,
			d->lease.recipients, d->lease.bytes };
	if (d->sent + d->unknown == 0)
		return (struct settlement){ 0, 0, 0 };
	return (struct settlement){ 1, d->sent + d->unknown, d->lease.bytes };
}

enum delivery_outcome
delivery_outcome(const struct delivery *d)
{
	if (d->sent > 0)
		return OUTCOME_GOOD;
	if (d->stage != DELIVERY_LOGGED_IN)
		return d->unknown > 0 ? OUTCOME_DOUBTFUL : OUTCOME_NONE;
	if (d->worst == STATUS_LOGIN_REFUSED)
		return OUTCOME_LOGIN_REFUSED;
	return d->statuses == 0 || d->unknown > 0 ? OUTCOME_DOUBTFUL
						  : OUTCOME_NONE;
}
