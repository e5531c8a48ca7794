/*
 * test_client_policies.c - faults that other meters have had, and ready policy
 * sets at their limits.
 *
 * Each test bears the name of a fault that was seen in a quota daemon, a
 * policy server or a milter, and shows that this meter does not have it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "log.h"
#include "office.h"

#define ALL(policy) policy "rule \"all\" { policies = {\"p\"} }\n"

static void
connect_from_v6(const char *ip)
{
	unsigned long actions, steps, f2, f3;
	struct sockaddr_in6 sin6 = { .sin6_family = AF_INET6 };
	static char host[] = "client.test";

	assert_int_equal(inet_pton(AF_INET6, ip, &sin6.sin6_addr), 1);
	(void)fake_milter.xxfi_negotiate(
	    &server, 0x1ff, 0x1fffff, 0, 0, &actions, &steps, &f2, &f3);
	(void)fake_milter.xxfi_connect(
	    &server, host, (_SOCK_ADDR *)(void *)&sin6);
}

/* --- windows ------------------------------------------------------------- */

/* A leaky bucket or GCRA of 500 a day lets 999 through. */
static void
five_hundred_a_day_is_not_nine_hundred_and_ninety_nine(void **state)
{
	unsigned accepted = 0;

	open_office(ALL("policy \"p\" { messages = {\"500/24h\"} }\n"));
	connect_from("10.0.0.1");
	for (int64_t t = 0; t < DAY; t += 20 * SECOND) {
		house_time = MONDAY + t;
		accepted += send_one("<a@office.example>", "<x@y.test>") ==
			    SMFIS_CONTINUE;
	}
	assert_int_equal(accepted, 500);
	hang_up();
	close_office();
}

/* Two fixed windows side by side let twice the limit through in a moment. */
static void
the_edge_of_a_window_is_no_second_quota(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"50/1h\"} }\n"));
	connect_from("10.0.0.1");
	house_time = MONDAY + HOUR - SECOND;
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 60), 50);
	house_time = MONDAY + HOUR;
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 60), 0);
	hang_up();
	close_office();
}

/* Of several windows only the last was enforced. */
static void
every_window_of_a_policy_is_enforced(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"100/24h\", \"5/10m\", "
			"\"20/1h\"} }\n"));
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 9), 5);
	for (int i = 0; i < 3; i++) {
		house_time += 10 * MINUTE;
		assert_int_equal(
		    send_many("<a@office.example>", "<x@y.test>", 9), 5);
	}
	house_time += 10 * MINUTE;
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 9), 0);
	hang_up();
	close_office();
}

/* A reset job died, and the limit was zero from then on. */
static void
a_calendar_day_begins_by_itself(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"5/day\"} }\n"));
	connect_from("10.0.0.1");
	for (int day = 0; day < 10; day++) {
		assert_int_equal(
		    send_many("<a@office.example>", "<x@y.test>", 9), 5);
		house_time += DAY;
	}
	hang_up();
	close_office();
}

/* A key without expiry blocked its sender for good. */
static void
nobody_stays_blocked_when_the_window_has_passed(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"5/1h\"} }\n"));
	connect_from("10.0.0.1");
	for (int i = 0; i < 50; i++) {
		assert_int_equal(
		    send_many("<a@office.example>", "<x@y.test>", 20), 5);
		house_time += HOUR;
	}
	hang_up();
	close_office();
}

/* A clock set back gave everybody a fresh quota, or locked all out. */
static void
a_clock_set_back_neither_frees_nor_locks_out(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"5/1h\"} }\n"));
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 9), 5);
	house_time -= 365 * DAY;
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 9), 0);
	house_time += HOUR;
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 9), 5);
	hang_up();
	close_office();
}

/* --- counting ------------------------------------------------------------ */

/* The comparison came before the increment: a limit of 5 let 6 pass. */
static void
a_limit_of_five_is_five(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"5/1h\"} }\n"));
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 20), 5);
	hang_up();
	close_office();
}

/* The first message of a new key was never checked. */
static void
the_first_message_of_a_key_is_checked_too(void **state)
{
	unsigned accepted = 0;

	open_office(ALL("policy \"p\" { recipients = {\"100/24h\"} }\n"));
	connect_from("10.0.0.1");
	mail("<a@office.example>");
	for (unsigned i = 0; i < 500; i++) {
		char to[32];

		snprintf(to, sizeof(to), "<u%u@y.test>", i);
		accepted += rcpt(to) == SMFIS_CONTINUE;
	}
	assert_int_equal(accepted, 100);
	hang_up();
	close_office();
}

/* "messages" counted recipients. */
static void
messages_are_messages_and_recipients_are_recipients(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"2/1h\"} "
			"recipients = {\"5/1h\"} }\n"));
	connect_from("10.0.0.1");
	mail("<a@office.example>");
	for (unsigned i = 0; i < 4; i++) {
		char to[32];

		snprintf(to, sizeof(to), "<u%u@y.test>", i);
		assert_int_equal(rcpt(to), SMFIS_CONTINUE);
	}
	assert_int_equal(eom(), SMFIS_CONTINUE);
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 5), 1);
	hang_up();
	close_office();
}

/* Attempts that were refused counted on, so a retry kept the door shut. */
static void
knocking_does_not_keep_the_door_shut(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"5/1h\"} }\n"));
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 5), 5);
	for (int64_t t = MINUTE; t < HOUR; t += MINUTE) {
		house_time = MONDAY + t;
		assert_int_equal(
		    send_many("<a@office.example>", "<x@y.test>", 10), 0);
	}
	house_time = MONDAY + HOUR;
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* --- identity ------------------------------------------------------------ */

/* Upper case and plus tags were separate quotas: 20 of 20 with a limit of 5. */
static void
case_and_tags_are_no_new_quota(void **state)
{
	static const char *const spelt[] = { "<al@office.example>",
		"<AL@office.example>", "<al+1@office.example>",
		"<\"al\"@Office.Example>", "<al@office.example.>" };
	unsigned accepted = 0;

	open_office(ALL("policy \"p\" { messages = {\"5/1h\"} }\n"));
	connect_from("10.0.0.1");
	for (unsigned i = 0; i < 20; i++)
		accepted +=
		    send_one(spelt[i % 5], "<x@y.test>") == SMFIS_CONTINUE;
	assert_int_equal(accepted, 5);
	hang_up();
	close_office();
}

/* A login with "=" in it was dropped by the parser, and so unlimited. */
static void
a_strange_login_is_a_login(void **state)
{
	static const char *const logins[] = { "bob=x@office.example", "a=b",
		"a b", "\xff\xfe", "a\nb", "*", "sasl_username=eve" };

	for (size_t i = 0; i < sizeof(logins) / sizeof(logins[0]); i++) {
		open_office(ALL("policy \"p\" { per = \"login\" messages = "
				"{\"5/1h\"} }\n"));
		connect_from("192.0.2.1");
		server.login = logins[i];
		assert_int_equal(
		    send_many("<a@office.example>", "<x@y.test>", 9), 5);
		hang_up();
		close_office();
	}
}

/* A login that was not seen was taken for "no limit". */
static void
a_missing_login_is_no_exemption(void **state)
{
	open_office(ALL("policy \"p\" { per = \"login\" messages = {\"5/1h\"} "
			"}\n"));
	connect_from("10.0.0.1");
	for (unsigned i = 0, accepted = 0; i < 20; i++) {
		char from[64];

		snprintf(from, sizeof(from), "<u%u@office.example>", i);
		accepted += send_one(from, "<x@y.test>") == SMFIS_CONTINUE;
		assert_true(accepted <= 5);
	}
	hang_up();
	close_office();
}

/* IPv6 clients took a path that failed, and were not counted. */
static void
clients_with_ipv6_are_counted_by_their_network(void **state)
{
	unsigned accepted = 0;

	open_office("policy \"p\" { per = \"client\" messages = {\"5/1h\"} }\n"
		    "rule \"all\" { policies = {\"p\"} }\n");
	for (unsigned i = 1; i <= 20; i++) {
		char ip[64];

		snprintf(ip, sizeof(ip), "2001:db8:0:1::%x", i);
		connect_from_v6(ip);
		server.login = "bob";
		accepted += send_one("<a@office.example>", "<x@y.test>") ==
			    SMFIS_CONTINUE;
		hang_up();
	}
	assert_int_equal(accepted, 5);
	connect_from_v6("2001:db8:0:2::1");
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* A user spent a colleague's quota by writing the colleague's address. */
static void
a_login_cannot_spend_another_ones_quota(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"5/1h\"} }\n"));
	connect_from("192.0.2.1");
	server.login = "eve";
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 5);
	server.login = "al";
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 5);
	hang_up();
	close_office();
}

/* --- manners ------------------------------------------------------------- */

static bool
count_warning(void *arg, const struct store_event *e)
{
	*(unsigned *)arg += strcmp(e->kind, "warn") == 0;
	return true;
}

/* One notice for every recipient of every message. */
static void
a_warning_is_told_once(void **state)
{
	struct why why;
	unsigned warnings = 0;

	open_office(ALL("policy \"p\" { recipients = {\"100/24h\"} "
			"warn-at = {80} }\n"));
	connect_from("10.0.0.1");
	(void)send_many("<a@office.example>", "<x@y.test>", 150);
	assert_int_equal(store_flush(store, &why), STORE_OK);
	assert_int_equal(store_events(store, "a@office.example", 100,
			     count_warning, &warnings, &why),
	    STORE_OK);
	assert_int_equal(warnings, 1);
	hang_up();
	close_office();
}

/* A soft limit answered 5xx, and mail was lost. */
static void
a_limit_defers_unless_told_otherwise(void **state)
{
	open_office(ALL("policy \"p\" { messages = {\"1/24h\"} }\n"));
	connect_from("10.0.0.1");
	(void)send_one("<a@office.example>", "<x@y.test>");
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

/* --- ready policy sets at their limits ----------------------------------- */

/* The policies of a ready file, under a rule of ours instead of its frame. */
static void
open_office_under(const char *file, const char *policies, const char *lockout)
{
	static char text[65536], *end;
	FILE *f = fopen(file, "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text) - 600, f);
	fclose(f);
	text[n] = '\0';
	end = strstr(text, "# --- the least");
	assert_non_null(end);
	snprintf(end, 600, "rule \"all\" { policies = {%s} }\n", policies);
	if (lockout != NULL) { /* the line that the file offers */
		char *line = strstr(text, lockout);

		assert_non_null(line);
		*strchr(line, '#') = ' ';
	}
	open_office(text);
	connect_from("10.0.0.1");
}

/* One message to n recipients from u<first>@domain on; how many passed. */
static unsigned
send_to(unsigned first, unsigned n, const char *domain)
{
	unsigned accepted = 0;

	mail("<office@office.example>");
	for (unsigned i = 0; i < n; i++) {
		char to[64];

		snprintf(to, sizeof(to), "<u%u@%s>", first + i, domain);
		accepted += rcpt(to) == SMFIS_CONTINUE;
	}
	if (accepted == 0)
		rset();
	else
		assert_int_equal(eom(), SMFIS_CONTINUE);
	return accepted;
}

#define WORKSPACE                                                              \
	"conf/policies/workspace.conf",                                        \
	    "\"workspace-all\", \"workspace-external\""

static void
workspace_takes_2000_messages_a_day(void **state)
{
	open_office_under(WORKSPACE, NULL);
	assert_int_equal(
	    send_many("<office@office.example>", "<x@y.test>", 2100), 2000);
	house_time += DAY;
	assert_int_equal(
	    send_many("<office@office.example>", "<x@y.test>", 1), 1);
	hang_up();
	close_office();
}

static void
workspace_takes_100_recipients_in_a_message(void **state)
{
	open_office_under(WORKSPACE, NULL);
	assert_int_equal(send_to(0, 150, "y.test"), 100);
	hang_up();
	close_office();
}

static void
workspace_takes_10000_recipients_a_day_of_which_3000_external(void **state)
{
	unsigned external = 0, internal = 0;

	open_office_under(WORKSPACE, NULL);
	for (unsigned i = 0; i < 40; i++)
		external += send_to(0, 100, "y.test");
	assert_int_equal(external, 3000);
	for (unsigned i = 0; i < 80; i++)
		internal += send_to(0, 100, "office.example");
	assert_int_equal(internal, 7000);
	hang_up();
	close_office();
}

static void
workspace_takes_3000_different_recipients_of_which_2000_external(void **state)
{
	unsigned external = 0, internal = 0;

	open_office_under(WORKSPACE, NULL);
	for (unsigned i = 0; i < 25; i++)
		external += send_to(100 * i, 100, "y.test");
	assert_int_equal(external, 2000);
	/* Those who had mail already may have more. */
	assert_int_equal(send_to(0, 100, "y.test"), 100);
	for (unsigned i = 0; i < 15; i++)
		internal += send_to(100 * i, 100, "office.example");
	assert_int_equal(internal, 1000);
	hang_up();
	close_office();
}

static void
workspace_can_be_as_strict_as_google(void **state)
{
	open_office_under(WORKSPACE, "# lockout");
	assert_int_equal(
	    send_many("<office@office.example>", "<x@y.test>", 2000), 2000);
	house_time += DAY - SECOND; /* as a program would, without asking */
	hand_in("office@office.example");
	assert_int_equal(rcpt("x@y.test"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_TEMPFAIL);
	house_time += DAY - SECOND;
	assert_int_equal(
	    send_many("<office@office.example>", "<x@y.test>", 1), 0);
	house_time += SECOND;
	assert_int_equal(
	    send_many("<office@office.example>", "<x@y.test>", 1), 1);
	hang_up();
	close_office();
}

static void
gmail_takes_500_messages_and_100_recipients_in_each(void **state)
{
	open_office_under("conf/policies/gmail.conf", "\"gmail\"", NULL);
	assert_int_equal(send_to(0, 150, "y.test"), 100);
	assert_int_equal(
	    send_many("<office@office.example>", "<x@y.test>", 600), 400);
	hang_up();
	close_office();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    five_hundred_a_day_is_not_nine_hundred_and_ninety_nine),
		cmocka_unit_test(the_edge_of_a_window_is_no_second_quota),
		cmocka_unit_test(every_window_of_a_policy_is_enforced),
		cmocka_unit_test(a_calendar_day_begins_by_itself),
		cmocka_unit_test(
		    nobody_stays_blocked_when_the_window_has_passed),
		cmocka_unit_test(a_clock_set_back_neither_frees_nor_locks_out),
		cmocka_unit_test(a_limit_of_five_is_five),
		cmocka_unit_test(the_first_message_of_a_key_is_checked_too),
		cmocka_unit_test(
		    messages_are_messages_and_recipients_are_recipients),
		cmocka_unit_test(knocking_does_not_keep_the_door_shut),
		cmocka_unit_test(case_and_tags_are_no_new_quota),
		cmocka_unit_test(a_strange_login_is_a_login),
		cmocka_unit_test(a_missing_login_is_no_exemption),
		cmocka_unit_test(
		    clients_with_ipv6_are_counted_by_their_network),
		cmocka_unit_test(a_login_cannot_spend_another_ones_quota),
		cmocka_unit_test(a_warning_is_told_once),
		cmocka_unit_test(a_limit_defers_unless_told_otherwise),
		cmocka_unit_test(workspace_takes_2000_messages_a_day),
		cmocka_unit_test(workspace_takes_100_recipients_in_a_message),
		cmocka_unit_test(
		    workspace_takes_10000_recipients_a_day_of_which_3000_external),
		cmocka_unit_test(
		    workspace_takes_3000_different_recipients_of_which_2000_external),
		cmocka_unit_test(workspace_can_be_as_strict_as_google),
		cmocka_unit_test(
		    gmail_takes_500_messages_and_100_recipients_in_each),
	};

	log_open("test_peers", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("peers", tests, NULL, NULL);
}
