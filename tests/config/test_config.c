/*
 * test_config.c - postmeter.conf: what is understood, and what is said of
 * what is not.
 *
 * tests/cases/conf.NAME.in is read; conf.NAME.ok holds what was understood,
 * conf.NAME.err what was said.  Run it where tests/ is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "limit.h"

static char *said;

static struct config *
load(const char *file)
{
	struct config *conf;
	size_t len;
	FILE *f;

	free(said);
	f = open_memstream(&said, &len);
	conf = config_load(file, f);
	fclose(f);
	assert_int_equal(conf == NULL, said[0] != '\0');
	return conf;
}

static struct config *
load_text(const char *text, size_t len)
{
	char path[] = "/tmp/pm-config-XXXXXX";
	struct config *conf;
	const int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	conf = load(path);
	unlink(path);
	return conf;
}

static void
is_refused(const char *text, const char *words)
{
	struct config *conf = load_text(text, strlen(text));

	config_free(&conf);
	if (strstr(said, words) == NULL)
		fail_msg("expected \"%s\", got: %s", words, said);
}

/* --- what was understood, as text ---------------------------------------- */

static void
print_names(FILE *f, const char *name, const struct names *names)
{
	fprintf(f, " %s={", name);
	for (size_t i = 0; i < names->n; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "", names->v[i]);
	fprintf(f, "}");
}

static void
print_prefixes(FILE *f, const char *name, const struct prefixes *p)
{
	char text[NETADDR_TEXT];

	fprintf(f, " %s={", name);
	for (size_t i = 0; i < p->n; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "",
		    netaddr_text(
			&p->v[i].addr, p->v[i].bits, text, sizeof(text)));
	fprintf(f, "}");
}

static void
print_policy(FILE *f, const struct policy *p)
{
	char text[LIMIT_TEXT];

	fprintf(f, "policy %s per=%s/%u/%u count=%s over=%s", p->name,
	    per_words[p->per], p->prefix4, p->prefix6,
	    p->count == SCOPE_ALL ? "all" : "external",
	    when_over_words[p->when_over]);
	fprintf(f, " per-message=%u lockout=%lld warn={",
	    p->recipients_per_message, (long long)p->lockout);
	for (size_t i = 0; i < p->nwarn; i++)
		fprintf(f, "%s%u", i > 0 ? ", " : "", p->warn_at[i]);
	fprintf(f, "} limits={");
	for (size_t i = 0; i < p->nlimit; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "",
		    limit_text(&p->limit[i], text, sizeof(text)));
	fprintf(f, "} text=%s\n", p->text);
}

static void
print_rule(FILE *f, const struct rule *r)
{
	fprintf(f, "rule %s", r->name);
	print_names(f, "sender", &r->sender);
	print_names(f, "login", &r->login);
	print_prefixes(f, "client", &r->client);
	fprintf(f, " policies={");
	for (size_t i = 0; i < r->policies.n; i++)
		fprintf(f, "%s%s", i > 0 ? ", " : "", r->policies.v[i]->name);
	fprintf(f, "} route=%s\n", r->route ? r->route->name : "none");
}

static void
print_smarthost(FILE *f, const struct smarthost *sh)
{
	fprintf(f, "smarthost %s [%s]:%u tls=%d login=%s/%s", sh->name,
	    sh->host, sh->port, sh->tls, sh->username, sh->secret);
	for (size_t i = 0; i < sh->policies.n; i++)
		fprintf(f, " %s", sh->policies.v[i]->name);
	if (sh->provider[0] != '\0')
		fprintf(f, " of %s", sh->provider);
	if (sh->envelope_sender[0] != '\0')
		fprintf(f, " as %s", sh->envelope_sender);
	if (sh->recipient_limit > 0)
		fprintf(f, " split=%u", sh->recipient_limit);
	fputc('\n', f);
}

static void
print_route(FILE *f, const struct route *route)
{
	fprintf(f, "route %s", route->name);
	for (size_t i = 0; i < route->n; i++)
		fprintf(f, " %s", route->smarthost[i]->name);
	fprintf(f, "%s\n", route->spread ? " spread" : "");
}

static void
print_config(FILE *f, const struct config *c)
{
	fprintf(f, "%s\n%s\n%s\n%s\n", c->milter_socket.path,
	    c->map_socket.path, c->auth_socket.path, c->control_socket.path);
	fprintf(f, "user=%s store=%s durability=%d failure=%d\n", c->user,
	    c->store, c->durability, c->on_store_failure);
	fprintf(f, "secrets=%s observe=%d unmatched=%d zone=%s tag=%s\n",
	    c->secrets, c->observe, c->unmatched_accept, zone_name(c->zone),
	    c->recipient_delimiter);
	fprintf(f, "hold=%lld/%u/%d/%u\n", (long long)c->hold_for, c->hold_max,
	    c->hold_keeps, c->release_rate);
	print_names(f, "report", &c->report_to);
	fprintf(f, " at=%d alert=%s texts=%s\n", c->report_at, c->on_alert,
	    c->mail_texts);
	print_names(f, "peers", &c->auth_peers);
	print_prefixes(f, "networks", &c->networks);
	print_names(f, "local", &c->local_domains);
	fprintf(f, " body=%d\n", config_needs_body(c));
	if (c->view_socket.path[0] != '\0') {
		fprintf(f, "view %s", c->view_socket.path);
		print_names(f, "peers", &c->view_peers);
		print_names(f, "may", &c->view_may);
		fputc('\n', f);
	}
	for (size_t i = 0; i < c->npolicy; i++)
		print_policy(f, &c->policy[i]);
	for (size_t i = 0; i < c->nsmarthost; i++)
		print_smarthost(f, &c->smarthost[i]);
	for (size_t i = 0; i < c->nroute; i++)
		print_route(f, &c->route[i]);
	for (size_t i = 0; i < c->nrule; i++)
		print_rule(f, &c->rule[i]);
}

/* --- the cases ----------------------------------------------------------- */

static char *
slurp(const char *file)
{
	FILE *f = fopen(file, "r");
	char *text = calloc(1, 65536);

	assert_non_null(text);
	if (f == NULL)
		return text;
	assert_in_range(fread(text, 1, 65535, f), 0, 65534);
	fclose(f);
	return text;
}

static void
compare(const char *in, const char *ending, const char *got)
{
	char file[300], *expected;

	snprintf(file, sizeof(file), "%.*s%s", (int)strlen(in) - 2, in, ending);
	expected = slurp(file);
	if (strcmp(expected, got) != 0)
		fail_msg("%s: expected:\n%sgot:\n%s", file, expected, got);
	free(expected);
}

static void
each_case_says_what_it_should(void **state)
{
	struct dirent **all;
	const int n = scandir(".", &all, NULL, alphasort);
	int cases = 0;

	for (int i = 0; i < n; i++) {
		const char *name = all[i]->d_name;
		const size_t len = strlen(name);
		struct config *conf;
		char *printed = NULL;

		if (strncmp(name, "conf.", 5) == 0 &&
		    strcmp(name + len - 3, ".in") == 0) {
			size_t size;
			FILE *f = open_memstream(&printed, &size);

			conf = load(name);
			if (conf != NULL)
				print_config(f, conf);
			fclose(f);
			compare(name, conf != NULL ? "ok" : "err",
			    conf != NULL ? printed : said);
			config_free(&conf);
			assert_null(conf);
			free(printed);
			cases++;
		}
		free(all[i]);
	}
	free(all);
	assert_in_range(cases, 10, 1000);
}

static void
what_is_shipped_is_good(void **state)
{
	static const char *const files[] = { "../../conf/postmeter.conf",
		"../../conf/postmeter.conf.full",
		"../../conf/policies/gmail.conf",
		"../../conf/policies/workspace.conf" };

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct config *conf = load(files[i]);

		if (conf == NULL)
			fail_msg("%s", said);
		assert_non_null(conf->zone);
		config_free(&conf);
	}
}

/* The full file shows the defaults: without its policy's lines all is same. */
static void
the_full_file_shows_the_defaults(void **state)
{
	static const char bare[] =
	    "time-zone = \"UTC\"\n"
	    "policy \"all-defaults\" { }\n"
	    "smarthost \"workspace\" { host = \"smtp.gmail.com\" "
	    "username = \"office@office.example\" secret = \"workspace\" }\n"
	    "route \"office\" { smarthosts = {\"workspace\"} }\n"
	    "rule \"everybody\" { route = \"office\" }\n";
	struct config *conf[2];
	char *text[2];
	size_t len;

	conf[0] = load("../../conf/postmeter.conf.full");
	conf[1] = load_text(bare, strlen(bare));
	for (int i = 0; i < 2; i++) {
		FILE *f = open_memstream(&text[i], &len);

		assert_non_null(conf[i]);
		print_config(f, conf[i]);
		fclose(f);
		config_free(&conf[i]);
	}
	assert_string_equal(text[0], text[1]);
	free(text[0]);
	free(text[1]);
}

/* --- providers ----------------------------------------------------------- */

#define HERE_PROVIDERS "providers = \"%s/../../conf/providers.conf\"\n"

/* with_providers - the configuration of text, with the file that is shipped */
static struct config *
with_providers(const char *text)
{
	char all[4096], here[1024];
	int n;

	assert_non_null(getcwd(here, sizeof(here)));
	n = snprintf(all, sizeof(all),
	    HERE_PROVIDERS "%s"
			   "rule \"all\" { }\n",
	    here, text);
	return load_text(all, (size_t)n);
}

#define ACCOUNT "username = \"u@office.example\" secret = \"s\" "

static void
a_provider_fills_in_what_the_smarthost_does_not_say(void **state)
{
	struct config *conf = with_providers(
	    "policy \"mine\" { messages = {\"9/1h\"} }\n"
	    "smarthost \"work\" { provider = \"google-workspace\" " ACCOUNT
	    "policies = {\"mine\"} }\n"
	    "smarthost \"own\" { provider = \"fastmail\" port = 587 "
	    "host = \"mx.office.example\" recipient-limit = 7 }\n"
	    "smarthost \"ses\" { provider = \"amazon-ses\" "
	    "host = \"ses.test\" }\n");
	const struct smarthost *work, *own, *ses;

	assert_non_null(conf);
	work = config_smarthost(conf, "work");
	own = config_smarthost(conf, "own");
	ses = config_smarthost(conf, "ses");
	assert_string_equal(work->host, "smtp.gmail.com");
	assert_string_equal(work->provider, "google-workspace");
	assert_int_equal(work->port, 587);
	assert_int_equal(work->recipient_limit, 100);
	assert_int_equal(work->policies.n, 3);
	assert_string_equal(work->policies.v[0]->name, "mine");
	assert_string_equal(work->policies.v[1]->name, "work.account");
	assert_string_equal(work->policies.v[2]->name, "work.external");
	assert_int_equal(work->policies.v[1]->recipients_per_message, 100);
	assert_ptr_equal(
	    config_policy(conf, "work.account"), work->policies.v[1]);
	assert_string_equal(own->host, "mx.office.example");
	assert_int_equal(own->port, 587);
	assert_int_equal(own->recipient_limit, 7);
	assert_int_equal(own->policies.n, 0);
	assert_int_equal(ses->policies.n, 1);
	assert_string_equal(ses->policies.v[0]->name, "ses.message");
	assert_int_equal(ses->policies.v[0]->recipients_per_message, 50);
	config_free(&conf);
}

static void
a_margin_stays_below_the_limits_of_the_provider(void **state)
{
	static const struct {
		const char *text;
		uint64_t messages;
	} cases[] = {
		{ "smarthost \"g\" { provider = \"gmail\" }", 475 },
		{ "margin = 10 smarthost \"g\" { provider = \"gmail\" }", 450 },
		{ "margin = 10 smarthost \"g\" { provider = \"gmail\" "
		  "margin = 0 }",
		    500 },
		{ "smarthost \"g\" { provider = \"gmail\" margin = 50 }", 250 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct config *conf = with_providers(cases[i].text);

		assert_non_null(conf);
		assert_int_equal(config_policy(conf, "g.account")->limit[0].max,
		    cases[i].messages);
		config_free(&conf);
	}
}

static void
is_refused_with_providers(const char *text, const char *words)
{
	struct config *conf = with_providers(text);

	config_free(&conf);
	if (strstr(said, words) == NULL)
		fail_msg("expected \"%s\", got: %s", words, said);
}

static void
a_wrong_word_about_a_provider_is_told(void **state)
{
	is_refused_with_providers("smarthost \"g\" { provider = \"gmial\" }",
	    "there is no provider \"gmial\", did you mean \"gmail\"?");
	is_refused_with_providers(
	    "smarthost \"g\" { provider = \"xyzzyxyzzy\" }",
	    "`postmeterctl providers` lists them");
	is_refused_with_providers("smarthost \"c\" { provider = \"custom\" }",
	    "a smarthost needs a host");
	is_refused_with_providers(
	    "smarthost \"g\" { provider = \"gmail\" margin = 51 }",
	    "margin = \"51\": it is a number from 0 to 50");
	is_refused_with_providers(
	    "policy \"g.account\" { messages = {\"1/1h\"} }\n"
	    "smarthost \"g\" { provider = \"gmail\" }",
	    "policy \"g.account\": its provider brings one of this name");
}

static void
the_providers_file_is_needed_only_by_who_names_one(void **state)
{
	static const char calm[] = "providers = \"/nonexistent/p.conf\"\n"
				   "rule \"all\" { }\n";
	struct config *conf = load_text(calm, strlen(calm));

	assert_non_null(conf);
	config_free(&conf);
	is_refused("providers = \"/nonexistent/p.conf\"\n"
		   "smarthost \"g\" { provider = \"gmail\" }\n"
		   "rule \"all\" { }\n",
	    "/nonexistent/p.conf: cannot be read: No such file");
	is_refused("providers = \"p.conf\"\nrule \"all\" { }\n",
	    "providers = \"p.conf\": write the absolute path");
}

static void
the_own_sender_of_an_account_is_a_plain_address(void **state)
{
	static const char *const wrong[] = { "office", "@provider.test",
		"a b@c.test", "\\\"a\\\"@c.test", "<a@b.test>", "a@b@c.test",
		"j\xc3\xbc@c.test" };
	char text[300];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text),
		    "smarthost \"a\" { "
		    "host = \"a.test\" envelope-sender = \"%s\" }\n"
		    "rule \"all\" { }\n",
		    wrong[i]);
		is_refused(text, "write the account's address");
	}
}

static void
a_sender_pays_once_for_a_message(void **state)
{
	is_refused(
	    "policy \"each\" { per = \"sender\" messages = {\"1/1h\"} }\n"
	    "smarthost \"a\" { host = \"a.test\" policies = {\"each\"} }\n"
	    "route \"r\" { smarthosts = {\"a\"} }\n"
	    "rule \"all\" { policies = {\"each\"} route = \"r\" }\n",
	    "policy \"each\" counts each sender for this rule and again for "
	    "smarthost \"a\"");
}

/* --- files --------------------------------------------------------------- */

static void
a_file_that_is_none_is_one_line(void **state)
{
	assert_null(load("/nonexistent/postmeter.conf"));
	assert_non_null(strstr(said, "No such file"));
	assert_null(load("/tmp"));
	assert_string_equal(said, "/tmp: this is no regular file: give one\n");
	assert_null(load("/dev/null"));
	assert_null(load(""));
}

static void
a_file_that_cannot_be_read_is_one_line(void **state)
{
	char path[] = "/tmp/pm-config-XXXXXX";
	const int fd = mkstemp(path);

	assert_int_not_equal(fd, -1);
	fchmod(fd, 0);
	close(fd);
	if (geteuid() == 0) {
		unlink(path);
		skip();
	}
	assert_null(load(path));
	unlink(path);
	assert_non_null(strstr(said, "Permission denied"));
}

static void
a_fifo_does_not_hold_the_reader_up(void **state)
{
	char dir[] = "/tmp/pm-config-XXXXXX", path[64];

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(load(path));
	assert_non_null(strstr(said, "no regular file"));
	unlink(path);
	rmdir(dir);
}

static void
an_empty_file_lacks_rules(void **state)
{
	is_refused("", "there is no rule");
	is_refused("# nothing\n", "there is no rule");
}

static void
a_file_of_noise_is_refused(void **state)
{
	static const char zero[] = "mode = \"enforce\"\nrule \"r\" { }\n\0\n";
	char *deep = calloc(1, 200001);

	assert_null(load_text(zero, sizeof(zero) - 1));
	assert_non_null(strstr(said, ":3: "));
	is_refused("\x7f"
		   "ELF",
	    "no meaning");
	memset(deep, '{', 200000);
	is_refused(deep, "not understood");
	memset(deep, '}', 200000);
	is_refused(deep, "brace");
	memset(deep, 'x', 200000);
	is_refused(deep, "not understood");
	memset(deep, '=', 200000);
	is_refused(deep, "not understood");
	memset(deep, ',', 200000);
	is_refused(deep, "not understood");
	free(deep);
}

/* What a message quotes must not steer a terminal or forge a line. */
static void
foreign_bytes_are_quoted_harmlessly(void **state)
{
	is_refused("mode = \"\xe2\x80\xae\xff\"\nrule \"r\" { }\n",
	    "\\xe2\\x80\\xae\\xff");
	is_refused("policy \"ab\xff\" { }\nrule \"r\" { policies = \"ab\" }\n",
	    "did you mean \"ab\\xff\"?");
	is_refused("user = \"a\nmode = \"x\"\n", "its end");
	is_refused("user = \"a\x1b[2J\"\n", "control character");
}

static void
a_bad_file_does_not_spoil_the_next(void **state)
{
	static const char good[] = "rule \"r\" { }\n";

	for (int i = 0; i < 3; i++) {
		struct config *conf;

		is_refused("user = \"a", "its end");
		is_refused("user = 'a", "its end");
		is_refused("/* ", "its end");
		is_refused("user = \"\\9\"", "backslash");
		conf = load_text(good, strlen(good));
		assert_non_null(conf);
		config_free(&conf);
	}
}

static void
many_values_are_no_trouble(void **state)
{
	char *text;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	struct config *conf;

	fprintf(f, "networks = {");
	for (int i = 0; i < 5000; i++)
		fprintf(f, "\"10.0.%d.%d\",\n", i / 256, i % 256);
	fprintf(f, "}\n");
	for (int i = 0; i < 500; i++)
		fprintf(
		    f, "rule \"r%d\" { sender = \"u%d@b.example\" }\n", i, i);
	fclose(f);
	conf = load_text(text, len);
	assert_non_null(conf);
	assert_int_equal(conf->networks.n, 5000);
	assert_int_equal(conf->nrule, 500);
	assert_string_equal(conf->rule[499].sender.v[0], "u499@b.example");
	config_free(&conf);
	free(text);
}

static void
a_policy_holds_sixteen_limits(void **state)
{
	char text[1024] = "rule \"r\" { }\npolicy \"p\" { messages = {";
	struct config *conf;
	char more[32];

	for (int i = 1; i <= POLICY_LIMITS; i++) {
		snprintf(more, sizeof(more), "\"%d/%dm\",", i, i);
		strcat(text, more);
	}
	strcat(text, "}\n}\n");
	conf = load_text(text, strlen(text));
	assert_non_null(conf);
	assert_int_equal(config_policy(conf, "p")->nlimit, POLICY_LIMITS);
	config_free(&conf);
	strcpy(strstr(text, "}\n}"), "\"17/17m\"}\n}\n");
	is_refused(text, ":2: messages: \"17/17m\": a policy holds at most");
}

/* --- questions ----------------------------------------------------------- */

static void
names_are_found_or_not(void **state)
{
	struct config *conf = load("conf.everything.in");
	struct mailaddr a;

	assert_non_null(conf);
	assert_string_equal(config_policy(conf, "company")->name, "company");
	assert_null(config_policy(conf, "Company"));
	assert_ptr_equal(config_policy(conf, "(senders)"), conf->senders);
	assert_ptr_equal(
	    config_smarthost(conf, "inhouse"), conf->route[1].smarthost[0]);
	assert_null(config_smarthost(conf, ""));
	mailaddr_canon(&a, "x@OFFICE.example.", 17, "");
	assert_true(config_is_local(conf, &a));
	mailaddr_canon(&a, "x@sub.office.example", 20, "");
	assert_false(config_is_local(conf, &a));
	mailaddr_canon(&a, "", 0, "");
	assert_false(config_is_local(conf, &a));
	config_free(&conf);
	config_free(&conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_says_what_it_should),
		cmocka_unit_test(what_is_shipped_is_good),
		cmocka_unit_test(
		    a_provider_fills_in_what_the_smarthost_does_not_say),
		cmocka_unit_test(
		    a_margin_stays_below_the_limits_of_the_provider),
		cmocka_unit_test(a_wrong_word_about_a_provider_is_told),
		cmocka_unit_test(
		    the_providers_file_is_needed_only_by_who_names_one),
		cmocka_unit_test(
		    the_own_sender_of_an_account_is_a_plain_address),
		cmocka_unit_test(a_sender_pays_once_for_a_message),
		cmocka_unit_test(the_full_file_shows_the_defaults),
		cmocka_unit_test(a_file_that_is_none_is_one_line),
		cmocka_unit_test(a_file_that_cannot_be_read_is_one_line),
		cmocka_unit_test(a_fifo_does_not_hold_the_reader_up),
		cmocka_unit_test(an_empty_file_lacks_rules),
		cmocka_unit_test(a_file_of_noise_is_refused),
		cmocka_unit_test(foreign_bytes_are_quoted_harmlessly),
		cmocka_unit_test(a_bad_file_does_not_spoil_the_next),
		cmocka_unit_test(many_values_are_no_trouble),
		cmocka_unit_test(a_policy_holds_sixteen_limits),
		cmocka_unit_test(names_are_found_or_not),
	};
	int rc;

	if (chdir("tests/cases") == -1) {
		perror("tests/cases");
		return 1;
	}
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	free(said);
	return rc;
}
