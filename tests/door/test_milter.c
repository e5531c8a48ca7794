/*
 * test_milter.c - whole messages through the door, with the mail server played
 * by fake_smfi.c and everything behind the door real.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "by.h"
#include "digest.h"
#include "limit.h"
#include "log.h"
#include "match.h"
#include "meter.h"
#include "routing.h"
#include "office.h"
#include "tmpdir.h"

#define STAFF                                                                  \
	"policy \"staff\" { messages = {\"5/24h\"} "                           \
	"text = \"ask it@office.example\" }\n"                                 \
	"rule \"everybody\" { sender = {\"@office.example\"} "                 \
	"policies = {\"staff\"} }\n"

/* --- the socket ---------------------------------------------------------- */

static void
nobody_can_connect_before_the_socket_has_its_owner(void **state)
{
	struct unix_socket_owner owner = { getuid(), getgid(), false };
	struct config *conf = house_config(STAFF);
	const mode_t mask = umask(0);
	struct why why = WHY_NONE;
	struct stat st;
	bool live;

	tmpdir_make();
	snprintf(conf->milter_socket.path, sizeof(conf->milter_socket.path),
	    "%s/milter.sock", tmpdir);
	fake_listens = true;
	if (mlfi_open(conf, &owner, &live, &why) == -1)
		fail_msg("%s", why.text);
	fake_listens = false;
	assert_int_equal(0600, fake_socket_mode);
	assert_int_equal(0, stat(conf->milter_socket.path, &st));
	assert_int_equal(0660, st.st_mode & 07777);
	assert_int_equal(0, umask(mask)); /* as it was before */
	tmpdir_remove();
	config_free(&conf);
}

/* --- who is metered ------------------------------------------------------ */

static void
mail_from_outside_is_none_of_our_business(void **state)
{
	open_office(STAFF);
	connect_from("192.0.2.7");
	assert_int_equal(
	    send_many("<a@elsewhere.test>", "<bob@office.example>", 20), 20);
	hang_up();
	close_office();
}

static void
a_login_makes_mail_outgoing_from_anywhere(void **state)
{
	open_office(STAFF);
	connect_from("192.0.2.7");
	server.login = "alice";
	assert_int_equal(
	    send_many("<alice@office.example>", "<x@y.test>", 9), 5);
	hang_up();
	close_office();
}

static void
a_sender_without_a_rule_is_refused(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_one("<a@other.example>", "<x@y.test>"), SMFIS_REJECT);
	assert_string_equal(
	    server.reply, "550 5.7.1 No sending rule for this sender");
	hang_up();
	close_office();
}

static void
internal_mail_costs_nothing(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_one("<scanner@other.example>", "<bob@office.example>"),
	    SMFIS_CONTINUE);
	assert_int_equal(
	    send_many("<al@office.example>", "<bob@office.example>", 50), 50);
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 5);
	/* ... and goes on when the quota is full. */
	assert_int_equal(
	    send_many("<al@office.example>", "<bob@office.example>", 3), 3);
	hang_up();
	close_office();
}

static void
what_the_mail_server_delivers_itself_is_internal(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	server.mailer = "virtual";
	assert_int_equal(
	    send_many("<al@office.example>", "<bob@hosted.example>", 9), 9);
	hang_up();
	close_office();
}

static void
quotes_around_an_address_do_not_make_it_internal(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	server.mailer = "smtp";
	server.rcpt_addr = "x@customer.test";
	assert_int_equal(
	    send_many("<al@office.example>", "<\"x@customer.test\">", 9), 5);
	hang_up();
	close_office();
}

static void
each_accepted_recipient_counts_however_alike_they_look(void **state)
{
	static const char *const same[] = { "<a@y.test>", "<a@y.test>",
		"<A@y.test>", "<\"a\"@y.test>", "<a@Y.TEST>" };

	open_office("policy \"p\" { recipients = {\"4/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	mail("<al@office.example>");
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(rcpt(same[i]), SMFIS_CONTINUE);
	assert_int_equal(rcpt(same[4]), SMFIS_TEMPFAIL);
	/* What was refused does not count: the message goes with the four. */
	assert_int_equal(eom(), SMFIS_CONTINUE);
	mail("<al@office.example>");
	assert_int_equal(rcpt("<b@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

static void
the_sender_that_leaves_is_the_sender_that_pays(void **state)
{
	open_office("policy \"p\" { messages = {\"1/24h\"} }\n"
		    "rule \"r\" { sender = {\"news@office.example\"} "
		    "policies = {\"p\"} }\n"
		    "rule \"rest\" { }\n");
	connect_from("10.0.0.1");
	server.mail_addr = "news@office.example";
	assert_int_equal(send_many("<news>", "<x@y.test>", 3), 1);
	hang_up();
	close_office();
}

static void
a_tag_of_the_day_makes_no_new_sender(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_many("<prvs=0711abcdef=al@office.example>", "<x@y.test>", 3),
	    3);
	assert_int_equal(
	    send_many("<prvs=0712123456=al@office.example>", "<x@y.test>", 3),
	    2);
	hang_up();
	close_office();
}

static void
login_and_sender_of_one_person_are_one_account(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	server.login = "AL";
	assert_int_equal(
	    send_many("<other@office.example>", "<x@y.test>", 3), 3);
	server.login = NULL;
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 3), 2);
	hang_up();
	close_office();
}

static void
what_is_relayed_for_strangers_is_metered_by_their_address(void **state)
{
	open_office(STAFF);
	connect_from("198.51.100.7");
	server.mailer = "smarthost-a";
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 5);
	/* Another sender of theirs does not help, and nobody else pays. */
	assert_int_equal(send_many("<bo@office.example>", "<x@y.test>", 9), 0);
	hang_up();
	connect_from("10.0.0.1");
	server.mailer = "smarthost-a";
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 5);
	hang_up();
	/* What goes to another server than a smarthost is nobody's account. */
	connect_from("198.51.100.7");
	server.mailer = "relay";
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 9);
	hang_up();
	close_office();
}

/* --- limits -------------------------------------------------------------- */

static void
the_message_over_the_limit_is_deferred_before_its_body(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 5), 5);
	mail("<al@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_TEMPFAIL);
	assert_string_equal(server.reply,
	    "450 4.7.1 Sending limit reached: "
	    "5 messages in 24h for al@office.example; next at 2026-03-03 "
	    "11:00 +0200 (in 1d 0h). ask it@office.example");
	hang_up();
	close_office();
}

static void
who_waits_as_long_as_told_gets_through(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	for (unsigned i = 0; i < 5; i++) {
		assert_int_equal(send_one("<al@office.example>", "<x@y.test>"),
		    SMFIS_CONTINUE);
		house_time += HOUR + 77 * SECOND;
	}
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	assert_non_null(strstr(server.reply, "next at 11:00 +0200 (in "));
	house_time = MONDAY + DAY - 1;
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	house_time = MONDAY + DAY; /* 11:00 in Kyiv, the next day */
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

static void
who_is_refused_again_and_again_is_blocked(void **state)
{
	open_office("policy \"p\" { messages = {\"1/24h\"} "
		    "block-after = \"3/10m\" }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	/* A person who tries again now and then is not stopped ... */
	for (unsigned i = 0; i < 6; i++, house_time += 5 * MINUTE)
		assert_int_equal(send_one("<al@office.example>", "<x@y.test>"),
		    SMFIS_TEMPFAIL);
	house_time += 10 * MINUTE;
	/* ... nor one message to many, but a program is. */
	mail("<al@office.example>");
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(rcpt("<x@y.test>"), SMFIS_TEMPFAIL);
	rset();
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_one("<al@office.example>", "<x@y.test>"),
		    SMFIS_TEMPFAIL);
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_REJECT);
	assert_non_null(strstr(server.reply, "Sending is blocked"));
	assert_int_equal(
	    send_one("<bo@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	house_time += HOUR;
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

static void
a_half_full_quota_takes_the_recipients_that_fit(void **state)
{
	open_office("policy \"p\" { recipients = {\"3/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	mail("<al@office.example>");
	assert_int_equal(rcpt("<a@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<b@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	mail("<al@office.example>");
	assert_int_equal(rcpt("<a@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<b@y.test>"), SMFIS_TEMPFAIL);
	assert_int_equal(strncmp(server.reply, "450 4.7.1 ", 10), 0);
	assert_int_equal(rcpt("<in@office.example>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

static void
too_many_recipients_are_left_for_the_next_message(void **state)
{
	open_office("policy \"p\" { recipients-per-message = 2 }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	mail("<al@office.example>");
	assert_int_equal(rcpt("<a@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<b@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<c@y.test>"), SMFIS_TEMPFAIL);
	assert_string_equal(server.reply, "452 4.5.3 Too many recipients: at "
					  "most 2 in one message");
	assert_int_equal(eom(), SMFIS_CONTINUE);
	mail("<al@office.example>");
	assert_int_equal(rcpt("<c@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

static void
mail_that_is_not_sent_is_not_charged(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	for (unsigned i = 0; i < 1000; i++) {
		mail("<al@office.example>");
		assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
		if (i % 3 == 0)
			rset();
		else if (i % 3 == 1) {
			hang_up();
			connect_from("10.0.0.1");
		} /* else the next MAIL comes without RSET */
	}
	assert_int_equal(send_many("<al@office.example>", "<x@y.test>", 9), 5);
	hang_up();
	close_office();
}

static void
refused_mail_is_charged_nowhere(void **state)
{
	open_office(
	    "policy \"one\" { messages = {\"1/24h\"} }\n"
	    "policy \"all\" { per = \"everyone\" messages = {\"3/24h\"} }\n"
	    "rule \"r\" { policies = {\"one\", \"all\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 9), 1);
	/* The eight refused ones took nothing from everyone's three. */
	assert_int_equal(send_many("<b@office.example>", "<x@y.test>", 9), 1);
	assert_int_equal(send_many("<c@office.example>", "<x@y.test>", 9), 1);
	assert_int_equal(send_many("<d@office.example>", "<x@y.test>", 9), 0);
	hang_up();
	close_office();
}

static void
the_first_message_of_a_new_sender_can_be_too_large(void **state)
{
	open_office("policy \"p\" { recipients = {\"10/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	hand_in("al@office.example");
	for (unsigned i = 0; i < 11; i++) {
		char to[32];

		snprintf(to, sizeof(to), "u%u@y.test", i);
		assert_int_equal(rcpt(to), SMFIS_CONTINUE);
	}
	assert_int_equal(eom(), SMFIS_REJECT);
	assert_string_equal(server.reply,
	    "550 5.7.1 Sending limit reached: "
	    "10 recipients in 24h for al@office.example; this message alone "
	    "is more");
	hang_up();
	close_office();
}

static void
bytes_are_those_of_header_and_body(void **state)
{
	char name[] = "Subject", value[] = "hello";
	unsigned char chunk[1000];

	memset(chunk, 'x', sizeof(chunk));
	open_office("policy \"p\" { bytes = {\"3000/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(server.steps & (SMFIP_NOBODY | SMFIP_NOHDRS), 0);
	for (unsigned i = 0; i < 3; i++) {
		mail("<al@office.example>");
		assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
		(void)fake_milter.xxfi_header(&server, name, value);
		(void)fake_milter.xxfi_body(&server, chunk, sizeof(chunk));
		assert_int_equal(
		    eom(), i < 2 ? SMFIS_CONTINUE : SMFIS_TEMPFAIL);
	}
	hang_up();
	close_office();
}

static void
headers_and_body_stay_home_if_nobody_counts_bytes(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(server.steps & (SMFIP_NOBODY | SMFIP_NOHDRS),
	    SMFIP_NOBODY | SMFIP_NOHDRS);
	hang_up();
	close_office();
}

static void
ten_thousand_recipients_are_counted_exactly(void **state)
{
	unsigned accepted = 0;

	open_office("policy \"p\" { recipients = {\"9990/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	mail("<al@office.example>");
	for (unsigned i = 0; i < 10000; i++) {
		char to[32];

		snprintf(to, sizeof(to), "<u%u@y.test>", i);
		accepted += rcpt(to) == SMFIS_CONTINUE;
	}
	assert_int_equal(accepted, 9990);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

/* --- verdicts ------------------------------------------------------------ */

static void
reject_says_550(void **state)
{
	open_office("policy \"p\" { messages = {\"1/24h\"} when-over = "
		    "\"reject\" text = \"100% full\" }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 2), 1);
	assert_int_equal(strncmp(server.reply, "550 5.7.1 ", 10), 0);
	assert_non_null(strstr(server.reply, ". 100% full"));
	hang_up();
	close_office();
}

static void
hold_keeps_the_message_in_the_queue(void **state)
{
	open_office("policy \"p\" { messages = {\"1/24h\"} when-over = "
		    "\"hold\" }\nrule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	assert_string_equal(server.quarantined, "");
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	assert_non_null(strstr(server.quarantined, "Sending limit reached"));
	server.cannot_hold = true;
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

static void
observe_refuses_nothing_and_counts(void **state)
{
	open_office("policy \"p\" { messages = {\"1/24h\"} when-over = "
		    "\"observe\" }\nrule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 7), 7);
	hang_up();
	close_office();
}

static void
mode_observe_refuses_nothing_at_all(void **state)
{
	open_office("mode = \"observe\"\n" STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 7), 7);
	assert_int_equal(
	    send_one("<a@other.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

static void
a_lockout_closes_for_its_whole_length(void **state)
{
	open_office("policy \"p\" { messages = {\"2/1h\"} lockout = \"24h\" }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 2), 2);
	mail("<a@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_TEMPFAIL);
	rset();
	/* A preview locks nobody out: an hour later there is room. */
	house_time += HOUR;
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	/* sendmail(1) mail is charged without a preview, and refused. */
	hand_in("a@office.example");
	assert_int_equal(rcpt("x@y.test"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_TEMPFAIL);
	server.queue_id = NULL;
	house_time += 24 * HOUR - 1;
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	house_time += 1;
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* --- identity ------------------------------------------------------------ */

static void
one_login_with_many_senders_has_one_counter(void **state)
{
	unsigned accepted = 0;

	open_office(STAFF);
	connect_from("192.0.2.7");
	server.login = "bob";
	for (unsigned i = 0; i < 500; i++) {
		char from[64];

		snprintf(from, sizeof(from), "<u%u@office.example>", i);
		accepted += send_one(from, "<x@y.test>") == SMFIS_CONTINUE;
	}
	assert_int_equal(accepted, 5);
	hang_up();
	close_office();
}

static void
spellings_of_a_login_are_one_login(void **state)
{
	static const char *const spelt[] = { "bob", "BOB", "Bob ", " bob" };
	unsigned accepted = 0;

	open_office(STAFF);
	connect_from("192.0.2.7");
	for (unsigned i = 0; i < 20; i++) {
		server.login = spelt[i % 4];
		accepted += send_one("<b@office.example>", "<x@y.test>") ==
			    SMFIS_CONTINUE;
	}
	assert_int_equal(accepted, 5);
	hang_up();
	close_office();
}

static void
the_null_sender_is_no_free_pass(void **state)
{
	open_office("policy \"p\" { per = \"sender\" messages = {\"5/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	server.login = "bob";
	assert_int_equal(send_many("<>", "<x@y.test>", 100), 5);
	server.login = NULL;
	assert_int_equal(send_many("<>", "<x@y.test>", 100), 5);
	hang_up();
	close_office();
}

static void
a_flood_of_invented_senders_ends_at_one_shared_counter(void **state)
{
	unsigned accepted = 0;

	open_office("new-senders = \"100/24h\"\n"
		    "policy \"p\" { per = \"sender\" messages = {\"3/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("10.0.0.1");
	for (unsigned i = 0; i < 5000; i++) {
		char from[64];

		snprintf(from, sizeof(from), "<u%u@office.example>", i);
		accepted += send_one(from, "<x@y.test>") == SMFIS_CONTINUE;
	}
	assert_int_equal(accepted, 100 + 3);
	/* Those who were known before the flood keep their own counter. */
	assert_int_equal(send_many("<u7@office.example>", "<x@y.test>", 9), 2);
	hang_up();
	close_office();
}

static void
one_exempt_recipient_does_not_free_the_message(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(send_many("<a@office.example>", "<x@y.test>", 5), 5);
	mail("<a@office.example>");
	assert_int_equal(rcpt("<postmaster@office.example>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

/* --- Sendmail ------------------------------------------------------------ */

#define BY_LOGIN                                                               \
	"secrets = \"/nonexistent\"\n"                                         \
	"smarthost \"a\" { host = \"a.test\" username = \"u\" "                \
	"secret = \"s\" }\n"                                                   \
	"smarthost \"b\" { host = \"b.test\" username = \"u\" "                \
	"secret = \"s\" }\n"                                                   \
	"route \"a\" { smarthosts = {\"a\"} }\n"                               \
	"route \"b\" { smarthosts = {\"b\"} }\n"                               \
	"rule \"ceo\" { login = {\"ceo\"} route = \"b\" }\n"                   \
	"rule \"all\" { route = \"a\" }\n"

static void
send_as(const char *login, const char *id)
{
	server.version = "8.17.1.9";
	server.login = login;
	server.queue_id = id;
	connect_from("192.0.2.1");
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
}

static void
assert_routed(const char *id, const char *name)
{
	const struct config *conf = snapshot_hold();
	const struct smarthost *sh = NULL;
	struct mailaddr sender;
	struct why why;

	mailaddr_canon(&sender, "al@office.example", 17, "");
	assert_int_equal(
	    routing_of_id(&(struct desk){ .conf = conf, .store = store }, id,
		&sender, MONDAY, &sh, &why),
	    1);
	assert_string_equal(sh->name, name);
	snapshot_release(&conf);
}

/* One sender, two logins with routes of their own. */
static void
sendmail_hears_for_each_message_what_its_charge_chose(void **state)
{
	open_office(BY_LOGIN);
	send_as("ceo", "6AL1");
	send_as("al", "6AL2");
	send_as("ceo", "6AL3");
	send_as("al", "6AL4");
	assert_routed("6AL1", "b");
	assert_routed("6AL2", "a");
	assert_routed("6AL3", "b");
	assert_routed("6AL4", "a");
	close_office();
}

/* An alias may lead outside: then it leaves by the account, and is metered. */
static void
a_message_that_stays_in_the_office_is_bound_at_no_cost(void **state)
{
	open_office("secrets = \"/nonexistent\"\n"
		    "policy \"none\" { messages = {\"0/24h\"} }\n"
		    "smarthost \"a\" { host = \"a.test\" username = \"u\" "
		    "secret = \"s\" policies = {\"none\"} }\n"
		    "route \"a\" { smarthosts = {\"a\"} }\n"
		    "rule \"all\" { route = \"a\" }\n");
	server.version = "8.17.1.9";
	server.queue_id = "6AL1";
	connect_from("127.0.0.1");
	assert_int_equal(
	    send_one("<al@office.example>", "<team@office.example>"),
	    SMFIS_CONTINUE);
	assert_routed("6AL1", "a");
	server.queue_id = "6AL2";
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_REJECT);
	hang_up();
	close_office();
}

/* Sendmail, whose map said for each recipient: by the account of a.test. */
static void
open_office_with_two_hosts(void)
{
	open_office("secrets = \"/nonexistent\"\n"
		    "auth-peers = {\"root\"}\n"
		    "policy \"two\" { recipients = {\"2/24h\"} "
		    "per = \"everyone\" }\n"
		    "smarthost \"a\" { host = \"a.test\" username = \"u\" "
		    "secret = \"s\" policies = {\"two\"} }\n"
		    "smarthost \"b\" { host = \"b.test\" username = \"u\" "
		    "secret = \"s\" }\n"
		    "route \"r\" { smarthosts = {\"a\", \"b\"} }\n"
		    "rule \"all\" { route = \"r\" }\n");
	server.version = "8.17.1.9";
	server.queue_id = "6AL1";
	server.mailer = "pm587";
	server.rcpt_host = "[a.test]";
	connect_from("127.0.0.1");
}

static void
what_was_guessed_wrong_is_asked_again_at_once(void **state)
{
	open_office_with_two_hosts();
	mail("<al@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<y@y.test> NOTIFY=NEVER ORCPT=rfc822;y@y.test"),
	    SMFIS_CONTINUE);
	server.mailer = "local";
	server.rcpt_host = NULL;
	assert_int_equal(rcpt("<bob@office.example>"), SMFIS_CONTINUE);
	server.mailer = "pm587";
	server.rcpt_host = "[a.test]";
	assert_int_equal(rcpt("<z@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	assert_string_equal(server.readdressed,
	    "-<z@y.test> +<z@y.test> "
	    "-<y@y.test> +<y@y.test> NOTIFY=NEVER ORCPT=rfc822;y@y.test "
	    "-<x@y.test> +<x@y.test>");
	/* What was guessed right stays, and nothing is left of the last. */
	server.queue_id = "6AL2";
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	assert_routed("6AL2", "a");
	assert_string_equal(server.readdressed, "");
	hang_up();
	close_office();
}

/* marked - the message bears a mark and is bound by that to b; sender stays */
static void
assert_marked(const char *sender)
{
	char mark[36];

	assert_string_equal(server.sender, sender);
	assert_int_equal(
	    sscanf(server.sender_args, "ENVID=%35s AUTH=<>", mark), 1);
	assert_int_equal(strlen(mark), 35);
	assert_non_null(strstr(server.sender_args, " AUTH=<>"));
	assert_routed(mark, "b");
}

static void
what_may_become_several_messages_is_bound_by_a_mark(void **state)
{
	static const char *const alone[][2] = {
		{ "<al@office.example>", "<x@y.test>" },
		{ "<al@office.example> ENVID=mine", "<team@office.example>" },
		{ "<>", "<team@office.example>" },
	};

	open_office(BY_LOGIN "auth-peers = {\"root\"}\n");
	server.version = "8.17.1.9";
	server.queue_id = "6AL1";
	server.login = "ceo";
	connect_from("127.0.0.1");
	/* An alias may be a list with an owner. */
	server.mailer = "local";
	assert_int_equal(
	    send_one("<Al@office.example> SIZE=7", "<team@office.example>"),
	    SMFIS_CONTINUE);
	assert_marked("<Al@office.example>");
	/* Two can be two parts. */
	server.mailer = "pm587";
	mail("<al@office.example>");
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(rcpt("<z@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_CONTINUE);
	assert_marked("<al@office.example>");
	for (size_t i = 0; i < 3; i++) {
		server.mailer = i == 0 ? "pm587" : "local";
		assert_int_equal(
		    send_one(alone[i][0], alone[i][1]), SMFIS_CONTINUE);
		assert_string_equal(server.sender_args, "");
	}
	hang_up();
	close_office();
}

static void
a_recipient_that_is_not_taken_back_is_not_lost(void **state)
{
	open_office_with_two_hosts();
	server.cannot_add = true;
	mail("<al@office.example>");
	for (int i = 0; i < 3; i++)
		assert_int_equal(rcpt("<x@y.test>"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

/* From outside, so none of our business, whatever the address looks like. */
static void
an_address_without_brackets_makes_nobody_sendmail(void **state)
{
	open_office("policy \"none\" { messages = {\"0/24h\"} }\n"
		    "rule \"all\" { policies = {\"none\"} }\n");
	server.version = "8.17.1.9";
	server.queue_id = "6AL1";
	connect_from("192.0.2.1");
	assert_int_equal(
	    send_one("al@office.example", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* --- sendmail(1) --------------------------------------------------------- */

static void
handed_in_mail_is_decided_as_a_whole_at_its_end(void **state)
{
	open_office("policy \"p\" { recipients = {\"3/24h\"} }\n"
		    "rule \"r\" { policies = {\"p\"} }\n");
	connect_from("127.0.0.1");
	for (unsigned i = 0; i < 2; i++) {
		hand_in("al@office.example");
		assert_int_equal(rcpt("a@y.test"), SMFIS_CONTINUE);
		assert_int_equal(rcpt("b@y.test"), SMFIS_CONTINUE);
		assert_int_equal(
		    eom(), i == 0 ? SMFIS_CONTINUE : SMFIS_TEMPFAIL);
	}
	hang_up();
	close_office();
}

static void
a_notice_of_the_mail_server_is_never_refused_for_good(void **state)
{
	open_office(
	    "policy \"p\" { messages = {\"0/24h\"} when-over = "
	    "\"reject\" }\nrule \"r\" { sender = {\"<>\"} policies = {\"p\"} }"
	    "\n");
	connect_from("127.0.0.1");
	hand_in("");
	assert_int_equal(rcpt("x@y.test"), SMFIS_CONTINUE);
	assert_int_equal(eom(), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

/* --- the operator -------------------------------------------------------- */

static void
a_blocked_sender_is_refused_until_unblocked(void **state)
{
	struct why why;

	open_office(STAFF);
	connect_from("10.0.0.1");
	assert_int_equal(store_block(store, "al@office.example", NEVER,
			     BY(house_time, "root", "stolen password"), &why),
	    STORE_OK);
	assert_int_equal(
	    send_one("<Al+x@office.example>", "<x@y.test>"), SMFIS_REJECT);
	assert_string_equal(
	    server.reply, "550 5.7.1 Sending is blocked: stolen password");
	assert_int_equal(store_unblock(store, "al@office.example",
			     BY(house_time, "root", ""), &why),
	    STORE_OK);
	assert_int_equal(
	    send_one("<al@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* --- the door itself ----------------------------------------------------- */

static void
callbacks_bear_any_order_and_missing_macros(void **state)
{
	unsigned char chunk[1] = { 'x' };
	char name[] = "a", value[] = "b";

	open_office(STAFF);
	memset(&server, 0, sizeof(server));
	assert_int_equal(rcpt("<x@y.test>"), SMFIS_TEMPFAIL);
	assert_int_equal(eom(), SMFIS_TEMPFAIL);
	rset();
	(void)fake_milter.xxfi_header(&server, name, value);
	(void)fake_milter.xxfi_body(&server, chunk, 1);
	hang_up();
	hang_up();
	connect_from("10.0.0.1");
	mail("");
	(void)rcpt("");
	(void)eom();
	assert_int_equal(eom(), SMFIS_TEMPFAIL);
	hang_up();
	close_office();
}

/* Who knows less of a message counts it by what it knows. */
static void
whichever_macros_are_missing_the_limit_holds(void **state)
{
	for (unsigned set = 0; set < 32; set++) {
		open_office("policy \"p\" { messages = {\"5/24h\"} }\n"
			    "rule \"r\" { policies = {\"p\"} }\n");
		server.login = set & 1 ? "al" : NULL;
		server.queue_id = set & 2 ? "4XYZ" : NULL;
		server.mailer = set & 4 ? "smtp" : NULL;
		server.version = set & 8 ? "8.17.1.9" : NULL;
		connect_from(set & 16 ? "127.0.0.1" : "10.0.0.1");
		assert_int_equal(
		    5, send_many("<al@office.example>", "<x@y.test>", 10));
		hang_up();
		close_office();
	}
}

static void
a_reload_that_needs_the_body_defers_those_who_did_not_negotiate(void **state)
{
	open_office(STAFF);
	connect_from("10.0.0.1");
	snapshot_publish(house_config("policy \"p\" { bytes = {\"1M/24h\"} }\n"
				      "rule \"r\" { policies = {\"p\"} }\n"));
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_TEMPFAIL);
	hang_up();
	connect_from("10.0.0.1");
	assert_int_equal(
	    send_one("<a@office.example>", "<x@y.test>"), SMFIS_CONTINUE);
	hang_up();
	close_office();
}

/* --- explain ------------------------------------------------------------- */

/* Numerical Recipes' generator: the same run everywhere. */
static uint32_t
dice(uint32_t sides)
{
	static uint32_t seed = 20260302;

	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % sides;
}

static void
explain_and_the_real_answer_agree(void **state)
{
	static const char *const senders[] = { "al@office.example",
		"bo@office.example", "news@office.example", "x@other.example" };

	open_office(
	    "policy \"p\" { messages = {\"6/1h\"} recipients = "
	    "{\"20/1h\", \"60/day\"} unique-recipients = {\"12/2h\"} "
	    "recipients-per-message = 6 }\n"
	    "policy \"q\" { per = \"everyone\" recipients = {\"40/1h\"} "
	    "when-over = \"reject\" lockout = \"10m\" }\n"
	    "policy \"h\" { messages = {\"9/1h\"} when-over = \"hold\" }\n"
	    "rule \"news\" { sender = {\"news@office.example\"} "
	    "policies = {\"h\", \"q\"} }\n"
	    "rule \"all\" { sender = {\"@office.example\"} "
	    "policies = {\"p\", \"q\"} }\n");
	connect_from("127.0.0.1");
	for (unsigned i = 0; i < 1000; i++) {
		const struct config *conf = snapshot_hold();
		const char *from = senders[dice(4)];
		struct outcome o;
		struct reply r;
		struct txn t = { .submitted = true };
		unsigned n = 1 + dice(8);
		sfsistat st;

		house_time += dice(20) * MINUTE;
		netaddr_parse("127.0.0.1", &t.client);
		mailaddr_canon(&t.sender, from, strlen(from), "+");
		hand_in(from);
		for (unsigned k = 0; k < n; k++) {
			const struct rcpt_word none = { NULL, NULL };
			char to[32];

			snprintf(to, sizeof(to), "u%u@%s", dice(30),
			    dice(4) == 0 ? "office.example" : "y.test");
			assert_int_equal(rcpt(to), SMFIS_CONTINUE);
			txn_add(&t, mailaddr_exact(to, strlen(to)),
			    match_recipient(conf, to, &none));
		}
		meter_explain(&(struct desk){ .conf = conf, .store = store },
		    &t, house_time, &o);
		verdict_reply(&o, house_time, conf->zone, &r);
		st = eom();
		if (r.code != NULL) {
			char want[REPLY_TEXT + 16];

			snprintf(want, sizeof(want), "%s %s %s", r.code,
			    r.xcode, r.text);
			assert_string_equal(server.reply, want);
			assert_int_not_equal(st, SMFIS_CONTINUE);
		} else {
			assert_int_equal(st, SMFIS_CONTINUE);
			assert_string_equal(server.quarantined,
			    o.verdict == VERDICT_HOLD ? r.text : "");
		}
		txn_end(&t);
		snapshot_release(&conf);
	}
	hang_up();
	close_office();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    nobody_can_connect_before_the_socket_has_its_owner),
		cmocka_unit_test(mail_from_outside_is_none_of_our_business),
		cmocka_unit_test(a_login_makes_mail_outgoing_from_anywhere),
		cmocka_unit_test(a_sender_without_a_rule_is_refused),
		cmocka_unit_test(internal_mail_costs_nothing),
		cmocka_unit_test(
		    what_the_mail_server_delivers_itself_is_internal),
		cmocka_unit_test(
		    quotes_around_an_address_do_not_make_it_internal),
		cmocka_unit_test(
		    each_accepted_recipient_counts_however_alike_they_look),
		cmocka_unit_test(
		    the_sender_that_leaves_is_the_sender_that_pays),
		cmocka_unit_test(a_tag_of_the_day_makes_no_new_sender),
		cmocka_unit_test(
		    login_and_sender_of_one_person_are_one_account),
		cmocka_unit_test(
		    what_is_relayed_for_strangers_is_metered_by_their_address),
		cmocka_unit_test(
		    the_message_over_the_limit_is_deferred_before_its_body),
		cmocka_unit_test(who_waits_as_long_as_told_gets_through),
		cmocka_unit_test(who_is_refused_again_and_again_is_blocked),
		cmocka_unit_test(
		    a_half_full_quota_takes_the_recipients_that_fit),
		cmocka_unit_test(
		    too_many_recipients_are_left_for_the_next_message),
		cmocka_unit_test(mail_that_is_not_sent_is_not_charged),
		cmocka_unit_test(refused_mail_is_charged_nowhere),
		cmocka_unit_test(
		    the_first_message_of_a_new_sender_can_be_too_large),
		cmocka_unit_test(bytes_are_those_of_header_and_body),
		cmocka_unit_test(
		    headers_and_body_stay_home_if_nobody_counts_bytes),
		cmocka_unit_test(ten_thousand_recipients_are_counted_exactly),
		cmocka_unit_test(reject_says_550),
		cmocka_unit_test(hold_keeps_the_message_in_the_queue),
		cmocka_unit_test(observe_refuses_nothing_and_counts),
		cmocka_unit_test(mode_observe_refuses_nothing_at_all),
		cmocka_unit_test(a_lockout_closes_for_its_whole_length),
		cmocka_unit_test(one_login_with_many_senders_has_one_counter),
		cmocka_unit_test(spellings_of_a_login_are_one_login),
		cmocka_unit_test(the_null_sender_is_no_free_pass),
		cmocka_unit_test(
		    a_flood_of_invented_senders_ends_at_one_shared_counter),
		cmocka_unit_test(
		    one_exempt_recipient_does_not_free_the_message),
		cmocka_unit_test(
		    sendmail_hears_for_each_message_what_its_charge_chose),
		cmocka_unit_test(
		    a_message_that_stays_in_the_office_is_bound_at_no_cost),
		cmocka_unit_test(
		    an_address_without_brackets_makes_nobody_sendmail),
		cmocka_unit_test(
		    what_may_become_several_messages_is_bound_by_a_mark),
		cmocka_unit_test(what_was_guessed_wrong_is_asked_again_at_once),
		cmocka_unit_test(
		    a_recipient_that_is_not_taken_back_is_not_lost),
		cmocka_unit_test(
		    handed_in_mail_is_decided_as_a_whole_at_its_end),
		cmocka_unit_test(
		    a_notice_of_the_mail_server_is_never_refused_for_good),
		cmocka_unit_test(a_blocked_sender_is_refused_until_unblocked),
		cmocka_unit_test(callbacks_bear_any_order_and_missing_macros),
		cmocka_unit_test(whichever_macros_are_missing_the_limit_holds),
		cmocka_unit_test(
		    a_reload_that_needs_the_body_defers_those_who_did_not_negotiate),
		cmocka_unit_test(explain_and_the_real_answer_agree),
	};

	log_open("test_mlfi", LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("mlfi", tests, NULL, NULL);
}
