/* test_from_header.c - the name stays, the address becomes the account's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "door/milter/from_header.h"
#include "random.h"

#define OWN "office@provider.test"

static void
becomes(const char *value, const char *expected)
{
	char got[FROM_HEADER_MAX];

	from_header_rewrite(got, sizeof(got), value, strlen(value), OWN);
	if (strcmp(got, expected) != 0)
		print_message("of: %s\n", value);
	assert_string_equal(got, expected);
}

static void
the_display_name_stays(void **state)
{
	becomes("Alice <alice@office.example>", "Alice <" OWN ">");
	becomes("Alice B. Smith <a@b>", "Alice B. Smith <" OWN ">");
	becomes("\"Smith, Alice\" <a@b>", "\"Smith, Alice\" <" OWN ">");
	becomes("\"a <b> \\\" c\" <a@b>", "\"a <b> \\\" c\" <" OWN ">");
	becomes("Alice (the \"first\", <x>) <a@b>",
	    "Alice (the \"first\", <x>) <" OWN ">");
	becomes("=?utf-8?B?w4Rubmk=?= <a@b>", "=?utf-8?B?w4Rubmk=?= <" OWN ">");
	becomes("J\xc3\xbcrgen <a@b>", "J\xc3\xbcrgen <" OWN ">");
	becomes("\t Alice\t  B <a@b> ", "Alice B <" OWN ">");
	becomes("Alice<a@b>", "Alice <" OWN ">");
}

static void
a_bare_address_has_no_name(void **state)
{
	becomes("alice@office.example", OWN);
	becomes("<alice@office.example>", OWN);
	becomes("alice@office.example (Alice)", OWN);
	becomes("", OWN);
	becomes(" \r\n ", OWN);
	becomes("\"\"", OWN);
}

static void
a_folded_name_stays_folded(void **state)
{
	becomes("=?utf-8?q?a?=\n\t=?utf-8?q?b?= <a@b>",
	    "=?utf-8?q?a?=\n =?utf-8?q?b?=\n <" OWN ">");
	becomes("Alice\r\n <a@b>", "Alice <" OWN ">");
	becomes("\"Alice\r\n  Smith\" <a@b>", "\"Alice\n Smith\"\n <" OWN ">");
}

static void
of_several_mailboxes_the_first_has_the_name(void **state)
{
	becomes("Alice <a@b>, Bob <b@b>", "Alice <" OWN ">");
	becomes("a@b, Bob <b@b>", OWN);
	becomes("Team: Alice <a@b>, Bob <b@b>;", "Team <" OWN ">");
	becomes("\"Our team\":;", "\"Our team\" <" OWN ">");
}

static void
what_could_end_a_name_early_is_quoted(void **state)
{
	becomes(
	    "alice@office.example <a@b>", "\"alice@office.example\" <" OWN ">");
	becomes("A [x] <a@b>", "\"A [x]\" <" OWN ">");
	becomes("A > B <a@b>", "\"A > B\" <" OWN ">");
	becomes("A \"b\" @c <a@b>", "\"A \\\"b\\\" @c\" <" OWN ">");
	becomes("A) <a@b>", "\"A)\" <" OWN ">");
	becomes("a\\ <a@b>", "\"a\" <" OWN ">");
}

static void
what_never_closes_is_no_name(void **state)
{
	becomes("\"Alice <a@b>", OWN);
	becomes("(Alice <a@b>", OWN);
	becomes("Alice \\<a@b>", OWN);
	becomes("Alice \"\\\" <a@b>", OWN);
	becomes("\"a\\ \" <a@b>", "\"a \" <" OWN ">");
}

static void
bytes_that_no_header_has_are_left_out(void **state)
{
	char got[FROM_HEADER_MAX];

	becomes("Al\x01ice\x7f <a@b>", "Alice <" OWN ">");
	from_header_rewrite(got, sizeof(got), "A\0b <x@y>", 9, OWN);
	assert_string_equal(got, "Ab <" OWN ">");
}

static void
a_name_too_long_is_left_out(void **state)
{
	char value[3 * FROM_HEADER_MAX];

	memset(value, 'x', sizeof(value));
	snprintf(value + 2 * FROM_HEADER_MAX, 10, " <a@b>");
	becomes(value, OWN);
	memset(value, '@', sizeof(value));
	snprintf(value + FROM_HEADER_MAX - 100, 10, " <a@b>");
	becomes("Alice <a@b>", "Alice <" OWN ">");
	memset(value, '"', FROM_HEADER_MAX - 100);
	value[0] = '@';
	becomes(value, OWN);
}

/* What comes out goes in again unchanged, whatever was there at first. */
static void
doing_it_twice_changes_nothing(void **state)
{
	static const char signs[] = "ab @<>()[]:;,\"\\\t\n\r\x01=?\xc3";
	uint64_t r = random_seed("fromline", 5);
	char value[40], once[FROM_HEADER_MAX], twice[FROM_HEADER_MAX];
	const size_t rounds = random_rounds(20000);

	for (size_t i = 0; i < rounds; i++) {
		const size_t len = random_below(&r, sizeof(value));

		for (size_t j = 0; j < len; j++)
			value[j] = signs[random_below(&r, sizeof(signs) - 1)];
		from_header_rewrite(once, sizeof(once), value, len, OWN);
		from_header_rewrite(
		    twice, sizeof(twice), once, strlen(once), OWN);
		assert_string_equal(once, twice);
		assert_non_null(strstr(once, OWN));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_display_name_stays),
		cmocka_unit_test(a_bare_address_has_no_name),
		cmocka_unit_test(a_folded_name_stays_folded),
		cmocka_unit_test(of_several_mailboxes_the_first_has_the_name),
		cmocka_unit_test(what_could_end_a_name_early_is_quoted),
		cmocka_unit_test(what_never_closes_is_no_name),
		cmocka_unit_test(bytes_that_no_header_has_are_left_out),
		cmocka_unit_test(a_name_too_long_is_left_out),
		cmocka_unit_test(doing_it_twice_changes_nothing),
	};

	return cmocka_run_group_tests_name("fromline", tests, NULL, NULL);
}
