/*
 * test_cmd_setup_postfix.c - Postfix's half: applied once, applied twice, taken
 * back.
 *
 * Runs the real postconf(1) over files of its own; without it there is
 * nothing to test.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "tool/tool.h"

#define SOCKETS                                                                \
	"milter-socket = \"unix:/var/spool/postfix/postmeter/m.sock\"\n"       \
	"map-socket = \"unix:/var/spool/postfix/postmeter/map.sock\"\n"        \
	"auth-socket = \"unix:/var/spool/postfix/postmeter/auth.sock\"\n"      \
	"store = \"memory:\"\n"                                                \
	"secrets = \"/etc/postmeter/secrets.conf\"\n"

#define SMARTHOST(name, more)                                                  \
	"smarthost \"" name "\" {\n"                                           \
	"    host = \"" name ".example\"\n"                                    \
	"    username = \"office\"\n"                                          \
	"    secret = \"" name "\"\n" more "}\n"                               \
	"route \"" name "\" { smarthosts = {\"" name "\"} }\n"

#define ONE                                                                    \
	SOCKETS SMARTHOST("first",                                             \
	    "recipient-limit = 25\nmessages-per-minute = 30\n") "rule \"all\" { route = \"first\" }\n"
#define TWO                                                                    \
	SOCKETS SMARTHOST(                                                     \
	    "first", "recipient-limit = 25\nmessages-per-minute = 30\n")       \
	    SMARTHOST("second",                                                \
		"port = 465\n tls = \"encrypt\"\n") "rule \"b\" { sender = "   \
						    "{\"b@c.example\"} route " \
						    "= \"second\" }\n"         \
						    "rule \"all\" { route = "  \
						    "\"first\" }\n"

static const char main_cf[] = "# a comment that stays\n"
			      "compatibility_level = 3.6\n"
			      "queue_directory = /var/spool/postfix\n"
			      "\n"
			      "smtp_tls_CApath = /etc/ssl/certs\n"
			      "mynetworks = 127.0.0.0/8,\n"
			      "    10.0.0.0/8\n";

static const char master_cf[] =
    "# services\n"
    "smtp      inet  n       -       y       -       -       smtpd\n"
    "cleanup   unix  n       -       y       -       0       cleanup\n"
    "rewrite   unix  -       -       y       -       -    trivial-rewrite\n"
    "smtp      unix  -       -       y       -       -       smtp\n"
    "relay     unix  -       -       y       -       -       smtp\n"
    "        -o syslog_name=postfix/$service_name\n";

struct office {
	char dir[32], conf[64], main[64], master[64], made[64];
};

static void
put(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* A file whole; NULL if there is none. */
static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text;
	size_t n;

	if (f == NULL)
		return NULL;
	text = calloc(1, 65536);
	assert_non_null(text);
	n = fread(text, 1, 65535, f);
	assert_true(n < 65535);
	fclose(f);
	return text;
}

static bool
holds(const char *path, const char *piece)
{
	char *text = slurp(path);
	bool found = text != NULL && strstr(text, piece) != NULL;

	free(text);
	return found;
}

static void
assert_file(const char *path, const char *text)
{
	char *now = slurp(path);

	assert_non_null(now);
	assert_string_equal(now, text);
	free(now);
}

static int
office_open(void **state)
{
	struct office *o = calloc(1, sizeof(*o));

	strcpy(o->dir, "/tmp/pm-setup-XXXXXX");
	if (mkdtemp(o->dir) == NULL)
		return -1;
	snprintf(o->conf, sizeof(o->conf), "%s/postmeter.conf", o->dir);
	snprintf(o->main, sizeof(o->main), "%s/main.cf", o->dir);
	snprintf(o->master, sizeof(o->master), "%s/master.cf", o->dir);
	snprintf(o->made, sizeof(o->made), "%s/postmeter-setup.json", o->dir);
	put(o->conf, TWO);
	put(o->main, main_cf);
	put(o->master, master_cf);
	*state = o;
	return 0;
}

static int
office_close(void **state)
{
	struct office *o = *state;

	unlink(o->conf);
	unlink(o->main);
	unlink(o->master);
	unlink(o->made);
	rmdir(o->dir);
	free(o);
	return 0;
}

enum deed { SHOW, APPLY, UNDO, CHECK };

/* Postfix lets files settle for two seconds: here they are old at once. */
static void
settle(const char *path)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };

	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

/* Runs setup; *changes_r gets how many changes it told. */
static int
setup(const struct office *o, enum deed deed, size_t *changes_r)
{
	struct ctl ctl = { .config = o->conf,
		.postfix = o->dir,
		.word = { "postfix" },
		.nword = 1 };
	json_t *answer = NULL;
	int code;

	if (access("/usr/sbin/postconf", X_OK) == -1)
		skip();
	settle(o->main);
	settle(o->master);
	ctl.apply = deed == APPLY;
	ctl.undo = deed == UNDO;
	ctl.check = deed == CHECK;
	code = ctl_setup(&ctl, &answer);
	assert_non_null(answer);
	*changes_r = json_array_size(json_object_get(answer, "changes"));
	json_decref(answer);
	return code;
}

static void
show_changes_nothing_and_check_finds_it_missing(void **state)
{
	struct office *o = *state;
	size_t n;

	assert_int_equal(setup(o, SHOW, &n), EX_OK);
	assert_int_equal(n, 12);
	assert_int_equal(setup(o, CHECK, &n), 1);
	assert_int_equal(n, 12);
	assert_file(o->main, main_cf);
	assert_file(o->master, master_cf);
	assert_int_equal(access(o->made, F_OK), -1);
}

static void
apply_wires_each_smarthost_with_its_own_key_and_tls(void **state)
{
	struct office *o = *state;
	size_t n;

	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_true(holds(o->main, "smtpd_milters = { unix:postmeter/m.sock, "
				   "default_action=tempfail }\n"));
	assert_true(holds(o->main, "\nnon_smtpd_milters = { unix:"));
	assert_true(holds(o->main,
	    "sender_dependent_default_transport_maps ="
	    " socketmap:unix:postmeter/map.sock:transport-in\n"));
	assert_true(
	    holds(o->main, "smarthost-first_destination_rate_delay = 2s\n"));
	assert_true(holds(
	    o->main, "smarthost-first_destination_recipient_limit = 25\n"));
	assert_true(holds(
	    o->main, "smarthost-second_destination_recipient_limit = 50\n"));
	assert_true(
	    holds(o->master, "    -o smtp_tls_security_level=secure\n"));
	assert_true(
	    holds(o->master, "smtp_sasl_password_maps="
			     "socketmap:unix:postmeter/auth.sock:first\n"));
	assert_true(
	    holds(o->master, "smtp_sasl_password_maps="
			     "socketmap:unix:postmeter/auth.sock:second\n"));
	assert_true(holds(o->master, "    -o smtp_tls_wrappermode=yes\n"));
	/* All is wired, but nobody is there. */
	assert_int_equal(setup(o, CHECK, &n), 1);
	assert_int_equal(n, 0);
}

static void
applying_twice_changes_nothing(void **state)
{
	struct office *o = *state;
	char *main_1, *master_1, *made_1;
	size_t n;

	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	main_1 = slurp(o->main);
	master_1 = slurp(o->master);
	made_1 = slurp(o->made);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_int_equal(n, 0);
	assert_file(o->main, main_1);
	assert_file(o->master, master_1);
	assert_file(o->made, made_1);
	free(main_1);
	free(master_1);
	free(made_1);
}

static void
a_token_service_asks_for_the_plugin_and_a_password_service_does_not(
    void **state)
{
	static const char token[] =
	    SOCKETS "smarthost \"first\" { host = \"first.example\"\n"
		    "username = \"office\" auth = \"oauth\"\n"
		    "grant = \"microsoft-device\" client-id = \"c\" }\n"
		    "route \"r\" { smarthosts = {\"first\"} }\n"
		    "rule \"all\" { route = \"r\" }\n";
	struct office *o = *state;
	size_t n;

	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_false(holds(o->master, "xoauth2"));
	put(o->conf, token);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_true(
	    holds(o->master, "    -o smtp_sasl_mechanism_filter=xoauth2\n"));
	assert_true(holds(o->master, "    -o smtp_sasl_security_options=\n"));
	assert_true(
	    holds(o->master, "    -o smtp_sasl_tls_security_options=\n"));
	assert_true(
	    holds(o->master, "    -o smtp_tls_security_level=secure\n"));
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_file(o->main, main_cf);
	assert_file(o->master, master_cf);
}

static void
what_is_ours_moves_when_its_sockets_do(void **state)
{
	static const char place[] = "/var/spool/postfix/postmeter/";
	struct office *o = *state;
	char *conf = slurp(o->conf), *moved = calloc(1, 2 * strlen(TWO));
	size_t n;

	/* .../postmeter/milter.sock becomes .../postmeteX/milter.sock */
	assert_non_null(moved);
	strcpy(moved, conf);
	for (char *p = moved; (p = strstr(p, place)) != NULL;)
		p[sizeof(place) - 3] = 'X';
	assert_string_not_equal(moved, conf);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	put(o->conf, moved);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_false(holds(o->main, "unix:postmeter/"));
	assert_true(holds(o->main, "unix:postmeteX/"));
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_file(o->main, main_cf);
	assert_file(o->master, master_cf);
	free(conf);
	free(moved);
}

static void
undo_leaves_the_files_as_they_were_byte_for_byte(void **state)
{
	struct office *o = *state;
	size_t n;

	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_int_equal(n, 12);
	assert_file(o->main, main_cf);
	assert_file(o->master, master_cf);
	assert_int_equal(access(o->made, F_OK), -1);
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_int_equal(n, 0);
}

static void
undo_works_when_the_configuration_is_gone(void **state)
{
	struct office *o = *state;
	size_t n;

	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	unlink(o->conf);
	assert_int_equal(setup(o, APPLY, &n), EX_CONFIG);
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_file(o->main, main_cf);
	assert_file(o->master, master_cf);
}

static void
a_smarthost_that_is_gone_takes_its_service_along(void **state)
{
	struct office *o = *state;
	size_t n;

	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	put(o->conf, ONE);
	assert_int_equal(setup(o, CHECK, &n), 1);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_int_equal(n, 2);
	assert_false(holds(o->master, "smarthost-second"));
	assert_false(holds(o->main, "smarthost-second"));
	assert_true(holds(o->master, "smarthost-first"));
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_file(o->main, main_cf);
	assert_file(o->master, master_cf);
}

static void
the_milters_of_others_stay_before_ours_and_survive_undo(void **state)
{
	static const char others[] =
	    "queue_directory = /var/spool/postfix\n"
	    "smtp_tls_CAfile = /etc/ca.pem\n"
	    "smtpd_milters = inet:127.0.0.1:8891, { inet:a:1, "
	    "default_action=accept }\n"
	    "non_smtpd_milters = $smtpd_milters\n"
	    "milter_default_action = accept\n";
	struct office *o = *state;
	size_t n;
	char *text;
	FILE *f;

	put(o->main, others);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_true(holds(o->main,
	    "smtpd_milters = inet:127.0.0.1:8891, "
	    "{ inet:a:1, default_action=accept }, { unix:postmeter/m.sock, "
	    "default_action=tempfail }\n"));
	assert_true(holds(o->main, "non_smtpd_milters = $smtpd_milters\n"));
	assert_true(holds(o->main, "\nmilter_default_action = accept\n"));
	/* Somebody puts one behind ours: that is found and put right. */
	text = slurp(o->main);
	assert_non_null(text);
	*strstr(text, "smtpd_milters") = '#';
	f = fopen(o->main, "w");
	assert_non_null(f);
	fprintf(f,
	    "%ssmtpd_milters = { unix:postmeter/m.sock, "
	    "default_action=tempfail }, inet:b:2\n",
	    text);
	fclose(f);
	free(text);
	assert_int_equal(setup(o, CHECK, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_true(holds(o->main, "smtpd_milters = inet:b:2\n"));
	assert_false(holds(o->main, "\nsender_dependent"));
}

static void
a_listener_that_bypasses_us_is_told(void **state)
{
	struct office *o = *state;
	FILE *f = fopen(o->master, "a");
	size_t n;

	assert_non_null(f);
	fputs("submission inet n - y - - smtpd\n  -o smtpd_milters=\n", f);
	fclose(f);
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_int_equal(setup(o, CHECK, &n), 1);
	assert_int_equal(n, 0);
}

static void
certificates_are_named_where_none_are(void **state)
{
	struct office *o = *state;
	size_t n;

	put(o->main, "queue_directory = /var/spool/postfix\n");
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_true(holds(
	    o->main, "smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt\n"));
	assert_int_equal(setup(o, APPLY, &n), EX_OK);
	assert_int_equal(n, 0);
	assert_int_equal(setup(o, UNDO, &n), EX_OK);
	assert_file(o->main, "queue_directory = /var/spool/postfix\n");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, office_open, office_close)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(show_changes_nothing_and_check_finds_it_missing),
		TEST(apply_wires_each_smarthost_with_its_own_key_and_tls),
		TEST(applying_twice_changes_nothing),
		TEST(
		    a_token_service_asks_for_the_plugin_and_a_password_service_does_not),
		TEST(what_is_ours_moves_when_its_sockets_do),
		TEST(undo_leaves_the_files_as_they_were_byte_for_byte),
		TEST(undo_works_when_the_configuration_is_gone),
		TEST(a_smarthost_that_is_gone_takes_its_service_along),
		TEST(the_milters_of_others_stay_before_ours_and_survive_undo),
		TEST(a_listener_that_bypasses_us_is_told),
		TEST(certificates_are_named_where_none_are),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
