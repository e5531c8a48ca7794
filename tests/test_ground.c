/*
 * test_ground.c - escaping, netstrings, addresses of clients, snapshots: the
 * small things that everything stands on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "escape.h"
#include "house.h"
#include "netaddr.h"
#include "netstring.h"
#include "snapshot.h"

/* --- escape ----------------------------------------------------------------- */

static void
what_is_not_printable_ascii_is_shown_as_its_bytes(void **state)
{
	char s[64];

	assert_string_equal(escape_str(s, sizeof(s), "plain text"),
	    "plain text");
	assert_string_equal(escape(s, sizeof(s), "a\0b\n\x1b\"\\\xc3\xa4", 9),
	    "a\\x00b\\x0a\\x1b\\x22\\x5c\\xc3\\xa4");
	assert_string_equal(escape_str(s, sizeof(s), NULL), "");
}

static void
a_long_text_is_cut_between_escapes_and_says_so(void **state)
{
	for (size_t size = 4; size < 40; size++) {
		char s[40];
		size_t n;

		escape_str(s, size, "ab\ncd\nef\ngh\nij\nkl\nmn\nop");
		n = strlen(s);
		assert_true(n < size);
		assert_string_equal(s + n - 3, "...");
		for (size_t i = 0; i + 3 < n; i++)
			if (s[i] == '\\')
				assert_true(i + 4 <= n - 3);
	}
}

/* --- netstrings --------------------------------------------------------------- */

static void
a_netstring_survives_the_round_trip_in_pieces(void **state)
{
	char buf[64];
	size_t n = netstring_put(buf, sizeof(buf), "map a key", 9);
	struct span got;

	assert_int_equal(n, 12);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(netstring_take(buf, i, &got), 0);
	assert_int_equal(netstring_take(buf, n, &got), 12);
	assert_int_equal(got.len, 9);
	assert_memory_equal(got.p, "map a key", 9);
}

static void
what_can_never_be_a_netstring_is_refused_at_once(void **state)
{
	static const char *const bad[] = { "x", ":", "-1:", "01:a,", "00:,",
		" 1:a,", "1;a,", "1:ab", "16385:", "99999999999999999999999:",
		"4294967297:a," };
	struct span got;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(netstring_take(bad[i], strlen(bad[i]), &got),
		    -1);
	assert_int_equal(netstring_take("0:,", 3, &got), 3);
	assert_int_equal(got.len, 0);
}

static void
a_netstring_that_does_not_fit_is_not_written(void **state)
{
	char buf[8];

	assert_int_equal(netstring_put(buf, 7, "abcde", 5), 0);
	assert_int_equal(netstring_put(buf, 8, "abcde", 5), 8);
}

/* --- addresses of clients ----------------------------------------------------- */

static void
a_mapped_address_is_the_address_it_maps(void **state)
{
	struct netaddr a, b;

	assert_int_equal(netaddr_parse("::ffff:192.0.2.1", &a), 0);
	assert_int_equal(netaddr_parse("192.0.2.1", &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(netaddr_parse("[IPv6:2001:DB8:0::1]", &a), 0);
	assert_int_equal(netaddr_parse("2001:db8::1", &b), 0);
	assert_memory_equal(&a, &b, sizeof(a));
}

static void
malformed_addresses_and_networks_are_refused(void **state)
{
	static const char *const bad[] = { "", "1.2.3", "1.2.3.4.5", "1.2.3.256",
		"::g", "host", "1.2.3.4/33", "1.2.3.4/-1", "1.2.3.4/",
		"1.2.3.4/8x", "10.1.0.0/8", "2001:db8::1/64", "::/129", "[",
		"[]", "1.2.3.4 " };
	struct netprefix p;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(netprefix_parse(bad[i], &p), -1);
}

/* Does a bit by bit comparison agree, for every length of the prefix? */
static void
a_prefix_has_what_shares_its_bits(void **state)
{
	struct netaddr base, other;

	assert_int_equal(netaddr_parse("2001:db8:a5a5:5a5a:f0f0:f0f:1:8001",
	    &base), 0);
	for (unsigned bits = 0; bits <= 128; bits++) {
		char text[NETADDR_TEXT];
		struct netprefix p;

		netaddr_text(&base, bits, text, sizeof(text));
		assert_int_equal(netprefix_parse(text, &p), 0);
		assert_int_equal(p.bits, bits);
		for (unsigned flip = 0; flip < 128; flip++) {
			other = base;
			other.byte[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
			assert_int_equal(netprefix_has(&p, &other),
			    flip >= bits);
		}
	}
	assert_int_equal(netaddr_parse("10.0.0.1", &other), 0);
	assert_int_equal(netprefix_parse("::/0", &(struct netprefix){ 0 }), 0);
}

static void
a_client_without_an_address_is_in_no_network(void **state)
{
	const struct netaddr none = { .len = 0 };
	struct netprefix all;
	char text[NETADDR_TEXT];

	assert_int_equal(netprefix_parse("0.0.0.0/0", &all), 0);
	assert_false(netprefix_has(&all, &none));
	assert_string_equal(netaddr_text(&none, 32, text, sizeof(text)), "");
}

/* --- snapshots ---------------------------------------------------------------- */

static void *
hold_and_look(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		const struct config *conf = snapshot_hold();

		assert_string_equal(conf->rule[0].name, "r");
		snapshot_release(&conf);
		assert_null(conf);
	}
	return NULL;
}

static void
a_held_configuration_outlives_its_successors(void **state)
{
	const struct config *first;
	pthread_t t[4];

	assert_int_equal(snapshot_publish(house_config("rule \"r\" {}\n")), 0);
	first = snapshot_hold();
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, hold_and_look,
		    NULL), 0);
	for (int i = 0; i < 20; i++)
		assert_int_equal(snapshot_publish(house_config(
		    "rule \"r\" {}\n")), 0);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	assert_string_equal(first->rule[0].name, "r");
	snapshot_release(&first);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    what_is_not_printable_ascii_is_shown_as_its_bytes),
		cmocka_unit_test(
		    a_long_text_is_cut_between_escapes_and_says_so),
		cmocka_unit_test(
		    a_netstring_survives_the_round_trip_in_pieces),
		cmocka_unit_test(
		    what_can_never_be_a_netstring_is_refused_at_once),
		cmocka_unit_test(a_netstring_that_does_not_fit_is_not_written),
		cmocka_unit_test(a_mapped_address_is_the_address_it_maps),
		cmocka_unit_test(malformed_addresses_and_networks_are_refused),
		cmocka_unit_test(a_prefix_has_what_shares_its_bits),
		cmocka_unit_test(a_client_without_an_address_is_in_no_network),
		cmocka_unit_test(a_held_configuration_outlives_its_successors),
	};

	return cmocka_run_group_tests_name("ground", tests, NULL, NULL);
}
