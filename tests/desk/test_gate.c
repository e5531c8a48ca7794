/*
 * The gate over a real store: what is leased, given back, kept, and charged
 * without a lease; what a question costs; what a restart leaves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "gate.h"
#include "house.h"
#include "tmpdir.h"
#include "trace.h"

#define RULES                                                                   \
	"policy \"day\" { messages = {\"3/24h\"} recipients = {\"20/24h\"} }\n" \
	"policy \"each\" { per = \"sender\" messages = {\"1/24h\"} }\n"         \
	"smarthost \"a\" { host = \"smtp.a.test\" recipient-limit = 5\n"        \
	"    policies = {\"day\"} }\n"                                          \
	"smarthost \"b\" { host = \"smtp.b.test\" policies = {\"each\"} }\n"    \
	"smarthost \"free\" { host = \"smtp.c.test\" }\n"                       \
	"route \"r\" { smarthosts = {\"a\"} }\n"                                \
	"rule \"all\" { route = \"r\" }\n"

static struct desk desk;
static struct config *conf;

static void
open_gate(void)
{
	conf = house_config(RULES);
	desk = (struct desk){
		.conf = conf, .store = house_store(conf), .gate = gate_new()
	};
	assert_non_null(desk.gate);
}

static void
close_gate(void)
{
	gate_free(&desk.gate);
	store_close(&desk.store);
	config_free(&conf);
}

static const struct smarthost *
account(const char *name)
{
	return config_smarthost(conf, name);
}

static enum gate_answer
begins(const char *owner, const char *name)
{
	struct why why = WHY_NONE;

	return gate_begin(&desk, owner, account(name), MONDAY, &why);
}

static enum gate_answer
logs_in(const char *owner, const char *name)
{
	struct why why = WHY_NONE;

	return gate_login(&desk, owner, account(name), MONDAY, &why);
}

static void
tells(const char *owner, const char *name, const char *text)
{
	struct why better;

	(void)gate_status(&desk, owner, account(name), text, MONDAY, &better);
}

static int64_t today = MONDAY;

/* used - of limit i of the policy, by that key */
static uint64_t
used(const char *policy, const char *key, size_t i)
{
	const struct policy *p = config_policy(conf, policy);
	struct counter *c = NULL;
	uint64_t n = 0, max;
	struct why why;

	if (store_read(desk.store, p, key, today, &c, &why) == STORE_OK)
		quota_usage(p, c, i, today, &n, &max);
	counter_free(&c);
	return n;
}

#define MESSAGES() used("day", "sent a", 0)
#define RECIPIENTS() used("day", "sent a", 1)
#define OK "2.0.0 250 2.0.0 queued"
#define NO                                                                     \
	"5.1.1 host h[1.2.3.4] said: 550 5.1.1 no (in reply to RCPT TO command)"
#define LOST                                                                   \
	"4.4.2 lost connection with h[1.2.3.4] while sending end of data -- message may be sent more than once"

static void
a_delivery_is_leased_at_the_door_and_settled_by_its_statuses(void **state)
{
	open_gate();
	assert_int_equal(begins("1", "a"), GATE_OPEN);
	assert_int_equal(MESSAGES(), 1);
	assert_int_equal(RECIPIENTS(), 5);
	assert_int_equal(logs_in("1", "a"), GATE_OPEN);
	tells("1", "a", OK);
	tells("1", "a", OK);
	gate_end(&desk, "1", MONDAY);
	assert_int_equal(MESSAGES(), 1);
	assert_int_equal(RECIPIENTS(), 2);
	/* The next door closes what went before as well. */
	assert_int_equal(begins("1", "a"), GATE_OPEN);
	assert_int_equal(logs_in("1", "a"), GATE_OPEN);
	tells("1", "a", NO);
	assert_int_equal(begins("1", "a"), GATE_OPEN);
	assert_int_equal(MESSAGES(), 2);
	assert_int_equal(RECIPIENTS(), 2 + 5);
	close_gate();
}

static void
an_account_never_sends_more_than_its_limit(void **state)
{
	unsigned open = 0;

	open_gate();
	for (int i = 0; i < 20; i++) {
		char owner[8];

		snprintf(owner, sizeof(owner), "%d", i);
		open += begins(owner, "a") == GATE_OPEN;
	}
	assert_int_equal(open, 3);
	assert_int_equal(MESSAGES(), 3);
	/* Where nothing was sent the next may go. */
	tells("0", "a", NO);
	gate_end(&desk, "0", MONDAY);
	assert_int_equal(begins("x", "a"), GATE_OPEN);
	assert_int_equal(begins("y", "a"), GATE_SHUT);
	close_gate();
}

static void
a_shut_door_says_why_to_the_queue(void **state)
{
	struct why why = WHY_NONE, better;
	static const char ours[] = "4.7.5 client TLS configuration problem";

	open_gate();
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    begins((char[]){ (char)('1' + i), 0 }, "a"), GATE_OPEN);
	assert_int_equal(
	    gate_begin(&desk, "9", account("a"), MONDAY, &why), GATE_SHUT);
	assert_non_null(strstr(why.text, "account a: 3 of 3 messages in 24h"));
	assert_true(
	    gate_status(&desk, "9", account("a"), ours, MONDAY, &better));
	assert_string_equal(better.text, why.text);
	gate_end(&desk, "9", MONDAY);
	assert_int_equal(MESSAGES(), 3);
	close_gate();
}

static void
what_nobody_knows_stays_charged(void **state)
{
	open_gate();
	assert_int_equal(begins("1", "a"), GATE_OPEN);
	assert_int_equal(logs_in("1", "a"), GATE_OPEN);
	tells("1", "a", LOST);
	gate_end(&desk, "1", MONDAY);
	assert_int_equal(MESSAGES(), 1);
	assert_int_equal(RECIPIENTS(), 1);
	/* Killed without a word: all that was leased. */
	assert_int_equal(begins("2", "a"), GATE_OPEN);
	assert_int_equal(logs_in("2", "a"), GATE_OPEN);
	gate_end(&desk, "2", MONDAY);
	assert_int_equal(MESSAGES(), 2);
	assert_int_equal(RECIPIENTS(), 6);
	close_gate();
}

static void
a_success_without_a_lease_is_charged_limit_or_not(void **state)
{
	open_gate();
	for (int i = 0; i < 5; i++) {
		tells("1", "a", OK);
		tells("1", "a", OK);
		gate_end(&desk, "1", MONDAY);
	}
	assert_int_equal(MESSAGES(), 5);
	assert_int_equal(RECIPIENTS(), 10);
	assert_int_equal(begins("2", "a"), GATE_SHUT);
	close_gate();
}

static void
a_credential_without_a_door_is_leased_too(void **state)
{
	open_gate();
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    logs_in((char[]){ (char)('1' + i), 0 }, "a"), GATE_OPEN);
	assert_int_equal(logs_in("9", "a"), GATE_SHUT);
	/* One delivery may log in to several servers: one lease. */
	assert_int_equal(logs_in("1", "a"), GATE_OPEN);
	assert_int_equal(MESSAGES(), 3);
	close_gate();
}

static void
a_policy_for_each_sender_holds_at_the_exit(void **state)
{
	open_gate();
	assert_int_equal(begins("1", "b"), GATE_OPEN);
	gate_sender(&desk, "1", account("b"), "al@office.example", MONDAY);
	assert_int_equal(logs_in("1", "b"), GATE_OPEN);
	tells("1", "b", OK);
	gate_end(&desk, "1", MONDAY);
	assert_int_equal(used("each", "sent al@office.example", 0), 1);
	assert_int_equal(begins("1", "b"), GATE_OPEN);
	gate_sender(&desk, "1", account("b"), "AL@office.example", MONDAY);
	assert_int_equal(logs_in("1", "b"), GATE_SHUT);
	tells("1", "b", "4.3.0 local data error while talking to h[1.2.3.4]");
	gate_end(&desk, "1", MONDAY);
	assert_int_equal(begins("1", "b"), GATE_OPEN);
	gate_sender(&desk, "1", account("b"), "bo@office.example", MONDAY);
	assert_int_equal(logs_in("1", "b"), GATE_OPEN);
	close_gate();
}

static void
three_doubtful_deliveries_close_the_gate_and_a_success_opens_it(void **state)
{
	struct gate_report r;
	struct why why;

	open_gate();
	for (int i = 0; i < 3; i++) {
		assert_int_equal(begins("1", "free"), GATE_OPEN);
		assert_int_equal(logs_in("1", "free"), GATE_OPEN);
		tells("1", "free", LOST);
		gate_end(&desk, "1", MONDAY);
	}
	assert_int_equal(begins("1", "free"), GATE_SHUT);
	gate_report(desk.gate, "free", MONDAY, &r);
	assert_true(r.closed);
	assert_int_equal(r.until, MONDAY + GATE_PAUSE);
	/* One try after the pause; it takes mail, and all is as before. */
	assert_int_equal(
	    gate_begin(&desk, "1", account("free"), MONDAY + GATE_PAUSE, &why),
	    GATE_OPEN);
	assert_int_equal(
	    gate_login(&desk, "1", account("free"), MONDAY + GATE_PAUSE, &why),
	    GATE_OPEN);
	tells("1", "free", OK);
	gate_end(&desk, "1", MONDAY + GATE_PAUSE);
	gate_report(desk.gate, "free", MONDAY, &r);
	assert_false(r.closed);
	close_gate();
}

static void
a_question_leases_nothing(void **state)
{
	struct why why;

	open_gate();
	for (int i = 0; i < 10; i++)
		assert_false(
		    gate_preview(&desk, account("a"), "", MONDAY, &why));
	assert_int_equal(MESSAGES(), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    begins((char[]){ (char)('1' + i), 0 }, "a"), GATE_OPEN);
	assert_true(gate_preview(&desk, account("a"), "", MONDAY, &why));
	assert_non_null(strstr(why.text, "account a: 3 of 3 messages"));
	close_gate();
}

static bool
first_entry(void *arg, const struct trace_entry *e)
{
	*(struct trace_entry *)arg = *e;
	return false;
}

static void
what_became_of_a_delivery_is_in_the_trace(void **state)
{
	struct trace_query q = { .who = "x@o.test", .n = 10 };
	struct trace_entry e = { .when = 0 };
	char path[200];
	struct why why;

	tmpdir_make();
	snprintf(path, sizeof(path), "%s/trace.db", tmpdir);
	assert_int_equal(trace_open(path, clock_now(), 4000000, &why), 0);
	open_gate();
	begins("1", "a");
	gate_sender(&desk, "1", account("a"), "x@o.test", MONDAY);
	logs_in("1", "a");
	tells("1", "a", OK);
	tells("1", "a", NO);
	gate_end(&desk, "1", MONDAY);
	assert_true(trace_settle());
	assert_int_equal(trace_find(&q, first_entry, &e, &why), 0);
	assert_int_equal(e.stage, TRACE_DELIVERY);
	assert_string_equal(e.verdict, "sent");
	assert_string_equal(e.smarthost, "a");
	assert_string_equal(e.text, OK);
	assert_int_equal(e.recipients, 1);
	begins("1", "a");
	gate_sender(&desk, "1", account("a"), "x@o.test", MONDAY);
	logs_in("1", "a");
	gate_end(&desk, "1", MONDAY + 1);
	assert_true(trace_settle());
	q.refused = true; /* it may have left, and is not known to */
	assert_int_equal(trace_find(&q, first_entry, &e, &why), 0);
	assert_string_equal(e.verdict, "unknown");
	assert_int_equal(e.recipients, 5);
	trace_close();
	close_gate();
	tmpdir_remove();
}

static enum gate_owner
owner_is(const char *owner)
{
	return owner[0] == 'g'   ? OWNER_GONE
	       : owner[0] == 'e' ? OWNER_ELSEWHERE
				 : OWNER_THERE;
}

static void
deliveries_outlive_the_daemon(void **state)
{
	struct why why = WHY_NONE;

	open_gate();
	assert_int_equal(begins("there", "a"), GATE_OPEN);
	assert_int_equal(begins("gone", "a"), GATE_OPEN);
	assert_int_equal(begins("elsewhere", "a"), GATE_OPEN);
	gate_free(&desk.gate);
	desk.gate = gate_new();
	assert_int_equal(gate_adopt(&desk, owner_is, MONDAY, &why), GATE_OPEN);
	/* It tells on: of one recipient, so four come back. */
	tells("there", "a", OK);
	gate_end(&desk, "there", MONDAY);
	assert_int_equal(MESSAGES(), 3);
	assert_int_equal(RECIPIENTS(), 1 + 5 + 5);
	/* What was asked twice, for the daemon was away, is one delivery. */
	assert_int_equal(begins("x", "a"), GATE_SHUT);
	close_gate();
}

static enum gate_owner
all_are_gone(const char *owner)
{
	return OWNER_GONE;
}

static void
who_ended_while_the_daemon_was_away_keeps_no_lease_open(void **state)
{
	struct gate_report r;
	struct why why = WHY_NONE;

	open_gate();
	assert_int_equal(begins("there", "a"), GATE_OPEN);
	gate_free(&desk.gate);
	desk.gate = gate_new();
	assert_int_equal(gate_adopt(&desk, owner_is, MONDAY, &why), GATE_OPEN);
	gate_sweep(&desk, owner_is, MONDAY);
	gate_report(desk.gate, "a", MONDAY, &r);
	assert_int_equal(r.leases, 1);
	gate_sweep(&desk, all_are_gone, MONDAY);
	gate_report(desk.gate, "a", MONDAY, &r);
	assert_int_equal(r.leases, 0);
	/* What it had counts as sent. */
	assert_int_equal(MESSAGES(), 1);
	close_gate();
}

/* Its status was told to nobody; what it does next is no second question. */
static void
the_first_delivery_after_a_restart_has_a_lease_of_its_own(void **state)
{
	struct gate_report r;
	struct why why = WHY_NONE;

	open_gate();
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    begins((char[]){ (char)('1' + i), 0 }, "a"), GATE_OPEN);
	gate_free(&desk.gate);
	desk.gate = gate_new();
	assert_int_equal(gate_adopt(&desk, owner_is, MONDAY, &why), GATE_OPEN);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
		    begins((char[]){ (char)('1' + i), 0 }, "a"), GATE_SHUT);
	assert_int_equal(MESSAGES(), 3);
	/* The restart is no trouble of the account's. */
	gate_report(desk.gate, "a", MONDAY, &r);
	assert_false(r.closed);
	close_gate();
}

/* --- a mail server that names the message and tells no outcome ----------- */

static uint64_t rcpt_digest = 1;
static char process[8] = "1.1";

static enum gate_answer
message(const char *id, const char *sender, const char *name, int64_t now)
{
	const struct gate_rcpt r = { id, sender, process, 0 };
	struct why why = WHY_NONE;
	enum gate_answer a;

	a = gate_login_due(&desk, &r, account(name), now, &why);
	return a != GATE_OPEN
		   ? a
		   : gate_message(&desk, &r, account(name), now, &why);
}

static enum gate_answer
recipient(const char *id, const char *sender, const char *name, int64_t now)
{
	struct why why = WHY_NONE;

	return gate_recipient(&desk,
	    &(struct gate_rcpt){ id, sender, process, rcpt_digest },
	    account(name), now, &why);
}

static void
a_message_costs_one_and_each_of_its_recipients(void **state)
{
	open_gate();
	assert_int_equal(message("1", "al@x.test", "a", MONDAY), GATE_OPEN);
	for (int i = 0; i < 4; i++)
		assert_int_equal(
		    recipient("1", "al@x.test", "a", MONDAY), GATE_OPEN);
	assert_int_equal(MESSAGES(), 1);
	assert_int_equal(RECIPIENTS(), 4);
	/* Part of it may have left: what was spent stays. */
	assert_int_equal(message("1", "al@x.test", "a", MONDAY), GATE_OPEN);
	assert_int_equal(recipient("1", "al@x.test", "a", MONDAY), GATE_OPEN);
	assert_int_equal(MESSAGES(), 2);
	assert_int_equal(RECIPIENTS(), 5);
	close_gate();
}

static void
a_message_that_comes_again_moves_its_lease(void **state)
{
	open_gate();
	for (int i = 0; i < 49; i++) {
		today = MONDAY + i * 10 * MINUTE;
		assert_int_equal(message("1", "", "a", today), GATE_OPEN);
		snprintf(process, sizeof(process), "%d.1", i);
		assert_int_equal(recipient("1", "", "a", today), GATE_OPEN);
	}
	assert_int_equal(MESSAGES(), 1);
	assert_int_equal(RECIPIENTS(), 1);
	today = MONDAY;
	close_gate();
}

/* Two recipients of one message, each in a delivery of its own. */
static void
another_recipient_gives_nothing_back(void **state)
{
	open_gate();
	for (rcpt_digest = 1; rcpt_digest <= 3; rcpt_digest++) {
		assert_int_equal(message("1", "", "a", MONDAY), GATE_OPEN);
		assert_int_equal(recipient("1", "", "a", MONDAY), GATE_OPEN);
	}
	assert_int_equal(MESSAGES(), 3);
	assert_int_equal(RECIPIENTS(), 3);
	rcpt_digest = 1;
	close_gate();
	/* The same at the same time: a double, and both left. */
	open_gate();
	for (int i = 0; i < 2; i++) {
		snprintf(process, sizeof(process), "%d.1", i);
		assert_int_equal(message("1", "", "a", MONDAY), GATE_OPEN);
		assert_int_equal(recipient("1", "", "a", MONDAY), GATE_OPEN);
	}
	assert_int_equal(MESSAGES(), 2);
	close_gate();
}

static void
no_message_logs_in_beyond_the_limit(void **state)
{
	char id[8];
	unsigned open = 0;

	open_gate();
	for (int i = 0; i < 20; i++) {
		snprintf(id, sizeof(id), "%d", i);
		if (message(id, "", "a", MONDAY) != GATE_OPEN)
			continue;
		open++;
		assert_int_equal(recipient(id, "", "a", MONDAY), GATE_OPEN);
	}
	assert_int_equal(open, 3);
	assert_int_equal(MESSAGES(), 3);
	/* 20 recipients a day, three are spent. */
	open = 0;
	for (int i = 0; i < 30; i++)
		open += recipient("0", "", "a", MONDAY) == GATE_OPEN;
	assert_int_equal(open, 17);
	assert_int_equal(RECIPIENTS(), 20);
	/* That others wait does not close it for ever. */
	assert_int_equal(message("x", "", "a", MONDAY + 2 * DAY), GATE_OPEN);
	close_gate();
}

static void
a_senders_own_limit_holds_for_messages_too(void **state)
{
	open_gate();
	assert_int_equal(message("1", "al@x.test", "b", MONDAY), GATE_OPEN);
	assert_int_equal(recipient("1", "al@x.test", "b", MONDAY), GATE_OPEN);
	assert_int_equal(message("2", "al@x.test", "b", MONDAY), GATE_SHUT);
	assert_int_equal(message("3", "bo@x.test", "b", MONDAY), GATE_OPEN);
	close_gate();
}

/* After a restart it is asked for a recipient of a message it never heard of.
 */
static void
a_recipient_of_an_unknown_message_begins_one(void **state)
{
	open_gate();
	assert_int_equal(recipient("1", "", "a", MONDAY), GATE_OPEN);
	assert_int_equal(MESSAGES(), 1);
	assert_int_equal(RECIPIENTS(), 1);
	close_gate();
}

/* One login that was not taken is enough: the next message may be returned. */
static void
a_login_without_a_recipient_closes_the_account(void **state)
{
	open_gate();
	assert_int_equal(message("1", "", "a", MONDAY), GATE_OPEN);
	/* The same process goes on with another message. */
	assert_int_equal(message("2", "", "a", MONDAY), GATE_SHUT);
	assert_int_equal(message("2", "", "b", MONDAY), GATE_OPEN);
	assert_int_equal(MESSAGES(), 0);
	close_gate();
	open_gate();
	assert_int_equal(message("1", "", "a", MONDAY), GATE_OPEN);
	gate_end(&desk, process, MONDAY);
	snprintf(process, sizeof(process), "2.1");
	assert_int_equal(message("2", "", "a", MONDAY), GATE_SHUT);
	/* After a quarter of an hour one may try, and no second beside it. */
	today = MONDAY + 15 * MINUTE;
	assert_int_equal(message("2", "", "a", today), GATE_OPEN);
	snprintf(process, sizeof(process), "3.1");
	assert_int_equal(message("3", "", "a", today), GATE_SHUT);
	snprintf(process, sizeof(process), "2.1");
	assert_int_equal(recipient("2", "", "a", today), GATE_OPEN);
	snprintf(process, sizeof(process), "3.1");
	assert_int_equal(message("3", "", "a", today), GATE_OPEN);
	today = MONDAY;
	close_gate();
}

static void
a_login_that_was_taken_closes_nothing(void **state)
{
	open_gate();
	snprintf(process, sizeof(process), "1.1");
	assert_int_equal(message("1", "", "a", MONDAY), GATE_OPEN);
	assert_int_equal(recipient("1", "", "a", MONDAY), GATE_OPEN);
	assert_int_equal(message("2", "", "a", MONDAY), GATE_OPEN);
	assert_int_equal(recipient("2", "", "a", MONDAY), GATE_OPEN);
	gate_end(&desk, process, MONDAY);
	assert_int_equal(message("3", "", "a", MONDAY), GATE_OPEN);
	close_gate();
}

/* What we do not have says nothing about what the provider takes. */
static void
a_login_that_was_withheld_closes_nothing(void **state)
{
	const struct gate_rcpt r = { "1", "", process, 0 };
	struct why why;

	open_gate();
	assert_int_equal(
	    gate_login_due(&desk, &r, account("a"), MONDAY, &why), GATE_OPEN);
	gate_login_withheld(&desk, &r, MONDAY);
	gate_end(&desk, process, MONDAY);
	assert_int_equal(message("2", "", "a", MONDAY), GATE_OPEN);
	close_gate();
}

/* The server says STARTTLS and AUTH no more: nobody asks for a login. */
static void
a_login_that_was_due_and_never_asked_for_closes_the_account(void **state)
{
	const struct gate_rcpt r = { "1", "", process, 0 };
	struct why why;

	open_gate();
	/* Twice of the same message is a second try at TLS. */
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    gate_login_due(&desk, &r, account("a"), MONDAY, &why),
		    GATE_OPEN);
	gate_end(&desk, process, MONDAY);
	assert_int_equal(
	    gate_login_due(&desk, &r, account("a"), MONDAY, &why), GATE_SHUT);
	close_gate();
}

static void
a_refused_login_closes_the_account_however_many_recipients_say_so(void **state)
{
	struct gate_report r;

	open_gate();
	assert_int_equal(message("1", "", "a", MONDAY), GATE_OPEN);
	for (int i = 0; i < 3; i++)
		gate_no_login(&desk, &(struct gate_rcpt){ "1", "", process, 1 },
		    account("a"), MONDAY);
	gate_report(desk.gate, "a", MONDAY, &r);
	assert_true(r.closed);
	assert_int_equal(r.class, REFUSAL_AUTH);
	assert_string_equal(
	    r.why.text, "the provider refused the login, or offers none");
	assert_int_equal(message("2", "", "a", MONDAY), GATE_SHUT);
	close_gate();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_delivery_is_leased_at_the_door_and_settled_by_its_statuses),
		cmocka_unit_test(an_account_never_sends_more_than_its_limit),
		cmocka_unit_test(a_shut_door_says_why_to_the_queue),
		cmocka_unit_test(what_nobody_knows_stays_charged),
		cmocka_unit_test(
		    a_success_without_a_lease_is_charged_limit_or_not),
		cmocka_unit_test(a_credential_without_a_door_is_leased_too),
		cmocka_unit_test(a_policy_for_each_sender_holds_at_the_exit),
		cmocka_unit_test(
		    three_doubtful_deliveries_close_the_gate_and_a_success_opens_it),
		cmocka_unit_test(a_question_leases_nothing),
		cmocka_unit_test(what_became_of_a_delivery_is_in_the_trace),
		cmocka_unit_test(deliveries_outlive_the_daemon),
		cmocka_unit_test(
		    who_ended_while_the_daemon_was_away_keeps_no_lease_open),
		cmocka_unit_test(
		    the_first_delivery_after_a_restart_has_a_lease_of_its_own),
		cmocka_unit_test(
		    a_message_costs_one_and_each_of_its_recipients),
		cmocka_unit_test(a_message_that_comes_again_moves_its_lease),
		cmocka_unit_test(another_recipient_gives_nothing_back),
		cmocka_unit_test(no_message_logs_in_beyond_the_limit),
		cmocka_unit_test(a_senders_own_limit_holds_for_messages_too),
		cmocka_unit_test(a_recipient_of_an_unknown_message_begins_one),
		cmocka_unit_test(
		    a_login_without_a_recipient_closes_the_account),
		cmocka_unit_test(a_login_that_was_taken_closes_nothing),
		cmocka_unit_test(a_login_that_was_withheld_closes_nothing),
		cmocka_unit_test(
		    a_login_that_was_due_and_never_asked_for_closes_the_account),
		cmocka_unit_test(
		    a_refused_login_closes_the_account_however_many_recipients_say_so),
	};

	return cmocka_run_group_tests_name("gate", tests, NULL, NULL);
}
