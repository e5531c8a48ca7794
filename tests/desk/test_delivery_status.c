/*
 * What Postfix tells of a recipient, word for word as 3.7 and 3.10 write it,
 * and what the provider may have counted then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "desk/delivery.h"

static void
is(enum delivery_status want, const char *text)
{
	enum delivery_status got = delivery_status(text, strlen(text));

	if (got != want)
		fail_msg("%s: want %s, got %s", text,
		    delivery_status_name(want), delivery_status_name(got));
}

static void
a_success_is_sent_but_a_probe_is_not(void **state)
{
	is(STATUS_SENT, "2.0.0 250 2.0.0 OK queued as 4XYZ");
	is(STATUS_SENT, "2.6.0 250 2.6.0 <id> [InternalId=1] Queued mail");
	is(STATUS_NOT_SENT, "2.1.5 250 2.1.5 rcpt ok");
	is(STATUS_NOT_SENT, "2.0.0 354 End data with <CR><LF>.<CR><LF>");
}

static void
the_providers_no_gives_back(void **state)
{
	static const char *const to[] = { "MAIL FROM command",
		"RCPT TO command", "DATA command", "end of DATA command" };

	for (size_t i = 0; i < 4; i++) {
		char text[300];

		snprintf(text, sizeof(text),
		    "5.4.5 host smtp.p.test[127.0.0.2] said: 550 5.4.5 Daily user sending limit exceeded (in reply to %s)",
		    to[i]);
		is(STATUS_NOT_SENT, text);
	}
	is(STATUS_NOT_SENT,
	    "5.3.4 message size 900 exceeds size limit 500 of server h[1.2.3.4]");
}

static void
what_nobody_knows_counts_as_sent(void **state)
{
	is(STATUS_UNKNOWN,
	    "4.4.2 lost connection with h[1.2.3.4] while sending end of data -- message may be sent more than once");
	is(STATUS_UNKNOWN,
	    "4.4.2 conversation with h[1.2.3.4] timed out while sending end of data -- message may be sent more than once");
	/* Not a reply of SMTP: nobody knows what it did. */
	is(STATUS_UNKNOWN,
	    "5.5.0 host h[1.2.3.4] said: 777 what (in reply to end of DATA command)");
	is(STATUS_UNKNOWN, "4.9.9 something that no table has");
	is(STATUS_UNKNOWN, "");
}

static void
a_connection_that_broke_before_the_dot_gives_back(void **state)
{
	static const char *const stages[] = { "sending message body",
		"sending MAIL FROM", "sending RCPT TO", "sending DATA command",
		"performing the EHLO handshake",
		"performing the HELO handshake",
		"receiving the initial server greeting" };

	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		char text[200];

		snprintf(text, sizeof(text),
		    "4.4.2 lost connection with h[1.2.3.4] while %s",
		    stages[i]);
		is(STATUS_NOT_SENT, text);
		snprintf(text, sizeof(text),
		    "4.4.2 conversation with h[1.2.3.4] timed out while %s",
		    stages[i]);
		is(STATUS_NOT_SENT, text);
	}
}

static void
a_refused_login_and_no_session_give_back(void **state)
{
	is(STATUS_LOGIN_REFUSED,
	    "4.7.8 SASL authentication failed; server h[1.2.3.4] said: 535 5.7.8 no");
	is(STATUS_LOGIN_REFUSED,
	    "4.7.8 SASL [CACHED] authentication failed; server h[1.2.3.4] said: 535 no");
	is(STATUS_LOGIN_REFUSED,
	    "4.7.0 SASL authentication failed; cannot authenticate to server h: no mechanism available");
	is(STATUS_NOT_SENT,
	    "4.4.1 connect to h[1.2.3.4]:587: Connection refused");
	is(STATUS_NOT_SENT,
	    "4.3.2 host h[1.2.3.4] refused to talk to me: 421 4.3.2 busy");
	is(STATUS_NOT_SENT,
	    "5.4.4 Host or domain name not found. Name service error for name=h");
	is(STATUS_NOT_SENT, "4.7.5 Cannot start TLS: handshake failure");
	is(STATUS_NOT_SENT,
	    "4.7.4 TLS is required, but was not offered by host h[1.2.3.4]");
	is(STATUS_NOT_SENT, "4.7.5 Server certificate not trusted");
}

static void
our_own_no_is_known_as_ours(void **state)
{
	is(STATUS_WAITED, "4.3.0 local data error while talking to h[1.2.3.4]");
	is(STATUS_WAITED, "4.7.5 client TLS configuration problem");
}

static void
words_inside_the_reply_decide_nothing(void **state)
{
	is(STATUS_NOT_SENT,
	    "5.7.1 host h[1.2.3.4] said: 550 lost connection while sending end of data -- message may be sent more than once (in reply to RCPT TO command)");
	is(STATUS_UNKNOWN,
	    "4.4.2 lost connection with h[1.2.3.4] while sending end of data -- message may be sent more than once (in reply to");
}

/* --- a delivery ---------------------------------------------------------- */

static const struct delivery leased = { .stage = DELIVERY_LOGGED_IN,
	.lease = { .id = 1, .messages = 1, .recipients = 50 } };

static void
assert_left(const struct delivery *d, uint64_t messages, uint64_t recipients,
    enum delivery_outcome outcome)
{
	const struct settlement s = delivery_settle(d);

	assert_int_equal(s.messages, messages);
	assert_int_equal(s.recipients, recipients);
	assert_int_equal(delivery_outcome(d), outcome);
}

static void
recipients_that_were_sent_count_even_beyond_the_lease(void **state)
{
	struct delivery d = leased;

	for (int i = 0; i < 60; i++)
		delivery_note(&d, STATUS_SENT, "said");
	delivery_note(&d, STATUS_NOT_SENT, "said");
	delivery_note(&d, STATUS_IGNORED, "said");
	assert_left(&d, 1, 60, OUTCOME_GOOD);
}

static void
all_refused_gives_all_back_and_no_status_keeps_all(void **state)
{
	struct delivery d = leased;

	assert_left(&d, 1, 50, OUTCOME_DOUBTFUL);
	delivery_note(&d, STATUS_NOT_SENT, "said");
	delivery_note(&d, STATUS_NOT_SENT, "said");
	assert_left(&d, 0, 0, OUTCOME_NONE);
	d = leased;
	delivery_note(&d, STATUS_LOGIN_REFUSED, "said");
	assert_left(&d, 0, 0, OUTCOME_LOGIN_REFUSED);
	d = leased;
	delivery_note(&d, STATUS_NOT_SENT, "said");
	delivery_note(&d, STATUS_UNKNOWN, "said");
	delivery_note(&d, STATUS_UNKNOWN, "said");
	assert_left(&d, 1, 2, OUTCOME_DOUBTFUL);
}

static void
statuses_behind_a_shut_door_settle_nothing(void **state)
{
	struct delivery d = { .stage = DELIVERY_REFUSED };

	delivery_note(&d, STATUS_WAITED, "said");
	delivery_note(&d, STATUS_NOT_SENT, "said");
	assert_int_equal(d.statuses, 0);
	assert_left(&d, 0, 0, OUTCOME_NONE);
}

static void
a_probe_of_an_address_costs_nothing(void **state)
{
	struct delivery d = leased;

	d.probe = true;
	delivery_note(&d, STATUS_SENT, "said");
	assert_left(&d, 0, 0, OUTCOME_NONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_success_is_sent_but_a_probe_is_not),
		cmocka_unit_test(the_providers_no_gives_back),
		cmocka_unit_test(what_nobody_knows_counts_as_sent),
		cmocka_unit_test(
		    a_connection_that_broke_before_the_dot_gives_back),
		cmocka_unit_test(a_refused_login_and_no_session_give_back),
		cmocka_unit_test(our_own_no_is_known_as_ours),
		cmocka_unit_test(words_inside_the_reply_decide_nothing),
		cmocka_unit_test(
		    recipients_that_were_sent_count_even_beyond_the_lease),
		cmocka_unit_test(
		    all_refused_gives_all_back_and_no_status_keeps_all),
		cmocka_unit_test(statuses_behind_a_shut_door_settle_nothing),
		cmocka_unit_test(a_probe_of_an_address_costs_nothing),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
