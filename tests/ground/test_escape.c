/*
 * test_escape.c - no byte gets through that could forge a line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <stdio.h>

#include "escape.h"
#include "random.h"

static void
plain_text_stays_as_it_is(void **state)
{
	char dst[64];

	assert_string_equal(
	    escape_str(dst, sizeof(dst), "al@x.test ~!"), "al@x.test ~!");
	assert_string_equal(escape_str(dst, sizeof(dst), ""), "");
	assert_string_equal(escape_str(dst, sizeof(dst), NULL), "");
	assert_string_equal(escape(dst, sizeof(dst), NULL, 0), "");
	assert_ptr_equal(escape_str(dst, sizeof(dst), "a"), dst);
}

static void
odd_bytes_become_hex(void **state)
{
	char dst[64];

	assert_string_equal(escape(dst, sizeof(dst), "a\n\r\0\x1b\x7f\xff", 7),
	    "a\\x0a\\x0d\\x00\\x1b\\x7f\\xff");
	assert_string_equal(escape_str(dst, sizeof(dst), "\"\\"), "\\x22\\x5c");
}

static void
what_does_not_fit_ends_in_dots(void **state)
{
	char dst[64];

	assert_string_equal(escape_str(dst, 4, "abc"), "abc");
	assert_string_equal(escape_str(dst, 4, "abcd"), "...");
	assert_string_equal(escape_str(dst, 8, "abcdefg"), "abcdefg");
	assert_string_equal(escape_str(dst, 8, "abcdefgh"), "abcd...");
	assert_string_equal(escape_str(dst, 8, "abc\n"), "abc\\x0a");
	assert_string_equal(escape_str(dst, 8, "abcd\n"), "abcd...");
	assert_string_equal(escape_str(dst, 8, "\n\n"), "\\x0a...");
	assert_string_equal(escape_str(dst, 4, "\n"), "...");
	assert_string_equal(escape_str(dst, 5, "\n"), "\\x0a");
}

/* The naive way: all of it, then the longest whole part that leaves room. */
static void
naive(char *dst, size_t size, const char *src, size_t len)
{
	char whole[4 * 64 + 1];
	size_t start[64 + 1], n = 0;

	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)src[i];

		start[i] = n;
		if (c < ' ' || c > '~' || c == '"' || c == '\\')
			n += (size_t)snprintf(whole + n, 5, "\\x%02x", c);
		else
			whole[n++] = (char)c;
	}
	start[len] = n;
	whole[n] = '\0';
	if (n >= size) {
		n = 0;
		for (size_t i = 0; i <= len; i++)
			if (start[i] + 4 <= size)
				n = start[i];
		memcpy(whole + n, "...", 4);
	}
	memcpy(dst, whole, strlen(whole) + 1);
}

static void
any_bytes_in_any_room_agree_with_the_naive_way(void **state)
{
	uint64_t seed = random_seed("escape", 1);

	for (size_t n = random_rounds(200000); n > 0; n--) {
		char src[40], dst[200], want[300];
		size_t len = random_below(&seed, sizeof(src));
		size_t size = 4 + random_below(&seed, 170);

		for (size_t i = 0; i < len; i++)
			src[i] = random_percent(&seed, 50)
				     ? 'a'
				     : (char)random_next(&seed);
		memset(dst, '#', sizeof(dst));
		escape(dst, size, src, len);
		naive(want, size, src, len);
		assert_string_equal(dst, want);
		assert_int_equal(dst[size], '#');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_text_stays_as_it_is),
		cmocka_unit_test(odd_bytes_become_hex),
		cmocka_unit_test(what_does_not_fit_ends_in_dots),
		cmocka_unit_test(
		    any_bytes_in_any_room_agree_with_the_naive_way),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
