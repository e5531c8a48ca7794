/*
 * test_timezone.c - days as an office lives them, also on the odd ones.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "clock.h"
#include "random.h"
#include "timezone.h"

static struct zone *
zone(const char *name)
{
	struct why why;
	struct zone *z = zone_load(name, &why);

	assert_non_null(z);
	return z;
}

/* A time in UTC. */
static int64_t
utc(int year, int month, int day, int hour, int minute)
{
	struct tm tm = { .tm_year = year - 1900,
		.tm_mon = month - 1,
		.tm_mday = day,
		.tm_hour = hour,
		.tm_min = minute };

	return (int64_t)timegm(&tm) * SECOND;
}

static void
expect(const struct zone *z, enum period period, int64_t now, int64_t start,
    int64_t end)
{
	int64_t s, e;

	zone_period(z, period, now, &s, &e);
	assert_int_equal(s, start);
	assert_int_equal(e, end);
}

/* From start to end, both ends tried. */
static void
expect_whole(
    const struct zone *z, enum period period, int64_t start, int64_t end)
{
	expect(z, period, start, start, end);
	expect(z, period, end - 1, start, end);
}

static void
berlin_has_days_of_23_and_25_hours(void **state)
{
	struct zone *z = zone("Europe/Berlin");

	expect_whole(
	    z, PERIOD_DAY, utc(2026, 3, 28, 23, 0), utc(2026, 3, 29, 22, 0));
	expect_whole(
	    z, PERIOD_DAY, utc(2026, 10, 24, 22, 0), utc(2026, 10, 25, 23, 0));
	/* The hour from 2 to 3 does not exist in March, and is two in October.
	 */
	expect_whole(
	    z, PERIOD_HOUR, utc(2026, 3, 29, 1, 0), utc(2026, 3, 29, 2, 0));
	expect_whole(
	    z, PERIOD_HOUR, utc(2026, 10, 25, 0, 0), utc(2026, 10, 25, 2, 0));
	assert_int_equal(zone_offset(z, utc(2026, 3, 29, 1, 0) - 1), 3600);
	assert_int_equal(zone_offset(z, utc(2026, 3, 29, 1, 0)), 7200);
	zone_free(&z);
}

static void
lord_howe_moves_by_half_an_hour(void **state)
{
	struct zone *z = zone("Australia/Lord_Howe");

	/* 2026-04-05: +11:00 to +10:30 at 02:00 */
	expect_whole(
	    z, PERIOD_DAY, utc(2026, 4, 4, 13, 0), utc(2026, 4, 5, 13, 30));
	expect_whole(
	    z, PERIOD_HOUR, utc(2026, 4, 4, 14, 0), utc(2026, 4, 4, 15, 30));
	/* 2026-10-04: +10:30 to +11:00 at 02:00 */
	expect_whole(
	    z, PERIOD_DAY, utc(2026, 10, 3, 13, 30), utc(2026, 10, 4, 13, 0));
	expect_whole(
	    z, PERIOD_HOUR, utc(2026, 10, 3, 15, 30), utc(2026, 10, 3, 16, 0));
	zone_free(&z);
}

static void
apia_skipped_a_day(void **state)
{
	struct zone *z = zone("Pacific/Apia");
	struct tm tm;

	/* The 29th ends where the 31st begins: 10:00 UTC on the 30th. */
	expect_whole(
	    z, PERIOD_DAY, utc(2011, 12, 29, 10, 0), utc(2011, 12, 30, 10, 0));
	expect_whole(
	    z, PERIOD_DAY, utc(2011, 12, 30, 10, 0), utc(2011, 12, 31, 10, 0));
	expect_whole(
	    z, PERIOD_WEEK, utc(2011, 12, 26, 10, 0), utc(2012, 1, 1, 10, 0));
	expect_whole(
	    z, PERIOD_MONTH, utc(2011, 12, 1, 10, 0), utc(2011, 12, 31, 10, 0));
	zone_localtime(z, utc(2011, 12, 30, 10, 0), &tm);
	assert_int_equal(tm.tm_mday, 31);
	assert_int_equal(tm.tm_hour, 0);
	assert_int_equal(tm.tm_gmtoff, 14 * 3600);
	zone_free(&z);
}

/* St John's went from 00:01 back to 23:01 of the day before, until 2011. */
static void
a_midnight_seen_twice_opens_one_day(void **state)
{
	struct zone *z = zone("America/St_Johns");

	expect_whole(
	    z, PERIOD_DAY, utc(2010, 11, 6, 2, 30), utc(2010, 11, 7, 2, 30));
	expect_whole(
	    z, PERIOD_DAY, utc(2010, 11, 7, 2, 30), utc(2010, 11, 8, 3, 30));
	expect(z, PERIOD_DAY, utc(2010, 11, 7, 2, 31), utc(2010, 11, 7, 2, 30),
	    utc(2010, 11, 8, 3, 30));
	expect_whole(
	    z, PERIOD_DAY, utc(2010, 3, 14, 3, 30), utc(2010, 3, 15, 2, 30));
	zone_free(&z);
}

static void
weeks_and_months_know_leap_days_and_new_year(void **state)
{
	struct zone *z = zone("Europe/Kyiv");

	expect_whole(
	    z, PERIOD_DAY, utc(2028, 2, 28, 22, 0), utc(2028, 2, 29, 22, 0));
	expect_whole(
	    z, PERIOD_MONTH, utc(2028, 1, 31, 22, 0), utc(2028, 2, 29, 22, 0));
	expect_whole(
	    z, PERIOD_MONTH, utc(2027, 1, 31, 22, 0), utc(2027, 2, 28, 22, 0));
	expect_whole(z, PERIOD_MONTH, utc(2026, 11, 30, 22, 0),
	    utc(2026, 12, 31, 22, 0));
	expect_whole(
	    z, PERIOD_MONTH, utc(2026, 2, 28, 22, 0), utc(2026, 3, 31, 21, 0));
	expect_whole(
	    z, PERIOD_WEEK, utc(2026, 12, 27, 22, 0), utc(2027, 1, 3, 22, 0));
	expect_whole(
	    z, PERIOD_WEEK, utc(2026, 3, 22, 22, 0), utc(2026, 3, 29, 21, 0));
	zone_free(&z);
}

static const char *const names[] = { "UTC", "Europe/Kyiv", "Europe/Dublin",
	"America/New_York", "America/St_Johns", "Australia/Lord_Howe",
	"Pacific/Apia", "Pacific/Kwajalein", "Africa/Casablanca",
	"Africa/Cairo", "Asia/Kathmandu", "America/Havana", "Asia/Gaza",
	"Antarctica/Troll" };
#define NAMES (sizeof(names) / sizeof(names[0]))

static void
periods_tile_time_without_gaps(void **state)
{
	uint64_t rnd = random_seed("tiles", 31);
	size_t rounds = random_rounds(200000);

	for (size_t n = 0; n < NAMES; n++) {
		struct zone *z = zone(names[n]);

		for (size_t i = 0; i < rounds / NAMES; i++) {
			int64_t now = (int64_t)random_below(
			    &rnd, 140 * 365 * (uint64_t)DAY);
			enum period p = (enum period)random_below(&rnd, 4);
			int64_t start, end, s, e;

			if (random_percent(&rnd, 5))
				now = -now;
			zone_period(z, p, now, &start, &end);
			assert_true(start <= now && now < end);
			zone_period(z, p, end, &s, &e);
			assert_int_equal(s, end);
			zone_period(z, p, start - 1, &s, &e);
			assert_int_equal(e, start);
			zone_period(z, p, start, &s, &e);
			assert_int_equal(s, start);
			assert_int_equal(e, end);
		}
		zone_free(&z);
	}
}

/* A number that grows with each period of a local time. */
static int64_t
period_number(enum period period, int64_t local)
{
	time_t t = (time_t)local;
	struct tm tm;

	switch (period) {
	case PERIOD_HOUR:
		return local / 3600;
	case PERIOD_DAY:
		return local / 86400;
	case PERIOD_WEEK:
		return (local / 86400 + 3) / 7;
	case PERIOD_MONTH:
		gmtime_r(&t, &tm);
		return tm.tm_year * 12 + tm.tm_mon;
	}
	return 0;
}

/* Minute by minute, with glibc's own local time and the furthest hand. */
static void
walk(const struct zone *z, int64_t from, int64_t to, enum period period)
{
	int64_t furthest = INT64_MIN, number = INT64_MIN, opened = 0;

	setenv("TZ", zone_name(z), 1);
	tzset();
	for (int64_t now = from - 32 * DAY; now < to; now += MINUTE) {
		time_t t = (time_t)(now / SECOND);
		int64_t local, start, end;
		struct tm tm;

		localtime_r(&t, &tm);
		local = t + tm.tm_gmtoff;
		if (local > furthest)
			furthest = local;
		if (period_number(period, furthest) != number) {
			number = period_number(period, furthest);
			opened = now;
		}
		if (now < from)
			continue;
		assert_int_equal(zone_offset(z, now), tm.tm_gmtoff);
		zone_period(z, period, now, &start, &end);
		assert_int_equal(start, opened);
	}
	unsetenv("TZ");
	tzset();
}

static void
a_walk_by_minutes_sees_the_same_periods(void **state)
{
	static const struct {
		const char *name;
		int year, month, day;
	} odd[] = { { "Europe/Berlin", 2026, 3, 29 },
		{ "Europe/Berlin", 2026, 10, 25 },
		{ "Australia/Lord_Howe", 2026, 4, 5 },
		{ "Australia/Lord_Howe", 2026, 10, 4 },
		{ "Pacific/Apia", 2011, 12, 30 },
		{ "Pacific/Kwajalein", 1993, 8, 21 },
		{ "America/St_Johns", 2010, 11, 7 },
		{ "America/Havana", 2026, 11, 1 },
		{ "Antarctica/Troll", 2026, 3, 29 },
		{ "Africa/Casablanca", 2026, 2, 15 },
		{ "Europe/Kyiv", 2028, 2, 29 },
		{ "America/New_York", 2080, 11, 3 } };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct zone *z = zone(odd[i].name);
		int64_t noon =
		    utc(odd[i].year, odd[i].month, odd[i].day, 12, 0);

		for (int p = PERIOD_HOUR; p <= PERIOD_MONTH; p++)
			walk(z, noon - 3 * DAY, noon + 3 * DAY, (enum period)p);
		zone_free(&z);
	}
}

static void
the_table_agrees_with_glibc_everywhere(void **state)
{
	uint64_t rnd = random_seed("offsets", 32);
	size_t rounds = random_rounds(200000);

	for (size_t n = 0; n < NAMES; n++) {
		struct zone *z = zone(names[n]);

		setenv("TZ", names[n], 1);
		tzset();
		for (size_t i = 0; i < rounds / NAMES; i++) {
			time_t t =
			    (time_t)random_below(&rnd, UINT64_C(4102444800));
			struct tm a, b;

			localtime_r(&t, &a);
			zone_localtime(z, (int64_t)t * SECOND + 999, &b);
			assert_int_equal(a.tm_gmtoff, b.tm_gmtoff);
			assert_int_equal(a.tm_year, b.tm_year);
			assert_int_equal(a.tm_yday, b.tm_yday);
			assert_int_equal(a.tm_wday, b.tm_wday);
			assert_int_equal(a.tm_hour, b.tm_hour);
			assert_int_equal(a.tm_min, b.tm_min);
			assert_int_equal(a.tm_sec, b.tm_sec);
		}
		unsetenv("TZ");
		tzset();
		zone_free(&z);
	}
}

static void
names_that_the_system_does_not_have_are_refused(void **state)
{
	static const char long_name[] =
	    "A/very/long/name/that/no/zone/of/this/world/ever/had/or/will/"
	    "have";
	static const char *const bad[] = { "", "Europe/Kiew", "Europe",
		"EST5EDT,M3.2.0,M11.1.0", "CET-1CEST", "<+03>-3", ":UTC",
		"/usr/share/zoneinfo/UTC", "../zoneinfo/UTC", "Europe/../UTC",
		"./UTC", "zone.tab", "tzdata.zi", "right/UTC", "UTC ",
		"europe/kyiv\n", long_name };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct why why = WHY_NONE;

		assert_null(zone_load(bad[i], &why));
		assert_non_null(strstr(why.text, "time zone"));
	}
}

static void
the_zone_of_the_process_stays_as_it_was(void **state)
{
	struct zone *z;
	time_t t = 0;
	struct tm tm;

	setenv("TZ", "Asia/Kathmandu", 1);
	tzset();
	z = zone("Europe/Berlin");
	assert_string_equal(zone_name(z), "Europe/Berlin");
	zone_free(&z);
	assert_null(z);
	assert_string_equal(getenv("TZ"), "Asia/Kathmandu");
	localtime_r(&t, &tm);
	assert_int_equal(tm.tm_gmtoff, 5 * 3600 + 1800);
	unsetenv("TZ");
	tzset();
	z = zone("Europe/Berlin");
	zone_free(&z);
	assert_null(getenv("TZ"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(berlin_has_days_of_23_and_25_hours),
		cmocka_unit_test(lord_howe_moves_by_half_an_hour),
		cmocka_unit_test(apia_skipped_a_day),
		cmocka_unit_test(a_midnight_seen_twice_opens_one_day),
		cmocka_unit_test(weeks_and_months_know_leap_days_and_new_year),
		cmocka_unit_test(
		    names_that_the_system_does_not_have_are_refused),
		cmocka_unit_test(the_zone_of_the_process_stays_as_it_was),
		cmocka_unit_test(periods_tile_time_without_gaps),
		cmocka_unit_test(a_walk_by_minutes_sees_the_same_periods),
		cmocka_unit_test(the_table_agrees_with_glibc_everywhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
