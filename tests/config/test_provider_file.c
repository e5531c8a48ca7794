/* test_provider_file.c - providers: read as written, kept below what they
 * allow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "provider.h"

#define GOOD                                                                   \
	"title = \"T\" port = 587 login = {\"u\", \"p\"} source = \"S\" "      \
	"checked = \"2026-09\" certain = true "

static char *said;

/* load - the providers in text; what was wrong with it is in said */
static struct providers *
load(const char *text)
{
	char path[] = "/tmp/test_provider.XXXXXX";
	const int fd = mkstemp(path);
	struct providers *all;
	FILE *errors;
	size_t size;

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	free(said);
	errors = open_memstream(&said, &size);
	all = providers_load(path, errors);
	fclose(errors);
	unlink(path);
	return all;
}

static void
refused(const char *text, const char *why)
{
	struct providers *all = load(text);

	if (all != NULL || strstr(said, why) == NULL)
		print_message("%s\nsaid: %s\n", text, said);
	assert_null(all);
	assert_non_null(strstr(said, why));
	assert_non_null(strchr(said, ':'));
}

static void
the_shipped_file_is_good_and_complete(void **state)
{
	static const char *const names[] = { "gmail", "google-workspace",
		"google-relay", "outlook", "microsoft-365", "amazon-ses",
		"sendgrid", "mailgun", "zoho", "yahoo", "fastmail", "icloud",
		"wooxy", "ionos", "godaddy", "brevo", "mailjet", "smtp2go",
		"postmark", "rackspace", "hosting-de", "emailit", "ovh",
		"proton", "zeptomail", "microsoft-hve", "custom" };
	struct providers *all = providers_load("conf/providers.conf", stderr);
	const struct provider *p;

	assert_non_null(all);
	assert_int_equal(all->n, sizeof(names) / sizeof(names[0]));
	for (size_t i = 0; i < all->n; i++)
		assert_non_null(provider_find(all, names[i]));
	p = provider_find(all, "google-workspace");
	assert_string_equal(p->host, "smtp.gmail.com");
	assert_int_equal(p->port, 587);
	assert_int_equal(p->lockout, DAY);
	assert_int_equal(p->nlimit, 2);
	assert_int_equal(p->limit[0].count, SCOPE_ALL);
	assert_int_equal(p->limit[1].count, SCOPE_EXTERNAL);
	assert_int_equal(p->limit[1].limit[1].dim, DIM_UNIQUE);
	assert_int_equal(p->limit[1].limit[1].max, 2000);
	assert_null(provider_find(all, "gmai"));
	providers_free(&all);
	assert_null(all);
}

static void
what_is_not_given_is_not_known(void **state)
{
	struct providers *all = load("provider \"a\" {" GOOD "}");

	assert_non_null(all);
	assert_string_equal(all->v[0].host, "");
	assert_int_equal(all->v[0].concurrency, 0);
	assert_int_equal(all->v[0].recipients_per_message, 0);
	assert_int_equal(all->v[0].nlimit, 0);
	providers_free(&all);
}

static void
a_mistake_names_its_line_and_what_would_be_right(void **state)
{
	refused(
	    "# one\n# two\nprovider \"a\" {" GOOD "\nhots = \"x\" }", ":4: ");
	refused("provider \"a\" {" GOOD "\n lockout = \"soon\" }", ":2: ");
	refused("provider \"a\" {" GOOD "concurrency = \"-1\" }",
	    "want a number from 1");
	refused("provider \"a\" {" GOOD "tls = \"encrypt\" }", "want verify");
	refused(
	    "provider \"a\" {" GOOD "} provider \"a\" {" GOOD "}", "keep one");
	refused("provider \"a\" { title = \"T\" port = 70000 "
		"login = {\"u\"} certain = true source = \"s\" "
		"checked = \"soon\" }",
	    "want a date");
	refused("provider \"a\" { title = \"T\" port = 25 certain = true "
		"login = {\"u\"} source = \"s\" checked = \"2026-09\" }",
	    "login wants two texts");
	refused("provider \"a\" { title = \"T\" port = 25 certain = false "
		"login = {\"u\", \"p\"} source = \"s\" checked = \"2026-09\" }",
	    "note is missing");
	refused("provider \"a\" {" GOOD "}\nlimit \"x\" { provider = \"b\" "
		"messages = {\"1/1h\"} }",
	    ":2: provider = \"b\": there is no provider");
	refused("provider \"a\" {" GOOD "}\nlimit \"x\" { provider = \"a\" }",
	    "limits nothing");
	refused("provider \"a\" {" GOOD "}\nlimit \"x\" { provider = \"a\" "
		"messages = {\"500 a day\"} }",
	    "COUNT/WINDOW");
	refused("limit \"x\" { messages = {\"1/1h\"} }", "provider is missing");
}

static void
a_file_that_is_not_there_is_a_mistake(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);

	assert_null(providers_load("/nonexistent/providers.conf", errors));
	fclose(errors);
	assert_non_null(strstr(text, "cannot be read"));
	free(text);
}

static uint64_t
kept(uint64_t max, unsigned margin)
{
	struct provider_limit pl = { .n = 1, .limit = { { .max = max } } };
	const struct provider p = { .nlimit = 1, .limit = &pl };
	struct policy policy;

	provider_policy(&p, 0, margin, &policy);
	return policy.limit[0].max;
}

static void
the_margin_is_rounded_down_but_never_to_nothing(void **state)
{
	assert_int_equal(kept(500, 5), 475);
	assert_int_equal(kept(50, 5), 47);
	assert_int_equal(kept(1, 5), 1);
	assert_int_equal(kept(1, 99), 1);
	assert_int_equal(kept(0, 5), 0);
	assert_int_equal(kept(UINT64_MAX, 0), UINT64_MAX);
	for (uint64_t max = 1; max < 1000; max++)
		for (unsigned margin = 0; margin < 100; margin++) {
			uint64_t want = max * (100 - margin) / 100;

			assert_int_equal(
			    kept(max, margin), want == 0 ? 1 : want);
		}
}

static void
a_policy_keeps_the_caps_and_never_locks(void **state)
{
	struct providers *all =
	    load("provider \"a\" {" GOOD "recipients-per-message = 100 "
		 "lockout = \"24h\" }\n"
		 "limit \"x\" { provider = \"a\" count = \"all\" "
		 "per = \"sender\" messages = {\"500/24h\"} "
		 "recipients = {\"100/day\"} }");
	struct policy policy;

	assert_non_null(all);
	provider_policy(&all->v[0], 0, PROVIDER_MARGIN, &policy);
	assert_int_equal(policy.per, PER_SENDER);
	assert_int_equal(policy.count, SCOPE_ALL);
	assert_int_equal(policy.when_over, OVER_DEFER);
	assert_int_equal(policy.recipients_per_message, 100);
	assert_int_equal(policy.lockout, 0);
	assert_int_equal(policy.nlimit, 2);
	assert_int_equal(policy.limit[0].max, 475);
	assert_int_equal(policy.limit[0].window.length, DAY);
	assert_true(policy.limit[1].window.calendar);
	providers_free(&all);
}

static int
forget(void **state)
{
	free(said);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_shipped_file_is_good_and_complete),
		cmocka_unit_test(what_is_not_given_is_not_known),
		cmocka_unit_test(
		    a_mistake_names_its_line_and_what_would_be_right),
		cmocka_unit_test(a_file_that_is_not_there_is_a_mistake),
		cmocka_unit_test(
		    the_margin_is_rounded_down_but_never_to_nothing),
		cmocka_unit_test(a_policy_keeps_the_caps_and_never_locks),
	};

	return cmocka_run_group_tests(tests, NULL, forget);
}
