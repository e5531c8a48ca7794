/*
 * test_routing.c - which smarthost a message takes: what fits into one
 * message of each, whose budget is left, and who is well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "digest.h"
#include "log.h"
#include "meter.h"
#include "office.h"

/* A narrow smarthost that is preferred and a wide one behind it. */
#define TWO                                                                    \
	"policy \"narrow\" { per = \"everyone\" "                              \
	"recipients-per-message = 2 messages = {\"100/1h\"} }\n"               \
	"policy \"wide\" { per = \"everyone\" "                                \
	"recipients-per-message = 4 messages = {\"100/1h\"} }\n"               \
	"smarthost \"a\" { host = \"a.test\" policies = {\"narrow\"} }\n"      \
	"smarthost \"b\" { host = \"b.test\" policies = {\"wide\"} }\n"        \
	"route \"both\" { smarthosts = {\"a\", \"b\"} }\n"                     \
	"rule \"all\" { route = \"both\" }\n"

/* next_of - where mail of a sender would go now */
static const char *
next_of(const char *sender)
{
	const struct config *conf = snapshot_hold();
	const struct smarthost *sh = NULL;
	struct mailaddr a;
	char why[STORE_WHY];
	const char *name;

	mailaddr_canon(&a, sender, strlen(sender), "+");
	assert_int_equal(meter_route(conf, store, &a, house_time, &sh, why), 1);
	name = sh->name;
	snapshot_release(&conf);
	return name;
}

/* recipients - as many of n as are taken in one message, which is then sent */
static unsigned
recipients(const char *sender, unsigned n)
{
	unsigned taken = 0;
	char to[64];

	mail(sender);
	for (unsigned i = 0; i < n; i++) {
		snprintf(to, sizeof(to), "<r%u@else.test>", i);
		taken += rcpt(to) == SMFIS_CONTINUE;
	}
	assert_int_equal(eom(), SMFIS_CONTINUE);
	return taken;
}

/* --- what fits into one message ------------------------------------------ */

static void
a_message_goes_where_all_its_recipients_fit(void **state)
{
	open_office(TWO);
	connect_from("10.0.0.1");
	assert_int_equal(recipients("<x@office.example>", 2), 2);
	assert_string_equal(next_of("<x@office.example>"), "a");
	assert_int_equal(recipients("<x@office.example>", 3), 3);
	assert_string_equal(next_of("<x@office.example>"), "b");
	hang_up();
	close_office();
}

static void
more_than_the_widest_smarthost_takes_is_left_for_the_next(void **state)
{
	open_office(TWO);
	connect_from("10.0.0.1");
	mail("<x@office.example>");
	for (unsigned i = 0; i < 4; i++) {
		char to[64];

		snprintf(to, sizeof(to), "<r%u@else.test>", i);
		assert_int_equal(rcpt(to), SMFIS_CONTINUE);
	}
	assert_int_equal(rcpt("<late@else.test>"), SMFIS_TEMPFAIL);
	assert_string_equal(server.reply, "452 4.5.3 Too many recipients: at "
					  "most 4 in one message");
	/* Who stays in the office takes no smarthost. */
	assert_int_equal(rcpt("<late@office.example>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

static void
one_smarthost_without_a_cap_takes_any_message(void **state)
{
	open_office(
	    "policy \"narrow\" { recipients-per-message = 2 }\n"
	    "smarthost \"a\" { host = \"a.test\" policies = {\"narrow\"} }\n"
	    "smarthost \"b\" { host = \"b.test\" }\n"
	    "route \"both\" { smarthosts = {\"a\", \"b\"} }\n"
	    "rule \"all\" { route = \"both\" }\n");
	connect_from("10.0.0.1");
	assert_int_equal(recipients("<x@office.example>", 50), 50);
	assert_string_equal(next_of("<x@office.example>"), "b");
	hang_up();
	close_office();
}

static void
a_cap_that_is_observed_sends_nobody_away(void **state)
{
	open_office("mode = \"observe\"\n" TWO);
	connect_from("10.0.0.1");
	assert_int_equal(recipients("<x@office.example>", 9), 9);
	assert_string_equal(next_of("<x@office.example>"), "a");
	hang_up();
	close_office();
}

/* --- counters of an account ---------------------------------------------- */

#define EACH                                                                   \
	"policy \"each\" { per = \"sender\" messages = {\"2/1h\"} }\n"         \
	"smarthost \"a\" { host = \"a.test\" policies = {\"each\"} }\n"        \
	"route \"r\" { smarthosts = {\"a\"} }\n"                               \
	"rule \"all\" { route = \"r\" }\n"

static void
a_provider_can_count_each_sender_of_the_account(void **state)
{
	open_office(EACH);
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<x@office.example>", "<r@y.test>", 3), 2);
	assert_int_equal(send_many("<y@office.example>", "<r@y.test>", 3), 2);
	/* Nothing leaves, so the account pays nothing. */
	assert_int_equal(
	    send_many("<x@office.example>", "<r@office.example>", 3), 3);
	hang_up();
	close_office();
}

static void
invented_senders_of_an_account_end_at_one_counter(void **state)
{
	unsigned sent = 0;
	char from[64];

	open_office("new-senders = \"5/1h\"\n" EACH);
	connect_from("10.0.0.1");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(from, sizeof(from), "<f%u@office.example>", i);
		sent += send_one(from, "<r@y.test>") == SMFIS_CONTINUE;
	}
	assert_int_equal(sent, 5 + 2);
	hang_up();
	close_office();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_goes_where_all_its_recipients_fit),
		cmocka_unit_test(
		    more_than_the_widest_smarthost_takes_is_left_for_the_next),
		cmocka_unit_test(one_smarthost_without_a_cap_takes_any_message),
		cmocka_unit_test(a_cap_that_is_observed_sends_nobody_away),
		cmocka_unit_test(
		    a_provider_can_count_each_sender_of_the_account),
		cmocka_unit_test(
		    invented_senders_of_an_account_end_at_one_counter),
	};

	log_open("test_routing", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
