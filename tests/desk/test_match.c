/*
 * test_match.c - the first rule that matches speaks, and no other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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
	mailaddr_canon_login(t.login, sizeof(t.login), login, "");
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

static void
external_is_what_leaves_the_office(void **state)
{
	struct config *conf = house_config("rule \"r\" {}\n");
	struct mailaddr in, out, bare;

	mailaddr_canon(&in, "a@OFFICE.example", 16, "");
	mailaddr_canon(&out, "a@y.test", 8, "");
	mailaddr_canon(&bare, "root", 4, "");
	assert_false(match_external(conf, &in, "smtp"));
	assert_false(match_external(conf, &bare, NULL));
	assert_false(match_external(conf, &out, "local"));
	assert_true(match_external(conf, &out, NULL));
	assert_true(match_external(conf, &out, "smarthost-a"));
	config_free(&conf);
}

static void
a_local_domain_does_not_hide_an_address_before_it(void **state)
{
	static const char *const hidden[] = { "victim%y.test@office.example",
		"y.test!victim@office.example", "victim%y.test" };
	struct config *conf = house_config("rule \"r\" {}\n");

	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		struct mailaddr a;

		mailaddr_canon(&a, hidden[i], strlen(hidden[i]), "");
		assert_true(match_external(conf, &a, "smtp"));
		assert_true(match_external(conf, &a, NULL));
		/* Unless the mail server says that it will not send it on. */
		assert_false(match_external(conf, &a, "local"));
	}
	config_free(&conf);
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
		cmocka_unit_test(external_is_what_leaves_the_office),
		cmocka_unit_test(
		    a_local_domain_does_not_hide_an_address_before_it),
	};

	return cmocka_run_group_tests_name("match", tests, NULL, NULL);
}
