/*
 * test_scanner.c - the one tokenizer of our files, and what the grammar and
 * libconfuse behind it make of what they could misread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conftext.h"
#include "scanner.h"

/* The tokens of a text, as one line: kind:line:bytes, blank between. */
static char *
tokens(const char *text)
{
	static const char *const kinds[] = { "end", "word", "str", "{", "}",
		"=", ",", "sign!", "string!", "line!", "control!", "escape!",
		"comment!" };
	char *all = NULL;
	size_t size;
	FILE *f = open_memstream(&all, &size);
	struct scanner s;
	struct token t;

	scanner_init(&s, text, strlen(text));
	do {
		t = scanner_next(&s);
		fprintf(f, "%s%s:%u:%.*s", t.p == text ? "" : " ",
		    kinds[t.kind], t.line, (int)t.len, t.p);
	} while (t.kind != TOKEN_END && t.kind < TOKEN_BAD_SIGN);
	fclose(f);
	return all;
}

static void
scans_as(const char *text, const char *want)
{
	char *got = tokens(text);

	assert_string_equal(got, want);
	free(got);
}

static void
tokens_are_spans_of_the_text_with_their_line(void **state)
{
	scans_as("a = \"b\\\"c\"\nd{e,'f\\'}",
	    "word:1:a =:1:= str:1:\"b\\\"c\" word:2:d {:2:{ word:2:e ,:2:, "
	    "str:2:'f\\' }:2:} end:2:");
	scans_as(
	    "/a/b //c\n# d\n/* e\nf */ g/h", "word:1:/a/b word:4:g/h end:4:");
	scans_as("a/*b*/c", "word:1:a word:1:c end:1:");
}

static void
what_has_no_meaning_ends_it(void **state)
{
	scans_as("a $b", "word:1:a sign!:1:");
	scans_as("a\n\"b", "word:1:a string!:2:");
	scans_as("'b\nc'", "line!:1:");
	scans_as("'b\tc'", "control!:1:");
	scans_as("\"b\\n\"", "escape!:1:");
	scans_as("\"b\\", "escape!:1:");
	scans_as("a\n/* b\n\n", "word:1:a comment!:2:");
	scans_as("a /", "word:1:a word:1:/ end:1:");
}

static void
a_bad_token_is_met_again(void **state)
{
	struct scanner s;

	scanner_init(&s, "\"x", 2);
	assert_int_equal(scanner_next(&s).kind, TOKEN_BAD_STRING);
	assert_int_equal(scanner_next(&s).kind, TOKEN_BAD_STRING);
	scanner_init(&s, "", 0);
	assert_int_equal(scanner_next(&s).kind, TOKEN_END);
	assert_int_equal(scanner_next(&s).kind, TOKEN_END);
}

static void
a_value_is_decoded_where_it_lies(void **state)
{
	char text[] = "\"a\\\\b\\\"$c\" 'd\\\"e' f";
	static const char *const want[] = { "a\\b\"$c", "d\\\"e", "f" };
	struct scanner s;

	scanner_init(&s, text, strlen(text));
	for (size_t i = 0; i < 3; i++) {
		const struct token t = scanner_next(&s);
		char *p = text + (t.p - text);
		const size_t len = token_value(&t, p);

		assert_int_equal(len, strlen(want[i]));
		assert_memory_equal(p, want[i], len);
	}
}

/* --- behind it ------------------------------------------------------------ */

static cfg_opt_t inner[] = {
	CONF_ONE("one"),
	CONF_LIST("many"),
	CFG_END(),
};

static cfg_opt_t outer[] = {
	CONF_ONE("one"),
	CONF_LIST("many"),
	CONF_SECTION("part", inner),
	CFG_END(),
};

static struct scanned_text
parsed(const char *text)
{
	struct diag m = { .file = "f", .out = stderr };
	struct scanned_text t;

	assert_int_equal(conftext_parse(&t, text, strlen(text), outer, &m), 0);
	assert_int_equal(m.n, 0);
	return t;
}

static void
a_value_reaches_the_tree_as_it_was_meant(void **state)
{
	static const char *const meant[] = { "${HOME}", "$HOME", "\\t", "\\",
		"\"", "'", "a\"b", "\\\"", "#x", "//x", "/*x*/", "\xc3\xa4", "",
		" ", "+=", "include(\"x\")", "%s", "\\x41", "\\101" };

	setenv("HOME", "/root", 1);
	for (size_t i = 0; i < sizeof(meant) / sizeof(meant[0]); i++) {
		char text[200] = "/* a\nb */ many = {";
		struct scanned_text t;
		size_t n = strlen(text);

		text[n++] = '"';
		for (const char *p = meant[i]; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				text[n++] = '\\';
			text[n++] = *p;
		}
		text[n] = '\0';
		strcat(text, "\",\n'z',}");
		t = parsed(text);
		assert_int_equal(conftext_size(t.tree, "many"), 2);
		assert_string_equal(
		    conftext_value(t.tree, "many", 0)->text, meant[i]);
		assert_int_equal(conftext_value(t.tree, "many", 0)->line, 2);
		assert_int_equal(conftext_value(t.tree, "many", 1)->line, 3);
		conftext_free(&t);
	}
}

static void
sections_of_one_title_are_both_kept(void **state)
{
	struct scanned_text t =
	    parsed("part \"a\" { one = x many = {} } part \"a\" { one = y }\n"
		   "part\n\"${b}:c\"\n{\nmany = z\n}\n");
	cfg_t *const third = cfg_getnsec(t.tree, "part", 2);

	assert_int_equal(conftext_size(t.tree, "part"), 3);
	assert_string_equal(
	    conftext_title(cfg_getnsec(t.tree, "part", 0)).text, "a");
	assert_string_equal(
	    conftext_title(cfg_getnsec(t.tree, "part", 1)).text, "a");
	assert_string_equal(conftext_title(third).text, "${b}:c");
	assert_int_equal(conftext_title(third).line, 3);
	assert_int_equal(conftext_value(third, "many", 0)->line, 5);
	assert_true(conftext_given(cfg_getnsec(t.tree, "part", 0), "many"));
	assert_false(conftext_given(cfg_getnsec(t.tree, "part", 1), "many"));
	assert_int_equal(
	    conftext_size(cfg_getnsec(t.tree, "part", 0), "many"), 0);
	assert_null(conftext_value(third, "one", 0));
	conftext_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_spans_of_the_text_with_their_line),
		cmocka_unit_test(what_has_no_meaning_ends_it),
		cmocka_unit_test(a_bad_token_is_met_again),
		cmocka_unit_test(a_value_is_decoded_where_it_lies),
		cmocka_unit_test(a_value_reaches_the_tree_as_it_was_meant),
		cmocka_unit_test(sections_of_one_title_are_both_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
