/*
 * request.h - what the handlers behind the control door share.
 *
 * A handler takes a request and returns a new object, or NULL if memory is out;
 * json_pack and the helpers here hand NULL on, so only control_answer asks.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <jansson.h>

#include "account_key.h"
#include "control.h"
#include "config.h"
#include "obj.h"
#include "why.h"

struct request {
	const struct control_env *env;
	const struct config *conf;
	const json_t *args;	/* the object that asked */
	const char *actor;
	int64_t now;
};

/* control_NAME answers the command NAME. */
#define DAEMON_COMMAND(name, effect, ...) \
	json_t *control_##name(const struct request *rq);
#define BOTH_COMMAND(name, effect, ...) \
	json_t *control_##name(const struct request *rq);
#define PROGRAM_COMMAND(name, effect) \
	json_t *control_##name(const struct request *rq);
#include "commands.def"

/* --- control_json.c: the pieces that answers are made of ----------------- */

/* What the desk is asked with. */
struct desk control_desk(const struct request *rq);

/* The string argument of that name; NULL if it is missing or no string. */
const char *control_arg(const struct request *rq, const char *name);

/* "n" if it is given, at most most; else some. */
size_t	control_count(const struct request *rq, size_t some, size_t most);

/* {"ok": false, "error": ..., "remedy": ...}; error is printf's. */
json_t	*control_failure(const char *remedy, const char *error, ...)
	    __attribute__((format(printf, 2, 3)));

/* The same for a store that did not answer STORE_OK. */
json_t	*control_store_failure(enum store_answer a, const char *why);

/* A number; above 2^63 - 1 it is that. */
json_t	*control_number(uint64_t n);

/* {"ms", "text"}: a time; JSON's null for 0 and NEVER. */
json_t	*control_time(const struct request *rq, int64_t when);

/* Appends item (taken over).  If that fails, *array is freed and NULL. */
void	control_append(json_t **array, json_t *item);

/* Percent of max that is used; 100 if max is 0. */
unsigned control_percent(uint64_t used, uint64_t max);

/* One limit of a counter (NULL: never used) and what is spent of it. */
json_t	*control_limit(const struct request *rq, const struct policy *policy,
	    const struct counter *c, size_t i);

/* The smarthost whose account a counter is, and which of its budgets; NULL if
 * it is none. */
const struct smarthost *control_account_of(const struct config *conf,
	    const char *key, enum account_budget *budget_r);

/* That budget as JSON; null if the counter is none of an account. */
json_t	*control_budget(const struct request *rq, const char *key);

/* All limits, grants and the lock of a counter. */
json_t	*control_counter(const struct request *rq, const struct policy *policy,
	    const char *key, const struct counter *c);

/* The newest events of key (NULL: all), at most n. */
json_t	*control_event_list(const struct request *rq, const char *key,
	    size_t n, enum store_answer *a_r, struct why *why);

/* A line for the log: a command, its actor and whom it meant. */
void	control_log_command(const struct request *rq, const char *command,
	    const char *who);

/* "1d" from now on; -1 if it is no span. */
int	control_until(const struct request *rq, const char *text,
	    int64_t *until_r);

/* The blocks that stop who: of his names, domain, network, of everything. */
json_t	*control_blocks_of(const struct request *rq, const char *who,
	    enum store_answer *a_r, struct why *why);

/* The entries of the trace that q asks for; *rc_r is -1 and why says why. */
struct trace_query;
json_t	*control_trace_list(const struct request *rq,
	    const struct trace_query *q, struct why *why, int *rc_r);

/* The refusals of who (NULL: of all) by the hour, the newest first. */
json_t	*control_refusals(const struct request *rq, const char *who,
	    int64_t since, size_t n, int *rc_r, struct why *why);

/* events (taken over) with those among them, as events; at most n. */
json_t	*control_with_refusals(const struct request *rq, json_t *events,
	    const char *who, size_t n);

/* The accounts that were refused most in 24 hours. */
json_t	*control_top_refused(const struct request *rq, size_t most);

/*
 * What left by each smarthost, by its name: the last 24 hours, the oldest first,
 * {at, hour, sent, recipients, failed}.  Without a name: not known.
 */
json_t	*control_hours(const struct request *rq);

/* --- control_who.c: the keys that a name of the operator's can mean ------ */

#define WHO_KEYS 3

struct who {
	size_t n;
	char key[WHO_KEYS][MAILADDR_MAX + 1];
};

/* The keys that who has under a policy, the likeliest first; maybe none. */
void	control_who(const struct config *conf, const struct policy *policy,
	    const char *who, struct who *w_r);

/* The one name under which who is blocked. */
void	control_who_blocked(const struct config *conf, const char *who,
	    char *dst, size_t size);

#endif
