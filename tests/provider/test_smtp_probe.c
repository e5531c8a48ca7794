/*
 * test_smtp_probe.c - where a probe stops, what it advises, and that no byte of
 * a key is sent before it is known to whom.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "smtp_probe.h"
#include "smtpd.h"

#define USER "office@office.example"
#define KEY "correct horse \"battery\""
/* What PLAIN and LOGIN make of it. */
#define PLAIN_BASE64                                                           \
	"AG9mZmljZUBvZmZpY2UuZXhhbXBsZQBjb3JyZWN0"                             \
	"IGhvcnNlICJiYXR0ZXJ5Ig=="
#define KEY_BASE64 "Y29ycmVjdCBob3JzZSAiYmF0dGVyeSI="

static char directory[] = "/tmp/test_probe.XXXXXX";
static char ca_file[sizeof(directory) + 16];

/* The steps of the last probe, "+connect -TLS", and how the last one ended. */
static char steps[400], details[4000], cause[400], remedy[400];

static void
note(const struct probe_report *r, void *arg)
{
	const size_t n = strlen(steps), d = strlen(details);

	assert_true(r->ms >= 0);
	assert_int_equal(r->ok, r->hint == NULL);
	snprintf(steps + n, sizeof(steps) - n, "%s%c%s", n > 0 ? " " : "",
	    r->ok ? '+' : '-', probe_step_name(r->step));
	snprintf(details + d, sizeof(details) - d, "%s\n", r->detail);
	if (r->hint != NULL) {
		snprintf(cause, sizeof(cause), "%s", r->hint->cause);
		snprintf(remedy, sizeof(remedy), "%s", r->hint->remedy);
	}
}

static int
run(const struct probe_target *target)
{
	steps[0] = details[0] = cause[0] = remedy[0] = '\0';
	return probe_run(target, note, NULL);
}

/* probe - the server of a scene; what it saw stays in saw */
static int
probe(const struct scene *scene, const char *to, struct witness *saw)
{
	struct smtpd server;
	struct probe_target target = { .host = SMTPD_NAME,
		.port = scene->implicit ? 465 : 587,
		.username = USER,
		.password = KEY,
		.ca_file = ca_file,
		.from = USER,
		.to = to,
		.timeout = scene->silent ? 2 : 30 };
	int rc;

	smtpd_start(&server, directory, scene);
	target.connect_to = server.address;
	rc = run(&target);
	*saw = *server.saw;
	smtpd_stop(&server);
	assert_null(strstr(details, KEY));
	assert_null(strstr(details, KEY_BASE64));
	assert_int_equal(saw->clear_auth, 0);
	return rc;
}

/* stops - the probe of a scene ends so, and the server saw no login */
static void
stops(const struct scene *scene, const char *where, const char *why,
    const char *what_helps)
{
	struct witness saw;

	assert_int_equal(probe(scene, NULL, &saw), 1);
	assert_string_equal(steps, where);
	if (strstr(cause, why) == NULL || strstr(remedy, what_helps) == NULL)
		print_message("%s\n%s\n", cause, remedy);
	assert_non_null(strstr(cause, why));
	assert_non_null(strstr(remedy, what_helps));
	assert_int_equal(saw.auth, 0);
	assert_null(strstr(saw.received, "AUTH"));
}

static void
a_good_smarthost_passes_every_step(void **state)
{
	struct witness saw;

	assert_int_equal(probe(&(struct scene){ 0 }, NULL, &saw), 0);
	assert_string_equal(
	    steps, "+connect +greeting +EHLO +TLS +EHLO +AUTH +QUIT");
	assert_int_equal(saw.auth, 1);
	assert_int_equal(saw.mails, 0);
	assert_non_null(strstr(details, "certificate and name are good"));
}

static void
implicit_tls_passes_every_step(void **state)
{
	struct witness saw;

	assert_int_equal(
	    probe(&(struct scene){ .implicit = true }, NULL, &saw), 0);
	assert_string_equal(steps, "+connect +TLS +greeting +EHLO +AUTH +QUIT");
	assert_int_equal(saw.auth, 1);
}

static void
one_message_is_sent_on_demand(void **state)
{
	struct witness saw;

	assert_int_equal(
	    probe(&(struct scene){ 0 }, "it@office.example", &saw), 0);
	assert_string_equal(
	    steps, "+connect +greeting +EHLO +TLS +EHLO +AUTH +send +QUIT");
	assert_int_equal(saw.auth, 1);
	assert_int_equal(saw.mails, 1);
	assert_non_null(strstr(saw.mail, "To: <it@office.example>\n"));
	assert_non_null(strstr(saw.received, "MAIL FROM:<" USER ">"));
	assert_non_null(strstr(details, "queued as 4711"));
}

static void
login_alone_serves_where_plain_is_not_offered(void **state)
{
	struct witness saw;

	/* The scene knows one prompt: it welcomes whoever answers it. */
	assert_int_equal(
	    probe(&(struct scene){ .auth = "LOGIN" }, NULL, &saw), 0);
	assert_int_equal(saw.auth, 1);
}

static void
a_wrong_certificate_gets_no_key(void **state)
{
	stops(&(struct scene){ .cert = CERT_SELF_SIGNED },
	    "+connect +greeting +EHLO -TLS", "self-signed", "authority");
	stops(&(struct scene){ .cert = CERT_OTHER_NAME },
	    "+connect +greeting +EHLO -TLS", "another name",
	    "name that the certificate bears");
	stops(&(struct scene){ .cert = CERT_EXPIRED },
	    "+connect +greeting +EHLO -TLS", "expired", "renew");
	stops(&(struct scene){ .cert = CERT_OTHER_NAME, .implicit = true },
	    "+connect -TLS", "another name", "host");
}

static void
an_unknown_authority_gets_no_key(void **state)
{
	strcpy(ca_file + strlen(directory), "/1.pem");
	stops(&(struct scene){ 0 }, "+connect +greeting +EHLO -TLS",
	    "authority is not known", "ca-certificates");
	strcpy(ca_file + strlen(directory), "/ca.pem");
}

static void
stripped_starttls_gets_no_key(void **state)
{
	stops(&(struct scene){ .no_starttls = true },
	    "+connect +greeting +EHLO -TLS", "offers no STARTTLS", "465");
}

static void
a_server_without_a_login_is_told(void **state)
{
	stops(&(struct scene){ .auth = "" },
	    "+connect +greeting +EHLO +TLS +EHLO -AUTH", "offers no login",
	    "587");
	stops(&(struct scene){ .auth = "XOAUTH2 NTLM" },
	    "+connect +greeting +EHLO +TLS +EHLO -AUTH",
	    "neither PLAIN nor LOGIN", "app passwords");
}

static void
refused(const char *reply, const char *why, const char *what_helps)
{
	struct witness saw;

	assert_int_equal(
	    probe(&(struct scene){ .auth_reply = reply }, NULL, &saw), 1);
	assert_string_equal(steps, "+connect +greeting +EHLO +TLS +EHLO -AUTH");
	assert_int_equal(saw.auth, 1);
	assert_non_null(strstr(cause, why));
	assert_non_null(strstr(remedy, what_helps));
}

static void
a_refused_login_names_its_remedy(void **state)
{
	refused("535 5.7.8 Username and Password not accepted", "wrong",
	    "app password");
	refused("535 5.7.139 Authentication unsuccessful, SmtpClient"
		"Authentication is disabled for the Tenant",
	    "switched off", "Set-CASMailbox");
	refused("451 Authentication failed: Maximum credits exceeded",
	    "credits are spent", "plan");
	refused("454 4.7.0 Temporary authentication failure",
	    "nothing about the password", "later");
}

static void
a_reply_that_repeats_the_key_is_not_shown(void **state)
{
	static const char *const forms[] = { KEY, KEY_BASE64, PLAIN_BASE64 };
	char reply[200];

	for (size_t i = 0; i < 3; i++) {
		snprintf(reply, sizeof(reply), "535 wrong: %s", forms[i]);
		refused(reply, "wrong", "app password");
		assert_non_null(strstr(details, "not shown"));
		assert_null(strstr(details, forms[i]));
	}
}

static void
a_refused_sender_is_told(void **state)
{
	struct witness saw;

	assert_int_equal(
	    probe(&(struct scene){ .mail_reply = "550 5.4.5 Daily limit" },
		"it@office.example", &saw),
	    1);
	assert_string_equal(
	    steps, "+connect +greeting +EHLO +TLS +EHLO +AUTH -send");
	assert_non_null(strstr(cause, "daily sending limit"));
	assert_int_equal(saw.mails, 0);
}

static void
a_server_that_turns_us_away_is_told(void **state)
{
	stops(&(struct scene){ .greeting = "554 5.7.1 you are on a list" },
	    "+connect -greeting", "does not talk", "list");
	stops(&(struct scene){ .greeting = "421 4.7.0 too busy" },
	    "+connect -greeting", "busy", "later");
}

static void
a_silent_server_is_told(void **state)
{
	stops(&(struct scene){ .silent = true }, "+connect -greeting",
	    "no greeting", "465");
}

static void
a_closed_port_is_told(void **state)
{
	struct smtpd server;
	struct probe_target target = { .host = SMTPD_NAME,
		.port = 587,
		.username = USER,
		.password = KEY,
		.ca_file = ca_file };

	/* A port that was just free. */
	smtpd_start(&server, directory, &(struct scene){ 0 });
	smtpd_stop(&server);
	target.connect_to = server.address;
	assert_int_equal(run(&target), 1);
	assert_string_equal(steps, "-connect");
	assert_non_null(strstr(cause, "nobody listens"));
	assert_non_null(strstr(remedy, "blocked"));
}

static void
a_proxy_of_the_environment_is_not_asked(void **state)
{
	struct witness saw;

	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	assert_int_equal(probe(&(struct scene){ 0 }, NULL, &saw), 0);
	unsetenv("ALL_PROXY");
	unsetenv("all_proxy");
}

/* copies_in - how often text stands in the writable memory of this kind */
static size_t
copies_in(const char *kind, const char *text)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[400];
	size_t n = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		unsigned long from, to;

		if (strstr(line, kind) == NULL ||
		    sscanf(line, "%lx-%lx", &from, &to) != 2)
			continue;
		for (const char *p = (const char *)from;
		     (p = memmem(p, to - (unsigned long)p, text,
			  strlen(text))) != NULL;
		     p++)
			n++;
	}
	fclose(maps);
	return n;
}

static void
no_copy_of_the_key_stays_in_the_heap(void **state)
{
	struct witness saw;

	assert_int_equal(probe(&(struct scene){ 0 }, NULL, &saw), 0);
	assert_int_equal(copies_in("[heap]", KEY), 0);
	assert_int_equal(copies_in("[heap]", KEY_BASE64), 0);
}

static int
make_directory(void **state)
{
	if (mkdtemp(directory) == NULL)
		return -1;
	smtpd_certificates(directory);
	snprintf(ca_file, sizeof(ca_file), "%s/ca.pem", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	static const char *const names[] = { "0", "1", "2", "3", "ca" };
	char path[sizeof(directory) + 16];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s.pem", directory, names[i]);
		unlink(path);
	}
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_smarthost_passes_every_step),
		cmocka_unit_test(implicit_tls_passes_every_step),
		cmocka_unit_test(one_message_is_sent_on_demand),
		cmocka_unit_test(login_alone_serves_where_plain_is_not_offered),
		cmocka_unit_test(a_wrong_certificate_gets_no_key),
		cmocka_unit_test(an_unknown_authority_gets_no_key),
		cmocka_unit_test(stripped_starttls_gets_no_key),
		cmocka_unit_test(a_server_without_a_login_is_told),
		cmocka_unit_test(a_refused_login_names_its_remedy),
		cmocka_unit_test(a_reply_that_repeats_the_key_is_not_shown),
		cmocka_unit_test(a_refused_sender_is_told),
		cmocka_unit_test(a_server_that_turns_us_away_is_told),
		cmocka_unit_test(a_silent_server_is_told),
		cmocka_unit_test(a_closed_port_is_told),
		cmocka_unit_test(no_copy_of_the_key_stays_in_the_heap),
		cmocka_unit_test(a_proxy_of_the_environment_is_not_asked),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
