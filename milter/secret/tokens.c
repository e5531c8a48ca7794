/*
 * tokens.c - access tokens that the agent fetched, in locked memory until they
 * end.
 *
 * A token is handed out or it is not known why not: what is over is no token,
 * and a mail server that logs in with it would be taken for an attacker.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "secure_mem.h"
#include "tokens.h"

struct token {
	struct token *next;
	struct secure_mem mem;
	size_t len; /* 0: none was ever there */
	int64_t expires, renewed;
	struct why error;
	char name[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct token *first; /* guarded by lock, with the whole list */

static struct token *
token_of(const char *name, bool add)
{
	struct token *t = first;

	while (t != NULL && strcmp(t->name, name) != 0)
		t = t->next;
	if (t != NULL || !add)
		return t;
	t = calloc(1, sizeof(*t) + strlen(name) + 1);
	if (t == NULL)
		return NULL;
	strcpy(t->name, name);
	t->next = first;
	first = t;
	return t;
}

static bool
is_visible(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] > '~')
			return false;
	return len > 0 && len <= TOKEN_MAX;
}

int
tokens_put(const char *smarthost, const char *token, size_t len,
    int64_t expires, int64_t now, struct why *why)
{
	struct token *t;
	int rc = -1;

	if (!is_visible(token, len)) {
		why_set(why,
		    "the token is empty, longer than %d bytes, or not visible ASCII",
		    TOKEN_MAX);
		return -1;
	}
	pthread_mutex_lock(&lock);
	t = token_of(smarthost, true);
	if (t == NULL) {
		why_set(why, "out of memory");
	} else if (t->mem.p != NULL ||
		   secure_mem_new(&t->mem, TOKEN_MAX + 1, why) == 0) {
		explicit_bzero(t->mem.p, t->mem.size);
		memcpy(t->mem.p, token, len);
		t->len = len;
		t->expires = expires;
		t->renewed = now;
		t->error = WHY_NONE;
		rc = 0;
	}
	pthread_mutex_unlock(&lock);
	return rc;
}

void
tokens_failed(const char *smarthost, const char *error)
{
	struct token *t;

	pthread_mutex_lock(&lock);
	t = token_of(smarthost, true);
	if (t != NULL)
		why_set(&t->error, "%s", error);
	pthread_mutex_unlock(&lock);
}

ssize_t
tokens_get(
    const char *smarthost, char *dst, size_t size, int64_t now, struct why *why)
{
	const struct token *t;
	ssize_t len = -1;

	pthread_mutex_lock(&lock);
	t = token_of(smarthost, false);
	if (t == NULL || (t->len == 0 && t->error.text[0] == '\0')) {
		why_set(why,
		    "smarthost %s: no token yet: does postmeter-agent run?",
		    smarthost);
	} else if (t->len == 0 || t->expires - now < TOKEN_LEFT) {
		why_set(why, "smarthost %s: %s%s", smarthost,
		    t->len == 0 ? "no token" : "its token has ended",
		    t->error.text[0] != '\0' ? ", see postmeterctl status"
					     : ": does postmeter-agent run?");
	} else if (t->len >= size) {
		why_set(why, "smarthost %s: its token is too long", smarthost);
	} else {
		memcpy(dst, t->mem.p, t->len);
		dst[t->len] = '\0';
		len = (ssize_t)t->len;
	}
	pthread_mutex_unlock(&lock);
	return len;
}

bool
tokens_report(const char *smarthost, int64_t now, struct token_report *r_r)
{
	const struct token *t;

	*r_r = (struct token_report){ .there = false };
	pthread_mutex_lock(&lock);
	t = token_of(smarthost, false);
	if (t != NULL)
		*r_r = (struct token_report){
			.there = t->len > 0 && t->expires - now >= TOKEN_LEFT,
			.expires = t->expires,
			.renewed = t->renewed,
			.error = t->error
		};
	pthread_mutex_unlock(&lock);
	return t != NULL;
}

void
tokens_forget(void)
{
	struct token *t;

	pthread_mutex_lock(&lock);
	while ((t = first) != NULL) {
		first = t->next;
		secure_mem_free(&t->mem);
		free(t);
	}
	pthread_mutex_unlock(&lock);
}
