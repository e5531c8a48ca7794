/*
 * prober.c - looks at each smarthost now and then.
 *
 * One after the other, because nobody is in a hurry.  How often one that is
 * unhealthy is looked at is decided where its health is kept.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "prober.h"
#include "smtp_hello.h"

#define PATIENCE (10 * SECOND)

struct seen {
	struct seen *next;
	int64_t due, when;
	char name[];
};

struct prober {
	prober_tell_fn *tell;
	void *arg;
	struct seen *first;
};

struct prober *
prober_new(prober_tell_fn *tell, void *arg)
{
	struct prober *p = calloc(1, sizeof(*p));

	if (p != NULL)
		*p = (struct prober){ .tell = tell, .arg = arg };
	return p;
}

void
prober_free(struct prober **pp)
{
	struct prober *p = *pp;
	struct seen *s;

	*pp = NULL;
	while (p != NULL && (s = p->first) != NULL) {
		p->first = s->next;
		free(s);
	}
	free(p);
}

/* seen_of - NULL if out of memory: then it is looked at each round */
static struct seen *
seen_of(struct prober *p, const char *name)
{
	struct seen *s = p->first;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	if (s != NULL || (s = calloc(1, sizeof(*s) + strlen(name) + 1)) == NULL)
		return s;
	strcpy(s->name, name);
	s->next = p->first;
	p->first = s;
	return s;
}

static void
seen_now(struct seen *s, int64_t now, int64_t wait)
{
	s->when = now;
	s->due = now + wait;
}

/* prober_look - at one; ms until it should be looked at again */
static int64_t
prober_look(struct prober *p, const struct smarthost *sh, int64_t every)
{
	struct why why = WHY_NONE;
	const enum greeting g = smtp_hello(sh->host, sh->port, PATIENCE, &why);
	int64_t again;

	if (g == GREETING_UNKNOWN) {
		log_warn("smarthost %s could not be looked at: %s", sh->name,
		    why.text);
		return every;
	}
	again = p->tell(
	    p->arg, sh, g == GREETING_GOOD, g == GREETING_GOOD ? "" : why.text);
	return again > 0 ? again : every;
}

int64_t
prober_round(struct prober *p, const struct config *conf, int64_t now)
{
	int64_t next = NEVER;

	for (size_t i = 0; conf->probe_every > 0 && i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];
		struct seen *s = seen_of(p, sh->name);
		int64_t wait;

		/* A clock that stepped back delays nothing. */
		if (s == NULL || s->when > now || s->due <= now) {
			wait = prober_look(p, sh, conf->probe_every);
			if (s != NULL)
				seen_now(s, now, wait);
		} else {
			wait = s->due - now;
		}
		next = wait < next ? wait : next;
	}
	return next;
}
