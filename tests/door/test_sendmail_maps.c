/*
 * test_sendmail_maps.c - the three questions about one message have one answer
 * between them, and a key leaves by no other door.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arrivals.h"
#include "credentials.h"
#include "door/socketmap/sendmail_maps.h"
#include "house.h"
#include "meter.h"
#include "store_fail.h"
#include "tokens.h"

static struct store_fail fail; /* what a message is bound to, at most */

/* --- an office with four smarthosts -------------------------------------- */

#define SMARTHOST(name, host, port, more)                                      \
	"smarthost \"" name "\" { host = \"" host "\" port = " port            \
	" username = \"user-" name "\" secret = \"" name "\" " more " }\n"     \
	"route \"" name "\" { smarthosts = {\"" name "\"} }\n"

#define OFFICE                                                                 \
	"secrets = \"/nonexistent\"\n" SMARTHOST("a", "smtp.provider.test",    \
	    "587", "") SMARTHOST("b", "smtp.provider.test", "2525",            \
	    "tls = \"encrypt\"") SMARTHOST("c", "smtp.second.test", "587", "") \
	    SMARTHOST("i", "smtp.implicit.test", "465",                        \
		"") "rule \"al\" { sender = {\"al@office.example\"} route = "  \
		    "\"a\" }\n"                                                \
		    "rule \"bo\" { sender = {\"bo@office.example\"} route = "  \
		    "\"b\" }\n"                                                \
		    "rule \"im\" { sender = {\"im@office.example\"} route = "  \
		    "\"i\" }\n"                                                \
		    "smarthost \"o\" { host = \"smtp.oauth.test\" username = " \
		    "\"u@o\" auth = \"oauth\" grant = \"microsoft-app\" "      \
		    "client-id = \"c\" tenant = \"t\" secret = \"a\" }\n"      \
		    "route \"o\" { smarthosts = {\"o\"} }\n"                   \
		    "rule \"oa\" { sender = {\"oa@office.example\"} route = "  \
		    "\"o\" }\n"                                                \
		    "rule \"ceo\" { login = {\"ceo\"} route = \"c\" }\n"       \
		    "rule \"own\" { sender = {\"own@office.example\"} }\n"     \
		    "rule \"notices\" { sender = {\"<>\"} route = \"c\" }\n"

static struct config *conf;
static struct arrival arrival; /* 6AL7 is being submitted */

/* arrives - 6AL7, as whoever is counted for it */
static void
arrives(const char *sender)
{
	struct mailaddr a;

	mailaddr_canon(&a, sender, strlen(sender), "");
	arrivals_add(&arrival, "6AL7", &a);
}

static int
open_office(void **state)
{
	conf = house_config(OFFICE);
	store_fail_init(&fail, STORE_FAILED);
	fail.knows_bindings = true;
	arrives("al@office.example");
	return 0;
}

static int
close_office(void **state)
{
	arrivals_remove(&arrival);
	config_free(&conf);
	return 0;
}

typedef void ask_fn(const struct desk *, struct bytes, int64_t, char *, size_t);

static void
assert_answer(ask_fn *ask, const char *key, const char *answer)
{
	char dst[4096];
	size_t n = strlen(answer);

	ask(&(struct desk){ .conf = conf, .store = &fail.store },
	    (struct bytes){ key, strlen(key) }, MONDAY, dst, sizeof(dst));
	/* The words behind TEMP are for people. */
	if (strcmp(answer, "TEMP") == 0)
		dst[n] = '\0';
	assert_string_equal(dst, answer);
}

static void
ask_login(const struct desk *desk, struct bytes key, int64_t now, char *dst,
    size_t size)
{
	sendmail_map_auth(desk, "1.1", key, now, dst, size);
}

static void
ask_due(const struct desk *desk, struct bytes key, int64_t now, char *dst,
    size_t size)
{
	sendmail_map_login(desk, "1.1", key, now, dst, size);
}

/* The same about a message for each of the two questions about a server. */
static void
assert_server(const char *key, const char *tls, const char *auth)
{
	assert_answer(sendmail_map_tls, key, tls);
	assert_answer(ask_login, key, auth);
}

/* Without secrets a login that is due is "could not know". */
#define DUE "TEMP"

/* charged - 6AL7 was, to that smarthost */
static void
charged(const char *smarthost)
{
	arrivals_remove(&arrival);
	fail.bound = "\t6AL7";
	fail.smarthost = smarthost;
}

static void
a_message_goes_by_its_sender_until_it_is_bound(void **state)
{
	assert_answer(sendmail_map_route, "6AL7<al@office.example><x@y.test>",
	    "OK pm587:[smtp.provider.test]");
	arrives("bo@office.example");
	assert_answer(sendmail_map_route, "6AL7<Bo@Office.Example><x@y.test>E",
	    "OK pm2525:[smtp.provider.test]");
	arrives("own@office.example");
	assert_answer(sendmail_map_route, "6AL7<own@office.example><x@y.test>",
	    "NOTFOUND ");
	charged("c");
	assert_answer(sendmail_map_route, "6AL7<al@office.example><x@y.test>",
	    "OK pm587:[smtp.second.test]");
}

/* sendmail(1) writes al@mail.office.example; who is counted, and whose rule
 * speaks, is al@office.example. */
static void
the_guess_is_that_of_whoever_is_counted(void **state)
{
	assert_answer(sendmail_map_route,
	    "6AL7<al@mail.office.example><x@y.test>",
	    "OK pm587:[smtp.provider.test]");
}

/* A clone, a split, a stranger's mail to an alias: whatever its sender. */
static void
an_id_that_was_never_charged_has_no_route_and_no_login(void **state)
{
	arrivals_remove(&arrival);
	assert_answer(sendmail_map_route, "6AL7<al@office.example><x@y.test>",
	    "NOTFOUND ");
	charged("a");
	assert_answer(sendmail_map_route, "6AL8<al@office.example><x@y.test>",
	    "NOTFOUND ");
	assert_answer(
	    ask_due, "6AL8<al@office.example><smtp.provider.test>", "TEMP");
	assert_server(
	    "6AL8<al@office.example><smtp.provider.test>", "TEMP", "TEMP");
	assert_server(
	    "<al@office.example><smtp.provider.test>", "TEMP", "TEMP");
	assert_server("6AL8<al@office.example><mx.customer.test>", "NOTFOUND ",
	    "NOTFOUND ");
}

/* The guess before the charge is for the route, and for nothing else. */
#define MARK "pm-00112233445566778899aabbccddeeff"

/* An owner- alias makes a clone, a queue group parts: with ids of their own. */
static void
a_clone_goes_by_the_account_of_its_message(void **state)
{
	arrivals_remove(&arrival);
	fail.bound = "\t" MARK;
	fail.smarthost = "c";
	assert_answer(sendmail_map_route, "6AL8<owner-list><x@y.test>" MARK,
	    "OK pm587:[smtp.second.test]");
	assert_server(
	    "6AL8<owner-list><smtp.second.test>" MARK, "OK VERIFY:112+CN", DUE);
	assert_answer(sendmail_map_tls,
	    "6AL8<owner-list><smtp.second.test><x@y.test>" MARK,
	    "OK VERIFY:112+CN");
	/* Another mark, none, or a mark that stands elsewhere: no route. */
	assert_answer(sendmail_map_route,
	    "6AL8<owner-list><x@y.test>pm-10112233445566778899aabbccddeeff",
	    "NOTFOUND ");
	assert_answer(
	    sendmail_map_route, "6AL8<owner-list><x@y.test>", "NOTFOUND ");
	assert_answer(
	    sendmail_map_route, "6AL8<owner-list><" MARK ">x", "NOTFOUND ");
	/* A queue id is no mark: its envelope identifier is a client's word. */
	charged("c");
	assert_answer(
	    sendmail_map_route, "6AL8<owner-list><x@y.test>6AL7", "NOTFOUND ");
}

static void
a_message_that_is_being_submitted_has_no_login(void **state)
{
	assert_server(
	    "6AL7<al@office.example><smtp.provider.test>", "TEMP", "TEMP");
}

static void
the_server_gets_the_key_of_the_account_that_the_message_is_bound_to(
    void **state)
{
	charged("a");
	assert_server("6AL7<al@office.example><smtp.provider.test>",
	    "OK VERIFY:112+CN", DUE);
	assert_answer(
	    ask_due, "6AL7<al@office.example><smtp.provider.test>", "OK due");
	charged("b");
	assert_server(
	    "6AL7<bo@office.example><smtp.provider.test>", "OK ENCR:112", DUE);
	charged("c");
	assert_server("6AL7<al@office.example><smtp.second.test>",
	    "OK VERIFY:112+CN", DUE);
	assert_server(
	    "6AL7<al@office.example><smtp.provider.test>", "TEMP", "TEMP");
}

static void
a_token_is_given_by_handle_while_there_is_one(void **state)
{
	struct why why;

	charged("o");
	tokens_forget();
	assert_answer(
	    ask_login, "6AL7<oa@office.example><smtp.oauth.test>", "TEMP");
	assert_answer(sendmail_map_token, "o", "TEMP");
	assert_int_equal(
	    tokens_put("o", "to.ken", 6, MONDAY + HOUR, MONDAY, &why), 0);
	/* oauth2-ref:/tmp/pm/auth.sock o */
	assert_answer(ask_login, "6AL7<oa@office.example><smtp.oauth.test>",
	    "OK \"U=dUBv\" \"I=dUBv\" "
	    "\"P=b2F1dGgyLXJlZjovdG1wL3BtL2F1dGguc29jayBv\" "
	    "\"M:XOAUTH2 XOAUTH PLAIN-CLIENTTOKEN\"");
	assert_answer(sendmail_map_token, "o", "OK to.ken");
	assert_answer(sendmail_map_token, "a", "TEMP");
	assert_answer(sendmail_map_token, "nobody", "TEMP");
	assert_int_equal(
	    tokens_put("o", "to.ken", 6, MONDAY + SECOND, MONDAY, &why), 0);
	assert_answer(sendmail_map_token, "o", "TEMP");
	tokens_forget();
}

static void
no_message_meets_the_server_of_another_account(void **state)
{
	assert_server(
	    "6AL7<own@office.example><smtp.provider.test>", "TEMP", "TEMP");
	assert_server("6AL7<own@office.example><mx.customer.test>", "NOTFOUND ",
	    "NOTFOUND ");
}

static void
mail_with_a_route_waits_before_any_other_server(void **state)
{
	charged("a");
	assert_server("6AL7<al@office.example><mx.office.example>", "NOTFOUND ",
	    "NOTFOUND ");
	assert_server(
	    "6AL7<al@office.example><smtp.elsewhere.test>", "TEMP", "TEMP");
	assert_server("6AL7<al@office.example><[192.0.2.1]>", "TEMP", "TEMP");
}

static void
a_notice_goes_its_own_way_whatever_its_id(void **state)
{
	fail.bound = "\t6AL7";
	fail.smarthost = "a";
	assert_answer(sendmail_map_route, "6AL7<><x@y.test>",
	    "OK pm587:[smtp.second.test]");
	assert_answer(sendmail_map_route, "6AL7<MAILER-DAEMON><x@y.test>",
	    "OK pm587:[smtp.second.test]");
	assert_server("6AL7<><smtp.second.test>", "OK VERIFY:112+CN", DUE);
	assert_server("6AL7<><smtp.provider.test>", "TEMP", "TEMP");
}

static void
a_binding_to_a_smarthost_that_is_gone_is_none(void **state)
{
	fail.bound = "\t6AL7";
	fail.smarthost = "gone";
	assert_answer(sendmail_map_route, "6AL7<al@office.example><x@y.test>",
	    "OK pm587:[smtp.provider.test]");
}

static void
a_port_that_sendmail_cannot_use_makes_mail_wait(void **state)
{
	arrives("im@office.example");
	assert_answer(
	    sendmail_map_route, "6AL7<im@office.example><x@y.test>", "TEMP");
}

static void
what_cannot_be_known_or_read_is_temp(void **state)
{
	static const char *const nonsense[] = { "", "6AL7", "6AL7<a@b>",
		"smtp.provider.test", "[smtp.provider.test]:587" };

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		assert_answer(sendmail_map_route, nonsense[i], "TEMP");
		assert_server(nonsense[i], "TEMP", "TEMP");
	}
	fail.knows_bindings = false;
	assert_answer(
	    sendmail_map_route, "6AL7<al@office.example><x@y.test>", "TEMP");
	assert_server(
	    "6AL7<al@office.example><smtp.provider.test>", "TEMP", "TEMP");
}

/* --- with keys ----------------------------------------------------------- */

static void
the_login_of_each_account_is_its_own(void **state)
{
	char dir[] = "/tmp/pm-map-XXXXXX", path[64];
	struct secrets *secrets;
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/secrets.conf", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fchmod(fileno(f), 0600), 0);
	fputs("secret \"a\" { password = \"key-A\" }\n"
	      "secret \"b\" { password = \"key:B\" }\n",
	    f);
	fclose(f);
	secrets = secrets_load(path, getuid(), getgid(), stderr);
	unlink(path);
	rmdir(dir);
	assert_non_null(secrets);
	credentials_publish(secrets);
	charged("a");
	assert_answer(ask_login, "6AL7<al@office.example><smtp.provider.test>",
	    "OK \"U=dXNlci1h\" \"I=dXNlci1h\" \"P=a2V5LUE=\" "
	    "\"M:PLAIN LOGIN XOAUTH2 OAUTHBEARER XOAUTH PLAIN-CLIENTTOKEN\"");
	charged("b");
	assert_answer(ask_login, "6AL7<bo@office.example><smtp.provider.test>",
	    "OK \"U=dXNlci1i\" \"I=dXNlci1i\" \"P=a2V5OkI=\" "
	    "\"M:PLAIN LOGIN XOAUTH2 OAUTHBEARER XOAUTH PLAIN-CLIENTTOKEN\"");
	fail.bound = "\t6AL7";
	fail.smarthost = "b";
	assert_answer(ask_login, "6AL7<al@office.example><smtp.provider.test>",
	    "OK \"U=dXNlci1i\" \"I=dXNlci1i\" \"P=a2V5OkI=\" "
	    "\"M:PLAIN LOGIN XOAUTH2 OAUTHBEARER XOAUTH PLAIN-CLIENTTOKEN\"");
	/* Known, but no key in the file: it waits, it does not go without. */
	fail.smarthost = "c";
	assert_answer(
	    ask_login, "6AL7<al@office.example><smtp.second.test>", "TEMP");
	credentials_publish(NULL);
}

/* Where the agent looks: what it saw last speaks, for a while. */
static void
a_refused_login_waits(void **state)
{
	struct health *health = health_new();
	const char key[] = "6AL7<al@office.example><smtp.provider.test>";
	struct bytes b = { key, sizeof(key) - 1 };
	struct desk desk = {
		.conf = conf, .store = &fail.store, .health = health
	};
	char dst[4096];

	assert_non_null(health);
	charged("a");
	(void)health_tell(health, "a", false, "535 no", MONDAY);
	ask_due(&desk, b, MONDAY, dst, sizeof(dst));
	assert_string_equal(dst, "TEMP account a: 535 no");
	ask_due(&desk, b, MONDAY + 3 * HEALTH_LONGEST, dst, sizeof(dst));
	assert_null(strstr(dst, "535"));
	(void)health_tell(health, "a", true, "", MONDAY);
	ask_due(&desk, b, MONDAY, dst, sizeof(dst));
	assert_null(strstr(dst, "535"));
	health_free(&health);
}

#define in_the_office(f)                                                       \
	cmocka_unit_test_setup_teardown(f, open_office, close_office)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		in_the_office(a_message_goes_by_its_sender_until_it_is_bound),
		in_the_office(the_guess_is_that_of_whoever_is_counted),
		in_the_office(
		    the_server_gets_the_key_of_the_account_that_the_message_is_bound_to),
		in_the_office(a_token_is_given_by_handle_while_there_is_one),
		in_the_office(
		    an_id_that_was_never_charged_has_no_route_and_no_login),
		in_the_office(a_clone_goes_by_the_account_of_its_message),
		in_the_office(a_message_that_is_being_submitted_has_no_login),
		in_the_office(no_message_meets_the_server_of_another_account),
		in_the_office(a_refused_login_waits),
		in_the_office(mail_with_a_route_waits_before_any_other_server),
		in_the_office(a_notice_goes_its_own_way_whatever_its_id),
		in_the_office(a_binding_to_a_smarthost_that_is_gone_is_none),
		in_the_office(a_port_that_sendmail_cannot_use_makes_mail_wait),
		in_the_office(what_cannot_be_known_or_read_is_temp),
		in_the_office(the_login_of_each_account_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
