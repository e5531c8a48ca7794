/*
 * test_match.c - the first rule that matches speaks, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "house.h"
#include "match.h"

#define HOSTS                                                                  \
	"smarthost \"a\" { host = \"a.test\" username = \"u\" "                \
	"secret = \"s\" }\n"                                                   \
	"smarthost \"b\" { host = \"b.test\" username = \"u\" "                \
	"secret = \"s\" }\n"                                                   \
	"route \"a\" { smarthosts = {\"a\"} }\n"                               \
	"route \"b\" { smarthosts = {\"b\"} }\n"

static const char *
speaks(const char *rules, const char *sender, const char *login,
    const char *client)
{
	static char name[64];
	struct config *conf = house_config(rules);
	struct txn t = { .bytes = 0 };
	const struct rule *r;

	mailaddr_canon(&t.sender, sender, strlen(sender), "+");
	config_login(conf, login, t.login);
	(void)netaddr_parse(client, &t.client);
	r = match_rule(conf, &t);
	snprintf(name, sizeof(name), "%s", r != NULL ? r->name : "none");
	config_free(&conf);
	return name;
}

#define RULES                                                                  \
	"rule \"news\" { sender = {\"News@Office.example\"} }\n"               \
	"rule \"printers\" { client = {\"10.0.9.0/24\"} }\n"                   \
	"rule \"board\" { login = {\"ceo\"} sender = "                         \
	"{\"@office.example\"} }\n"                                            \
	"rule \"bounces\" { sender = {\"<>\"} }\n"                             \
	"rule \"all\" { sender = {\"@office.example\"} }\n"

static void
the_first_rule_whose_conditions_all_hold_speaks(void **state)
{
	assert_string_equal(
	    speaks(RULES, "<news@OFFICE.example.>", "ceo", "10.0.9.1"), "news");
	assert_string_equal(
	    speaks(RULES, "<x@y.test>", "", "10.0.9.1"), "printers");
	assert_string_equal(
	    speaks(RULES, "<x@office.example>", "CEO", "10.0.8.1"), "board");
	assert_string_equal(
	    speaks(RULES, "<x@y.test>", "ceo", "10.0.8.1"), "none");
	assert_string_equal(
	    speaks(RULES, "<x@office.example>", "", "10.0.8.1"), "all");
	assert_string_equal(speaks(RULES, "<>", "", "10.0.8.1"), "bounces");
}

static void
a_domain_pattern_takes_no_subdomain_and_no_lookalike(void **state)
{
	assert_string_equal(
	    speaks(RULES, "<x@sub.office.example>", "", "10.0.8.1"), "none");
	assert_string_equal(
	    speaks(RULES, "<x@notoffice.example>", "", "10.0.8.1"), "none");
	assert_string_equal(
	    speaks(RULES, "<\"x@office.example\"@y.test>", "", "10.0.8.1"),
	    "none");
}

static const char *
routes(const char *rules, const char *raw, bool *sure)
{
	static char name[64];
	struct config *conf = house_config(rules);
	struct mailaddr sender;
	const struct rule *r;

	mailaddr_canon(&sender, raw, strlen(raw), "+");
	r = match_sender(conf, &sender, sure);
	snprintf(name, sizeof(name), "%s", r != NULL ? r->name : "none");
	config_free(&conf);
	return name;
}

static void
a_sender_alone_is_sure_until_a_login_could_decide(void **state)
{
	static const char rules[] = HOSTS
	    "rule \"one\" { sender = {\"one@office.example\"} route = \"a\" }\n"
	    "rule \"ceo\" { login = {\"ceo\"} route = \"a\" }\n"
	    "rule \"all\" { sender = {\"@office.example\"} route = \"b\" }\n";
	bool sure;

	assert_string_equal(routes(rules, "one@office.example", &sure), "one");
	assert_true(sure);
	assert_string_equal(routes(rules, "two@office.example", &sure), "all");
	assert_false(sure);
	assert_string_equal(routes(rules, "x@y.test", &sure), "ceo");
	assert_false(sure);
}

static struct config *office;

static enum txn_way
way_of(const char *raw, const char *mailer, const char *addr)
{
	const struct rcpt_word word = { mailer, addr };

	return match_recipient(office, raw, &word);
}

static void
the_mail_server_says_what_leaves_the_office(void **state)
{
	office = house_config("rule \"r\" {}\n");
	/* What it delivers itself stays, whatever the address looks like. */
	assert_int_equal(way_of("<a@y.test>", "local", "a"), WAY_LOCAL);
	assert_int_equal(
	    way_of("<a@y.test>", "virtual", "a@y.test"), WAY_LOCAL);
	/* What it hands on leaves, by the smarthost unless it says another way.
	 */
	assert_int_equal(
	    way_of("<a@y.test>", "smarthost-a", "a@y.test"), WAY_ROUTED);
	assert_int_equal(way_of("<a@y.test>", "pm587", "a@y.test"), WAY_ROUTED);
	assert_int_equal(way_of("<a@partner.test>", "relay", "a@partner.test"),
	    WAY_EXTERNAL);
	/* The quotes that hid the "@" are gone in its word. */
	assert_int_equal(
	    way_of("<\"x@y.test\">", "smtp", "x@y.test"), WAY_ROUTED);
	assert_int_equal(
	    way_of("<\"x@y.test\"@office.example>", "smtp", "x@y.test"),
	    WAY_ROUTED);
	/* A domain that the office calls its own stays in any case. */
	assert_int_equal(way_of("<a@OFFICE.example>", "smtp", NULL), WAY_LOCAL);
	config_free(&office);
}

static void
what_cannot_be_told_leaves(void **state)
{
	static const char *const hidden[] = { "victim%y.test@office.example",
		"y.test!victim@office.example", "victim%y.test",
		"\"x@y.test\"@office.example", "\"x@y.test\"", "root", "" };

	office = house_config("rule \"r\" {}\n");
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		assert_int_equal(way_of(hidden[i], "smtp", NULL), WAY_ROUTED);
		assert_int_equal(way_of(hidden[i], NULL, NULL), WAY_ROUTED);
		assert_int_equal(way_of(hidden[i], "local", NULL), WAY_LOCAL);
	}
	config_free(&office);
}

static void
the_sender_is_read_as_the_mail_server_completed_it(void **state)
{
	struct mailaddr a;

	office = house_config("rule \"r\" {}\n");
	match_envelope_sender(office, "<news>", "news@office.example", &a);
	assert_string_equal(a.text, "news@office.example");
	/* Sendmail says no domain of its own: the client's word stands. */
	match_envelope_sender(office, "<al@office.example>", "al", &a);
	assert_string_equal(a.text, "al@office.example");
	/* Without its quotes it would be another address. */
	match_envelope_sender(
	    office, "<\"a b\"@office.example>", "a b@office.example", &a);
	assert_string_equal(a.text, "a=20b@office.example");
	match_envelope_sender(office, "<>", "", &a);
	assert_true(mailaddr_is_null(&a));
	config_free(&office);
}

static void
whoever_writes_from_the_machine_is_the_person_that_logs_in(void **state)
{
	struct mailaddr a;

	office = house_config("rule \"r\" {}\n");
	match_envelope_sender(office, "<Al@mail.office.example>", "Al", &a);
	assert_string_equal(a.text, "al@office.example");
	/* Postfix has an address for everybody: that is who he is. */
	match_envelope_sender(
	    office, "<al@mail.office.example>", "al@mail.office.example", &a);
	assert_string_equal(a.text, "al@mail.office.example");
	match_envelope_sender(office, "<al@mail.office.example>", NULL, &a);
	assert_string_equal(a.text, "al@mail.office.example");
	match_envelope_sender(office, "<al>", "al", &a);
	assert_string_equal(a.text, "al");
	config_free(&office);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_first_rule_whose_conditions_all_hold_speaks),
		cmocka_unit_test(
		    a_domain_pattern_takes_no_subdomain_and_no_lookalike),
		cmocka_unit_test(
		    a_sender_alone_is_sure_until_a_login_could_decide),
		cmocka_unit_test(the_mail_server_says_what_leaves_the_office),
		cmocka_unit_test(what_cannot_be_told_leaves),
		cmocka_unit_test(
		    the_sender_is_read_as_the_mail_server_completed_it),
		cmocka_unit_test(
		    whoever_writes_from_the_machine_is_the_person_that_logs_in),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
