/*
 * test_log_refusal.c - a refusal in Sendmail's log is read whatever the
 * senders and the provider wrote around it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tool/mail_log.h"

#define STAMP "Nov 25 15:00:00 mail sm-mta[123]: "

/* read - "ID|REPLY", "" if the line tells of no refusal */
static const char *
read_line(const char *line)
{
	static char text[1000];
	struct bytes id, reply;
	struct log_line l;

	text[0] = '\0';
	if (log_line_parse((struct bytes){ line, strlen(line) }, &l) &&
	    mail_log_refusal(&l, &id, &reply))
		snprintf(text, sizeof(text), "%.*s|%.*s", (int)id.len, id.p,
		    (int)reply.len, reply.p);
	return text;
}

static void
a_refused_delivery_names_its_message_and_the_reply(void **state)
{
	assert_string_equal(
	    read_line(STAMP
		"4APF0aXY000123: to=<a@x.test>,<b@x.test>, ctladdr=<c@o.test> (1000/1000), delay=00:00:01, xdelay=00:00:01, mailer=pm587, pri=120, relay=smtp.x.test. [192.0.2.1], dsn=5.4.5, reply=550 5.4.5 Daily user sending limit exceeded, see x, stat=Service unavailable"),
	    "4APF0aXY000123|550 5.4.5 Daily user sending limit exceeded, see x");
	assert_string_equal(
	    read_line(
		"2026-11-25T15:00:00+0000 mail sm-mta[7]: 4APF0aXY000123: to=<a@x.test>, delay=00:00:01, mailer=pm587, dsn=4.0.0, reply=454 Throttling failure: Daily message quota exceeded, stat=Deferred"),
	    "4APF0aXY000123|454 Throttling failure: Daily message quota exceeded");
}

static void
what_is_no_refusal_is_passed_over(void **state)
{
	static const char *const lines[] = {
		STAMP
		"4APF0aXY000123: to=<a@x.test>, delay=00:00:01, mailer=pm587, dsn=2.0.0, reply=250 2.0.0 OK, stat=Sent (OK)",
		STAMP
		"4APF0aXY000123: to=<a@x.test>, delay=00:00:01, mailer=pm587, dsn=4.0.0, stat=Deferred: Connection refused",
		STAMP
		"4APF0aXY000123: from=<reply=550 5.4.5 x, stat=>, size=3, nrcpts=1",
		STAMP "ruleset=check_rcpt, arg1=<a>, reject=550 5.7.1 no",
		"Nov 25 15:00:00 mail cron[9]: 4APF0aXY000123: to=<a@x.test>, dsn=5.4.5, reply=550 5.4.5 Daily, stat=Service unavailable",
		"",
		STAMP,
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_string_equal(read_line(lines[i]), "");
}

static void
an_address_that_looks_like_a_reply_is_none(void **state)
{
	assert_string_equal(
	    read_line(STAMP
		"4APF0aXY000123: to=<\"x, reply=550 5.4.5 Daily, stat=\"@x.test>, delay=00:00:01, mailer=pm587, dsn=2.0.0, reply=250 OK, stat=Sent"),
	    "");
	assert_string_equal(
	    read_line(STAMP
		"4APF0aXY000123: to=<\"x, reply=550 5.4.5 Daily, stat=\"@x.test>, delay=00:00:01, mailer=pm587, dsn=5.1.1, reply=550 5.1.1 nobody, stat=User unknown"),
	    "4APF0aXY000123|550 5.1.1 nobody");
	/* Nor is it one where the line has no reply of its own, or no code. */
	assert_string_equal(
	    read_line(STAMP
		"4APF0aXY000123: to=<\"x, reply=550 5.4.5 a\"@x.test>, delay=00:00:01, mailer=pm587, dsn=4.0.0, stat=Deferred: Connection refused"),
	    "");
	assert_string_equal(
	    read_line(STAMP
		"4APF0aXY000123: to=<\"x, dsn=5.4.5, reply=550 5.4.5 a\"@x.test>, delay=00:00:01, mailer=pm587, dsn=4.0.0, stat=Deferred: Connection refused"),
	    "");
	assert_string_equal(
	    read_line(STAMP
		"4APF0aXY000123: to=<\"x, dsn=5.4.5, reply=550 5.4.5 a\"@x.test>, delay=00:00:01, mailer=pm587, stat=queued"),
	    "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_refused_delivery_names_its_message_and_the_reply),
		cmocka_unit_test(what_is_no_refusal_is_passed_over),
		cmocka_unit_test(an_address_that_looks_like_a_reply_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
