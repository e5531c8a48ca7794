/*
 * test_mailaddr.c - however it is spelt, it is the same sender.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mailaddr.h"

static const char *
canon(const char *raw)
{
	static struct mailaddr a;

	mailaddr_canon(&a, raw, strlen(raw), "+");
	return a.text;
}

/* All of these are alice@office.example; the sender can choose any. */
static const char *const alices[] = {
	"alice@office.example",
	"<alice@office.example>",
	" <alice@office.example> ",
	"ALICE@OFFICE.EXAMPLE",
	"Alice@Office.Example",
	"aLiCe@office.example",
	"alice@OFFICE.example",
	"<Alice@office.example.>",
	"alice@office.example.",
	"alice@office.example..",
	"\"alice\"@office.example",
	"\"Alice\"@office.example",
	"\"al\"ice@office.example",
	"al\"ice\"@office.example",
	"\"\"alice@office.example",
	"alice\"\"@office.example",
	"\"a\\lice\"@office.example",
	"\"\\a\\l\\i\\c\\e\"@office.example",
	"a\\lice@office.example",
	"<@relay.test:alice@office.example>",
	"<@r1.test,@r2.test:alice@office.example>",
	"<@r1.test,@r2.test:\"alice\"@office.example>",
	"@r1.test:alice@office.example",
	"< @r1.test:alice@office.example>",
	"(comment)alice@office.example",
	"alice(comment)@office.example",
	"alice@(comment)office.example",
	"alice@office.example(comment)",
	"alice@office(comment).example",
	"al(comment)ice@office.example",
	"((nested))alice@office.example",
	"(a(b(c)d)e)alice@office.example",
	"(\\))alice@office.example",
	"()alice@office.example",
	"(a)(b)alice(c)(d)@office.example",
	"(<alice@other.test>)alice@office.example",
	" alice@office.example",
	"alice@office.example ",
	"alice @office.example",
	"alice@ office.example",
	"alice @ office.example",
	"al ice@office.example",
	"alice@office . example",
	"\talice@office.example",
	"alice\t@\toffice.example",
	"alice@office.example\r\n",
	"alice+tag@office.example",
	"Alice+Tag@office.example",
	"alice+@office.example",
	"alice+a+b@office.example",
	"alice++@office.example",
	"\"alice+tag\"@office.example",
	"\"alice\"+tag@office.example",
	"\"alice+a b@c\"@office.example",
	"alice+(comment)tag@office.example",
	"alice(comment)+tag@office.example",
	"<@r.test:\"A\\lice\"+x (c) @ OFFICE.Example. >",
	"alice+\xff@office.example",
	"alice+\xc3\xbc@office.example",
	"\"alice\\+tag\"@office.example",
	"alice\\+tag@office.example",
	"<alice@office.example",
	"ali\"c\"e@office.example",
	"alice@\"office\".example",
	"alice@\"office.example\"",
};

static void
every_spelling_of_one_sender_is_one_key(void **state)
{
	assert_true(sizeof(alices) / sizeof(alices[0]) >= 60);
	for (size_t i = 0; i < sizeof(alices) / sizeof(alices[0]); i++)
		assert_string_equal(canon(alices[i]), "alice@office.example");
}

static void
unicode_spellings_are_one_key(void **state)
{
	/* u with diaeresis: composed, decomposed, upper case; and A-label. */
	static const char *const spelt[] = {
		"b\xc3\xbc" "cher@b\xc3\xbc" "cher.test",
		"bu\xcc\x88" "cher@bu\xcc\x88" "cher.test",
		"B\xc3\x9c" "CHER@B\xc3\x9c" "CHER.TEST",
		"BU\xcc\x88" "CHER@xn--bcher-kva.test",
		"\"b\xc3\xbc" "cher\"@XN--BCHER-KVA.test.",
	};

	for (size_t i = 0; i < sizeof(spelt) / sizeof(spelt[0]); i++)
		assert_string_equal(canon(spelt[i]),
		    "b\xc3\xbc" "cher@xn--bcher-kva.test");
}

static void
different_senders_stay_different(void **state)
{
	static const char *const others[] = {
		"alice@office.example",
		"al.ice@office.example",	/* only some providers fold it */
		"alice@sub.office.example",
		"alice@office.exampl",
		"alice%office.example@other.test",
		"other.test!alice@office.example",
		"\"alice@office.example\"",
		"\"alice@office.example\"@other.test",
		"\"al ice\"@office.example",
		"\"al(ice)\"@office.example",
		"\"<alice\"@office.example",
		"+alice@office.example",
		"alice",
		"@office.example",
		"alice@",
		"alice@[192.0.2.1]",
		"alice@[IPv6:2001:db8::1]",
		"\xc3\xa4lice@office.example",
		"\xe4lice@office.example",
		"\\xe4\\xc3lice@office.example",
		"",
	};
	char seen[sizeof(others) / sizeof(others[0])][MAILADDR_MAX + 1];

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		strcpy(seen[i], canon(others[i]));
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(seen[i], seen[k]);
	}
}

static void
the_null_sender_is_known_in_every_form(void **state)
{
	static const char *const null[] = { "", "<>", " <> ", "< >", "()",
		"<(c)>" };

	for (size_t i = 0; i < sizeof(null) / sizeof(null[0]); i++) {
		struct mailaddr a;

		mailaddr_canon(&a, null[i], strlen(null[i]), "+");
		assert_true(mailaddr_is_null(&a));
		assert_string_equal(mailaddr_domain(&a), "");
	}
}

static void
the_domain_is_what_stands_behind_the_last_at(void **state)
{
	struct mailaddr a;

	mailaddr_canon(&a, "\"a@b\"@X.Test", 12, "");
	assert_string_equal(mailaddr_domain(&a), "x.test");
	mailaddr_canon(&a, "\"a@b\"", 5, "");
	assert_string_equal(mailaddr_domain(&a), "");
}

static void
tags_end_only_where_the_configuration_says(void **state)
{
	struct mailaddr a;

	mailaddr_canon(&a, "a+b@x.test", 10, "");
	assert_string_equal(a.text, "a+b@x.test");
	mailaddr_canon(&a, "a-b@x.test", 10, "+-");
	assert_string_equal(a.text, "a@x.test");
}

static void
an_address_beyond_all_length_is_one_key_and_has_no_domain(void **state)
{
	char raw[3000], other[3000];
	struct mailaddr a, b;

	memset(raw, 'a', sizeof(raw));
	memcpy(raw + 2900, "@x.test", 7);
	memcpy(other, raw, sizeof(raw));
	mailaddr_canon(&a, raw, 2907, "+");
	other[0] = 'A';
	mailaddr_canon(&b, other, 2907, "+");
	assert_string_equal(a.text, b.text);
	assert_string_equal(mailaddr_domain(&a), "");
	other[1] = 'b';
	mailaddr_canon(&b, other, 2907, "+");
	assert_string_not_equal(a.text, b.text);
}

static void
spellings_of_a_login_are_one_login(void **state)
{
	static const char *const bobs[] = { "bob", "BOB", " bob", "bob ",
		"\tBob\r\n", "bob@office.example", "BOB@OFFICE.EXAMPLE" };

	for (size_t i = 0; i < sizeof(bobs) / sizeof(bobs[0]); i++) {
		char login[MAILADDR_MAX + 1], again[MAILADDR_MAX + 1];

		mailaddr_canon_login(login, sizeof(login), bobs[i],
		    "office.example");
		assert_string_equal(login, "bob@office.example");
		mailaddr_canon_login(again, sizeof(again), login,
		    "office.example");
		assert_string_equal(again, login);
	}
}

/* Every character that has ever meant something in an address. */
static const char hostile[] = "aAbB019@@@\"\"\\\\()<>+-. \t:,;x20ff5c\r\n%!#[]"
    "\xc3\xbc\xc3\x9c\xcc\x88\xe2\x80\x82\xe2\x80\xae\xff\x01\x7f\xc5\xbf"
    "\xe1\xba\x9e\xcd\xbe\xef\xbc\xa1\xe3\x80\x82";

static void
canonical_is_canonical_for_a_million_random_inputs(void **state)
{
	const char *rounds = getenv("PM_TEST_ROUNDS");
	long n = rounds != NULL ? atol(rounds) : 1000000;
	uint64_t seed = 20260302;

	for (long k = 0; k < n; k++) {
		struct mailaddr once, twice;
		char raw[64];
		size_t len = (size_t)(seed >> 33) % sizeof(raw);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 6364136223846793005u + 1;
			raw[i] = hostile[(seed >> 33) %
			    (sizeof(hostile) - 1)];
		}
		seed = seed * 6364136223846793005u + 1;
		mailaddr_canon(&once, raw, len, "+");
		mailaddr_canon(&twice, once.text, strlen(once.text), "+");
		if (strcmp(once.text, twice.text) != 0 || once.at != twice.at)
			fail_msg("round %ld: \"%s\" became \"%s\"", k,
			    once.text, twice.text);
		for (const char *p = once.text; *p != '\0'; p++)
			assert_true((unsigned char)*p > ' ' && *p != 0x7f);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_one_sender_is_one_key),
		cmocka_unit_test(unicode_spellings_are_one_key),
		cmocka_unit_test(different_senders_stay_different),
		cmocka_unit_test(the_null_sender_is_known_in_every_form),
		cmocka_unit_test(the_domain_is_what_stands_behind_the_last_at),
		cmocka_unit_test(tags_end_only_where_the_configuration_says),
		cmocka_unit_test(
		    an_address_beyond_all_length_is_one_key_and_has_no_domain),
		cmocka_unit_test(spellings_of_a_login_are_one_login),
		cmocka_unit_test(
		    canonical_is_canonical_for_a_million_random_inputs),
	};

	return cmocka_run_group_tests_name("mailaddr", tests, NULL, NULL);
}
