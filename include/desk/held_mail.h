/*
 * held_mail.h - whose mail is held, so that what comes later queues up behind
 * it, and how fast it leaves.
 *
 * The mail server keeps the messages and the trace knows why; this is only the
 * line that they stand in, by the counter that held them.  It is filled at
 * start from the trace, and put right each time root looks at the queue.  If
 * nobody looks, nobody lets mail go, and then nobody waits in line.
 *
 * One of a process; any thread.
 */
#ifndef HELD_MAIL_H
#define HELD_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_entry;

/* The line counts this long after root has looked, or the daemon began. */
#define HELD_MAIL_LOOKED	(10 * MINUTE)

/* At start: those of the trace that are not known to have left. */
void	held_mail_begin(int64_t now);
void	held_mail_free(void);

/* e is held, and seen; not twice.  Out of memory: it stands in no line. */
void	held_mail_add(const struct trace_entry *e);

/* It may go, or has gone. */
void	held_mail_remove(const struct trace_entry *e);

/* How many there are, and since when the oldest is held (ms; 0: none). */
void	held_mail_stats(size_t *n_r, int64_t *oldest_r);

/* Messages that the counter key of a policy holds; 0 if nobody lets them go. */
size_t	held_mail_waiting(const char *policy, const char *key, int64_t now);

/*
 * Root looks: each message that he sees is added, then those held before
 * `before` that were not have gone without us; each is told, under a lock.
 */
typedef void held_mail_gone_fn(void *arg, const char *queue_id, int64_t when);
void	held_mail_look(int64_t now);
void	held_mail_sweep(int64_t before, held_mail_gone_fn *gone, void *arg);

/*
 * May one more message leave by that smarthost now, if at most rate do in a
 * minute (0: as many as like)?  0 and it is counted, or when it may (ms).
 */
int64_t	held_mail_pace(const char *smarthost, unsigned rate, int64_t now);

#endif
