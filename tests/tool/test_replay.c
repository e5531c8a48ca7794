/*
 * test_replay.c - a mail log becomes the messages that were sent, each once
 * and at its time, and the desk says to them what the daemon would have said.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "tool/log_clock.h"
#include "tool/mail_log.h"
#include "tool/replay.h"
#include "tool/tool.h"

static struct zone *kyiv;

static int
setup(void **state)
{
	struct why why;

	kyiv = zone_load("Europe/Kyiv", &why);
	return kyiv == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	zone_free(&kyiv);
	return 0;
}

static struct bytes
text(const char *s)
{
	return (struct bytes){ s, strlen(s) };
}

static struct mail_event
event(const char *line)
{
	struct log_line l;
	struct mail_event e;

	assert_true(log_line_parse(text(line), &l));
	mail_event_parse(&l, &e);
	return e;
}

static void
is(struct bytes b, const char *wanted)
{
	if (b.len != strlen(wanted) || memcmp(b.p, wanted, b.len) != 0)
		fail_msg("\"%.*s\", not \"%s\"", (int)b.len, b.p, wanted);
}

/* --- lines --------------------------------------------------------------- */

#define BSD "Nov 25 07:18:09 mail "

static void
what_postfix_says_of_a_client_is_understood(void **state)
{
	struct mail_event e = event(BSD
	    "postfix/submission/smtpd[395]: 4XkP2v3Q1zZ: client=pc.office.example[2001:db8::7]:51234, sasl_method=PLAIN, sasl_username=alice@office.example");

	assert_int_equal(e.kind, MAIL_CLIENT);
	is(e.id, "4XkP2v3Q1zZ");
	is(e.client, "2001:db8::7");
	is(e.login, "alice@office.example");
	assert_false(e.refiltered);
	e = event(BSD
	    "postfix/10025/smtpd[1]: 9DB2E4C5A1: client=localhost[127.0.0.1]");
	assert_true(e.refiltered);
}

static void
what_postfix_says_of_a_message_is_understood(void **state)
{
	struct mail_event e = event(BSD
	    "postfix/qmgr[7]: 9DB2E4C5A1: from=<a@b.test>, size=9, nrcpt=3 (queue active)");

	assert_int_equal(e.kind, MAIL_QUEUED);
	is(e.sender, "a@b.test");
	assert_int_equal(e.size, 9);
	assert_int_equal(e.nrcpt, 3);
	e = event(BSD
	    "postfix/qmgr[7]: 9DB2E4C5A1: from=<>, size=9, nrcpt=1 (queue active)");
	assert_int_equal(e.kind, MAIL_QUEUED);
	is(e.sender, "");
	e = event(BSD
	    "postfix/smtp[8]: 9DB2E4C5A1: to=<\"x, y>\"@c.test>, orig_to=<list@b.test>, relay=mx.c.test[192.0.2.9]:25, delay=0.1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)");
	assert_int_equal(e.kind, MAIL_TO);
	is(e.to, "\"x, y>\"@c.test");
	is(e.orig_to, "list@b.test");
	e = event(BSD
	    "postfix/smtp[8]: 9DB2E4C5A1: to=<c@d.test>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 1AB2CD3EF4)");
	is(e.next_id, "1AB2CD3EF4");
	assert_int_equal(
	    event(BSD "postfix/qmgr[7]: 9DB2E4C5A1: removed").kind, MAIL_GONE);
	e = event(BSD
	    "postfix/smtpd[9]: NOQUEUE: milter-reject: RCPT from pc[10.0.0.5]: 450 4.7.1 Sending limit reached; from=<a@b.test> to=<c@d.test> proto=ESMTP helo=<pc> sasl_username=<al>");
	assert_int_equal(e.kind, MAIL_REFUSED);
	is(e.client, "10.0.0.5");
	is(e.sender, "a@b.test");
	is(e.to, "c@d.test");
}

static void
what_sendmail_says_is_understood(void **state)
{
	struct mail_event e = event(BSD
	    "sm-mta[11]: 6AP7I9Xx000011: from=<a@b.test>, size=12, class=0, nrcpts=2, msgid=<m@x>, proto=ESMTP, daemon=MTA-v4, relay=pc.office.example [10.0.0.5]");

	assert_int_equal(e.kind, MAIL_FROM);
	is(e.sender, "a@b.test");
	is(e.client, "10.0.0.5");
	assert_int_equal(e.nrcpt, 2);
	e = event(BSD
	    "sm-mta[12]: 6AP7I9Xx000011: to=<c@d.test>,<e@f.test>, delay=00:00:01, xdelay=00:00:01, mailer=esmtp, pri=1, relay=mx [192.0.2.1], dsn=2.0.0, stat=Sent (ok)");
	assert_int_equal(e.kind, MAIL_TO_LIST);
	is(e.to, "<c@d.test>,<e@f.test>");
	e = event(BSD
	    "sm-mta[10]: AUTH=server, relay=pc.office.example [10.0.0.5], authid=alice, mech=PLAIN, bits=0");
	assert_int_equal(e.kind, MAIL_AUTH);
	is(e.login, "alice");
}

/* --- times --------------------------------------------------------------- */

static int64_t
at(struct log_clock *c, const char *stamp)
{
	char line[200];
	struct log_line l;

	snprintf(line, sizeof(line), "%s mail x[1]: m", stamp);
	assert_true(log_line_parse(text(line), &l));
	return log_clock_at(c, &l.stamp);
}

/* A clock for a file that begins so and was last written in January 2027. */
static struct log_clock
begin(const char *stamp, int64_t mtime)
{
	char line[200];
	struct log_clock c;
	struct log_line l;

	snprintf(line, sizeof(line), "%s mail x[1]: m", stamp);
	assert_true(log_line_parse(text(line), &l));
	log_clock_begin(&c, kyiv, &l.stamp, mtime);
	return c;
}

#define JAN_5_2027 1799107200000 /* 2027-01-05 00:00 UTC */

static void
a_year_turns_within_a_file(void **state)
{
	struct log_clock c = begin("Dec 31 23:59:58", JAN_5_2027);
	const int64_t before = at(&c, "Dec 31 23:59:58");

	assert_int_equal(at(&c, "Jan  1 00:00:01"), before + 3 * SECOND);
	assert_int_equal(at(&c, "Jan  1 00:00:01") % DAY,
	    22 * HOUR + 1 * SECOND); /* Kyiv is two hours ahead */
}

static void
february_29_is_in_leap_years_only(void **state)
{
	struct log_clock c = begin("Feb 28 12:00:00", 1835352000000); /* 2028 */
	const int64_t day = at(&c, "Feb 28 12:00:00");

	assert_int_equal(at(&c, "Feb 29 12:00:00"), day + DAY);
	assert_int_equal(at(&c, "Mar  1 12:00:00"), day + 2 * DAY);
}

static void
an_hour_that_comes_twice_is_told_apart_by_the_order(void **state)
{
	/* Kyiv, 2026-10-25: 03:59:59 +0300 is followed by 03:00:00 +0200. */
	struct log_clock c = begin("Oct 25 02:59:00", JAN_5_2027);
	const int64_t start = at(&c, "Oct 25 02:59:00");

	assert_int_equal(at(&c, "Oct 25 03:59:00"), start + HOUR);
	assert_int_equal(at(&c, "Oct 25 03:01:00"), start + HOUR + 2 * MINUTE);
	assert_int_equal(at(&c, "Oct 25 04:00:00"), start + 2 * HOUR + MINUTE);
}

static void
a_stamp_with_an_offset_is_what_it_says(void **state)
{
	struct log_clock c = begin("2026-11-25T07:18:09.500+02:00", JAN_5_2027);

	assert_int_equal(at(&c, "2026-11-25T07:18:09.500+02:00"),
	    at(&c, "2026-11-25T05:18:09.500Z"));
	assert_int_equal(at(&c, "2026-11-25T07:18:09.500Z") % 1000, 500);
}

/* --- messages ------------------------------------------------------------ */

struct seen {
	size_t n;
	char line[40][800];
};

static void
see(void *arg, const struct replay_message *m)
{
	struct seen *s = arg;

	assert_true(s->n < 40);
	snprintf(s->line[s->n++], sizeof(s->line[0]), "%s|%s|%s|%llu|%zu",
	    m->sender, m->login, m->client, (unsigned long long)m->nrcpt, m->n);
}

static void
feed(struct replay_join *j, struct log_clock *c, const char *const *lines)
{
	for (; *lines != NULL; lines++) {
		struct log_line l;

		assert_true(log_line_parse(text(*lines), &l));
		replay_join_line(j, &l, log_clock_at(c, &l.stamp));
	}
}

static struct seen *
join(const char *const *lines)
{
	static struct seen s;
	struct log_clock c = begin("Nov 25 07:00:00", JAN_5_2027);
	struct replay_join *j = replay_join_new(see, &s);

	s.n = 0;
	feed(j, &c, lines);
	replay_join_end(&j);
	return &s;
}

static void
a_message_counts_once_however_often_it_is_tried(void **state)
{
	static const char *const lines[] = {
		"Nov 25 07:00:00 m postfix/smtpd[1]: AAAAA1: client=pc[10.0.0.5], sasl_method=PLAIN, sasl_username=al",
		"Nov 25 07:00:00 m postfix/qmgr[1]: AAAAA1: from=<a@b.test>, size=1, nrcpt=2 (queue active)",
		"Nov 25 07:00:01 m postfix/smtp[1]: AAAAA1: to=<x@d.test>, relay=none, delay=1, status=deferred (timed out)",
		"Nov 25 07:00:01 m postfix/smtp[1]: AAAAA1: to=<y@d.test>, relay=none, delay=1, status=deferred (timed out)",
		"Nov 25 08:00:00 m postfix/qmgr[1]: AAAAA1: from=<a@b.test>, size=1, nrcpt=2 (queue active)",
		"Nov 25 08:00:01 m postfix/smtp[1]: AAAAA1: to=<x@d.test>, relay=mx[1.2.3.4]:25, delay=1, status=sent (ok)",
		"Nov 25 09:00:01 m postfix/qmgr[1]: AAAAA1: from=<a@b.test>, size=1, nrcpt=2 (queue active)",
		"Nov 25 09:00:02 m postfix/qmgr[1]: AAAAA1: removed",
		/* ... and the id is used again. */
		"Nov 25 10:00:00 m postfix/qmgr[1]: AAAAA1: from=<n@b.test>, size=1, nrcpt=1 (queue active)",
		NULL
	};
	const struct seen *s = join(lines);

	assert_int_equal(s->n, 2);
	assert_string_equal(s->line[0], "a@b.test|al|10.0.0.5|2|2");
	assert_string_equal(s->line[1], "n@b.test|||1|0");
}

static void
a_content_filters_copy_is_not_counted_again(void **state)
{
	static const char *const lines[] = {
		"Nov 25 07:00:00 m postfix/smtpd[1]: AAAAA1: client=pc[10.0.0.5], sasl_method=PLAIN, sasl_username=al",
		"Nov 25 07:00:00 m postfix/qmgr[1]: AAAAA1: from=<a@b.test>, size=1, nrcpt=1 (queue active)",
		"Nov 25 07:00:01 m postfix/smtpd[1]: BBBBB2: client=localhost[127.0.0.1]",
		"Nov 25 07:00:01 m postfix/qmgr[1]: BBBBB2: from=<a@b.test>, size=1, nrcpt=1 (queue active)",
		"Nov 25 07:00:01 m postfix/smtp[1]: AAAAA1: to=<x@d.test>, relay=127.0.0.1[127.0.0.1]:10024, delay=1, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as BBBBB2)",
		"Nov 25 07:00:01 m postfix/qmgr[1]: AAAAA1: removed",
		"Nov 25 07:00:02 m postfix/smtp[1]: BBBBB2: to=<x@d.test>, relay=mx[1.2.3.4]:25, delay=1, status=sent (250 ok)",
		"Nov 25 07:00:02 m postfix/qmgr[1]: BBBBB2: removed", NULL
	};
	const struct seen *s = join(lines);

	assert_int_equal(s->n, 1);
	assert_string_equal(s->line[0], "a@b.test|al|10.0.0.5|1|1");
}

static void
recipients_are_those_of_the_client_not_of_an_alias(void **state)
{
	static const char *const lines[] = {
		"Nov 25 07:00:00 m postfix/qmgr[1]: AAAAA1: from=<a@b.test>, size=1, nrcpt=2 (queue active)",
		"Nov 25 07:00:01 m postfix/smtp[1]: AAAAA1: to=<x@d.test>, orig_to=<list@b.test>, relay=mx[1.2.3.4]:25, delay=1, status=sent (ok)",
		"Nov 25 07:00:01 m postfix/smtp[1]: AAAAA1: to=<y@d.test>, orig_to=<list@b.test>, relay=mx[1.2.3.4]:25, delay=1, status=sent (ok)",
		NULL
	};

	assert_string_equal(join(lines)->line[0], "a@b.test|||2|1");
}

static void
sendmails_messages_are_joined_with_their_logins(void **state)
{
	static const char *const lines[] = {
		"Nov 25 07:00:00 m sm-mta[1]: AUTH=server, relay=pc [10.0.0.5], authid=al, mech=PLAIN, bits=0",
		"Nov 25 07:00:00 m sm-mta[1]: 6AP7I9Xx000011: from=<a@b.test>, size=12, class=0, nrcpts=2, msgid=<m@x>, proto=ESMTP, daemon=MTA, relay=pc [10.0.0.5]",
		"Nov 25 07:00:01 m sm-mta[1]: 6AP7I9Xx000011: to=<c@d.test>,<e@f.test>, delay=00:00:01, mailer=esmtp, stat=Sent (ok)",
		NULL
	};

	assert_string_equal(join(lines)->line[0], "a@b.test|al|10.0.0.5|2|2");
}

/* --- the desk ------------------------------------------------------------ */

static struct config *
office(void)
{
	static const char conf[] =
	    "milter-socket = \"unix:/tmp/a\" map-socket = \"unix:/tmp/b\" "
	    "auth-socket = \"unix:/tmp/c\" control-socket = \"unix:/tmp/d\"\n"
	    "time-zone = \"Europe/Kyiv\" local-domains = {\"office.example\"}\n"
	    "policy \"staff\" { messages = {\"3/10m\"} }\n"
	    "rule \"all\" { sender = {\"@office.example\"} "
	    "policies = {\"staff\"} }\n";
	char path[] = "/tmp/pm-replay-XXXXXX";
	struct config *c;
	FILE *f;
	const int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	f = fdopen(fd, "w");
	fputs(conf, f);
	fclose(f);
	c = config_load(path, stderr);
	assert_non_null(c);
	remove(path);
	return c;
}

static void
the_desk_stops_what_the_daemon_would_stop(void **state)
{
	struct config *conf = office();
	struct why why;
	struct replay_desk *d = replay_desk_new(conf, &why);
	char to[] = "x@elsewhere.example", *rcpt[] = { to };
	struct replay_message m = { .submitted = true,
		.sender = "a@office.example",
		.nrcpt = 1,
		.rcpt = rcpt,
		.n = 1,
		.when = JAN_5_2027 };
	json_t *a;

	assert_non_null(d);
	/* One a minute: of each ten minutes the first three pass. */
	for (int i = 0; i < 60; i++, m.when += MINUTE)
		replay_desk_message(d, &m);
	/* A colleague within the office costs nothing. */
	strcpy(to, "b@office.example");
	for (int i = 0; i < 10; i++)
		replay_desk_message(d, &m);
	a = replay_desk_end(&d);
	assert_int_equal(obj_num(a, "messages"), 70);
	assert_in_range(obj_num(a, "stopped"), 60 - 3 * 6, 60 - 3 * 5);
	assert_int_equal(obj_num(a, "for_good"), 0);
	assert_int_equal(obj_num(a, "passed") + obj_num(a, "stopped"), 70);
	assert_int_equal(json_array_size(json_object_get(a, "senders")), 1);
	json_decref(a);
	config_free(&conf);
}

static void
a_newsletter_does_not_speak_for_everybody(void **state)
{
	struct config *conf = office();
	struct replay_suggest *s = replay_suggest_new(conf);
	struct replay_message m = { .sender = "x@office.example", .nrcpt = 1 };
	json_t *a;

	for (int day = 0; day < 10; day++) {
		for (int who = 0; who < 12; who++)
			for (int i = 0; i < 4; i++) {
				char name[40];

				snprintf(name, sizeof(name), "p%d", who);
				m.when = JAN_5_2027 + day * DAY + i * HOUR;
				replay_suggest_message(s, &m, name);
			}
		for (int i = 0; i < 2000; i++) {
			m.when = JAN_5_2027 + day * DAY + i * SECOND;
			replay_suggest_message(s, &m, "news");
		}
	}
	a = replay_suggest_end(&s);
	assert_int_equal(obj_num(a, "ordinary"), 12);
	assert_int_equal(json_array_size(json_object_get(a, "bulk")), 1);
	assert_int_equal(obj_num(a, "messages_seen"), 4);
	assert_int_equal(obj_num(a, "messages"), 5);
	json_decref(a);
	config_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_postfix_says_of_a_client_is_understood),
		cmocka_unit_test(what_postfix_says_of_a_message_is_understood),
		cmocka_unit_test(what_sendmail_says_is_understood),
		cmocka_unit_test(a_year_turns_within_a_file),
		cmocka_unit_test(february_29_is_in_leap_years_only),
		cmocka_unit_test(
		    an_hour_that_comes_twice_is_told_apart_by_the_order),
		cmocka_unit_test(a_stamp_with_an_offset_is_what_it_says),
		cmocka_unit_test(
		    a_message_counts_once_however_often_it_is_tried),
		cmocka_unit_test(a_content_filters_copy_is_not_counted_again),
		cmocka_unit_test(
		    recipients_are_those_of_the_client_not_of_an_alias),
		cmocka_unit_test(
		    sendmails_messages_are_joined_with_their_logins),
		cmocka_unit_test(the_desk_stops_what_the_daemon_would_stop),
		cmocka_unit_test(a_newsletter_does_not_speak_for_everybody),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
