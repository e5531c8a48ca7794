/*
 * test_netstring.c - whole, in halves, or not at all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "netstring.h"
#include "random.h"

/* take - from memory of just that size, so that a byte too far is seen */
static ssize_t
take(const char *text, size_t len, struct bytes *payload)
{
	char *exact = malloc(len > 0 ? len : 1);
	struct bytes s = { NULL, 0 };
	ssize_t used;

	assert_non_null(exact);
	memcpy(exact, text, len);
	used = netstring_take(exact, len, &s);
	if (used > 0) {
		assert_true(s.p >= exact && s.p + s.len < exact + len);
		*payload = (struct bytes){ text + (s.p - exact), s.len };
	}
	free(exact);
	return used;
}

static void
a_whole_one_is_taken_from_the_front(void **state)
{
	struct bytes s;

	assert_int_equal(take("3:abc,", 6, &s), 6);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.p, "abc", 3);
	assert_int_equal(take("3:abc,2:de,", 11, &s), 6);
	assert_int_equal(take("0:,", 3, &s), 3);
	assert_int_equal(s.len, 0);
	assert_int_equal(take("4:a,:\0,", 7, &s), 7);
	assert_memory_equal(s.p, "a,:\0", 4);
}

static void
every_part_of_one_asks_for_more(void **state)
{
	static const char whole[] = "12:transport <>,";
	struct bytes s;

	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		assert_int_equal(take(whole, n, &s), 0);
	assert_int_equal(take(whole, sizeof(whole) - 1, &s), 16);
}

static void
nonsense_is_seen_at_once(void **state)
{
	static const char *const t[] = { "x", ":", ",", "-1:a,", "+1:a,",
		" 1:a,", "01:a,", "00", "1x", "1:ab", "1:a;", "0:a", "16385",
		"99999999999999999999", "3 :abc,", "GET / HTTP/1.0\r\n" };
	struct bytes s;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_int_equal(take(t[i], strlen(t[i]), &s), -1);
}

static void
the_longest_is_taken_and_one_more_is_not(void **state)
{
	static char buf[NETSTRING_MAX + 32], payload[NETSTRING_MAX + 1];
	struct bytes s;
	size_t n;

	memset(payload, 'p', sizeof(payload));
	n = netstring_put(buf, sizeof(buf), payload, NETSTRING_MAX);
	assert_int_equal(n, NETSTRING_MAX + 7);
	assert_int_equal(take(buf, n, &s), (ssize_t)n);
	assert_int_equal(s.len, NETSTRING_MAX);
	n = netstring_put(buf, sizeof(buf), payload, NETSTRING_MAX + 1);
	assert_int_equal(take(buf, n, &s), -1);
}

static void
what_does_not_fit_is_not_written(void **state)
{
	char buf[16];

	memset(buf, '#', sizeof(buf));
	assert_int_equal(netstring_put(buf, 5, "abc", 3), 0);
	assert_int_equal(buf[0], '#');
	assert_int_equal(netstring_put(buf, 6, "abc", 3), 6);
	assert_memory_equal(buf, "3:abc,#", 7);
	assert_int_equal(netstring_put(buf, 3, NULL, 0), 3);
	assert_memory_equal(buf, "0:,", 3);
	assert_int_equal(netstring_put(buf, 0, "", 0), 0);
	assert_int_equal(netstring_put(buf, 12 + 3, "abc", 3), 6);
}

static void
what_was_put_is_taken_again(void **state)
{
	uint64_t seed = random_seed("netstring", 1);

	for (size_t n = random_rounds(100000); n > 0; n--) {
		char payload[300], buf[400];
		size_t len = random_below(&seed, sizeof(payload)), used, cut;
		struct bytes s;

		for (size_t i = 0; i < len; i++)
			payload[i] = (char)random_next(&seed);
		used = netstring_put(buf, len + 12, payload, len);
		cut = random_below(&seed, used);
		assert_int_equal(netstring_take(buf, cut, &s), 0);
		assert_int_equal(netstring_take(buf, used, &s), (ssize_t)used);
		assert_int_equal(s.len, len);
		assert_memory_equal(s.p, payload, len);
	}
}

static void
random_bytes_stay_inside_their_bounds(void **state)
{
	static const char alphabet[] = "0123456789::,,a\n";
	uint64_t seed = random_seed("netstring bytes", 2);

	for (size_t n = random_rounds(200000); n > 0; n--) {
		char buf[24];
		size_t len = random_below(&seed, sizeof(buf));
		struct bytes s;
		ssize_t used;

		for (size_t i = 0; i < len; i++)
			buf[i] = alphabet[random_below(&seed, 16)];
		used = take(buf, len, &s);
		assert_true(used >= -1 && used <= (ssize_t)len);
		if (used > 0)
			assert_int_equal(strtoul(buf, NULL, 10), s.len);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_whole_one_is_taken_from_the_front),
		cmocka_unit_test(every_part_of_one_asks_for_more),
		cmocka_unit_test(nonsense_is_seen_at_once),
		cmocka_unit_test(the_longest_is_taken_and_one_more_is_not),
		cmocka_unit_test(what_does_not_fit_is_not_written),
		cmocka_unit_test(what_was_put_is_taken_again),
		cmocka_unit_test(random_bytes_stay_inside_their_bounds),
	};

	return cmocka_run_group_tests_name("netstring", tests, NULL, NULL);
}
