/* test_smtp_hints.c - what a provider says, and what helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "smtp_hints.h"

static void
replies_of_providers_find_their_cause(void **state)
{
	static const struct {
		enum probe_step step;
		const char *reply, *cause;
	} cases[] = {
		{ PROBE_AUTH, "535 5.7.8 Error", "app password" },
		{ PROBE_AUTH, "535 5.7.139 Authentication unsuccessful",
		    "switched off" },
		{ PROBE_AUTH,
		    "550 5.7.30 Basic authentication is not "
		    "supported",
		    "passwords no more" },
		{ PROBE_AUTH,
		    "534 5.7.9 Application-specific password "
		    "required",
		    "app password" },
		{ PROBE_AUTH,
		    "451 Authentication failed: Maximum credits "
		    "exceeded",
		    "key itself is good" },
		{ PROBE_AUTH, "454 4.7.0 try later", "nothing about" },
		{ PROBE_SEND,
		    "432 4.3.2 Concurrent connections limit "
		    "exceeded",
		    "too many connections" },
		{ PROBE_SEND,
		    "454 Throttling failure: Daily message quota "
		    "exceeded",
		    "quota" },
		{ PROBE_SEND, "550 5.4.5 Daily user sending limit exceeded",
		    "daily sending limit" },
		{ PROBE_SEND, "550 5.4.6 Unusual sending activity detected",
		    "unusual" },
		{ PROBE_SEND, "554 5.1.8 Sender Address Blocked", "blocked" },
		{ PROBE_SEND,
		    "554 5.2.0 STOREDRV.Submission.Exception:"
		    "SubmissionQuotaExceededException",
		    "daily sending limit" },
		{ PROBE_SEND, "550 5.7.233 limit", "external recipients" },
		{ PROBE_SEND,
		    "550 5.7.1 Daily SMTP relay limit exceeded for "
		    "customer",
		    "limit is reached" },
		{ PROBE_SEND,
		    "450 4.2.1 Peak SMTP relay limit exceeded for "
		    "customer",
		    "for the moment" },
		{ PROBE_SEND,
		    "550 5.7.1 You have exceeded your daily "
		    "sending limit",
		    "daily sending limit" },
		{ PROBE_SEND, "452 4.5.3 too many recipients", "recipients" },
		{ PROBE_SEND, "553 5.7.1 not your address", "send as" },
		{ PROBE_GREETING, "421 4.7.0 busy", "busy" },
		{ PROBE_TLS, "454 4.3.0 TLS not available", "TLS" },
		{ PROBE_HELLO, "500 what?", "refuses" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct smtp_hint *h =
		    smtp_hint(cases[i].step, TROUBLE_REPLY, cases[i].reply);

		if (strstr(h->cause, cases[i].cause) == NULL)
			print_message("%s: %s\n", cases[i].reply, h->cause);
		assert_non_null(strstr(h->cause, cases[i].cause));
		assert_true(h->remedy[0] != '\0');
	}
}

static void
every_trouble_at_every_step_has_a_cause_and_a_remedy(void **state)
{
	const char *const replies[] = { "", "250 fine", "421 x", "535 x" };

	for (int step = PROBE_CONNECT; step <= PROBE_QUIT; step++)
		for (int t = TROUBLE_OTHER; t <= TROUBLE_REPLY; t++)
			for (size_t i = 0; i < 4; i++) {
				const struct smtp_hint *h =
				    smtp_hint((enum probe_step)step,
					(enum probe_trouble)t, replies[i]);

				assert_true(strlen(h->cause) > 10);
				assert_true(strlen(h->remedy) > 10);
			}
}

static void
a_blocked_port_is_told_from_a_slow_server(void **state)
{
	assert_non_null(strstr(
	    smtp_hint(PROBE_CONNECT, TROUBLE_TIMEOUT, "")->cause, "blocked"));
	assert_non_null(
	    strstr(smtp_hint(PROBE_AUTH, TROUBLE_TIMEOUT, "")->cause,
		"stopped answering"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(replies_of_providers_find_their_cause),
		cmocka_unit_test(
		    every_trouble_at_every_step_has_a_cause_and_a_remedy),
		cmocka_unit_test(a_blocked_port_is_told_from_a_slow_server),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
