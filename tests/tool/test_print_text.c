/*
 * test_print_text.c - what people are shown, to the letter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "tool/command.h"
#include "tool/print_table.h"

static size_t screen_width; /* 0: no end */

/* What an answer (JSON with ' for ") looks like on out and err together. */
static char *
shown(const struct output *output, const char *command, const char *text,
    bool colour)
{
	char *json = strdup(text), *seen = NULL;
	size_t len;
	FILE *f = open_memstream(&seen, &len);
	struct screen sc = {
		.out = f, .err = f, .colour = colour, .width = screen_width
	};
	json_t *answer;

	for (char *p = json; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	answer = json_loads(json, 0, NULL);
	assert_non_null(answer);
	if (json_is_false(json_object_get(answer, "ok")))
		output->failure(&sc, command_find(command), answer);
	else
		output->answer(&sc, command_find(command), answer);
	json_decref(answer);
	free(json);
	fclose(f);
	return seen;
}

static void
expect(const char *command, const char *json, const char *text)
{
	char *seen = shown(&output_text, command, json, false);

	assert_string_equal(seen, text);
	free(seen);
}

static void
a_bar_is_full_only_at_the_limit_and_empty_only_without_use(void **state)
{
	char bar[BAR_TEXT];

	assert_string_equal(bar_text(0, false, bar), "[--------------------]");
	assert_string_equal(bar_text(0, true, bar), "[#-------------------]");
	assert_string_equal(bar_text(50, true, bar), "[##########----------]");
	assert_string_equal(bar_text(99, true, bar), "[###################-]");
	assert_string_equal(bar_text(100, true, bar), "[####################]");
	assert_string_equal(bar_text(999, true, bar), "[####################]");
}

static void
top_lines_up_however_long_a_key_is(void **state)
{
	expect("top",
	    "{'ok': true, 'limits': ["
	    "{'policy': 'staff', 'key': 'a.very.long.name@office.example',"
	    " 'limit': '500 messages in 24h', 'used': 480, 'max': 500,"
	    " 'percent': 96, 'next': null},"
	    "{'policy': 'company', 'key': '*',"
	    " 'limit': '9000 recipients a day', 'used': 90, 'max': 9000,"
	    " 'percent': 1, 'next': {'ms': 5, 'text': '14:05 +0200 (in 2h)'}}"
	    "]}",
	    "staff    a.very.long.name@office.example  "
	    "[###################-]  96%  480 of 500 messages in 24h\n"
	    "company  *                                "
	    "[#-------------------]   1%  90 of 9000 recipients a day  "
	    "next at 14:05 +0200 (in 2h)\n");
	expect("top", "{'ok': true, 'limits': []}",
	    "nothing has been sent that counts\n");
}

static void
show_tells_limits_grants_locks_blocks_and_events(void **state)
{
	expect("show",
	    "{'ok': true, 'who': 'a@b.example',"
	    " 'blocks': [{'who': 'a@b.example', 'text': 'stolen password'}],"
	    " 'counters': [{'policy': 'staff', 'key': 'a@b.example',"
	    " 'limits': [{'limit': '10 messages in 24h', 'used': 10,"
	    " 'max': 10, 'percent': 100}, {'limit': '5 recipients a day',"
	    " 'used': 0, 'max': 5, 'percent': 0}],"
	    " 'grants': [{'dimension': 'messages', 'extra': 3,"
	    " 'until': {'ms': 9, 'text': '10:00 +0200 (in 1h)'}}],"
	    " 'locked_until': {'ms': 9, 'text': '11:00 +0200 (in 2h)'},"
	    " 'never': false,"
	    " 'next': {'ms': 9, 'text': '12:00 +0200 (in 3h)'}}],"
	    " 'events': [{'when': {'ms': 1, 'text': '2026-03-02 09:00:00'},"
	    " 'kind': 'grant', 'policy': 'staff', 'key': 'a@b.example',"
	    " 'actor': 'root', 'text': 'a mailing'}]}",
	    "a@b.example\n"
	    "blocked     a@b.example until it is unblocked: stolen password\n"
	    "\n"
	    "staff for a@b.example\n"
	    "  [####################]  100%  10 of 10 messages in 24h\n"
	    "  [--------------------]    0%  0 of 5 recipients a day\n"
	    "  granted +3 messages until 10:00 +0200 (in 1h)\n"
	    "  locked until 11:00 +0200 (in 2h)\n"
	    "  next at 12:00 +0200 (in 3h)\n"
	    "\n"
	    "last events\n"
	    "  2026-03-02 09:00:00  grant  staff  a@b.example  root  "
	    "a mailing\n");
}

static void
explain_ends_in_the_very_reply(void **state)
{
	expect("explain",
	    "{'ok': true, 'passes': false, 'verdict': 'defer',"
	    " 'observed': false, 'outgoing': true, 'sender': 'a@b.example',"
	    " 'rule': 'everybody', 'recipients': 2, 'external': 1,"
	    " 'limits': [{'policy': 'staff', 'key': 'a@b.example', 'cost': 1,"
	    " 'usage': {'limit': '5 messages in 24h', 'used': 5, 'max': 5,"
	    " 'percent': 100}}], 'smarthost': null, 'note': '',"
	    " 'reply': {'code': '450', 'xcode': '4.7.1', 'text': 'Later'}}",
	    "sender      a@b.example\n"
	    "recipients  2, of which 1 external\n"
	    "rule        everybody\n"
	    "smarthost   none\n"
	    "verdict     defer\n"
	    "reply       450 4.7.1 Later\n"
	    "\n"
	    "staff  a@b.example  [####################]  100%  "
	    "5 of 5 messages in 24h  costs 1\n");
}

static void
a_failure_names_cause_and_remedy(void **state)
{
	expect("show",
	    "{'ok': false, 'error': 'x has sent nothing', 'remedy': 'top'}",
	    "postmeterctl show: x has sent nothing\n  top\n");
	expect("reload",
	    "{'ok': false, 'error': 'kept', 'remedy': 'correct it',"
	    " 'errors': ['a:1: one', 'a:2: two']}",
	    "a:1: one\na:2: two\npostmeterctl reload: kept\n  correct it\n");
}

static void
check_prints_warnings_behind_the_good_news(void **state)
{
	expect("check",
	    "{'ok': true, 'file': 'f', 'rules': 1, 'policies': 2,"
	    " 'routes': 3, 'smarthosts': 4, 'warnings': ['careful']}",
	    "f: good (rules: 1, policies: 2, routes: 3, smarthosts: 4)\n"
	    "warning: careful\n");
}

static void
no_answer_can_steer_the_terminal(void **state)
{
	static const char hostile[] =
	    "{'ok': true, 'events': [{'when':"
	    " {'text': '\\u001b[2J'}, 'kind': '\\u202e', 'policy': '\\n',"
	    " 'key': '\\u0007', 'actor': '\\r', 'text': '\\u009b31m\\u007f'}]}";
	char *text = shown(&output_text, "events", hostile, false);
	char *json = shown(&output_json, "events", hostile, false);

	for (const char *p = text; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
	assert_int_equal(strcspn(text, "\n"), strlen(text) - 1);
	for (const char *p = json; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p <= '\x7f'));
	free(text);
	free(json);
}

static void
colour_is_put_on_bars_only_and_changes_no_width(void **state)
{
	static const char row[] =
	    "{'ok': true, 'limits': [{'policy': '[x]',"
	    " 'key': 'k', 'limit': '1 messages a day', 'used': 1, 'max': 1,"
	    " 'percent': 100, 'next': null}]}";
	char *plain = shown(&output_text, "top", row, false);
	char *bright = shown(&output_text, "top", row, true);
	char *code = strstr(bright, "\033[31m[####");

	assert_null(strchr(plain, '\033'));
	assert_non_null(code);
	memmove(code, code + 5, strlen(code + 5) + 1);
	code = strstr(bright, "\033[0m");
	memmove(code, code + 4, strlen(code + 4) + 1);
	assert_string_equal(bright, plain);
	free(plain);
	free(bright);
}

static void
a_narrow_screen_goes_without_bars(void **state)
{
	static const char row[] =
	    "{'ok': true, 'limits': [{'policy': 'staff',"
	    " 'key': 'a@b.example', 'limit': '5 messages a day', 'used': 1,"
	    " 'max': 5, 'percent': 20, 'next': null}]}";

	screen_width = 70;
	expect("top", row,
	    "staff  a@b.example  [####----------------]  20%  "
	    "1 of 5 messages a day\n");
	screen_width = 69;
	expect("top", row, "staff  a@b.example  20%  1 of 5 messages a day\n");
	screen_width = 0;
}

static void
an_answer_without_its_members_is_printed_without_a_fault(void **state)
{
	for (const struct command *c = commands; c->name != NULL; c++) {
		free(shown(&output_text, c->name, "{'ok': true}", true));
		free(shown(&output_text, c->name, "{'ok': false}", true));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_bar_is_full_only_at_the_limit_and_empty_only_without_use),
		cmocka_unit_test(top_lines_up_however_long_a_key_is),
		cmocka_unit_test(
		    show_tells_limits_grants_locks_blocks_and_events),
		cmocka_unit_test(explain_ends_in_the_very_reply),
		cmocka_unit_test(a_failure_names_cause_and_remedy),
		cmocka_unit_test(check_prints_warnings_behind_the_good_news),
		cmocka_unit_test(no_answer_can_steer_the_terminal),
		cmocka_unit_test(
		    colour_is_put_on_bars_only_and_changes_no_width),
		cmocka_unit_test(a_narrow_screen_goes_without_bars),
		cmocka_unit_test(
		    an_answer_without_its_members_is_printed_without_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
