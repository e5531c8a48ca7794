/*
 * test_holds.c - what a provider refuses closes the gate of whom it means, as
 * the gate hears it from Postfix.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gate.h"
#include "house.h"

#define RULES                                                                     \
	"smarthost \"a\" { host = \"a.test\" provider = \"google-workspace\"\n"   \
	"    tenant = \"one.test\" }\n"                                           \
	"smarthost \"relay\" { host = \"r.test\" provider = \"google-relay\" }\n" \
	"smarthost \"m1\" { host = \"m.test\" provider = \"microsoft-365\"\n"     \
	"    tenant = \"one.test\" }\n"                                           \
	"smarthost \"m2\" { host = \"m.test\" provider = \"microsoft-365\"\n"     \
	"    tenant = \"one.test\" }\n"                                           \
	"smarthost \"m3\" { host = \"m.test\" provider = \"microsoft-365\"\n"     \
	"    tenant = \"two.test\" }\n"                                           \
	"rule \"all\" { }\n"

#define DAILY                                                                  \
	"5.4.5 host a.test[192.0.2.1] said: 550-5.4.5 Daily user sending limit exceeded. For more 550 5.4.5 information (in reply to end of DATA command)"
#define USER                                                                   \
	"5.4.5 host r.test[192.0.2.1] said: 550 5.4.5 Daily SMTP relay limit exceeded for user (in reply to MAIL FROM command)"
#define TENANT                                                                 \
	"5.7.233 host m.test[192.0.2.1] said: 550 5.7.233 Your message can't be sent because your tenant exceeded (in reply to end of DATA command)"
#define LOGIN                                                                  \
	"4.7.8 SASL authentication failed; server a.test[192.0.2.1] said: 535 5.7.8 Username and Password not accepted"
#define UNKNOWN                                                                \
	"5.1.1 host a.test[192.0.2.1] said: 550 5.1.1 no such user (in reply to RCPT TO command)"

static struct desk desk;
static struct config *conf;

static int
set_up(void **state)
{
	char text[2000], here[512];

	assert_non_null(getcwd(here, sizeof(here)));
	snprintf(text, sizeof(text),
	    "providers = \"%s/conf/providers.conf\"\n" RULES, here);
	conf = house_config(text);
	desk = (struct desk){
		.conf = conf, .store = house_store(conf), .gate = gate_new()
	};
	return desk.gate == NULL ? -1 : 0;
}

static int
tear_down(void **state)
{
	gate_free(&desk.gate);
	store_close(&desk.store);
	config_free(&conf);
	return 0;
}

static enum gate_answer
delivers(const char *name, const char *sender, int64_t now)
{
	const struct smarthost *sh = config_smarthost(conf, name);
	struct why why = WHY_NONE;
	const enum gate_answer a = gate_begin(&desk, "1", sh, now, &why);

	if (a != GATE_OPEN)
		return a;
	gate_sender(&desk, "1", sh, sender, now);
	return gate_login(&desk, "1", sh, now, &why);
}

/* hears - what is better said than status; "" if nothing is */
static const char *
hears(const char *name, const char *status, int64_t now)
{
	static struct why better;

	better = WHY_NONE;
	if (!gate_status(
		&desk, "1", config_smarthost(conf, name), status, now, &better))
		return "";
	return better.text;
}

static void
a_full_day_closes_the_account_and_the_mail_waits(void **state)
{
	struct gate_report r;
	struct why why;

	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	for (int i = 0; i < 50; i++)
		assert_non_null(strstr(hears("a", DAILY, MONDAY),
		    "account a, not the message: 550 5.4.5 Daily user"));
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	assert_true(gate_preview(
	    &desk, config_smarthost(conf, "a"), "", MONDAY + MINUTE, &why));
	assert_non_null(strstr(why.text, "account a is closed until"));
	gate_report(desk.gate, "a", MONDAY + MINUTE, &r);
	assert_true(r.closed);
	assert_int_equal(r.class, REFUSAL_QUOTA_DAY);
	assert_int_equal(r.until, MONDAY + DAY);
	assert_int_equal(delivers("m1", "x@o.test", MONDAY), GATE_OPEN);
}

static void
one_message_tries_and_opens_it(void **state)
{
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	hears("a", DAILY, MONDAY);
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + HOUR - 1), GATE_SHUT);
	assert_int_equal(delivers("a", "x@o.test", MONDAY + HOUR), GATE_OPEN);
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + HOUR + 1), GATE_SHUT);
	assert_string_equal(
	    hears("a", "2.0.0 250 2.0.0 queued", MONDAY + HOUR + SECOND), "");
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + HOUR + 2 * SECOND), GATE_OPEN);
}

static void
a_limit_of_one_sender_closes_the_relay_for_that_sender_only(void **state)
{
	struct why why;

	assert_int_equal(delivers("relay", "x@o.test", MONDAY), GATE_OPEN);
	assert_non_null(
	    strstr(hears("relay", USER, MONDAY), "not the message"));
	assert_int_equal(
	    delivers("relay", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	assert_int_equal(
	    delivers("relay", "y@o.test", MONDAY + MINUTE), GATE_OPEN);
	assert_true(gate_preview(&desk, config_smarthost(conf, "relay"),
	    "x@o.test", MONDAY + MINUTE, &why));
	assert_false(gate_preview(&desk, config_smarthost(conf, "relay"),
	    "y@o.test", MONDAY + MINUTE, &why));
}

static void
a_limit_of_a_sender_that_nobody_knows_closes_nothing(void **state)
{
	assert_int_equal(delivers("relay", "", MONDAY), GATE_OPEN);
	assert_non_null(
	    strstr(hears("relay", USER, MONDAY), "not the message"));
	assert_int_equal(
	    delivers("relay", "y@o.test", MONDAY + MINUTE), GATE_OPEN);
}

static void
what_another_server_of_the_store_was_refused_is_known_here(void **state)
{
	struct gate *here = desk.gate, *there = gate_new();

	assert_non_null(there);
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	hears("a", DAILY, MONDAY);
	desk.gate = there;
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	gate_free(&there);
	desk.gate = here;
}

static void
a_mended_login_is_tried_at_once_and_a_refused_one_told_once(void **state)
{
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	assert_false(gate_login_refused(desk.gate, "a"));
	hears("a", LOGIN, MONDAY);
	assert_true(gate_login_refused(desk.gate, "a"));
	assert_false(gate_login_refused(desk.gate, "a"));
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	gate_try_now(desk.gate, "a", MONDAY + MINUTE);
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_OPEN);
	hears("a", LOGIN, MONDAY + MINUTE);
	assert_false(gate_login_refused(desk.gate, "a"));
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + 2 * MINUTE), GATE_SHUT);
	gate_try_now(desk.gate, "a", MONDAY + 2 * MINUTE);
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + 2 * MINUTE), GATE_OPEN);
	hears("a", "2.0.0 250 2.0.0 queued", MONDAY + 2 * MINUTE);
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + 2 * MINUTE), GATE_OPEN);
	/* A full day is nothing that a new password mends. */
	hears("a", DAILY, MONDAY + 3 * MINUTE);
	gate_try_now(desk.gate, "a", MONDAY + 3 * MINUTE);
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + 3 * MINUTE), GATE_SHUT);
}

/* message - a delivery of Sendmail's begins */
static enum gate_answer
message(const char *id, const char *account)
{
	const struct gate_rcpt r = { id, "x@o.test", "1.1", 0 };
	struct why why = WHY_NONE;

	return gate_message(
	    &desk, &r, config_smarthost(conf, account), MONDAY, &why);
}

static void
a_line_of_sendmails_log_closes_and_never_opens(void **state)
{
	const char id[] = "4APF0aXY000123";

	assert_false(gate_refused(&desk, id, "550 5.4.5 Daily user", MONDAY));
	assert_int_equal(message(id, "a"), GATE_OPEN);
	assert_true(gate_refused(&desk, id, "550 5.1.1 no such user", MONDAY));
	assert_false(gate_refused(&desk, id, "250 2.0.0 queued", MONDAY));
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	assert_true(gate_refused(&desk, id, "550 5.4.5 Daily user", MONDAY));
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	(void)gate_refused(&desk, id, "250 2.0.0 queued", MONDAY + 2 * HOUR);
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	/* A sender's limit is that sender's. */
	assert_int_equal(message("4APF0aXY000124", "relay"), GATE_OPEN);
	assert_true(gate_refused(&desk, "4APF0aXY000124",
	    "550 5.4.5 Daily SMTP relay limit exceeded for user", MONDAY));
	assert_int_equal(delivers("relay", "x@o.test", MONDAY), GATE_SHUT);
	assert_int_equal(delivers("relay", "y@o.test", MONDAY), GATE_OPEN);
}

static bool
find_count(void *arg, const struct store_event *e)
{
	if (strstr(e->text, "limit was reached at 3 of our 1900 messages") !=
	    NULL)
		++*(int *)arg;
	return true;
}

static void
the_events_say_how_much_we_had_counted(void **state)
{
	struct why why;
	int n = 0;

	for (int i = 0; i < 3; i++) {
		assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
		hears("a", "2.0.0 250 2.0.0 queued", MONDAY);
	}
	gate_end(&desk, "1", MONDAY);
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	hears("a", DAILY, MONDAY + SECOND);
	hears("a", DAILY, MONDAY + SECOND);
	hears("a", DAILY, MONDAY + MINUTE);
	assert_int_equal(store_flush(desk.store, &why), STORE_OK);
	(void)store_events(desk.store, "a", 20, find_count, &n, &why);
	assert_int_equal(n, 1);
}

static void
a_limit_of_the_tenant_closes_all_its_accounts(void **state)
{
	assert_int_equal(delivers("m1", "x@o.test", MONDAY), GATE_OPEN);
	hears("m1", TENANT, MONDAY);
	assert_int_equal(delivers("m1", "x@o.test", MONDAY), GATE_SHUT);
	assert_int_equal(delivers("m2", "x@o.test", MONDAY), GATE_SHUT);
	assert_int_equal(delivers("m3", "x@o.test", MONDAY), GATE_OPEN);
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
}

static void
a_recipient_that_is_not_there_closes_nothing(void **state)
{
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	assert_string_equal(hears("a", UNKNOWN, MONDAY), "");
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
}

/* closes - a person does, until then; 0: opens */
static void
closes(int64_t until)
{
	const struct hold_order order = { until, "moving house", "root" };
	struct why why = WHY_NONE;

	assert_int_equal(
	    gate_by_hand(&desk, "a", &order, MONDAY, &why), STORE_OK);
}

static void
a_person_closes_and_opens_an_account(void **state)
{
	struct gate_report r;

	closes(MONDAY + HOUR);
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_SHUT);
	gate_report(desk.gate, "a", MONDAY, &r);
	assert_string_equal(r.why.text, "moving house");
	closes(0);
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	closes(MONDAY + HOUR);
	assert_int_equal(delivers("a", "x@o.test", MONDAY + HOUR), GATE_OPEN);
}

static enum gate_owner
nobody_is_there(const char *owner)
{
	return OWNER_GONE;
}

/* starts_again - the daemon does, on the same store */
static void
starts_again(int64_t now)
{
	struct why why = WHY_NONE;

	gate_free(&desk.gate);
	desk.gate = gate_new();
	assert_non_null(desk.gate);
	assert_int_equal(
	    gate_adopt(&desk, nobody_is_there, now, &why), GATE_OPEN);
}

static void
what_a_person_closed_stays_closed_over_a_restart(void **state)
{
	struct gate_report r;

	closes(NEVER);
	starts_again(MONDAY);
	assert_int_equal(delivers("a", "x@o.test", MONDAY + DAY), GATE_SHUT);
	gate_report(desk.gate, "a", MONDAY + DAY, &r);
	assert_string_equal(r.why.text, "moving house");
	assert_true(r.until == NEVER);
	closes(0);
	starts_again(MONDAY);
	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
}

static void
a_full_day_outlives_a_restart_and_one_message_tries(void **state)
{
	struct gate_report r;

	assert_int_equal(delivers("a", "x@o.test", MONDAY), GATE_OPEN);
	hears("a", DAILY, MONDAY);
	starts_again(MONDAY + MINUTE);
	assert_int_equal(delivers("a", "x@o.test", MONDAY + MINUTE), GATE_SHUT);
	gate_report(desk.gate, "a", MONDAY + MINUTE, &r);
	assert_int_equal(r.class, REFUSAL_QUOTA_DAY);
	assert_non_null(strstr(r.why.text, "5.4.5"));
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + 2 * HOUR), GATE_OPEN);
	assert_string_equal(
	    hears("a", "2.0.0 250 2.0.0 queued", MONDAY + 2 * HOUR), "");
	starts_again(MONDAY + 2 * HOUR);
	assert_int_equal(
	    delivers("a", "x@o.test", MONDAY + 2 * HOUR), GATE_OPEN);
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_full_day_closes_the_account_and_the_mail_waits),
		T(one_message_tries_and_opens_it),
		T(a_limit_of_one_sender_closes_the_relay_for_that_sender_only),
		T(a_limit_of_a_sender_that_nobody_knows_closes_nothing),
		T(what_another_server_of_the_store_was_refused_is_known_here),
		T(a_mended_login_is_tried_at_once_and_a_refused_one_told_once),
		T(a_line_of_sendmails_log_closes_and_never_opens),
		T(the_events_say_how_much_we_had_counted),
		T(a_limit_of_the_tenant_closes_all_its_accounts),
		T(a_recipient_that_is_not_there_closes_nothing),
		T(a_person_closes_and_opens_an_account),
		T(what_a_person_closed_stays_closed_over_a_restart),
		T(a_full_day_outlives_a_restart_and_one_message_tries),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
