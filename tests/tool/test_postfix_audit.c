/*
 * test_postfix_audit.c - Postfix as it is set up: pairs of main.cf and
 * master.cf, and exactly what there is to say of each.
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

#include "tool/postfix.h"
#include "tool/tool.h"

#define OURS "{ unix:postmeter/m.sock, default_action=tempfail }"

static const char office[] =
    "milter-socket = \"unix:/var/spool/postfix/postmeter/m.sock\"\n"
    "map-socket = \"unix:/var/spool/postfix/postmeter/map.sock\"\n"
    "auth-socket = \"unix:/var/spool/postfix/postmeter/auth.sock\"\n"
    "store = \"memory:\" user = \"root\"\n"
    "local-domains = {\"office.example\"}\n"
    "policy \"p\" { recipients-per-message = 100 }\n"
    "smarthost \"one\" { host = \"one.example\" }\n"
    "smarthost \"two\" { host = \"two.example\" port = 465 }\n"
    "route \"r\" { smarthosts = {\"one\", \"two\"} }\n"
    "rule \"all\" { policies = {\"p\"} route = \"r\" }\n";

/* Lines of main.cf; a later one in a case takes the place of the same name. */
static const char *const good_main[] = { "compatibility_level = 3.6",
	"queue_directory = /var/spool/postfix",
	"smtpd_milters = unix:other.sock, " OURS, "non_smtpd_milters = " OURS,
	"smtp_tls_CAfile = /etc/ssl/certs/ca-certificates.crt",
	"authorized_submit_users = root",
	"sender_dependent_default_transport_maps = "
	"socketmap:unix:postmeter/map.sock:transport-in, hash:/etc/postfix/x",
	"rewrite_service_name = "
	"${{$process_name} == {qmgr} ? {rewrite-exit} : {rewrite}}",
	NULL };

#define AUTH "socketmap:unix:postmeter/auth.sock:"
#define SERVICE(name, more)                                                    \
	"smarthost-" name " unix - - n - - smtp"                               \
	" -o smtp_tls_security_level=secure"                                   \
	" -o smtp_tls_policy_maps=" AUTH "door-" name                          \
	" -o smtp_sasl_password_maps=" AUTH name                               \
	" -o smtp_delivery_status_filter=" AUTH "status-" name                 \
	" -o smtp_sender_dependent_authentication=yes"                         \
	" -o smtp_tls_secure_cert_match=nexthop"                               \
	" -o smtp_sasl_auth_enable=yes"                                        \
	" -o smtp_sasl_security_options=noanonymous,noplaintext"               \
	" -o smtp_sasl_tls_security_options=noanonymous,noplaintext"           \
	" -o smtp_sasl_tls_verified_security_options=noanonymous"              \
	" -o smtp_connection_cache_on_demand=no -o smtp_mx_session_limit=1"    \
	" -o smtp_fallback_relay=" more "\n"
#define DOORS                                                                  \
	"smtp inet n - y - - smtpd\n"                                          \
	"cleanup unix n - y - 0 cleanup\n"                                     \
	"smtp unix - - y - - smtp\n"                                           \
	"rewrite-exit unix - - n - - trivial-rewrite\n"
#define ONE SERVICE("one", "")
#define TWO SERVICE("two", " -o smtp_tls_wrappermode=yes")
#define ONE_OF_TWO                                                             \
	SERVICE("two", " -o smtp_tls_wrappermode=yes"                          \
		       " -o smtp_connection_cache_destinations="               \
		       " -o smtp_discard_ehlo_keywords=")
#define GOOD DOORS ONE TWO

struct pair {
	const char *name, *main, *master;
	const char *found[8]; /* "!" must, "?" should; a piece of the text */
};

static const struct pair pairs[] = {
	{ "all as it should be", NULL, GOOD, { NULL } },
	{ "no milter at all", "smtpd_milters =\nnon_smtpd_milters =", GOOD,
	    { "!smtp/inet: smtpd_milters does not name postmeter",
		"!sendmail(1): non_smtpd_milters does not name postmeter" } },
	{ "one door without it", "smtpd_milters = " OURS,
	    GOOD "submission inet n - y - - smtpd -o smtpd_milters=\n"
		 "127.0.0.1:10025 inet n - y - - smtpd -o smtpd_milters=\n",
	    { "!submission/inet: smtpd_milters does not name" } },
	{ "named by another name",
	    "office_milters = unix:other.sock, " OURS
	    "\nsmtpd_milters = ${office_milters}",
	    GOOD
	    "submission inet n - y - - smtpd -o smtpd_milters=$office_milters\n",
	    { NULL } },
	{ "a door told to ask nobody", NULL,
	    GOOD
	    "submission inet n - y - - smtpd"
	    " -o receive_override_options=no_milters,no_address_mappings\n",
	    { "!submission/inet: receive_override_options has no_milters" } },
	{ "it stands before another one",
	    "smtpd_milters = " OURS ", unix:other.sock\n"
	    "non_smtpd_milters = $smtpd_milters",
	    GOOD,
	    { "!smtp/inet: a milter behind postmeter in smtpd_milters",
		"!sendmail(1): a milter behind postmeter" } },
	{ "mail passes while it is away",
	    "milter_default_action = accept\n"
	    "smtpd_milters = unix:postmeter/m.sock\n"
	    "non_smtpd_milters = "
	    "{ unix:postmeter/m.sock, default_action=accept }",
	    GOOD,
	    { "!smtp/inet: mail passes unmetered",
		"!sendmail(1): mail passes unmetered" } },
	{ "a chroot elsewhere",
	    "queue_directory = /srv/queue\n"
	    "smtpd_milters = unix:/var/spool/postfix/postmeter/m.sock\n"
	    "non_smtpd_milters = unix:/var/spool/postfix/postmeter/m.sock",
	    GOOD,
	    { "!services run chrooted in /srv/queue",
		"!smarthost-one/unix: smtp_tls_policy_maps",
		"!smarthost-one/unix: smtp_sasl_password_maps",
		"!smarthost-one/unix: smtp_delivery_status_filter",
		"!smarthost-two/unix: smtp_tls_policy_maps",
		"!smarthost-two/unix: smtp_sasl_password_maps",
		"!smarthost-two/unix: smtp_delivery_status_filter",
		"!sender_dependent_default_transport_maps does not begin" } },
	{ "mail that finds its own way",
	    "sender_dependent_default_transport_maps = hash:/etc/postfix/x\n"
	    "rewrite_service_name = rewrite",
	    GOOD,
	    { "!sender_dependent_default_transport_maps does not begin",
		"!rewrite_service_name does not lead" } },
	{ "no service for a smarthost", NULL, DOORS ONE,
	    { "!smarthost-two/unix: there is no such service" } },
	{ "weak TLS and the wrong kind", NULL,
	    DOORS SERVICE("one", " -o smtp_tls_wrappermode=yes"
				 " -o smtp_tls_security_level=may")
		SERVICE("two", ""),
	    { "!smarthost-one/unix: smtp_tls_security_level is \"may\"",
		"!smarthost-one/unix: smtp_tls_wrappermode is \"yes\"",
		"!smarthost-two/unix: smtp_tls_wrappermode is \"\", not "
		"\"yes\"" } },
	{ "a way around the gate",
	    "smtp_connection_cache_destinations = static:all\n"
	    "smtp_discard_ehlo_keywords = auth",
	    DOORS SERVICE("one",
		" -o smtp_tls_policy_maps= -o smtp_mx_session_limit=2"
		" -o smtp_delivery_status_filter= -o smtp_never_send_ehlo=yes"
		" -o smtp_sender_dependent_authentication=no") ONE_OF_TWO,
	    { "!smarthost-one/unix: smtp_tls_policy_maps is \"\"",
		"!smarthost-one/unix: smtp_delivery_status_filter is \"\"",
		"!smarthost-one/unix: smtp_sender_dependent_authentication is",
		"!smarthost-one/unix: smtp_connection_cache_destinations is",
		"!smarthost-one/unix: smtp_mx_session_limit is \"2\"",
		"!smarthost-one/unix: smtp_discard_ehlo_keywords is \"auth\"",
		"!smarthost-one/unix: smtp_never_send_ehlo is \"yes\"" } },
	{ "nothing to verify with", "smtp_tls_CAfile =", GOOD,
	    { "!smarthost-one/unix: without smtp_tls_CAfile",
		"!smarthost-two/unix: without smtp_tls_CAfile" } },
	{ "keys in clear and elsewhere", "relayhost = one.example",
	    DOORS SERVICE("one",
		"backup.example"
		" -o smtp_sasl_tls_security_options=noanonymous") TWO,
	    { "!relayhost = one.example is not exactly [one.example]:587",
		"!smarthost-one/unix: smtp_sasl_tls_security_options is",
		"!smarthost-one/unix: smtp_fallback_relay is \"backup.example\"" } },
	{ "keys for anybody",
	    "smtp_sasl_password_maps = "
	    "socketmap:unix:/var/spool/postfix/postmeter/auth.sock:one",
	    DOORS ONE TWO "relay unix - - y - - smtp -v\n",
	    { "!smtp/unix: it talks to any server",
		"?relay/unix: -v writes passwords",
		"!relay/unix: it talks to any server" } },
	{ "what is seldom meant",
	    "smtpd_forbid_bare_newline = no\n"
	    "authorized_submit_users = static:anyone\n"
	    "soft_bounce = yes\n"
	    "debug_peer_list = one.example\n"
	    "smtpd_milter_maps = cidr:/etc/postfix/milters\n"
	    "smtpd_authorized_xclient_hosts = 10.0.0.1\n"
	    "internal_mail_filter_classes = notify, bounce\n"
	    "smtpd_recipient_limit = 1000",
	    GOOD,
	    { "?smtpd_forbid_bare_newline = no",
		"?authorized_submit_users = static:anyone",
		"?soft_bounce = yes", "?debug_peer_list = one.example",
		"?smtpd_milter_maps = ",
		"?smtpd_authorized_xclient_hosts = 10.0.0.1",
		"?internal_mail_filter_classes has bounce",
		"?smtpd_recipient_limit = 1000 is above the 100" } },
	{ "what is added behind the front door",
	    "always_bcc = all@archive.example\n"
	    "sender_bcc_maps = inline:{ a@office.example=b@office.example }\n"
	    "virtual_alias_maps = "
	    "inline:{ {team@office.example = a@x.example, b@y.example, c@office.example} }"
	    " pcre:/etc/postfix/aliases",
	    GOOD,
	    { "?always_bcc = all@archive.example", "?sender_bcc_maps = inline",
		"?1 alias of inline:{ {team@office.example = a@x.example, "
		"b@y.example, c@office.example} } leads outside, team@office.example to 2",
		"?pcre:/etc/postfix/aliases cannot be listed" } },
	{ "senders that are other ones when they leave",
	    "canonical_maps = hash:/etc/postfix/c\n"
	    "sender_canonical_maps = hash:/etc/postfix/s\n"
	    "masquerade_domains = office.example\n"
	    "smtp_generic_maps = hash:/etc/postfix/generic",
	    GOOD,
	    { "?canonical_maps = hash:/etc/postfix/c: senders are rewritten",
		"?sender_canonical_maps = ", "?masquerade_domains = ",
		"?smtp_generic_maps = " } },
	{ "a filter that hands it in again",
	    "content_filter = scan:[127.0.0.1]:10024",
	    GOOD "127.0.0.1:10025 inet n - y - - smtpd -o content_filter="
		 " -o receive_override_options=no_address_mappings\n",
	    { "?127.0.0.1:10025/inet: what comes back from the filter scan:" } },
	{ "a filter whose mail is let alone",
	    "content_filter = scan:[127.0.0.1]:10024",
	    GOOD "127.0.0.1:10025 inet n - y - - smtpd -o content_filter="
		 " -o receive_override_options=no_milters\n"
		 "127.0.0.1:2525 inet n - y - - smtpd\n"
		 "127.0.0.1:10026 inet n - y - - smtpd -o smtpd_milters=\n",
	    { NULL } },
	{ "mail past its account, and other networks",
	    "relay_domains = partner.example\n"
	    "transport_maps = hash:/etc/postfix/transport\n"
	    "mynetworks = 127.0.0.0/8, [::1]/128 10.1.0.0/16 cidr:/etc/x",
	    GOOD,
	    { "?relay_domains = partner.example", "?transport_maps = ",
		"?mynetworks has 10.1.0.0/16 and networks has not" } },
	{ "as far as it may go",
	    "internal_mail_filter_classes = notify\n"
	    "smtpd_recipient_limit = 100\nrelayhost = [one.example]:587",
	    GOOD, { NULL } },
};

static void
put(const char *dir, const char *name, const char *text)
{
	const struct timespec old[2] = { { .tv_sec = 1 }, { .tv_sec = 1 } };
	char path[200];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	/* Postfix lets files settle for two seconds: here they are old. */
	assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
}

/* sets - does one of the lines of text set what line sets? */
static bool
sets(const char *text, const char *line)
{
	const size_t n = strcspn(line, "=") + 1;

	for (; text != NULL && text[0] != '\0';
	     text = strchr(text, '\n') != NULL ? strchr(text, '\n') + 1 : NULL)
		if (strncmp(text, line, n) == 0)
			return true;
	return false;
}

static void
put_pair(const char *dir, const struct pair *p)
{
	char text[4000] = "";

	for (size_t i = 0; good_main[i] != NULL; i++)
		if (!sets(p->main, good_main[i])) {
			strcat(text, good_main[i]);
			strcat(text, "\n");
		}
	strcat(text, p->main != NULL ? p->main : "");
	strcat(text, "\n");
	put(dir, "main.cf", text);
	put(dir, "master.cf", p->master);
	put(dir, "postmeter.conf", office);
}

static void
clean(const char *dir)
{
	static const char *const names[] = { "main.cf", "master.cf",
		"postmeter.conf", "postmeter-setup.json" };
	char path[200];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	rmdir(dir);
}

/* is_among - a finding that was expected; it is struck out then */
static bool
is_among(const struct pair *p, bool *seen, const json_t *f)
{
	const char *text = json_string_value(json_object_get(f, "text"));
	const char mark = json_is_true(json_object_get(f, "must")) ? '!' : '?';

	assert_true(
	    strlen(json_string_value(json_object_get(f, "remedy"))) > 0);
	for (size_t i = 0; i < 8 && p->found[i] != NULL; i++)
		if (!seen[i] && p->found[i][0] == mark &&
		    strstr(text, p->found[i] + 1) != NULL)
			return seen[i] = true;
	return false;
}

/* matches - are the findings those of the pair, each once? */
static void
matches(const struct pair *p, const json_t *found)
{
	bool seen[8] = { false };
	const json_t *f;
	size_t i;

	json_array_foreach (found, i, f)
		if (!is_among(p, seen, f))
			fail_msg("%s: not expected: %s", p->name,
			    json_string_value(json_object_get(f, "text")));
	for (i = 0; i < 8 && p->found[i] != NULL; i++)
		if (!seen[i])
			fail_msg("%s: not found: %s", p->name, p->found[i]);
}

static void
each_pair_is_told_exactly_what_is_wrong(void **state)
{
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char dir[] = "/tmp/pm-audit-XXXXXX", file[64];
		json_t *failure = NULL, *found;
		struct config *conf;
		struct postfix pf;

		if (access("/usr/sbin/postconf", X_OK) == -1)
			skip();
		assert_non_null(mkdtemp(dir));
		put_pair(dir, &pairs[i]);
		snprintf(file, sizeof(file), "%s/postmeter.conf", dir);
		conf = ctl_config(file, &failure);
		assert_non_null(conf);
		assert_int_equal(postfix_read(&pf, dir, &failure), 0);
		found = postfix_audit(&pf, conf);
		matches(&pairs[i], found);
		json_decref(found);
		postfix_free(&pf);
		config_free(&conf);
		clean(dir);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_pair_is_told_exactly_what_is_wrong),
	};

	return cmocka_run_group_tests_name("audit", tests, NULL, NULL);
}
