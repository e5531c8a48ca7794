/*
 * seen.c - a hash table of fixed size whose entries are also in a queue by
 * last use.
 *
 * Clients choose the keys, so the hash is keyed: nobody can fill one chain.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "keyed_hash.h"
#include "seen.h"

#define CHAINS 65536 /* a power of two */
#define BYTES_MAX (64u << 20)

struct entry {
	LIST_ENTRY(entry) chain;
	TAILQ_ENTRY(entry) use;
	uint64_t hash;
	char *key;
	uint8_t *bytes; /* NULL: the record is not there */
	size_t len;
	int64_t at;
};

struct seen {
	uint64_t secret[2]; /* set once */
	pthread_mutex_t lock;
	size_t bytes;                     /* guarded by lock */
	LIST_HEAD(, entry) chain[CHAINS]; /* guarded by lock */
	TAILQ_HEAD(, entry)
	uses; /* guarded by lock: the longest unused first */
};

static uint64_t
hash_of(const struct seen *s, const char *key)
{
	struct keyed_hash h;

	keyed_hash_begin(&h, s->secret);
	keyed_hash_text(&h, key);
	return keyed_hash_end(&h);
}

struct seen *
seen_new(void)
{
	struct seen *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	if (keyed_hash_secret(s->secret) == -1) {
		free(s);
		return NULL;
	}
	pthread_mutex_init(&s->lock, NULL);
	TAILQ_INIT(&s->uses);
	return s;
}

static size_t
bytes_of(const struct entry *e)
{
	return sizeof(*e) + strlen(e->key) + e->len;
}

static void
seen_forget(struct seen *s, struct entry *e)
{
	s->bytes -= bytes_of(e);
	LIST_REMOVE(e, chain);
	TAILQ_REMOVE(&s->uses, e, use);
	free(e->key);
	free(e->bytes);
	free(e);
}

void
seen_free(struct seen **sp)
{
	struct seen *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	while (!TAILQ_EMPTY(&s->uses))
		seen_forget(s, TAILQ_FIRST(&s->uses));
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static struct entry *
seen_find(struct seen *s, const char *key, uint64_t hash)
{
	struct entry *e;

	LIST_FOREACH(e, &s->chain[hash & (CHAINS - 1)], chain)
	if (e->hash == hash && strcmp(e->key, key) == 0)
		return e;
	return NULL;
}

bool
seen_get(struct seen *s, const char *key, uint8_t **bytes_r, size_t *len_r,
    int64_t *at_r)
{
	struct entry *e;

	*bytes_r = NULL;
	*len_r = 0;
	pthread_mutex_lock(&s->lock);
	e = seen_find(s, key, hash_of(s, key));
	if (e != NULL && e->len > 0 && (*bytes_r = malloc(e->len)) == NULL)
		e = NULL;
	if (e != NULL) {
		if (e->len > 0)
			memcpy(*bytes_r, e->bytes, e->len);
		*len_r = e->len;
		*at_r = e->at;
		TAILQ_REMOVE(&s->uses, e, use);
		TAILQ_INSERT_TAIL(&s->uses, e, use);
	}
	pthread_mutex_unlock(&s->lock);
	return e != NULL;
}

/* With the lock held: the entry of key, made if there is none. */
static struct entry *
entry_of(struct seen *s, const char *key)
{
	uint64_t hash = hash_of(s, key);
	struct entry *e = seen_find(s, key, hash);

	if (e != NULL || (e = calloc(1, sizeof(*e))) == NULL)
		return e;
	if ((e->key = strdup(key)) == NULL) {
		free(e);
		return NULL;
	}
	e->hash = hash;
	s->bytes += bytes_of(e);
	LIST_INSERT_HEAD(&s->chain[hash & (CHAINS - 1)], e, chain);
	TAILQ_INSERT_TAIL(&s->uses, e, use);
	return e;
}

void
seen_put(struct seen *s, const char *key, const uint8_t *bytes, size_t len,
    int64_t at)
{
	uint8_t *own = NULL;
	struct entry *e;

	pthread_mutex_lock(&s->lock);
	if ((e = entry_of(s, key)) != NULL) {
		if (len != e->len) {
			own = len > 0 ? realloc(e->bytes, len) : NULL;
			if (len == 0)
				free(e->bytes);
			if (len > 0 && own == NULL) {
				seen_forget(s, e);
				e = NULL;
			} else {
				s->bytes += len;
				s->bytes -= e->len;
				e->bytes = own;
				e->len = len;
			}
		}
	}
	if (e != NULL) {
		if (len > 0)
			memcpy(e->bytes, bytes, len);
		e->at = at;
		TAILQ_REMOVE(&s->uses, e, use);
		TAILQ_INSERT_TAIL(&s->uses, e, use);
	}
	while (s->bytes > BYTES_MAX && TAILQ_FIRST(&s->uses) != e)
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed is unlisted */
		seen_forget(s, TAILQ_FIRST(&s->uses));
	pthread_mutex_unlock(&s->lock);
}
