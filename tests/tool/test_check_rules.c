/*
 * test_check_rules.c - what `check` says of rules that are right and hardly
 * meant.
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

#include "config.h"
#include "tool/check.h"

/* warned - all sentences about a configuration, a line each; to be freed */
static char *
warned(const char *text)
{
	char path[] = "/tmp/postmeter-check.XXXXXX", *lines = NULL;
	const int fd = mkstemp(path);
	json_t *list = json_array(), *w;
	struct config *conf;
	size_t size, i;
	FILE *out = open_memstream(&lines, &size);

	assert_true(fd != -1 && out != NULL);
	assert_true(
	    dprintf(fd, "user = \"root\" local-domains = {\"o.test\"}\n%s",
		text) > 0);
	close(fd);
	conf = config_load(path, stderr);
	unlink(path);
	assert_non_null(conf);
	check_rules(conf, list);
	json_array_foreach (list, i, w)
		fprintf(out, "%s\n", json_string_value(w));
	fclose(out);
	json_decref(list);
	config_free(&conf);
	return lines;
}

static void
lost(const char *rules, const char *what)
{
	char *said = warned(rules);

	if (what == NULL)
		assert_string_equal(said, "");
	else if (strstr(said, what) == NULL)
		fail_msg("%s: not in: %s", what, said);
	free(said);
}

static void
a_rule_behind_a_wider_one_is_named(void **state)
{
	(void)state;
	lost("rule \"domain\" { sender = {\"@o.test\"} policies = {} }"
	     "rule \"boss\" { sender = {\"boss@o.test\"} policies = {} }",
	    "rule boss is never reached: rule domain before it");
	lost("rule \"all\" { policies = {} }"
	     "rule \"x\" { client = {\"10.0.0.1\"} policies = {} }",
	    "rule x is never reached: rule all before it");
	lost(
	    "rule \"lan\" { client = {\"10.0.0.0/8\"} policies = {} }"
	    "rule \"x\" { client = {\"10.0.9.0/24\"} sender = {\"a@o.test\"} policies = {} }",
	    "rule x is never reached: rule lan before it");
	lost(
	    "rule \"l\" { login = {\"a\", \"b\"} policies = {} }"
	    "rule \"x\" { login = {\"b\"} client = {\"10.0.9.0/24\"} policies = {} }",
	    "rule x is never reached: rule l before it");
}

static void
a_rule_that_still_has_somebody_is_not(void **state)
{
	(void)state;
	lost("rule \"boss\" { sender = {\"boss@o.test\"} policies = {} }"
	     "rule \"domain\" { sender = {\"@o.test\"} policies = {} }",
	    NULL);
	lost("rule \"lan\" { client = {\"10.0.9.0/24\"} policies = {} }"
	     "rule \"x\" { client = {\"10.0.0.0/8\"} policies = {} }",
	    NULL);
	lost(
	    "rule \"both\" { sender = {\"@o.test\"} login = {\"a\"} policies = {} }"
	    "rule \"x\" { sender = {\"a@o.test\"} policies = {} }",
	    NULL);
	lost(
	    "rule \"one\" { sender = {\"a@o.test\"} policies = {} }"
	    "rule \"two\" { sender = {\"a@o.test\", \"b@o.test\"} policies = {} }",
	    NULL);
}

static void
a_pattern_that_matches_nobody_is_named(void **state)
{
	(void)state;
	lost("rule \"r\" { sender = {\"*@o.test\"} policies = {} }",
	    "matches nobody: a star means itself");
	lost("rule \"r\" { sender = {\"@elsewhere.test\"} policies = {} }",
	    "a domain that local-domains does not name");
}

static void
a_spread_over_smarthosts_without_budgets_is_named(void **state)
{
	(void)state;
	lost(
	    "smarthost \"s\" { host = \"s.test\" } smarthost \"t\" { host = \"t.test\" }"
	    "route \"r\" { smarthosts = {\"s\", \"t\"} strategy = \"spread\" }"
	    "rule \"all\" { policies = {} route = \"r\" }",
	    "smarthost s has none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rule_behind_a_wider_one_is_named),
		cmocka_unit_test(a_rule_that_still_has_somebody_is_not),
		cmocka_unit_test(a_pattern_that_matches_nobody_is_named),
		cmocka_unit_test(
		    a_spread_over_smarthosts_without_budgets_is_named),
	};

	return cmocka_run_group_tests_name("check_rules", tests, NULL, NULL);
}
