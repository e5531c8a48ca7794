/*
 * test_mailaddr.c - one sender has one key, however it is spelt.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "mailaddr.h"
#include "random.h"

static struct mailaddr
canon(const char *raw, const char *delimiters)
{
	struct mailaddr a;

	mailaddr_canon(&a, raw, strlen(raw), delimiters);
	return a;
}

static void
check_key(const char *raw, const char *delimiters, const char *key)
{
	struct mailaddr a = canon(raw, delimiters);

	if (strcmp(a.text, key) != 0)
		fail_msg("%s: want %s, got %s", raw, key, a.text);
}

static void
every_spelling_of_a_sender_is_one_key(void **state)
{
	static const char *const spellings[] = {
		"<a@x.test>", "a@x.test", "<A@X.TEST>", "A@x.test", "a@X.Test",
		"<a@x.test.>", "a@x.test.", "<a@x.test", "a@x.test>",
		"<<a@x.test>>", "\"a\"@x.test", "<\"a\"@x.test>",
		"<\"A\"@X.test>", "\"\\a\"@x.test", "<\"\\a\"@x.test>",
		"\\a@x.test", "<\\A@x.test>", "\"\"a@x.test", "a\"\"@x.test",
		"a@\"x\".test", "a@x.te\\st", "a@x.test\\", "<@r1:a@x.test>",
		"<@r1,@r2:a@x.test>", "@r1,@r2:a@x.test",
		"< @r1 , @r2 : a@x.test >", "<@[192.0.2.1]:a@x.test>",
		"<@X.test:a@x.test>", "(c)a@x.test", "a(c)@x.test",
		"a@(c)x.test", "a@x.test(c)", "a@x(c).test",
		"a@x.test (a comment", "(c(d(e)f)g)a@x.test", "(\\))a@x.test",
		"(\\()a@x.test", "(\")a@x.test", "(\"@evil.test\")a@x.test",
		"(<b@y.test>)a@x.test", "<(c)a@x.test>", "<a(@y.test)@x.test>",
		" a@x.test", "a@x.test ", "\ta@x.test\t", "a @x.test",
		"a@ x.test", "a @ x . test", "< a@x.test >", "\r\n a@x.test",
		"a@x.test\r\n", "<a+tag@x.test>", "a+@x.test", "a+b+c@x.test",
		"A+TAG@x.test", "\"a+tag\"@x.test", "\"a\"+tag@x.test",
		"a\"+t ag\"@x.test", "\"a+@\"@x.test", "a\\+tag@x.test",
		"a+\\@b@x.test", "Al <a@x.test>", "Al<a@x.test>",
		"\"Al\" <a@x.test>", "\"b@y.test\" <a@x.test>",
		"<Al <a@x.test>>", "b@y.test <a@x.test>", "<a@x.test>junk",
		"<><a@x.test>", "Al <@r1:a@x.test>", "all:a@x.test;",
		"b@y.test:a@x.test;", "<all:a@x.test;>", "all: a@x.test ;",
		"<a@x.test;>", "<a@x.test,>", "<,a@x.test>", "a%x.test",
		"<a%X.TEST>", "x.test!a", "<X.test!A>", "a%x.test.",
		"\"a\"%x.test", "a+tag%x.test",
		"a@\xef\xbd\x98.test", /* fullwidth x */
		"a@x\xe3\x80\x82test", /* ideographic full stop */
	};

	for (size_t i = 0; i < sizeof(spellings) / sizeof(*spellings); i++)
		check_key(spellings[i], "+", "a@x.test");
}

static void
letters_of_all_nations_are_one_key(void **state)
{
	static const char *const local[] = {
		"j\xc3\xbcrgen@x.test", "J\xc3\x9cRGEN@x.test",
		"ju\xcc\x88rgen@x.test", "JU\xcc\x88RGEN@X.test",
		"\"J\xc3\xbcrgen\"@x.test", "j\xc3\xbcrgen+1@x.test",
	}, *const domain[] = {
		"a@b\xc3\xbc" "cher.test", "a@B\xc3\x9c" "CHER.TEST",
		"a@bu\xcc\x88" "cher.test", "a@xn--bcher-kva.test",
		"a@XN--BCHER-KVA.TEST", "<a@b\xc3\xbc" "cher.test.>",
		"a@b\xc3\xbc" "cher\xe3\x80\x82test",
	};

	for (size_t i = 0; i < sizeof(local) / sizeof(*local); i++)
		check_key(local[i], "+", "j\xc3\xbcrgen@x.test");
	for (size_t i = 0; i < sizeof(domain) / sizeof(*domain); i++)
		check_key(domain[i], "+", "a@xn--bcher-kva.test");
	/* Sigma at a word's end, Kelvin, sharp s, dotted capital I. */
	check_key("\xce\xa3\xce\xa3@x.test", "", "\xcf\x83\xcf\x83@x.test");
	check_key("\xcf\x83\xcf\x82@x.test", "", "\xcf\x83\xcf\x83@x.test");
	check_key("\xe2\x84\xaa@x.test", "", "k@x.test");
	check_key("stra\xc3\x9f"
		  "e@x.test",
	    "", "strasse@x.test");
}

static void
different_senders_stay_different(void **state)
{
	static const struct {
		const char *raw, *key;
	} t[] = {
		{ "a.b@x.test", "a.b@x.test" },
		{ "ab@x.test", "ab@x.test" },
		{ "a@y.test", "a@y.test" },
		{ "a@sub.x.test", "a@sub.x.test" },
		{ "a@x.tes", "a@x.tes" },
		{ "a-b@x.test", "a-b@x.test" },
		{ "a%y.test@x.test", "a%y.test@x.test" },
		{ "y.test!a@x.test", "y.test!a@x.test" },
		{ "\"a@y.test\"@x.test", "a=40y.test@x.test" },
		{ "a\\@y.test@x.test", "a=40y.test@x.test" },
		{ "a@y.test@x.test", "a=40y.test@x.test" },
		{ "\"a b\"@x.test", "a=20b@x.test" },
		{ "\"a\\\"b\"@x.test", "a=22b@x.test" },
		{ "\"a\\\\b\"@x.test", "a=5cb@x.test" },
		{ "\"a(c)\"@x.test", "a=28c=29@x.test" },
		{ "\"<a>\"@x.test", "=3ca=3e@x.test" },
		{ "\"a,b;c:d\"@x.test", "a=2cb=3bc=3ad@x.test" },
		{ "\"a[\"@x.test", "a=5b@x.test" },
		{ "+a@x.test", "+a@x.test" },
		{ "+@x.test", "+@x.test" },
		{ "a@[192.0.2.1]", "a@[192.0.2.1]" },
		{ "a@[IPv6:2001:db8::1]", "a@[ipv6=3a2001=3adb8=3a=3a1]" },
		{ "a", "a" },
		{ "a%", "a%" },
		{ "!a", "!a" },
		{ "y!x!a", "x!a@y" },
		{ "b%a%x.test", "b%a@x.test" },
		{ "@x.test", "@x.test" },
		{ "\"\"@x.test", "@x.test" },
		{ "a@", "a@" },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		check_key(t[i].raw, "+", t[i].key);
}

/*
 * A mail server reads every one of these as box22: it drops a backslash
 * wherever it stands.  So no key may be written with one.
 */
static void
an_escape_is_no_second_key(void **state)
{
	check_key("box22@x.test", "", "box22@x.test");
	check_key("bo\\x22@x.test", "", "box22@x.test");
	check_key("\"bo\\x22\"@x.test", "", "box22@x.test");
	check_key("\"bo\\\"\"@x.test", "", "bo=22@x.test");
	check_key("bo=22@x.test", "", "bo=22@x.test");
}

static void
nothing_that_steers_a_terminal_comes_through(void **state)
{
	check_key("\"a\x1b[2J\"@x.test", "", "a=1b=5b2j@x.test");
	check_key("\"a\nb\"@x.test", "", "a=0ab@x.test");
	check_key("a\x7f@x.test", "", "a=7f@x.test");
	check_key("a\xc2\x9b@x.test", "", "a=c2=9b@x.test");        /* CSI */
	check_key("a\xe2\x80\xae@x.test", "", "a=e2=80=ae@x.test"); /* RLO */
	check_key("a\xe2\x80\x8b@x.test", "", "a=e2=80=8b@x.test"); /* ZWSP */
	check_key("a\xe2\x80\xa8@x.test", "", "a=e2=80=a8@x.test"); /* LS */
	check_key("a\xc2\xa0@x.test", "", "a=c2=a0@x.test");        /* NBSP */
	check_key("a\xee\x80\x80@x.test", "", "a=ee=80=80@x.test");
	check_key("\xff\xfe@x.test", "", "=ff=fe@x.test");
	check_key("\xc3@x.test", "", "=c3@x.test");
	check_key("A\xff@x.test", "", "a=ff@x.test");
	check_key("a@\xff.test", "", "a@=ff.test");
	check_key("a@\xe2\x80\xae.test", "", "a@=e2=80=ae.test");
}

/* An escape ends in a letter, which an accent behind it would marry. */
static void
an_escape_and_an_accent_settle(void **state)
{
	struct mailaddr once = canon("\"\n\xcc\x81\"@x.test", ""),
			twice = canon(once.text, "");

	assert_string_equal(once.text, twice.text);
	check_key("a\xcd\xbe"
		  "b@x.test",
	    "", "a=3bb@x.test");
	check_key("a\xcd\xbe"
		  "b@x.test",
	    ";", "a=3bb@x.test");
	check_key("a\xe1\xbf\xaf"
		  "b@x.test",
	    "`", "a@x.test");
}

static void
a_byte_of_zero_is_a_byte(void **state)
{
	struct mailaddr a;

	mailaddr_canon(&a, "a\0b@x\0.test", 11, "+");
	assert_string_equal(a.text, "a=00b@x=00.test");
	mailaddr_canon(&a, NULL, 0, "");
	assert_true(mailaddr_is_null(&a));
}

static void
the_null_sender_is_empty(void **state)
{
	static const char *const nulls[] = { "", "<>", " <> ", "(c)", "<(c)>",
		"\"\"", "<\"\">", "Al <>", "a@x.test<>", "<@r:>", "<" };

	for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++) {
		struct mailaddr a = canon(nulls[i], "+");

		assert_true(mailaddr_is_null(&a));
		assert_int_equal(a.at, 0);
		assert_string_equal(mailaddr_domain(&a), "");
	}
}

static void
a_thousand_tags_are_one_key(void **state)
{
	char raw[64];

	for (int i = 0; i < 1000; i++) {
		snprintf(raw, sizeof(raw), "<a+%d@x.test>", i);
		check_key(raw, "+", "a@x.test");
		snprintf(raw, sizeof(raw), "<a-%d@x.test>", i);
		check_key(raw, "+-", "a@x.test");
		check_key(raw, "-", "a@x.test");
	}
	check_key("a+b@x.test", "", "a+b@x.test");
	check_key("a=b+c@x.test", "=+", "a@x.test");
}

static void
a_long_address_is_one_key(void **state)
{
	char raw[20000];
	struct mailaddr a, b;

	memset(raw, 'a', sizeof(raw));
	memcpy(raw + 400, "@x.test", 8);
	a = canon(raw, "+");
	assert_int_equal(a.text[0], '#');
	assert_int_equal(strlen(a.text), 17);
	assert_string_equal(mailaddr_domain(&a), "");
	b = canon(a.text, "+");
	assert_string_equal(a.text, b.text);
	raw[10] = 'A';
	b = canon(raw, "+");
	assert_string_equal(a.text, b.text);
	raw[10] = 'b';
	b = canon(raw, "+");
	assert_string_not_equal(a.text, b.text);

	/* A long tag is gone before it is too long. */
	memset(raw, 't', 5000);
	memcpy(raw, "a+", 2);
	memcpy(raw + 5000, "@x.test", 8);
	check_key(raw, "+", "a@x.test");

	/* More than any mail server takes: no crash, no domain. */
	memset(raw, '\xff', sizeof(raw));
	memcpy(raw + sizeof(raw) - 8, "@x.test", 8);
	a = canon(raw, "+");
	assert_int_equal(a.text[0], '#');
	assert_int_equal(a.at, 17);
}

static void
just_fits_and_just_does_not(void **state)
{
	char raw[400];
	struct mailaddr a;

	memset(raw, 'a', sizeof(raw));
	memcpy(raw + MAILADDR_MAX - 7, "@x.test", 8);
	a = canon(raw, "");
	assert_string_equal(a.text, raw);
	assert_string_equal(mailaddr_domain(&a), "x.test");
	memset(raw, 'a', MAILADDR_MAX);
	memcpy(raw + MAILADDR_MAX - 6, "@x.test", 8);
	a = canon(raw, "");
	assert_int_equal(a.text[0], '#');
}

static void
tags_that_a_server_adds_for_a_day_are_no_part_of_a_sender(void **state)
{
	check_key("prvs=0711abcdef=alice@office.example", "+",
	    "alice@office.example");
	check_key("PRVS=1234567890=alice+x@office.example", "+",
	    "alice@office.example");
	check_key("btv1==abcdefgh==alice@office.example", "+",
	    "alice@office.example");
	check_key("msprvs1=20000abcdef=alice@office.example", "+",
	    "alice@office.example");
	check_key("prvs=0711abcdef=prvs=0711abcdef=alice@office.example", "",
	    "alice@office.example");
	/* What is no such tag is a name like any other. */
	check_key(
	    "prvs=07=alice@office.example", "", "prvs=07=alice@office.example");
	check_key("prvs=0711abcdef=@office.example", "",
	    "prvs=0711abcdef=@office.example");
}

static void
a_recipient_is_its_exact_bytes_and_its_domain(void **state)
{
	const uint64_t a = mailaddr_exact("<Bob@y.test>", 12);

	assert_true(a == mailaddr_exact("Bob@Y.TEST.", 11));
	assert_true(a != mailaddr_exact("<bob@y.test>", 12));
	assert_true(a != mailaddr_exact("<\"Bob\"@y.test>", 14));
	assert_true(mailaddr_exact("<Bob>", 5) == mailaddr_exact("Bob", 3));
}

static void
logins_are_trimmed_casefolded_and_given_a_realm(void **state)
{
	static const struct {
		const char *raw, *realm, *key;
	} t[] = {
		{ "bob", "", "bob" },
		{ "BOB", "", "bob" },
		{ "bob ", "", "bob" },
		{ " \tBob\r\n", "", "bob" },
		{ "bob", "x.test", "bob@x.test" },
		{ "Bob ", "X.test", "bob@x.test" },
		{ "bob@y.test", "x.test", "bob@y.test" },
		{ "bob+tag", "", "bob+tag" },
		{ "a b", "", "a=20b" },
		{ "D\\bob", "", "d=5cbob" },
		{ "ju\xcc\x88rgen", "", "j\xc3\xbcrgen" },
		{ "J\xc3\x9cRGEN", "", "j\xc3\xbcrgen" },
		{ "\xff", "", "=ff" },
		{ "", "", "" },
		{ "", "x.test", "" },
	};
	char key[MAILADDR_MAX + 1], again[MAILADDR_MAX + 1], long_[1000];

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		mailaddr_canon_login(key, sizeof(key), t[i].raw, t[i].realm);
		assert_string_equal(key, t[i].key);
		mailaddr_canon_login(again, sizeof(again), key, t[i].realm);
		assert_string_equal(again, key);
	}
	memset(long_, 'a', sizeof(long_));
	long_[sizeof(long_) - 1] = '\0';
	mailaddr_canon_login(key, sizeof(key), long_, "");
	assert_int_equal(key[0], '#');
}

static void
a_domain_name_is_told_from_other_bytes(void **state)
{
	static const struct {
		const char *raw, *key;
		bool ok;
	} t[] = {
		{ "X.TEST", "x.test", true },
		{ "x.test.", "x.test", true },
		{ "b\xc3\xbc"
		  "cher.test",
		    "xn--bcher-kva.test", true },
		{ "_spf.x.test", "_spf.x.test", true },
		{ "", "", false },
		{ ".", "", false },
		{ ".x.test", ".x.test", false },
		{ "x..test", "x..test", false },
		{ "x test", "x=20test", false },
		{ "\xff.test", "=ff.test", false },
		{ "@x.test", "=40x.test", false },
		{ "[192.0.2.1]", "[192.0.2.1]", false },
	};
	char key[MAILADDR_MAX + 1], small[8];

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		bool ok = mailaddr_canon_domain(
		    key, sizeof(key), t[i].raw, strlen(t[i].raw));

		assert_string_equal(key, t[i].key);
		assert_int_equal(ok, t[i].ok);
	}
	assert_false(
	    mailaddr_canon_domain(small, sizeof(small), "long.test", 9));
}

/* --- properties ---------------------------------------------------------- */

/* What a hostile client would draw from. */
static const char *const alphabet[] = { "a", "A", "x", "2", "0", ".", "@", "@",
	"+", "-", "=", "=3c", "=40", "#", "\\", "\\x40", "\\\"", "\"", "\"",
	"(", ")", "<", ">", "[", "]", ":", ";", ",", " ", "\t", "\r", "\n", "%",
	"!", "\x1b", "\x7f", "\xff", "\xc3", "\xc3\xbc", "\xc3\x9c",
	"u\xcc\x88", "\xcc\x81", "\xcd\x85", "\xcc\xb8", "\xcd\xbe",
	"\xe1\xbf\xaf", "\xce\xb1\xcd\x85", "\xe1\xbe\xb3", "\xc4\xb0",
	"\xc3\x9f", "\xe1\xba\x9e", "\xe2\x84\xaa", "\xce\xa3", "\xcf\x82",
	"\xe2\x80\xae", "\xe2\x80\x8b", "\xe2\x80\xa8", "\xc2\xa0", "\xc2\xad",
	"\xef\xbc\xa0", "\xef\xbd\x98", "\xe3\x80\x82", "\xef\xbc\x88",
	"\xef\xbf\xbe", "\xf0\x9f\x98\x80", "\xf0\x90\x90\x80", "\xed\xa0\x80",
	"\xc0\x80", "\xea\xb0\x80", "\xe1\x84\x80\xe1\x85\xa1", "xn--",
	"xn--bcher-kva", "x.test", "@x.test", "<@r:", "<>" };

#define LETTERS (sizeof(alphabet) / sizeof(*alphabet))

static size_t
random_text(uint64_t *seed, char *dst, size_t size)
{
	size_t len = 0, n = random_below(seed, 16);

	while (n-- > 0) {
		const char *s = alphabet[random_below(seed, LETTERS)];

		if (len + strlen(s) + 1 > size)
			break;
		memcpy(dst + len, s, strlen(s));
		len += strlen(s);
	}
	if (random_percent(seed, 2) && len + 1 < size)
		dst[len++] = '\0';
	dst[len] = '\0';
	return len;
}

/* Only what may stand in a log line, a reply, a terminal. */
static bool
printable(const char *text)
{
	const uint8_t *p = (const uint8_t *)text;
	size_t len = strlen(text);

	if (u8_check(p, len) != NULL)
		return false;
	while (len > 0) {
		ucs4_t c;
		int n = u8_mbtouc(&c, p, len);

		if (c <= ' ' || c == 0x7f ||
		    (c < 0x80 && strchr("\"\\()<>,;", (int)c) != NULL) ||
		    uc_is_general_category_withtable(
			c, UC_CATEGORY_MASK_C | UC_CATEGORY_MASK_Z))
			return false;
		p += n;
		len -= (size_t)n;
	}
	return true;
}

static void
doing_it_twice_changes_nothing(void **state)
{
	static const char *const delimiters[] = { "", "+", "+-", "=+", ";`",
		"!%" };
	uint64_t seed = random_seed("mailaddr", 20261121);

	for (size_t n = random_rounds(1000000); n > 0; n--) {
		char raw[256];
		size_t len = random_text(&seed, raw, sizeof(raw));
		const char *d = delimiters[random_below(&seed, 6)];
		struct mailaddr once, twice;

		mailaddr_canon(&once, raw, len, d);
		mailaddr_canon(&twice, once.text, strlen(once.text), d);
		if (strcmp(once.text, twice.text) != 0 || once.at != twice.at ||
		    !printable(once.text))
			fail_msg("delimiters %s: %s, then %s", d, once.text,
			    twice.text);
		assert_true(
		    once.text[once.at] == '@' || once.at == strlen(once.text));
	}
}

static void
logins_and_domains_settle_too(void **state)
{
	uint64_t seed = random_seed("mailaddr login", 20261122);

	for (size_t n = random_rounds(200000); n > 0; n--) {
		char raw[256], once[MAILADDR_MAX + 1], twice[MAILADDR_MAX + 1];
		size_t len = random_text(&seed, raw, sizeof(raw));

		mailaddr_canon_login(once, sizeof(once), raw, "x.test");
		mailaddr_canon_login(twice, sizeof(twice), once, "x.test");
		assert_string_equal(once, twice);
		assert_true(printable(once));
		(void)mailaddr_canon_domain(once, sizeof(once), raw, len);
		(void)mailaddr_canon_domain(
		    twice, sizeof(twice), once, strlen(once));
		assert_string_equal(once, twice);
		assert_true(printable(once));
	}
}

/* What may be put between two tokens of an address without a trace. */
static void
noise_around_tokens_makes_no_new_key(void **state)
{
	static const char *const noise[] = { "", " ", "\t", "(c)", "(\\))",
		"(a(b)@y.test)", "\"\"", " \r\n " };
	static const char *const token[] = { "a", "@", "x", ".", "test" };
	static const char *const quoted[] = { "\"a\"", "@", "X", ".", "TEST" };
	uint64_t seed = random_seed("mailaddr noise", 20261123);

	for (size_t n = random_rounds(100000); n > 0; n--) {
		char raw[256] = "";

		for (size_t i = 0; i < 5; i++) {
			strcat(raw, noise[random_below(&seed, 8)]);
			strcat(raw,
			    random_percent(&seed, 50) ? token[i] : quoted[i]);
		}
		strcat(raw, noise[random_below(&seed, 8)]);
		check_key(raw, "+", "a@x.test");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_a_sender_is_one_key),
		cmocka_unit_test(letters_of_all_nations_are_one_key),
		cmocka_unit_test(different_senders_stay_different),
		cmocka_unit_test(an_escape_is_no_second_key),
		cmocka_unit_test(nothing_that_steers_a_terminal_comes_through),
		cmocka_unit_test(an_escape_and_an_accent_settle),
		cmocka_unit_test(a_byte_of_zero_is_a_byte),
		cmocka_unit_test(the_null_sender_is_empty),
		cmocka_unit_test(a_thousand_tags_are_one_key),
		cmocka_unit_test(a_long_address_is_one_key),
		cmocka_unit_test(just_fits_and_just_does_not),
		cmocka_unit_test(
		    tags_that_a_server_adds_for_a_day_are_no_part_of_a_sender),
		cmocka_unit_test(a_recipient_is_its_exact_bytes_and_its_domain),
		cmocka_unit_test(
		    logins_are_trimmed_casefolded_and_given_a_realm),
		cmocka_unit_test(a_domain_name_is_told_from_other_bytes),
		cmocka_unit_test(doing_it_twice_changes_nothing),
		cmocka_unit_test(logins_and_domains_settle_too),
		cmocka_unit_test(noise_around_tokens_makes_no_new_key),
	};

	return cmocka_run_group_tests_name("mailaddr", tests, NULL, NULL);
}
