/*
 * test_html.c - no text becomes markup, and no form is read in two ways.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "html.h"
#include "random.h"
#include "web/form.h"

static struct html h;

static int
begin(void **state)
{
	(void)state;
	h = HTML_EMPTY;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	html_free(&h);
	return 0;
}

static void
text_stays_text_in_content_and_in_an_attribute(void **state)
{
	html(&h, "<a title=\"%s\">%s</a>", "\"><img onerror='x'>", "<b>&</b>");
	assert_string_equal(h.p,
	    "<a title=\"&quot;&gt;&lt;img onerror=&#39;x&#39;&gt;\">&lt;b&gt;&amp;&lt;/b&gt;</a>");
}

static void
what_turns_text_around_is_shown_as_bytes(void **state)
{
	html(&h, "%s",
	    "a\xe2\x80\xae"
	    "b\x1b\xff\xc3\xa9");
	assert_string_equal(h.p, "a\\xe2\\x80\\xaeb\\x1b\\xff\xc3\xa9");
}

static void
no_random_text_closes_a_quote_or_opens_a_tag(void **state)
{
	uint64_t seed = random_seed("html", 1);
	const size_t rounds = random_rounds(2000);
	char text[64];

	for (size_t round = 0; round < rounds; round++) {
		size_t n = random_below(&seed, sizeof(text) - 1);

		for (size_t i = 0; i < n; i++)
			text[i] = (char)(1 + random_below(&seed, 255));
		text[n] = '\0';
		h.len = 0;
		html(&h, "%s|", text);
		assert_false(h.failed);
		assert_ptr_equal(strpbrk(h.p, "<>\"'"), NULL);
		for (const char *p = h.p; *p != '\0'; p++)
			assert_true((unsigned char)*p >= 0x20);
	}
}

static void
a_query_has_no_sign_that_means_something(void **state)
{
	html_query(&h, "a b&c=d#\"\xc3\xa9");
	assert_string_equal(h.p, "a%20b%26c%3Dd%23%22%C3%A9");
}

static void
numbers_come_in_groups_of_three(void **state)
{
	html_number(&h, 1234567);
	html(&h, " %d %lld %% ", -5, 12LL);
	html_number(&h, -123);
	assert_string_equal(h.p, "1\xe2\x80\xaf"
				 "234\xe2\x80\xaf"
				 "567 -5 12 % -123");
}

/* --- forms --------------------------------------------------------------- */

static int
parse(struct form *f, const char *text)
{
	return form_parse(text, strlen(text), f);
}

static void
a_form_is_names_and_decoded_values(void **state)
{
	struct form f;

	assert_int_equal(
	    parse(&f, "who=a%40b.example&why=spring+letter&x&&y="), 0);
	assert_string_equal(form_get(&f, "who"), "a@b.example");
	assert_string_equal(form_get(&f, "why"), "spring letter");
	assert_string_equal(form_get(&f, "x"), "");
	assert_string_equal(form_get(&f, "y"), "");
	assert_null(form_get(&f, "z"));
	assert_int_equal(parse(&f, ""), 0);
}

static void
a_form_that_could_mean_two_things_is_none(void **state)
{
	static const char *const wrong[] = { "a=1&a=2", "a=1&%61=2", "a=%",
		"a=%4", "a=%zz", "a=%00", "%00=a", "a=%ff", "a=%c3", "&a=1&a" };
	struct form f;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (parse(&f, wrong[i]) != -1)
			fail_msg("%s", wrong[i]);
		assert_int_equal(f.n, 0);
	}
	assert_int_equal(form_parse("a=\0b", 4, &f), -1);
}

static void
a_form_has_an_end(void **state)
{
	char text[FORM_BYTES + 1];
	struct form f;

	memset(text, 'a', sizeof(text));
	assert_int_equal(form_parse(text, FORM_BYTES, &f), 0);
	assert_int_equal(form_parse(text, FORM_BYTES + 1, &f), -1);
	assert_int_equal(parse(&f, "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p"), 0);
	assert_int_equal(parse(&f, "a&b&c&d&e&f&g&h&i&j&k&l&m&n&o&p&q"), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(text_stays_text_in_content_and_in_an_attribute),
		TEST(what_turns_text_around_is_shown_as_bytes),
		TEST(no_random_text_closes_a_quote_or_opens_a_tag),
		TEST(a_query_has_no_sign_that_means_something),
		TEST(numbers_come_in_groups_of_three),
		TEST(a_form_is_names_and_decoded_values),
		TEST(a_form_that_could_mean_two_things_is_none),
		TEST(a_form_has_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
