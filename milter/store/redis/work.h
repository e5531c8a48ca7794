/*
 * work.h - the records that some questions touch, as they were seen and as they
 * shall be.
 *
 * Questions are answered on copies, in memory; what they change is swapped
 * with one run of the script.  If the server says that a record is another one
 * by now, all is answered again on that.  One thread a work.
 */
#ifndef WORK_H
#define WORK_H

#include "call.h"

struct redis_record {
	char *key;
	uint8_t *bytes;		/* as seen: version and content; NULL: not there */
	size_t len;
	int64_t at;		/* clock_steady: when it was so; NEVER: not known */
	struct counter *counter; /* the copy in work, if it is one; else NULL */
	bool changed;		/* counter is, or fresh says what it shall be */
	uint8_t *fresh;		/* version and content; NULL: it shall go */
	size_t nfresh;
	bool told;		/* the last answer said what it is now */
};

struct redis_word {
	const void *bytes;
	size_t len;
	void *own;		/* NULL, or what is freed with the work */
};

struct redis_work {
	struct redis_store *store;
	size_t nrecord, capacity;
	struct redis_record **record;
	size_t nslot;		/* of the index: a power of two, or 0 */
	uint32_t *slot;		/* hash table by key: record + 1, 0 free */
	size_t nword, word_capacity;
	struct redis_word *word; /* commands to run with the swap */
	size_t nchange;		/* calls that changed something */
	bool writes;		/* some record shall be another one */
	int64_t top;		/* the latest time of a question that counts */
	int64_t top_clock;	/* what our clock showed then */
	int64_t clock;		/* and to the last question */
	struct redis_record *time; /* that of REDIS_TIME, if it is looked at */
};

/* All zero but store. */
void	work_begin(struct redis_work *w, struct redis_store *s);
void	work_end(struct redis_work *w);

/* Forgets what questions did; what was seen stays. */
void	work_again(struct redis_work *w);

/*
 * The record of that name, as it was last seen or, if it never was, as if it
 * were not there.  NULL: out of memory.  Good as long as the work.
 */
struct redis_record *work_record(struct redis_work *w, const char *key);

/* What comes behind the version; NULL if there is no such record. */
const char *work_content(const struct redis_record *r, size_t *len_r);

/* "{postmeter}:c:POLICY:KEY"; dst has REDIS_KEY bytes. */
const char *work_counter_key(char *dst, const char *policy, const char *key);

/*
 * The record of a counter, unpacked, in the form that it has.  STORE_NONE: it
 * was never used, r->counter is NULL.
 */
enum store_answer work_counter(struct redis_work *w,
	    const struct policy *policy, const char *key,
	    struct redis_record **r_r, struct why *why);

/* Puts it into the form of policy at now; STORE_NONE as above. */
enum store_answer work_adapt(struct redis_record *r,
	    const struct policy *policy, int64_t now, const struct zone *zone,
	    struct why *why);

/* The counter of the record is another one now. */
void	work_changed(struct redis_work *w, struct redis_record *r);

/* The record shall hold content; or shall go.  False: no memory. */
bool	work_set(struct redis_work *w, const char *key, const void *content,
	    size_t len);
bool	work_delete(struct redis_work *w, const char *key);

/* One command to run with the swap, its words copied.  False: no memory. */
bool	work_command(struct redis_work *w, size_t n,
	    const struct redis_word *words);

/*
 * The store's time: the caller's, the server's clock in mind, never before the
 * highest that the store has seen.  work_time makes it count as such.
 */
int64_t	work_now(struct redis_work *w, int64_t now);
void	work_time(struct redis_work *w, int64_t now);

/* So high a time shall be written down, however near the last.  False: no memory. */
bool	work_keep_time(struct redis_work *w, int64_t time);

enum work_outcome {
	WORK_DONE,		/* all was as seen, and is as it shall be */
	WORK_CHANGED,		/* something was not: answer again */
	WORK_WAIT		/* another daemon has its turn */
};

/* How it is asked: see script.lua. */
enum work_how { WORK_FIRST, WORK_AGAIN, WORK_AT_ONCE };

/* Nothing is to be asked of the server: done. */
void	work_alone(struct redis_work *w);

/* What shall be is packed, once before work_swap (which may be repeated). */
enum store_answer work_pack(struct redis_work *w, struct why *why);
enum store_answer work_swap(struct redis_work *w, enum work_how how,
	    int timeout, enum work_outcome *o_r, struct why *why);

/*
 * After an uncertain swap was repeated and found changes: was the first done?
 * STORE_OK, STORE_NONE (it was not), STORE_UNCERTAIN.
 */
enum store_answer work_was_done(const struct redis_work *w);

/* True if something is to be written. */
bool	work_writes(const struct redis_work *w);

#endif
