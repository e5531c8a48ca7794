/*
 * timezone.c - local time without the process's hidden state.
 *
 * glibc knows every zone but keeps one at a time, behind a lock, and takes a
 * misspelt name for UTC without a word.  We ask it once, for every change of
 * the offset in the years that matter, and refuse names that the system's
 * database does not have.
 *
 * Local time can fall back.  What opens and closes a period is therefore the
 * furthest point that local time has reached so far, which never does.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "timezone.h"

#define ZONEINFO "/usr/share/zoneinfo/"
#define NAME_MAX_LEN 64
#define SCAN_FIRST INT64_C(0)          /* 1970-01-01 */
#define SCAN_LAST INT64_C(4102444800)  /* 2100-01-01 */
#define SCAN_STEP (12 * INT64_C(3600)) /* no two changes are as near */
#define DAY_S INT64_C(86400)
#define HOUR_S INT64_C(3600)

/* An offset holds from one time to the next change.  All in seconds. */
struct stretch {
	int64_t from;
	int64_t peak; /* no local time before the next change is this late */
	int32_t offset;
};

struct zone {
	unsigned holders; /* that of kept included */
	char *name;
	size_t n, capacity;
	struct stretch *stretch; /* stretch[0] holds since ever */
};

/* --- the table ----------------------------------------------------------- */

static bool
name_is_plain(const char *name)
{
	size_t n = strspn(name,
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/");

	return n > 0 && n <= NAME_MAX_LEN && name[n] == '\0' &&
	       name[0] != '/' && strncmp(name, "right/", 6) != 0;
}

static bool
is_zone_file(const char *path)
{
	char magic[4];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	bool good;

	if (fd == -1)
		return false;
	good = read(fd, magic, sizeof(magic)) == (ssize_t)sizeof(magic) &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
	close(fd);
	return good;
}

static int32_t
offset_now(int64_t t)
{
	time_t when = (time_t)t;
	struct tm tm;

	return localtime_r(&when, &tm) == NULL ? 0 : (int32_t)tm.tm_gmtoff;
}

static int
zone_append(struct zone *z, int64_t from, int32_t offset)
{
	struct stretch *more;

	if (z->n == z->capacity) {
		size_t capacity = z->capacity == 0 ? 64 : 2 * z->capacity;

		more = reallocarray(z->stretch, capacity, sizeof(*more));
		if (more == NULL)
			return -1;
		z->stretch = more;
		z->capacity = capacity;
	}
	z->stretch[z->n++] = (struct stretch){ .from = from, .offset = offset };
	return 0;
}

/* The first second after lo, not after hi, at which offset no longer holds. */
static int64_t
change_between(int64_t lo, int64_t hi, int32_t offset)
{
	while (hi - lo > 1) {
		int64_t mid = lo + (hi - lo) / 2;

		if (offset_now(mid) == offset)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

static int
scan(struct zone *z)
{
	int64_t t = SCAN_FIRST;
	int32_t offset = offset_now(t);

	if (zone_append(z, INT64_MIN, offset) == -1)
		return -1;
	while (t < SCAN_LAST) {
		int64_t next = t + SCAN_STEP;

		if (offset_now(next) != offset) {
			next = change_between(t, next, offset);
			offset = offset_now(next);
			if (zone_append(z, next, offset) == -1)
				return -1;
		}
		t = next;
	}
	return 0;
}

static void
find_peaks(struct zone *z)
{
	int64_t peak = INT64_MIN;

	for (size_t i = 0; i + 1 < z->n; i++) {
		int64_t local = z->stretch[i + 1].from + z->stretch[i].offset;

		peak = local > peak ? local : peak;
		z->stretch[i].peak = peak;
	}
	z->stretch[z->n - 1].peak = INT64_MAX;
}

/* Runs scan with the process's TZ borrowed. */
static int
scan_as(struct zone *z, const char *path)
{
	const char *tz = getenv("TZ");
	char *kept = tz != NULL ? strdup(tz) : NULL;
	char value[sizeof(":" ZONEINFO) + NAME_MAX_LEN];
	int rc = -1;

	if (tz != NULL && kept == NULL)
		return -1;
	snprintf(value, sizeof(value), ":%s", path);
	if (setenv("TZ", value, 1) == 0) {
		tzset();
		rc = scan(z);
	}
	if (kept == NULL)
		unsetenv("TZ");
	else if (setenv("TZ", kept, 1) == -1)
		rc = -1;
	tzset();
	free(kept);
	return rc;
}

static void
destroy(struct zone *z)
{
	free(z->name);
	free(z->stretch);
	free(z);
}

/* The zone loaded last, kept for the next configuration that names it. */
static pthread_mutex_t kept_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *kept; /* guarded by kept_lock, with holders of all zones */
static bool frozen;       /* set once, before there are threads */

static struct zone *
load_new(const char *name, struct why *why)
{
	char path[sizeof(ZONEINFO) + NAME_MAX_LEN];
	struct zone *z;

	why_set(why,
	    "unknown time zone, want an IANA name such as \"Europe/Kyiv\" or \"UTC\" (is the package tzdata there?)");
	if (!name_is_plain(name))
		return NULL;
	snprintf(path, sizeof(path), ZONEINFO "%s", name);
	if (!is_zone_file(path))
		return NULL;
	why_set(why, "the time zone can only change at a restart");
	if (frozen)
		return NULL;
	why_set(why, "out of memory");
	if ((z = calloc(1, sizeof(*z))) == NULL)
		return NULL;
	z->name = strdup(name);
	if (z->name == NULL || scan_as(z, path) == -1) {
		destroy(z);
		return NULL;
	}
	find_peaks(z);
	return z;
}

static void
zone_let_go(struct zone *z)
{
	if (z != NULL && --z->holders == 0)
		destroy(z);
}

struct zone *
zone_load(const char *name, struct why *why)
{
	struct zone *z;

	pthread_mutex_lock(&kept_lock);
	if (kept != NULL && strcmp(kept->name, name) == 0) {
		z = kept;
	} else if ((z = load_new(name, why)) != NULL) {
		zone_let_go(kept);
		kept = z;
		z->holders = 1;
	}
	if (z != NULL)
		z->holders++;
	pthread_mutex_unlock(&kept_lock);
	return z;
}

void
zone_free(struct zone **zp)
{
	pthread_mutex_lock(&kept_lock);
	zone_let_go(*zp);
	pthread_mutex_unlock(&kept_lock);
	*zp = NULL;
}

void
zone_freeze(void)
{
	frozen = true;
}

const char *
zone_name(const struct zone *z)
{
	return z->name;
}

/* --- local time ---------------------------------------------------------- */

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Index of the stretch that holds at second t. */
static size_t
stretch_at(const struct zone *z, int64_t t)
{
	size_t lo = 0, hi = z->n;

	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (z->stretch[mid].from <= t)
			lo = mid;
		else
			hi = mid;
	}
	return lo;
}

int32_t
zone_offset(const struct zone *z, int64_t now)
{
	return z->stretch[stretch_at(z, floor_div(now, SECOND))].offset;
}

void
zone_localtime(const struct zone *z, int64_t now, struct tm *tm_r)
{
	int32_t offset = zone_offset(z, now);
	time_t local = (time_t)(floor_div(now, SECOND) + offset);

	if (gmtime_r(&local, tm_r) == NULL)
		memset(tm_r, 0, sizeof(*tm_r));
	tm_r->tm_gmtoff = offset;
	tm_r->tm_zone = "";
}

/* The furthest local second that was reached up to second t. */
static int64_t
reached(const struct zone *z, int64_t t)
{
	size_t i = stretch_at(z, t);
	int64_t local = t + z->stretch[i].offset;

	if (i > 0 && z->stretch[i - 1].peak > local)
		return z->stretch[i - 1].peak - 1;
	return local;
}

/* The second at which local time first was local or later. */
static int64_t
first_reached(const struct zone *z, int64_t local)
{
	size_t lo = 0, hi = z->n - 1;
	int64_t t;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (z->stretch[mid].peak > local)
			hi = mid;
		else
			lo = mid + 1;
	}
	t = local - z->stretch[lo].offset;
	return t > z->stretch[lo].from ? t : z->stretch[lo].from;
}

/* --- the calendar, in local days since 1970-01-01 ------------------------ */

/* Years begin in March here, so that the leap day is the last of its year. */
static int64_t
day_of_month_start(int64_t year, int64_t month)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t m = month <= 2 ? month + 9 : month - 3;
	int64_t era = floor_div(y, 400);
	int64_t yoe = y - era * 400;
	int64_t doy = (153 * m + 2) / 5;

	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void
month_around(int64_t day, int64_t *start_r, int64_t *end_r)
{
	time_t t = (time_t)(day * DAY_S);
	struct tm tm = { 0 };
	int64_t year, month;

	gmtime_r(&t, &tm);
	year = (int64_t)tm.tm_year + 1900;
	month = tm.tm_mon + 1;
	*start_r = day_of_month_start(year, month);
	*end_r = month == 12 ? day_of_month_start(year + 1, 1)
			     : day_of_month_start(year, month + 1);
}

/* The period around a local second, in local seconds. */
static void
period_around(
    enum period period, int64_t local, int64_t *start_r, int64_t *end_r)
{
	int64_t day = floor_div(local, DAY_S);

	switch (period) {
	case PERIOD_HOUR:
		*start_r = floor_div(local, HOUR_S) * HOUR_S;
		*end_r = *start_r + HOUR_S;
		return;
	case PERIOD_DAY:
		*start_r = day * DAY_S;
		*end_r = *start_r + DAY_S;
		return;
	case PERIOD_WEEK: /* day 0 was a Thursday */
		*start_r = (floor_div(day + 3, 7) * 7 - 3) * DAY_S;
		*end_r = *start_r + 7 * DAY_S;
		return;
	case PERIOD_MONTH:
		month_around(day, start_r, end_r);
		*start_r *= DAY_S;
		*end_r *= DAY_S;
		return;
	}
}

void
zone_period(const struct zone *z, enum period period, int64_t now,
    int64_t *start_r, int64_t *end_r)
{
	int64_t start = 0, end = 0;

	period_around(period, reached(z, floor_div(now, SECOND)), &start, &end);
	*start_r = first_reached(z, start) * SECOND;
	*end_r = first_reached(z, end) * SECOND;
}
