/*
 * test_netaddr.c - a client has one address, and a network has an edge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "netaddr.h"
#include "random.h"

static const char *
text(const char *raw, unsigned bits)
{
	static char dst[NETADDR_TEXT];
	struct netaddr a;

	if (netaddr_parse(raw, &a) == -1)
		return "malformed";
	return netaddr_text(&a, bits, dst, sizeof(dst));
}

static void
every_spelling_of_a_client_is_one_text(void **state)
{
	static const char *const v4[] = { "192.0.2.1", "[192.0.2.1]",
		"::ffff:192.0.2.1", "::FFFF:192.0.2.1", "[::ffff:192.0.2.1]",
		"::ffff:c000:201", "0:0:0:0:0:ffff:c000:0201",
		"IPv6:::ffff:192.0.2.1" };
	static const char *const v6[] = { "2001:db8::1", "2001:DB8::1",
		"[2001:db8::1]", "IPv6:2001:db8::1", "[IPv6:2001:db8::1]",
		"ipv6:2001:db8::1", "2001:0db8:0:0:0:0:0:1",
		"2001:db8::0.0.0.1" };

	for (size_t i = 0; i < sizeof(v4) / sizeof(*v4); i++)
		assert_string_equal(text(v4[i], 128), "192.0.2.1");
	for (size_t i = 0; i < sizeof(v6) / sizeof(*v6); i++)
		assert_string_equal(text(v6[i], 128), "2001:db8::1");
}

static void
what_is_no_address_is_refused(void **state)
{
	static const char *const t[] = { "", "[", "]", "[]", "1", "1.2.3",
		"1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", " 1.2.3.4", "01.2.3.4x",
		"2001:db8::1::2", "fe80::1%eth0", "localhost",
		"IPv6:", "[1.2.3.4", "1.2.3.4]", "::ffff:1.2.3.4.5",
		"1:2:3:4:5:6:7:8:9",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aa"
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		"aa" };

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_string_equal(text(t[i], 128), "malformed");
}

static void
a_text_shows_the_network_of_its_bits(void **state)
{
	assert_string_equal(text("192.0.2.77", 32), "192.0.2.77");
	assert_string_equal(text("192.0.2.77", 24), "192.0.2.0/24");
	assert_string_equal(text("192.0.2.77", 31), "192.0.2.76/31");
	assert_string_equal(text("192.0.2.77", 0), "0.0.0.0/0");
	assert_string_equal(text("2001:db8:1:2:3::4", 64), "2001:db8:1:2::/64");
	assert_string_equal(text("2001:db8::ff", 127), "2001:db8::fe/127");
	assert_string_equal(text("2001:db8::1", 0), "::/0");
	assert_string_equal(text("2001:db8::1", 128), "2001:db8::1");
}

static void
no_address_has_no_text(void **state)
{
	struct netaddr none = { 0 };
	char dst[NETADDR_TEXT];

	assert_string_equal(netaddr_text(&none, 32, dst, sizeof(dst)), "");
	assert_string_equal(netaddr_text(&none, 0, dst, sizeof(dst)), "");
}

static void
a_socket_address_gives_its_client(void **state)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct netaddr a, b;

	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &v4.sin_addr), 1);
	netaddr_from_sockaddr((struct sockaddr *)&v4, &a);
	assert_int_equal(a.len, 4);
	assert_int_equal(
	    inet_pton(AF_INET6, "::ffff:192.0.2.1", &v6.sin6_addr), 1);
	netaddr_from_sockaddr((struct sockaddr *)&v6, &b);
	assert_memory_equal(&a, &b, sizeof(a));
	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &v6.sin6_addr), 1);
	netaddr_from_sockaddr((struct sockaddr *)&v6, &b);
	assert_int_equal(b.len, 16);
	netaddr_from_sockaddr((struct sockaddr *)&local, &b);
	assert_int_equal(b.len, 0);
}

static void
a_network_has_its_edges(void **state)
{
	static const struct {
		const char *net, *addr;
		bool in;
	} t[] = {
		{ "10.0.0.0/8", "10.0.0.0", true },
		{ "10.0.0.0/8", "10.255.255.255", true },
		{ "10.0.0.0/8", "9.255.255.255", false },
		{ "10.0.0.0/8", "11.0.0.0", false },
		{ "10.0.0.0/8", "::ffff:10.1.2.3", true },
		{ "10.0.0.0/8", "::10.1.2.3", false },
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "192.0.2.128/25", "192.0.2.127", false },
		{ "192.0.2.128/25", "192.0.2.128", true },
		{ "0.0.0.0/0", "255.255.255.255", true },
		{ "0.0.0.0/0", "2001:db8::1", false },
		{ "::/0", "2001:db8::1", true },
		{ "::/0", "192.0.2.1", false },
		{ "2001:db8::/32", "2001:db8:ffff::1", true },
		{ "2001:db8::/32", "2001:db9::1", false },
		{ "[2001:db8::1]", "2001:db8::1", true },
		{ "2001:db8::8000:0/97", "2001:db8::7fff:ffff", false },
		{ "2001:db8::8000:0/97", "2001:db8::ffff:ffff", true },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		struct netprefix p;
		struct netaddr a;

		assert_int_equal(netprefix_parse(t[i].net, &p), 0);
		assert_int_equal(netaddr_parse(t[i].addr, &a), 0);
		assert_int_equal(netprefix_has(&p, &a), t[i].in);
	}
}

static void
an_unknown_client_is_in_no_network(void **state)
{
	struct netaddr none = { 0 };
	struct netprefix p;

	assert_int_equal(netprefix_parse("0.0.0.0/0", &p), 0);
	assert_false(netprefix_has(&p, &none));
	assert_int_equal(netprefix_parse("::/0", &p), 0);
	assert_false(netprefix_has(&p, &none));
}

static void
an_unclear_network_is_refused(void **state)
{
	static const char *const t[] = { "", "/", "/8", "10.0.0.0/",
		"10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/ 8",
		"10.0.0.0/8x", "10.0.0.0/8/8", "10.1.0.0/8", "10.0.0.1/31",
		"2001:db8::1/64", "::/129", "::1/0", "10.0.0.0/255.0.0.0",
		"10/8", "10.0.0.0/99999999999999999999", "10.0.0.0/4294967304",
		"::ffff:10.0.0.0/104" };
	struct netprefix p;

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		assert_int_equal(netprefix_parse(t[i], &p), -1);
}

/* Bit by bit, the way it is written on paper. */
static bool
naive_has(const struct netprefix *p, const struct netaddr *a)
{
	if (p->addr.len != a->len)
		return false;
	for (unsigned i = 0; i < p->bits; i++)
		if (((p->addr.byte[i / 8] ^ a->byte[i / 8]) >> (7 - i % 8)) & 1)
			return false;
	return true;
}

static void
random_networks_agree_with_paper(void **state)
{
	uint64_t seed = random_seed("netaddr", 1);

	for (size_t n = random_rounds(200000); n > 0; n--) {
		struct netaddr a = { .len =
					 random_percent(&seed, 50) ? 4 : 16 },
			       b;
		unsigned bits = (unsigned)random_below(&seed, 8U * a.len + 1);
		char dst[NETADDR_TEXT];
		struct netprefix p;

		for (unsigned i = 0; i < a.len; i++)
			a.byte[i] = (uint8_t)random_next(&seed);
		netaddr_text(&a, bits, dst, sizeof(dst));
		assert_int_equal(netprefix_parse(dst, &p), 0);
		assert_int_equal(p.bits, bits);
		assert_true(netprefix_has(&p, &a));
		b = a;
		if (bits > 0) {
			unsigned flip = (unsigned)random_below(&seed, bits);

			b.byte[flip / 8] ^= (uint8_t)(0x80 >> flip % 8);
			assert_false(netprefix_has(&p, &b));
		}
		b.byte[random_below(&seed, a.len)] =
		    (uint8_t)random_next(&seed);
		assert_int_equal(netprefix_has(&p, &b), naive_has(&p, &b));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_spelling_of_a_client_is_one_text),
		cmocka_unit_test(what_is_no_address_is_refused),
		cmocka_unit_test(a_text_shows_the_network_of_its_bits),
		cmocka_unit_test(no_address_has_no_text),
		cmocka_unit_test(a_socket_address_gives_its_client),
		cmocka_unit_test(a_network_has_its_edges),
		cmocka_unit_test(an_unknown_client_is_in_no_network),
		cmocka_unit_test(an_unclear_network_is_refused),
		cmocka_unit_test(random_networks_agree_with_paper),
	};

	return cmocka_run_group_tests_name("netaddr", tests, NULL, NULL);
}
