/*
 * test_sendmail_key.c - keys as Sendmail sends them, and as somebody would
 * forge them; every server that a message can meet; answers its rules can take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "sendmail_key.h"
#include "transaction.h"

static struct bytes
span(const char *text)
{
	return (struct bytes){ text, strlen(text) };
}

static void
assert_span(struct bytes s, const char *text)
{
	assert_int_equal(s.len, strlen(text));
	assert_memory_equal(s.p, text, s.len);
}

/* --- keys ---------------------------------------------------------------- */

static void
a_key_falls_into_its_parts(void **state)
{
	static const struct {
		const char *key, *id, *sender, *about, *envid;
	} table[] = {
		{ "6AL7VAL2013051<pma@local.test><u1@ext1.test>",
		    "6AL7VAL2013051", "pma@local.test", "u1@ext1.test", "" },
		{ "6AL7VAL2013051<pma@local.test><u1@ext1.test>PM-acct7",
		    "6AL7VAL2013051", "pma@local.test", "u1@ext1.test",
		    "PM-acct7" },
		{ "6AL7<><u1@ext1.test>a<b>c", "6AL7", "", "u1@ext1.test",
		    "a<b>c" },
		{ "<alice@office.example><u@x.test>", "",
		    "alice@office.example", "u@x.test", "" },
		{ "6AL7<Pma@Local.Test><smart-a.example.test>", "6AL7",
		    "Pma@Local.Test", "smart-a.example.test", "" },
		{ "6AL7<a@b.test><[127.0.0.12]>", "6AL7", "a@b.test",
		    "[127.0.0.12]", "" },
		{ "6AL7<a@b.test><\"x<y><z\"@ext1.test>", "6AL7", "a@b.test",
		    "\"x<y><z\"@ext1.test", "" },
		{ "6AL7<\"><ceo@b.test><\"@b.test><u@x.test>", "6AL7",
		    "\"><ceo@b.test><\"@b.test", "u@x.test", "" },
		{ "6AL7<\"q\\\"><\"@b.test><u@x.test>", "6AL7",
		    "\"q\\\"><\"@b.test", "u@x.test", "" },
		{ "6AL7<a\\>b@c.test><u@x.test>", "6AL7", "a\\>b@c.test",
		    "u@x.test", "" },
		{ "6AL7<a b@c.test><@r1,@r2:u@x.test>", "6AL7", "a b@c.test",
		    "@r1,@r2:u@x.test", "" },
		{ "6AL7<j\xc3\xb6@c.test><u@x.test>", "6AL7",
		    "j\xc3\xb6@c.test", "u@x.test", "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sendmail_key k;

		assert_true(sendmail_parse(span(table[i].key), &k));
		assert_span(k.id, table[i].id);
		assert_span(k.sender, table[i].sender);
		assert_span(k.about, table[i].about);
		assert_span(k.envid, table[i].envid);
	}
}

/* A recipient and an envelope identifier are the net's own words. */
static void
a_recipient_stands_behind_its_server(void **state)
{
	static const struct {
		const char *key, *about, *rcpt, *envid;
	} table[] = {
		{ "6AL7<a@b><smtp.x><u@x.test>", "smtp.x", "u@x.test", "" },
		{ "6AL7<a@b><smtp.x><u@x.test>pm-1", "smtp.x", "u@x.test",
		    "pm-1" },
		{ "6AL7<a@b><smtp.x>pm-1", "smtp.x", "", "pm-1" },
		{ "6AL7<a@b><smtp.x><\"u>pm-1\"@x>pm-2", "smtp.x",
		    "\"u>pm-1\"@x", "pm-2" },
		{ "6AL7<a@b><smtp.x><u", "smtp.x", "", "<u" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct sendmail_key k;

		assert_true(sendmail_parse(span(table[i].key), &k));
		assert_span(k.about, table[i].about);
		assert_int_equal(k.rcpt.len, strlen(table[i].rcpt));
		if (k.rcpt.len > 0)
			assert_span(k.rcpt, table[i].rcpt);
		assert_span(k.envid, table[i].envid);
	}
}

static void
a_mark_is_whole_or_none(void **state)
{
	assert_true(
	    sendmail_is_mark(span("pm-00112233445566778899aabbccddeeff")));
	assert_false(
	    sendmail_is_mark(span("pm-00112233445566778899aabbccddeef")));
	assert_false(
	    sendmail_is_mark(span("pn-00112233445566778899aabbccddeeff")));
	assert_false(sendmail_is_mark(span("6AL7")));
	assert_false(sendmail_is_mark(span("")));
}

static void
what_is_no_key_is_refused(void **state)
{
	static const char *const table[] = { "", "6AL7", "6AL7<", "6AL7<a@b>",
		"6AL7<a@b><", "6AL7<a@b><c@d", "6AL7<a@b>x<c@d>",
		"6A L7<a@b><c@d>", "../x<a@b><c@d>", "6AL7<a<b@c><d@e>",
		"6AL7<\"a@b><c@d>", "6AL7<a@b><c@d\\>", "6AL7<a@b><\\",
		"[smtp.example.com]:587", "alice@office.example" };
	char long_id[TXN_QUEUE_ID + 16];
	struct sendmail_key k;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_false(sendmail_parse(span(table[i]), &k));
	memset(long_id, 'A', TXN_QUEUE_ID);
	strcpy(long_id + TXN_QUEUE_ID, "<a@b><c@d>");
	assert_false(sendmail_parse(span(long_id), &k));
	assert_true(sendmail_parse(span(long_id + 1), &k));
	assert_false(sendmail_parse((struct bytes){ NULL, 0 }, &k));
}

/* An address that a client could send, quoted by the rules of RFC 5321. */
static size_t
quoted_address(char *dst)
{
	static const char bytes[] = "<>\"\\@ ax1:.";
	size_t n = (size_t)rand() % 12, at = 0;

	dst[at++] = '"';
	for (size_t i = 0; i < n; i++) {
		char c = bytes[(size_t)rand() % (sizeof(bytes) - 1)];

		if (c == '"' || c == '\\')
			dst[at++] = '\\';
		dst[at++] = c;
	}
	memcpy(dst + at, "\"@a.test", 9);
	return at + 8;
}

static void
no_quoted_address_reaches_into_the_next(void **state)
{
	srand(1);
	for (int i = 0; i < 20000; i++) {
		char sender[64], rcpt[64], key[256];
		struct sendmail_key k;

		quoted_address(sender);
		quoted_address(rcpt);
		snprintf(key, sizeof(key), "6AL7<%s><%s>E", sender, rcpt);
		assert_true(sendmail_parse(span(key), &k));
		assert_span(k.sender, sender);
		assert_span(k.about, rcpt);
		assert_span(k.envid, "E");
	}
}

static void
a_notice_of_sendmail_has_no_sender(void **state)
{
	assert_true(sendmail_is_notice(span("")));
	assert_true(sendmail_is_notice(span("MAILER-DAEMON")));
	assert_true(sendmail_is_notice(span("mailer-daemon")));
	assert_false(sendmail_is_notice(span("mailer-daemon@office.example")));
	assert_false(sendmail_is_notice(span("alice@office.example")));
}

/* --- servers ------------------------------------------------------------- */

static char host[] = "Smtp.Example.com", literal[] = "192.0.2.25";

static struct smarthost
smarthost(char *name, uint16_t port, enum tls_level tls)
{
	return (struct smarthost){ .host = name, .port = port, .tls = tls };
}

static void
only_the_smarthost_of_the_message_is_due(void **state)
{
	static char office[] = "office.example";
	char *domains[] = { office };
	struct netprefix lan;
	const struct config conf = {
		.local_domains = { 1, domains },
		.networks = { 1, &lan },
	};
	const struct smarthost named = smarthost(host, 587, TLS_VERIFY);
	const struct smarthost numbered = smarthost(literal, 587, TLS_ENCRYPT);
	const struct {
		const struct smarthost *sh;
		const char *server;
		enum sendmail_server answer;
	} table[] = {
		{ &named, "smtp.example.com", SENDMAIL_DUE },
		{ &named, "SMTP.EXAMPLE.COM", SENDMAIL_DUE },
		{ &named, "smtp.example.com.", SENDMAIL_DUE },
		{ &numbered, "[192.0.2.25]", SENDMAIL_DUE },
		{ &numbered, "192.0.2.25", SENDMAIL_DUE },
		/* A message without a route is not ours, wherever it goes. */
		{ NULL, "smtp.example.com", SENDMAIL_OTHER },
		{ NULL, "mx.elsewhere.test", SENDMAIL_OTHER },
		{ NULL, "", SENDMAIL_OTHER },
		/* With one, a fallback or a trick of the DNS makes it wait. */
		{ &named, "mx.elsewhere.test", SENDMAIL_ASTRAY },
		{ &named, "smtp.example.com.evil.test", SENDMAIL_ASTRAY },
		{ &named, "xsmtp.example.com", SENDMAIL_ASTRAY },
		{ &named, "smtp.example.com..", SENDMAIL_ASTRAY },
		{ &named, "example.com", SENDMAIL_ASTRAY },
		{ &named, "[192.0.2.25]", SENDMAIL_ASTRAY },
		{ &named, "", SENDMAIL_ASTRAY },
		{ &named, ".", SENDMAIL_ASTRAY },
		{ &named, "[]", SENDMAIL_ASTRAY },
		{ &numbered, "[192.0.2.26]", SENDMAIL_ASTRAY },
		/* Its internal recipients still reach the office. */
		{ &named, "office.example", SENDMAIL_OTHER },
		{ &named, "Mx.Office.Example", SENDMAIL_OTHER },
		{ &named, "[10.1.2.3]", SENDMAIL_OTHER },
		{ &named, "notoffice.example", SENDMAIL_ASTRAY },
		{ &named, "office.example.evil.test", SENDMAIL_ASTRAY },
		{ &named, "[11.1.2.3]", SENDMAIL_ASTRAY },
	};

	assert_int_equal(netprefix_parse("10.0.0.0/8", &lan), 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		assert_int_equal(
		    sendmail_server(&conf, table[i].sh, span(table[i].server)),
		    table[i].answer);
}

/* --- answers ------------------------------------------------------------- */

static void
a_route_is_a_mailer_and_a_host_without_mx(void **state)
{
	const struct smarthost named = smarthost(host, 587, TLS_VERIFY);
	const struct smarthost numbered = smarthost(literal, 25, TLS_VERIFY);
	char dst[64];

	assert_int_equal(sendmail_route(&named, dst, sizeof(dst)), 0);
	assert_string_equal(dst, "pm587:[Smtp.Example.com]");
	assert_int_equal(sendmail_route(&numbered, dst, sizeof(dst)), 0);
	assert_string_equal(dst, "pm25:[192.0.2.25]");
	assert_int_equal(sendmail_route(&named, dst, 24), -1);
	assert_int_equal(sendmail_route(&named, dst, 25), 0);
}

/* The mailers of the m4 part and the ports in the code are one list. */
static void
each_port_has_its_mailer_and_no_other_port_is_answered(void **state)
{
	FILE *f = fopen("contrib/sendmail/postmeter-b.m4", "r");
	bool made[65536] = { false };
	char line[512];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned port;

		if (sscanf(line, "PM_MAILER(%u)", &port) == 1)
			made[port] = true;
	}
	fclose(f);
	assert_true(made[587]);
	for (unsigned port = 0; port < 65536; port++) {
		const struct smarthost sh =
		    smarthost(host, (uint16_t)port, TLS_VERIFY);
		struct why why = WHY_NONE;

		assert_int_equal(sendmail_can(&sh, &why), made[port]);
		assert_int_equal(why.text[0] == '\0', made[port]);
		if (port == 465)
			assert_non_null(strstr(why.text, "implicit TLS"));
	}
}

static void
verify_demands_the_name_too(void **state)
{
	const struct smarthost verify = smarthost(host, 587, TLS_VERIFY);
	const struct smarthost encrypt = smarthost(host, 587, TLS_ENCRYPT);

	assert_string_equal(sendmail_tls(&verify), "VERIFY:112+CN");
	assert_string_equal(sendmail_tls(&encrypt), "ENCR:112");
}

static void
a_login_is_answered_in_base64(void **state)
{
	char dst[SENDMAIL_ANSWER];

	assert_int_equal(
	    sendmail_auth("userA", "secretA", "PLAIN LOGIN", dst, sizeof(dst)),
	    0);
	assert_string_equal(dst, "\"U=dXNlckE=\" \"I=dXNlckE=\" "
				 "\"P=c2VjcmV0QQ==\" \"M:PLAIN LOGIN\"");
	assert_int_equal(sendmail_auth("u", "\"<TMPF>\" $# temp", "PLAIN LOGIN",
			     dst, sizeof(dst)),
	    0);
	assert_string_equal(dst,
	    "\"U=dQ==\" \"I=dQ==\" "
	    "\"P=IjxUTVBGPiIgJCMgdGVtcA==\" \"M:PLAIN LOGIN\"");
}

/* Sendmail would cut a longer one, or take it for none. */
static void
every_secret_that_fits_a_token_comes_back_whole(void **state)
{
	char secret[SENDMAIL_VALUE + 2], dst[SENDMAIL_ANSWER + 1];
	unsigned char back[SENDMAIL_VALUE + 8];

	for (size_t len = 1; len <= SENDMAIL_VALUE; len++) {
		char *p, *end;
		int n;

		memset(secret, 'x', len);
		secret[len] = '\0';
		dst[SENDMAIL_ANSWER] = '!';
		assert_int_equal(sendmail_auth(secret, secret, "PLAIN LOGIN",
				     dst, SENDMAIL_ANSWER),
		    0);
		assert_int_equal(dst[SENDMAIL_ANSWER], '!');
		p = strstr(dst, "\"P=") + 3;
		end = strchr(p, '"');
		n = EVP_DecodeBlock(
		    back, (const unsigned char *)p, (int)(end - p));
		assert_true(n >= (int)len && n <= (int)len + 2);
		assert_memory_equal(back, secret, len);
		assert_string_equal(end, "\" \"M:PLAIN LOGIN\"");
	}
	memset(secret, 'x', SENDMAIL_VALUE + 1);
	secret[SENDMAIL_VALUE + 1] = '\0';
	assert_int_equal(
	    sendmail_auth("u", secret, "PLAIN LOGIN", dst, SENDMAIL_ANSWER),
	    -1);
}

static void
a_short_buffer_gets_no_answer_and_no_overflow(void **state)
{
	const char *whole = "\"U=dXNlckE=\" \"I=dXNlckE=\" "
			    "\"P=c2VjcmV0QQ==\" \"M:PLAIN LOGIN\"";
	size_t need = strlen(whole) + 1;

	for (size_t size = 0; size <= need; size++) {
		char *dst = malloc(size + 1);

		assert_non_null(dst);
		dst[size] = '!';
		assert_int_equal(
		    sendmail_auth("userA", "secretA", "PLAIN LOGIN", dst, size),
		    size == need ? 0 : -1);
		assert_int_equal(dst[size], '!');
		free(dst);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_falls_into_its_parts),
		cmocka_unit_test(a_recipient_stands_behind_its_server),
		cmocka_unit_test(a_mark_is_whole_or_none),
		cmocka_unit_test(what_is_no_key_is_refused),
		cmocka_unit_test(no_quoted_address_reaches_into_the_next),
		cmocka_unit_test(a_notice_of_sendmail_has_no_sender),
		cmocka_unit_test(only_the_smarthost_of_the_message_is_due),
		cmocka_unit_test(a_route_is_a_mailer_and_a_host_without_mx),
		cmocka_unit_test(
		    each_port_has_its_mailer_and_no_other_port_is_answered),
		cmocka_unit_test(verify_demands_the_name_too),
		cmocka_unit_test(a_login_is_answered_in_base64),
		cmocka_unit_test(
		    every_secret_that_fits_a_token_comes_back_whole),
		cmocka_unit_test(a_short_buffer_gets_no_answer_and_no_overflow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
