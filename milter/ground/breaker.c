/*
 * breaker.c - is a server well enough to be given mail?
 *
 * One failure may be an accident and one success after a long illness is
 * worth a try: so it takes three to open and one to close.
 */
#include "breaker.h"

void
breaker_good(struct breaker *b)
{
	*b = (struct breaker){ .failures = 0 };
}

void
breaker_bad(struct breaker *b, int64_t first, int64_t longest, int64_t now)
{
	if (b->failures < BREAKER_FAILURES)
		b->failures++;
	if (b->failures < BREAKER_FAILURES)
		return;
	b->pause = b->pause == 0 ? first : 2 * b->pause;
	if (b->pause > longest)
		b->pause = longest;
	b->until = now + b->pause;
}

/* A clock that stepped back must not keep it open for longer than a pause. */
enum breaker_state
breaker_state(const struct breaker *b, int64_t now)
{
	if (b->pause == 0)
		return BREAKER_CLOSED;
	return now < b->until && b->until - now <= b->pause ? BREAKER_OPEN
							    : BREAKER_HALF_OPEN;
}

const char *
breaker_name(enum breaker_state s)
{
	static const char *const names[] = { [BREAKER_CLOSED] = "closed",
		[BREAKER_OPEN] = "open",
		[BREAKER_HALF_OPEN] = "half-open" };

	return names[s];
}
