/*
 * postfix_queue.h - the mail that waits in Postfix, as postqueue(1) tells it,
 * and what root may do with it.
 */
#ifndef POSTFIX_QUEUE_H
#define POSTFIX_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "why.h"

#define QUEUE_ID 64

struct queued {
	char id[QUEUE_ID];
	char queue[16];		/* "active", "deferred", "hold", ... */
	long long arrival;	/* seconds */
	const char *sender;	/* "" if null; valid while it is visited */
	size_t recipients;
};

/*
 * Calls each for every message; directory is that of main.cf, NULL: Postfix's
 * own.  Messages may move meanwhile, and be missed or told twice.  0, or -1
 * and why.
 */
typedef void queued_fn(void *arg, const struct queued *q);
int	postfix_queue(const char *directory, queued_fn *each, void *arg,
	    struct why *why);

/* Is that a queue id, short or long, and nothing that an option could be? */
bool	postfix_is_id(const char *id);

/* Ids, gathered; room for what memory has. */
struct queue_ids {
	char (*v)[QUEUE_ID];
	size_t n, capacity;
};
void	queue_ids_add(struct queue_ids *ids, const char *id);
void	queue_ids_free(struct queue_ids *ids);

/*
 * postsuper(1) with that option ("-h", "-H") for each id.  Needs root.  0, or
 * -1 and why.
 */
int	postfix_super(const char *directory, const char *option,
	    const struct queue_ids *ids, struct why *why);

#endif
