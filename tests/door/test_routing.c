/*
 * test_routing.c - which smarthost a message takes: what fits into one
 * message of each, whose budget is left, and who is well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "digest.h"
#include "log.h"
#include "meter.h"
#include "routing.h"
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
	struct why why;
	const char *name;

	mailaddr_canon(&a, sender, strlen(sender), "+");
	assert_int_equal(
	    routing_of_sender(&(struct desk){ .conf = conf, .store = store },
		&a, house_time, &sh, &why),
	    1);
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

/* --- who is unhealthy -------------------------------------------------------
 */

static void
ill(const char *smarthost)
{
	for (int i = 0; i < BREAKER_FAILURES; i++)
		(void)health_tell(health, smarthost, false, "gone", MONDAY);
}

static void
who_is_unhealthy_gets_mail_only_if_nobody_else_can_take_it(void **state)
{
	health = health_new();
	open_office(
	    "policy \"two\" { messages = {\"2/1h\"} }\n"
	    "smarthost \"a\" { host = \"a.test\" }\n"
	    "smarthost \"b\" { host = \"b.test\" policies = {\"two\"} }\n"
	    "route \"both\" { smarthosts = {\"a\", \"b\"} }\n"
	    "rule \"all\" { route = \"both\" }\n");
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_one("<x@office.example>", "<r@y.test>"), SMFIS_CONTINUE);
	assert_string_equal(next_of("<x@office.example>"), "a");
	ill("a");
	for (int i = 0; i < 3; i++) {
		assert_int_equal(send_one("<x@office.example>", "<r@y.test>"),
		    SMFIS_CONTINUE);
		assert_string_equal(
		    next_of("<x@office.example>"), i < 2 ? "b" : "a");
	}
	/* Both ill: the preferred one. */
	ill("b");
	house_time += 2 * HOUR;
	assert_int_equal(
	    send_one("<y@office.example>", "<r@y.test>"), SMFIS_CONTINUE);
	assert_string_equal(next_of("<y@office.example>"), "a");
	health_tell(health, "b", true, "", house_time);
	assert_int_equal(
	    send_one("<y@office.example>", "<r@y.test>"), SMFIS_CONTINUE);
	assert_string_equal(next_of("<y@office.example>"), "b");
	hang_up();
	close_office();
	health_free(&health);
}

/* --- a smarthost that takes its own sender only -------------------------- */

/* "a" takes any sender, twice an hour; "b" wants its own. */
#define OWN                                                                    \
	"policy \"two\" { messages = {\"2/1h\"} }\n"                           \
	"smarthost \"a\" { host = \"a.test\" policies = {\"two\"} }\n"         \
	"smarthost \"b\" { host = \"b.test\" "                                 \
	"envelope-sender = \"Office@provider.test\" }\n"                       \
	"route \"both\" { smarthosts = {\"a\", \"b\"} }\n"                     \
	"route \"own\" { smarthosts = {\"b\"} }\n"                             \
	"rule \"any\" { sender = {\"any@office.example\"} "                    \
	"route = \"both\" }\n"                                                 \
	"rule \"all\" { route = \"own\" }\n"

static void
header(const char *name, const char *value)
{
	char n[64], v[512];

	snprintf(n, sizeof(n), "%s", name);
	snprintf(v, sizeof(v), "%s", value);
	(void)fake_milter.xxfi_header(&server, n, v);
}

/* letter - one message with that From: (NULL: none) and maybe a Reply-To: */
static sfsistat
letter(const char *sender, const char *to, const char *from, const char *reply)
{
	mail(sender);
	assert_int_equal(rcpt(to), SMFIS_CONTINUE);
	header("Subject", "hello");
	if (from != NULL)
		header("From", from);
	if (reply != NULL)
		header("reply-to", reply);
	return eom();
}

static void
mail_leaves_by_the_own_sender_of_the_account(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	assert_int_equal(letter("<al@office.example>", "<x@y.test>",
			     "Al <al@office.example>", NULL),
	    SMFIS_CONTINUE);
	assert_string_equal(server.sender, "<Office@provider.test>");
	assert_string_equal(server.headers,
	    "change 1 From: Al <Office@provider.test>\n"
	    "add Reply-To: Al <al@office.example>\n");
	/* That is the sender that the mail server will ask with. */
	assert_string_equal(next_of("<office@provider.test>"), "b");
	hang_up();
	close_office();
}

static void
a_reply_to_that_is_there_stays(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	assert_int_equal(letter("<al@office.example>", "<x@y.test>",
			     "al@office.example", "team@office.example"),
	    SMFIS_CONTINUE);
	assert_string_equal(
	    server.headers, "change 1 From: Office@provider.test\n");
	/* The next message of the connection starts afresh. */
	assert_int_equal(
	    letter("<al@office.example>", "<x@y.test>", "a@b", NULL),
	    SMFIS_CONTINUE);
	assert_string_equal(server.headers,
	    "change 1 From: Office@provider.test\nadd Reply-To: a@b\n");
	hang_up();
	close_office();
}

static void
a_message_without_from_gets_one(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	assert_int_equal(
	    letter("<al@office.example>", "<x@y.test>", NULL, NULL),
	    SMFIS_CONTINUE);
	assert_string_equal(server.headers, "add From: Office@provider.test\n");
	hang_up();
	close_office();
}

static void
of_several_from_headers_one_is_left(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	mail("<al@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
	header("From", "A <a@b>");
	header("FROM", "B <b@b>");
	header("from", "C <c@b>");
	assert_int_equal(eom(), SMFIS_CONTINUE);
	assert_string_equal(server.headers,
	    "change 1 From: A <Office@provider.test>\n"
	    "remove 3 From: \nremove 2 From: \n"
	    "add Reply-To: A <a@b>\n");
	hang_up();
	close_office();
}

static void
nothing_is_changed_where_nobody_insists(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	/* The account's own mail, however it is spelt. */
	assert_int_equal(letter("<OFFICE+x@Provider.test>", "<x@y.test>",
			     "O <office@provider.test>", NULL),
	    SMFIS_CONTINUE);
	assert_string_equal(server.sender, "");
	assert_string_equal(server.headers, "");
	/* What stays in the office, a notice, and what another one takes. */
	assert_int_equal(letter("<al@office.example>", "<bo@office.example>",
			     "Al <al@office.example>", NULL),
	    SMFIS_CONTINUE);
	assert_string_equal(server.sender, "");
	assert_int_equal(
	    letter("<>", "<x@y.test>", "Mailer <>", NULL), SMFIS_CONTINUE);
	assert_string_equal(server.sender, "");
	assert_int_equal(letter("<any@office.example>", "<x@y.test>",
			     "Any <any@office.example>", NULL),
	    SMFIS_CONTINUE);
	assert_string_equal(server.sender, "");
	assert_string_equal(next_of("<any@office.example>"), "a");
	hang_up();
	close_office();
}

static void
the_binding_follows_the_sender_that_is_told(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(letter("<any@office.example>", "<x@y.test>",
				     "Any <any@office.example>", NULL),
		    SMFIS_CONTINUE);
		assert_string_equal(
		    server.sender, i < 2 ? "" : "<Office@provider.test>");
	}
	/* Mail that left under its own sender still goes where it was. */
	assert_string_equal(next_of("<any@office.example>"), "a");
	assert_string_equal(next_of("<office@provider.test>"), "b");
	hang_up();
	close_office();
}

static void
a_server_that_changes_no_sender_must_wait(void **state)
{
	open_office(OWN);
	connect_from("10.0.0.1");
	server.cannot_rename = true;
	assert_int_equal(letter("<al@office.example>", "<x@y.test>",
			     "Al <al@office.example>", NULL),
	    SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

static void
a_reload_that_needs_headers_defers_who_did_not_negotiate(void **state)
{
	open_office("rule \"all\" { }\n");
	connect_from("10.0.0.1");
	assert_int_equal(server.actions & SMFIF_CHGFROM, 0);
	assert_int_equal(server.steps & SMFIP_NOHDRS, SMFIP_NOHDRS);
	snapshot_publish(house_config(OWN));
	mail("<al@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	connect_from("10.0.0.1");
	assert_int_equal(
	    server.steps & (SMFIP_NOHDRS | SMFIP_NOBODY), SMFIP_NOBODY);
	mail("<al@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* --- before the charge --------------------------------------------------- */

/* Sendmail hears where mail goes before the budget is spent on it. */
static void
who_asks_early_is_told_what_the_charge_would_choose(void **state)
{
	open_office(
	    "policy \"one\" { per = \"everyone\" messages = "
	    "{\"1/24h\"} }\n"
	    "smarthost \"a\" { host = \"a.test\" policies = {\"one\"} }\n"
	    "smarthost \"b\" { host = \"b.test\" }\n"
	    "route \"both\" { smarthosts = {\"a\", \"b\"} }\n"
	    "rule \"all\" { route = \"both\" }\n");
	connect_from("10.0.0.1");
	assert_string_equal(next_of("new@office.example"), "a");
	assert_int_equal(recipients("<al@office.example>", 1), 1);
	assert_string_equal(next_of("new@office.example"), "b");
	assert_string_equal(next_of("al@office.example"), "a"); /* bound */
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
		cmocka_unit_test(
		    who_is_unhealthy_gets_mail_only_if_nobody_else_can_take_it),
		cmocka_unit_test(mail_leaves_by_the_own_sender_of_the_account),
		cmocka_unit_test(a_reply_to_that_is_there_stays),
		cmocka_unit_test(a_message_without_from_gets_one),
		cmocka_unit_test(of_several_from_headers_one_is_left),
		cmocka_unit_test(nothing_is_changed_where_nobody_insists),
		cmocka_unit_test(the_binding_follows_the_sender_that_is_told),
		cmocka_unit_test(a_server_that_changes_no_sender_must_wait),
		cmocka_unit_test(
		    a_reload_that_needs_headers_defers_who_did_not_negotiate),
		cmocka_unit_test(
		    who_asks_early_is_told_what_the_charge_would_choose),
	};

	log_open("test_routing", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
