/*
 * policy.h - what an office or a provider allows, as plain data.
 *
 * Made by config.c, immutable afterwards, shared by every thread.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stddef.h>
#include <stdint.h>

#include "window.h"

enum dimension { DIM_MESSAGES, DIM_RECIPIENTS, DIM_UNIQUE, DIM_BYTES };
#define DIM_COUNT 4

/* One counter for each of these. */
enum per { PER_ACCOUNT, PER_SENDER, PER_LOGIN, PER_DOMAIN, PER_CLIENT,
    PER_EVERYONE };

/* The recipients that count. */
enum scope { SCOPE_EXTERNAL, SCOPE_ALL };

enum when_over { OVER_DEFER, OVER_REJECT, OVER_HOLD, OVER_OBSERVE };

struct limit {
	enum dimension dim;
	uint64_t max;			/* 0 is allowed: nothing passes */
	struct window_spec window;
};

#define POLICY_LIMITS	16	/* limits in one policy */
#define POLICY_WARNINGS	4	/* percentages in warn-at */

/* warn-to: whoever the counter belongs to, if that is an address of ours. */
#define WARN_SENDER	"sender"

struct policy {
	char *name;
	enum per per;
	uint8_t prefix4, prefix6;	/* PER_CLIENT: bits of one client */
	enum scope count;
	enum when_over when_over;
	size_t nlimit;
	struct limit limit[POLICY_LIMITS];
	uint32_t recipients_per_message; /* 0: no cap */
	int64_t lockout;		/* ms, 0: none */
	struct limit block_after;	/* refusals that block; max 0: none */
	size_t nwarn;
	uint8_t warn_at[POLICY_WARNINGS]; /* percent, ascending, 1 to 100 */
	char *text;			/* added to the reply; "" if none */
	char *warn_to;			/* WARN_SENDER, an address, or "" */
};

/*
 * The words that configuration, log, tool and database use for each value of
 * these enums, in their order and closed by NULL.
 */
extern const char *const dimension_words[], *const per_words[],
    *const scope_words[], *const when_over_words[];

/* Where word stands in such a table, -1 if it does not. */
int	enum_from_name(const char *const *words, const char *word);

#endif
