/*
 * replay_suggest.c - limits that would have suited the mail of a log.
 *
 * Of each sender and day the largest use of a rolling window that ended on
 * that day; of all these sender-days the 99.9th percentile, a quarter more,
 * rounded up to a step of 1, 2, 5.  Senders far beyond the others are set
 * apart first: a newsletter would speak for everybody.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "print.h"
#include "replay.h"
#include "window.h"

#define SENDERS_MOST 20000
#define BURSTS 5
#define MEDIANS 20 /* times the median sender: bulk */
#define SWINGS 8   /* times one's own median day: bulk */

static const int64_t burst[BURSTS] = { MINUTE, 5 * MINUTE, 10 * MINUTE,
	30 * MINUTE, HOUR };
static const char *const burst_names[BURSTS] = { "1m", "5m", "10m", "30m",
	"1h" };

enum { MESSAGES, RECIPIENTS, FIRST_BURST, MEASURES = FIRST_BURST + BURSTS };

/* The largest of each measure on one day of one sender. */
struct sender_day {
	int64_t day;
	uint64_t most[MEASURES];
};

struct sender {
	char *who;
	struct window window[MEASURES];
	struct sender_day *day;
	size_t ndays, capacity;
	uint64_t rcpts; /* the most in one message */
	bool bulk;
};

struct replay_suggest {
	const struct config *conf;
	struct sender **sender; /* by name */
	size_t n;
};

struct replay_suggest *
replay_suggest_new(const struct config *conf)
{
	struct replay_suggest *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->conf = conf;
	s->sender = calloc(SENDERS_MOST, sizeof(struct sender *));
	if (s->sender == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

/* suggest_place - where who is or belongs; *found_r says which */
static size_t
suggest_place(const struct replay_suggest *s, const char *who, bool *found_r)
{
	size_t low = 0, high = s->n;

	*found_r = false;
	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int c = strcmp(s->sender[mid]->who, who);

		if (c == 0)
			*found_r = true;
		if (c < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct sender *
suggest_find_or_add(struct replay_suggest *s, const char *who)
{
	static const struct window_spec day = { .length = DAY };
	bool found;
	const size_t at = suggest_place(s, who, &found);
	struct sender *x;

	if (found)
		return s->sender[at];
	if (s->n == SENDERS_MOST || (x = calloc(1, sizeof(*x))) == NULL)
		return NULL;
	x->who = strdup(who);
	window_init(&x->window[MESSAGES], &day);
	window_init(&x->window[RECIPIENTS], &day);
	for (size_t i = 0; i < BURSTS; i++) {
		const struct window_spec spec = { .length = burst[i] };

		window_init(&x->window[FIRST_BURST + i], &spec);
	}
	memmove(&s->sender[at + 1], &s->sender[at],
	    (s->n - at) * sizeof(struct sender *));
	s->sender[at] = x;
	s->n++;
	return x;
}

static struct sender_day *
suggest_day_of(struct sender *x, int64_t day)
{
	struct sender_day *more;

	if (x->ndays > 0 && x->day[x->ndays - 1].day == day)
		return &x->day[x->ndays - 1];
	if (x->ndays == x->capacity) {
		more = realloc(x->day, (x->capacity * 2 + 8) * sizeof(*more));
		if (more == NULL)
			return NULL;
		x->day = more;
		x->capacity = x->capacity * 2 + 8;
	}
	x->day[x->ndays] = (struct sender_day){ .day = day };
	return &x->day[x->ndays++];
}

void
replay_suggest_message(
    struct replay_suggest *s, const struct replay_message *m, const char *who)
{
	struct sender *x = suggest_find_or_add(s, who);
	const uint64_t rcpts = m->n > 0 ? m->n : m->nrcpt;
	const int64_t local =
	    m->when + zone_offset(s->conf->zone, m->when) * (int64_t)SECOND;
	struct sender_day *d =
	    x == NULL ? NULL : suggest_day_of(x, local / DAY);

	if (d == NULL || m->sender[0] == '\0')
		return;
	if (rcpts > x->rcpts)
		x->rcpts = rcpts;
	for (size_t i = 0; i < MEASURES; i++) {
		uint64_t used;

		window_add(&x->window[i], i == RECIPIENTS ? rcpts : 1, m->when,
		    s->conf->zone);
		used = window_used(&x->window[i], m->when);
		if (used > d->most[i])
			d->most[i] = used;
	}
}

/* --- statistics ---------------------------------------------------------- */

static int
ascending(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* median_of - of a sender's days */
static uint64_t
median_of(const struct sender *x, uint64_t *most_r)
{
	uint64_t *v = calloc(x->ndays + 1, sizeof(*v)), median;

	*most_r = 0;
	if (v == NULL)
		return 0;
	for (size_t i = 0; i < x->ndays; i++) {
		v[i] = x->day[i].most[MESSAGES];
		if (v[i] > *most_r)
			*most_r = v[i];
	}
	qsort(v, x->ndays, sizeof(*v), ascending);
	median = x->ndays > 0 ? v[x->ndays / 2] : 0;
	free(v);
	return median;
}

/* set_apart - those who send in bulk; how many */
static size_t
set_apart(struct replay_suggest *s)
{
	uint64_t *medians = calloc(s->n + 1, sizeof(*medians)), most, typical;
	size_t bulk = 0;

	if (medians == NULL)
		return 0;
	for (size_t i = 0; i < s->n; i++)
		medians[i] = median_of(s->sender[i], &most);
	qsort(medians, s->n, sizeof(*medians), ascending);
	typical = s->n > 0 ? medians[s->n / 2] : 0;
	free(medians);
	for (size_t i = 0; i < s->n; i++) {
		struct sender *x = s->sender[i];
		const uint64_t own = median_of(x, &most);

		/* A swing of few messages is nothing. */
		x->bulk = own > MEDIANS * (typical > 0 ? typical : 1) ||
			  (most > SWINGS * own && most > MEDIANS * typical);
		bulk += x->bulk;
	}
	return bulk;
}

/* percentile - the 99.9th of all ordinary sender-days; the largest below 1000
 */
static uint64_t
percentile(const struct replay_suggest *s, size_t measure, size_t *n_r)
{
	uint64_t *v, value;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->sender[i]->bulk ? 0 : s->sender[i]->ndays;
	*n_r = n;
	v = calloc(n + 1, sizeof(*v));
	if (v == NULL || n == 0) {
		free(v);
		return 0;
	}
	n = 0;
	for (size_t i = 0; i < s->n; i++)
		for (size_t d = 0;
		     !s->sender[i]->bulk && d < s->sender[i]->ndays; d++)
			v[n++] = s->sender[i]->day[d].most[measure];
	qsort(v, n, sizeof(*v), ascending);
	value = n < 1000 ? v[n - 1] : v[(n * 999 + 999) / 1000 - 1];
	free(v);
	return value;
}

/* rounded - a quarter more, up to the next 1, 2 or 5 of its second digit */
static uint64_t
rounded(uint64_t n)
{
	static const uint64_t steps[] = { 1, 2, 5 };
	uint64_t wanted = (n * 5 + 3) / 4, power = 1;

	if (wanted < 5)
		return 5;
	while (power * 100 <= wanted)
		power *= 10;
	for (size_t i = 0; i < 3; i++) {
		const uint64_t step = steps[i] * power;

		if (step * 10 >= wanted)
			return (wanted + step - 1) / step * step;
	}
	return wanted;
}

/* burst_of - the shortest window that ordinary mail fits in three times */
static size_t
burst_of(const struct replay_suggest *s, uint64_t day, uint64_t *limit_r)
{
	size_t n;

	for (size_t i = 0; i < BURSTS; i++) {
		*limit_r = rounded(percentile(s, FIRST_BURST + i, &n));
		if (*limit_r * 3 <= day || i == BURSTS - 1)
			return i;
	}
	return BURSTS - 1;
}

static json_t *
bulk_of(const struct replay_suggest *s)
{
	json_t *list = json_array();

	for (size_t i = 0; i < s->n; i++)
		if (s->sender[i]->bulk) {
			json_t *name = json_string(s->sender[i]->who);

			json_array_append_new(
			    list, name != NULL ? name : json_string("?"));
		}
	return list;
}

json_t *
replay_suggest_end(struct replay_suggest **sp)
{
	struct replay_suggest *s = *sp;
	const size_t bulk = set_apart(s);
	size_t days, n;
	const uint64_t messages = percentile(s, MESSAGES, &days);
	const uint64_t rcpts = percentile(s, RECIPIENTS, &n);
	const uint64_t day = rounded(messages);
	uint64_t burst_limit, most = 0;
	const size_t at = burst_of(s, day, &burst_limit);
	json_t *answer;

	for (size_t i = 0; i < s->n; i++)
		if (!s->sender[i]->bulk && s->sender[i]->rcpts > most)
			most = s->sender[i]->rcpts;
	answer = json_pack("{s:I, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:I}",
	    "ordinary", (json_int_t)(s->n - bulk), "sender_days",
	    (json_int_t)days, "bulk", bulk_of(s), "messages_seen",
	    (json_int_t)messages, "messages", (json_int_t)day,
	    "recipients_seen", (json_int_t)rcpts, "recipients",
	    (json_int_t)rounded(rcpts), "burst", (json_int_t)burst_limit,
	    "burst_window", burst_names[at], "recipients_per_message",
	    (json_int_t)rounded(most));
	*sp = NULL;
	for (size_t i = 0; i < s->n; i++) {
		free(s->sender[i]->who);
		free(s->sender[i]->day);
		free(s->sender[i]);
	}
	free(s->sender);
	free(s);
	return answer;
}

void
replay_suggest_text(const struct screen *sc, const json_t *a)
{
	const json_t *bulk = json_object_get(a, "bulk"), *name;
	size_t i;

	fprintf(sc->out,
	    "Suggested, from %lld ordinary senders on %lld days of theirs%s\n",
	    obj_num(a, "ordinary"), obj_num(a, "sender_days"),
	    obj_num(a, "sender_days") < 1000
		? " (fewer than 1000: the largest, not a percentile)"
		: "");
	fprintf(sc->out,
	    "  policy \"staff\" { messages = {\"%lld/24h\", \"%lld/%s\"} recipients = {\"%lld/24h\"} recipients-per-message = %lld }\n",
	    obj_num(a, "messages"), obj_num(a, "burst"),
	    obj_str(a, "burst_window"), obj_num(a, "recipients"),
	    obj_num(a, "recipients_per_message"));
	json_array_foreach (bulk, i, name)
		fprintf(sc->out, "%s%s",
		    i == 0
			? "  set apart as bulk, each wants a rule of its own: "
			: ", ",
		    json_string_value(name));
	if (json_array_size(bulk) > 0)
		fputc('\n', sc->out);
}
