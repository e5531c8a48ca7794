/*
 * replay_join.c - from lines to messages.
 *
 * A hash table of live queue ids and a queue of messages in the order in which
 * they were queued.  One is handed over when each of its recipients has been
 * seen, or after two minutes of the log's time: so memory holds what arrives
 * in two minutes, however long the log.  Of a message that was handed over the
 * id is kept, for the queue manager names it again at each retry, until it is
 * removed: ids are reused.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "replay.h"

#define LIVE_MOST 200000
#define BUCKETS 65536
#define PATIENCE (2 * MINUTE) /* for outcomes of a message's recipients */
/* A content filter's copy is known as such when its first pass is done. */
#define LEAST (5 * SECOND)
#define AUTHS 1024 /* logins of Sendmail that wait for their message */

struct live {
	struct live *next_in_bucket;
	struct live *next, *prev; /* of its list */
	struct list *list;        /* NULL: not queued yet */
	char id[32];
	struct replay_message m;
	bool copy; /* of a content filter, not counted again */
	bool gone;
	size_t capacity;
};

struct list {
	struct live *first, *last;
};

struct replay_join {
	replay_message_fn *each;
	void *arg;
	struct live *bucket[BUCKETS];
	struct list waiting; /* queued, the oldest first */
	struct list done;    /* handed over, not removed yet */
	size_t nlive;
	uint64_t dropped;
	int64_t now;
	/* Sendmail tells a login without an id: by the relay's words. */
	struct {
		char relay[128], login[MAILADDR_MAX + 1];
	} auth[AUTHS];
	size_t nauth;
};

static void
copy_span(char *dst, size_t size, struct bytes b)
{
	const size_t n = b.len < size - 1 ? b.len : size - 1;

	if (n > 0)
		memcpy(dst, b.p, n);
	dst[n] = '\0';
}

static size_t
hash(struct bytes id)
{
	size_t h = 5381;

	for (size_t i = 0; i < id.len; i++)
		h = h * 33 + (unsigned char)id.p[i];
	return h % BUCKETS;
}

static struct live *
join_find(const struct replay_join *j, struct bytes id)
{
	struct live *l = j->bucket[hash(id)];

	while (l != NULL &&
	       (strlen(l->id) != id.len || memcmp(l->id, id.p, id.len) != 0))
		l = l->next_in_bucket;
	return l;
}

static void
enlist(struct list *list, struct live *l)
{
	l->list = list;
	l->next = NULL;
	l->prev = list->last;
	if (list->last != NULL)
		list->last->next = l;
	else
		list->first = l;
	list->last = l;
}

static void
join_unlist(struct live *l)
{
	struct list *list = l->list;

	if (list == NULL)
		return;
	if (l->prev != NULL)
		l->prev->next = l->next;
	else
		list->first = l->next;
	if (l->next != NULL)
		l->next->prev = l->prev;
	else
		list->last = l->prev;
	l->list = NULL;
}

static void
free_rcpts(struct live *l)
{
	for (size_t i = 0; i < l->m.n; i++)
		free(l->m.rcpt[i]);
	free(l->m.rcpt);
	l->m.rcpt = NULL;
	l->m.n = l->capacity = 0;
}

static void
join_forget(struct replay_join *j, struct live *l)
{
	const struct bytes id = { l->id, strlen(l->id) };
	struct live **at = &j->bucket[hash(id)];

	while (*at != l)
		at = &(*at)->next_in_bucket;
	*at = l->next_in_bucket;
	join_unlist(l);
	free_rcpts(l);
	free(l);
	j->nlive--;
}

static struct live *
join_find_or_add(struct replay_join *j, struct bytes id)
{
	struct live *l = join_find(j, id), **bucket;

	if (l != NULL || id.len >= sizeof(l->id))
		return l;
	if (j->nlive == LIVE_MOST) {
		j->dropped++;
		if (j->done.first == NULL)
			return NULL;
		join_forget(j, j->done.first);
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	bucket = &j->bucket[hash(id)];
	copy_span(l->id, sizeof(l->id), id);
	l->next_in_bucket = *bucket;
	*bucket = l;
	j->nlive++;
	return l;
}

static bool
is_complete(const struct replay_join *j, const struct live *l)
{
	const int64_t age = j->now - l->m.when;

	return age > PATIENCE ||
	       (age > LEAST && (l->gone || l->m.n >= l->m.nrcpt));
}

/* hand_over - the first that waits; its id stays until it is removed */
static void
hand_over(struct replay_join *j)
{
	struct live *l = j->waiting.first;

	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who is freed is unlisted */
	join_unlist(l);
	if (!l->copy)
		j->each(j->arg, &l->m);
	free_rcpts(l);
	if (l->gone)
		join_forget(j, l);
	else
		enlist(&j->done, l);
}

static void
join_advance(struct replay_join *j)
{
	while (j->waiting.first != NULL && is_complete(j, j->waiting.first))
		hand_over(j);
}

/* join_add_rcpt - a recipient as it was named at RCPT, each once */
static void
join_add_rcpt(struct live *l, struct bytes rcpt)
{
	char **more;

	for (size_t i = 0; i < l->m.n; i++)
		if (strlen(l->m.rcpt[i]) == rcpt.len &&
		    memcmp(l->m.rcpt[i], rcpt.p, rcpt.len) == 0)
			return;
	if (l->m.n == l->capacity) {
		more =
		    realloc(l->m.rcpt, (l->capacity * 2 + 4) * sizeof(char *));
		if (more == NULL)
			return;
		l->m.rcpt = more;
		l->capacity = l->capacity * 2 + 4;
	}
	l->m.rcpt[l->m.n] = strndup(rcpt.p, rcpt.len);
	l->m.n += l->m.rcpt[l->m.n] != NULL;
}

/* add_list - Sendmail's "<a@b>,<c@d>" */
static void
add_list(struct live *l, struct bytes list)
{
	const char *p = list.p, *end = list.p + list.len;

	while (p < end) {
		const char *comma = memchr(p, ',', (size_t)(end - p));
		const char *stop = comma != NULL ? comma : end;

		while (p < stop && (*p == '<' || *p == ' '))
			p++;
		while (stop > p && stop[-1] == '>')
			stop--;
		if (stop > p)
			join_add_rcpt(
			    l, (struct bytes){ p, (size_t)(stop - p) });
		p = comma != NULL ? comma + 1 : end;
	}
}

/* queue_it - Postfix' queue manager has it: from now on it counts */
static void
queue_it(struct replay_join *j, struct live *l, const struct mail_event *e)
{
	if (l->list != NULL) /* each retry says so again */
		return;
	copy_span(l->m.sender, sizeof(l->m.sender), e->sender);
	l->m.bytes = e->size;
	l->m.nrcpt = e->nrcpt;
	l->m.when = j->now;
	enlist(&j->waiting, l);
}

/* join_refused - an attempt that a milter refused then: it is made again */
static void
join_refused(struct replay_join *j, const struct mail_event *e)
{
	char to[MAILADDR_MAX + 1], *rcpt[1] = { to };
	struct replay_message m = { .when = j->now, .nrcpt = 1, .n = 1 };

	copy_span(to, sizeof(to), e->to);
	m.rcpt = rcpt;
	copy_span(m.sender, sizeof(m.sender), e->sender);
	copy_span(m.client, sizeof(m.client), e->client);
	copy_span(m.login, sizeof(m.login), e->login);
	while (j->waiting.first != NULL && j->waiting.first->m.when < m.when)
		hand_over(j);
	j->each(j->arg, &m);
}

static void
note_auth(struct replay_join *j, const struct mail_event *e)
{
	const size_t i = j->nauth++ % AUTHS;

	copy_span(j->auth[i].relay, sizeof(j->auth[i].relay), e->relay);
	copy_span(j->auth[i].login, sizeof(j->auth[i].login), e->login);
}

/* login_of - the last login from that relay */
static void
login_of(
    const struct replay_join *j, struct bytes relay, char *dst, size_t size)
{
	char wanted[128];
	const size_t n = j->nauth < AUTHS ? j->nauth : AUTHS;

	copy_span(wanted, sizeof(wanted), relay);
	for (size_t k = 0; k < n; k++) {
		const size_t i = (j->nauth - 1 - k) % AUTHS;

		if (strcmp(j->auth[i].relay, wanted) != 0)
			continue;
		copy_span(dst, size,
		    (struct bytes){
			j->auth[i].login, strlen(j->auth[i].login) });
		return;
	}
}

static void
join_sendmail_from(
    struct replay_join *j, struct live *l, const struct mail_event *e)
{
	copy_span(l->m.client, sizeof(l->m.client), e->client);
	l->m.submitted = e->client.len == 0;
	login_of(j, e->relay, l->m.login, sizeof(l->m.login));
	queue_it(j, l, e);
}

void
replay_join_line(
    struct replay_join *j, const struct log_line *line, int64_t when)
{
	struct mail_event e;
	struct live *l;

	mail_event_parse(line, &e);
	j->now = when;
	join_advance(j);
	if (e.kind == MAIL_NOTHING || e.kind == MAIL_UNKNOWN)
		return;
	if (e.kind == MAIL_AUTH) {
		note_auth(j, &e);
		return;
	}
	if (e.kind == MAIL_REFUSED) {
		join_refused(j, &e);
		return;
	}
	l = e.kind == MAIL_GONE || e.kind == MAIL_TO || e.kind == MAIL_TO_LIST
		? join_find(j, e.id)
		: join_find_or_add(j, e.id);
	if (l == NULL)
		return;
	if (l->list == &j->done && e.kind != MAIL_GONE)
		return;
	switch (e.kind) {
	case MAIL_CLIENT:
		copy_span(l->m.client, sizeof(l->m.client), e.client);
		copy_span(l->m.login, sizeof(l->m.login), e.login);
		l->copy = e.refiltered;
		break;
	case MAIL_SUBMITTED:
		l->m.submitted = true;
		break;
	case MAIL_QUEUED:
		queue_it(j, l, &e);
		break;
	case MAIL_FROM:
		join_sendmail_from(j, l, &e);
		break;
	case MAIL_TO:
		join_add_rcpt(l, e.orig_to.p != NULL ? e.orig_to : e.to);
		if (e.next_id.len > 0 && (l = join_find(j, e.next_id)) != NULL)
			l->copy = true;
		break;
	case MAIL_TO_LIST:
		add_list(l, e.to);
		break;
	case MAIL_GONE:
		l->gone = true;
		if (l->list != &j->waiting)
			join_forget(j, l);
		break;
	case MAIL_NOTHING:
	case MAIL_UNKNOWN:
	case MAIL_AUTH:
	case MAIL_REFUSED:
		break;
	}
}

struct replay_join *
replay_join_new(replay_message_fn *each, void *arg)
{
	struct replay_join *j = calloc(1, sizeof(*j));

	if (j != NULL) {
		j->each = each;
		j->arg = arg;
	}
	return j;
}

uint64_t
replay_join_dropped(const struct replay_join *j)
{
	return j->dropped;
}

void
replay_join_end(struct replay_join **jp)
{
	struct replay_join *j = *jp;

	*jp = NULL;
	if (j == NULL)
		return;
	while (j->waiting.first != NULL)
		hand_over(j);
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct live *l = j->bucket[i], *next; l != NULL;
		     l = next) {
			next = l->next_in_bucket;
			free_rcpts(l);
			free(l);
		}
	free(j);
}
