/*
 * test_cmd_secret.c - a key comes back as it was given, whatever is in it,
 * and nothing else in the file moves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "secrets.h"
#include "secrets_write.h"
#include "tool/tool.h"

#define OLD                                                                    \
	"# our keys; do not lose: secret \"x\" { }\n"                          \
	"secret \"gmail\" {  // office\n"                                      \
	"\tpassword = \"ol\\\"d # }\"   # changed in May\n"                    \
	"}\n"                                                                  \
	"\n"                                                                   \
	"/* secret \"no\" { password = \"no\" } */\n"                          \
	"secret 'ses' { password = 'it is \\ } old' } # last\n"

static char directory[] = "/tmp/test_ctl_secret.XXXXXX";
static char file[sizeof(directory) + 32];

static void
write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f;

	unlink(path); /* it may be one that cannot be written */
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, mode), 0);
}

static void
content_is(const char *text)
{
	char now[20000] = "";
	FILE *f = fopen(file, "r");

	assert_non_null(f);
	now[fread(now, 1, sizeof(now) - 1, f)] = '\0';
	fclose(f);
	assert_string_equal(now, text);
}

/* change - and what is said of it goes to said */
static int
change(const char *name, const char *value, char said[1000])
{
	FILE *errors = fmemopen(said, 1000, "w");
	int rc;

	said[0] = '\0';
	rc = secrets_write(file, geteuid(), getegid(), name, value, errors);
	fclose(errors);
	return rc;
}

static void
secret_is(const char *name, const char *value)
{
	struct secrets *s = secrets_load(file, geteuid(), getegid(), stderr);
	char got[SECRET_MAX + 1];

	assert_non_null(s);
	assert_int_equal(secrets_get(s, name, got, sizeof(got)), strlen(value));
	assert_string_equal(got, value);
	secrets_free(&s);
}

static void
hostile_passwords_come_back_as_they_were(void **state)
{
	static const char *const hostile[] = { "x", "\"", "'", "\\", "\\\\",
		"\\\"", "'\"", "\"'\\", "${HOME}", "'${HOME}", "$", "#", "//",
		"/* */", " leading and trailing ", "}", "{a, b}", "a = b",
		"p\xc3\xa4ss w\xc3\xb6rd \xf0\x9f\x94\x91", "\\n\\x41\\101",
		"secret \"gmail\" { password = \"evil\" }", "it's \\ \"all\"",
		"%s%n", ";&|`$(id)" };
	char said[1000];

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		write_file(file, OLD, 0600);
		assert_int_equal(change("gmail", hostile[i], said), 0);
		secret_is("gmail", hostile[i]);
		secret_is("ses", "it is \\ } old");
		assert_int_equal(change("new", hostile[i], said), 0);
		secret_is("new", hostile[i]);
		secret_is("gmail", hostile[i]);
		assert_int_equal(change("new", NULL, said), 0);
		assert_int_equal(change("gmail", "ol\"d # }", said), 0);
		secret_is("gmail", "ol\"d # }");
	}
}

static void
random_passwords_come_back_as_they_were(void **state)
{
	static const char letters[] = "a\"'\\${}#/* =,";
	char value[40], said[1000];
	unsigned seed = 1;

	for (int round = 0; round < 300; round++) {
		size_t len = 1 + (size_t)(round % 30);

		for (size_t i = 0; i < len; i++) {
			seed = seed * 1103515245 + 12345;
			value[i] =
			    letters[seed / 65536 % (sizeof(letters) - 1)];
		}
		value[len] = '\0';
		write_file(file, OLD, 0600);
		assert_int_equal(change("gmail", value, said), 0);
		secret_is("gmail", value);
		secret_is("ses", "it is \\ } old");
	}
}

static void
everything_else_stays_byte_for_byte(void **state)
{
	char said[1000];

	write_file(file, OLD, 0600);
	assert_int_equal(change("gmail", "new", said), 0);
	content_is("# our keys; do not lose: secret \"x\" { }\n"
		   "secret \"gmail\" {  // office\n"
		   "\tpassword = 'new'   # changed in May\n"
		   "}\n"
		   "\n"
		   "/* secret \"no\" { password = \"no\" } */\n"
		   "secret 'ses' { password = 'it is \\ } old' } # last\n");
	assert_int_equal(change("gmail", NULL, said), 0);
	content_is("# our keys; do not lose: secret \"x\" { }\n"
		   "\n"
		   "/* secret \"no\" { password = \"no\" } */\n"
		   "secret 'ses' { password = 'it is \\ } old' } # last\n");
	assert_int_equal(change("ses", NULL, said), 0);
	content_is("# our keys; do not lose: secret \"x\" { }\n"
		   "\n"
		   "/* secret \"no\" { password = \"no\" } */\n"
		   " # last\n");
}

static void
a_new_secret_is_added_at_the_end(void **state)
{
	char said[1000];

	write_file(file, "# no end of line", 0600);
	assert_int_equal(change("a", "1", said), 0);
	assert_int_equal(change("b", "it's", said), 0);
	content_is("# no end of line\n"
		   "secret \"a\" {\n\tpassword = '1'\n}\n"
		   "secret \"b\" {\n\tpassword = \"it's\"\n}\n");
}

static void
a_password_takes_the_place_of_a_file(void **state)
{
	char said[1000];

	write_file(file, "secret \"a\" { file = \"/nowhere\" # old\n}\n", 0600);
	assert_int_equal(change("a", "1", said), 0);
	content_is("secret \"a\" { password = '1' # old\n}\n");
}

static void
the_first_secret_makes_a_file_of_its_own(void **state)
{
	struct stat st;
	char said[1000];

	unlink(file);
	assert_int_equal(change("a", "1", said), 0);
	secret_is("a", "1");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
the_mode_is_kept(void **state)
{
	struct stat st;
	char said[1000];

	write_file(file, OLD, 0400);
	assert_int_equal(change("gmail", "1", said), 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_uid, geteuid());
}

/* The directory holds the file and nothing that was left beside it. */
static void
nothing_is_left_beside(void)
{
	DIR *d = opendir(directory);
	size_t n = 0;

	for (const struct dirent *e; (e = readdir(d)) != NULL; n++)
		assert_true(strstr(e->d_name, "secrets.conf.") == NULL);
	closedir(d);
}

static void
what_could_not_be_read_back_changes_nothing(void **state)
{
	char said[1000];

	write_file(file, OLD "secret \"broken\" {\n", 0600);
	assert_int_equal(change("gmail", "hunter2-canary", said), -1);
	assert_true(said[0] != '\0');
	assert_null(strstr(said, "hunter2-canary"));
	assert_int_equal(strncmp(said, file, strlen(file)), 0);
	assert_int_equal(said[strlen(file)], ':');
	content_is(OLD "secret \"broken\" {\n");
	write_file(file, OLD, 0600);
	assert_int_equal(change("gmail", "caf\xe9", said), -1);
	assert_non_null(strstr(said, "UTF-8"));
	content_is(OLD);
	nothing_is_left_beside();
}

static void
a_file_that_others_can_read_is_not_touched(void **state)
{
	char said[1000];

	write_file(file, OLD, 0644);
	assert_int_equal(change("gmail", "1", said), -1);
	assert_true(said[0] != '\0');
	content_is(OLD);
}

static void
removing_what_is_not_there_is_said(void **state)
{
	char said[1000];

	write_file(file, OLD, 0600);
	assert_int_equal(change("nobody", NULL, said), -1);
	assert_non_null(strstr(said, "it has no secret \"nobody\""));
	content_is(OLD);
}

static void
values_that_no_line_can_hold_are_refused(void **state)
{
	assert_non_null(secrets_value_unfit("", 0));
	assert_non_null(secrets_value_unfit("a\nb", 3));
	assert_non_null(secrets_value_unfit("a\rb", 3));
	assert_non_null(secrets_value_unfit("a\tb", 3));
	assert_non_null(secrets_value_unfit("a\0b", 3));
	assert_non_null(secrets_value_unfit("ab\xc2\xa0"
					    "cd",
	    6));
	assert_non_null(secrets_value_unfit("\xef\xbb\xbf"
					    "abc",
	    6));
	assert_null(secrets_value_unfit("a b", 3));
	assert_null(secrets_value_unfit("\xc3\xa4", 2));
	assert_false(secrets_name_good("a\" { }"));
	assert_false(secrets_name_good(""));
	assert_false(secrets_name_good("-x"));
	assert_true(secrets_name_good("Gmail-2.a_b"));
}

/* --- the command --------------------------------------------------------- */

static char conf_file[sizeof(directory) + 32];

static void
write_config(void)
{
	char text[1000];

	snprintf(text, sizeof(text),
	    "user = \"%s\"\n"
	    "secrets = \"%s\"\n"
	    "control-socket = \"unix:%s/control\"\n"
	    "smarthost \"gmail\" { host = \"localhost\" port = 1 "
	    "username = \"u@office.example\" secret = \"gmail\" }\n"
	    "route \"r\" { smarthosts = {\"gmail\"} }\n"
	    "rule \"all\" { policies = {} route = \"r\" }\n",
	    getpwuid(geteuid())->pw_name, file, directory);
	write_file(conf_file, text, 0600);
}

/* run - `postmeterctl secret VERB NAME` with input on standard input */
static int
run(const char *verb, const char *name, const char *input, json_t **answer_r)
{
	const struct ctl ctl = { .config = conf_file,
		.word = { verb, name },
		.nword = name == NULL ? 1 : 2 };
	const int was = dup(STDIN_FILENO);
	int pipes[2], rc;

	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(write(pipes[1], input, strlen(input)), strlen(input));
	close(pipes[1]);
	dup2(pipes[0], STDIN_FILENO);
	close(pipes[0]);
	rc = ctl_secret(&ctl, answer_r);
	dup2(was, STDIN_FILENO);
	close(was);
	assert_non_null(*answer_r);
	return rc;
}

static void
a_secret_is_set_from_standard_input(void **state)
{
	json_t *a;
	char *all;

	write_config();
	write_file(file, OLD, 0600);
	assert_int_equal(run("set", "gmail", "hunter2-canary\n", &a), EX_OK);
	assert_true(json_is_false(json_object_get(a, "reloaded")));
	json_decref(a);
	secret_is("gmail", "hunter2-canary");
	assert_int_equal(run("list", NULL, "", &a), EX_OK);
	all = json_dumps(a, JSON_COMPACT | JSON_SORT_KEYS);
	assert_null(strstr(all, "hunter2"));
	assert_non_null(
	    strstr(all, "[{\"length\":14,\"name\":\"gmail\",\"source\":\"in "
			"the file\"},{\"length\":13,\"name\":\"ses\""));
	free(all);
	json_decref(a);
}

static void
refused(const char *verb, const char *name, const char *input, const char *why)
{
	json_t *a;
	const char *error;

	assert_int_not_equal(run(verb, name, input, &a), EX_OK);
	error = json_string_value(json_object_get(a, "error"));
	if (strstr(error, why) == NULL)
		print_message("%s\n", error);
	assert_non_null(strstr(error, why));
	assert_true(json_string_value(json_object_get(a, "remedy"))[0] != '\0');
	json_decref(a);
	content_is(OLD);
}

static void
what_is_no_secret_is_refused(void **state)
{
	write_config();
	write_file(file, OLD, 0600);
	refused("set", "gmail", "", "nothing was given");
	refused("set", "gmail", "\n", "empty");
	refused("set", "gmail", "one\ntwo\n", "more than one line");
	refused("set", "gmail", "one\r\n", "carriage return");
	refused("set", "a b", "one\n", "no name");
	refused("remove", "gmail", "", "smarthost gmail needs");
	refused("remove", "nobody", "", "stay as they are");
}

static void
a_test_without_a_server_names_step_and_remedy(void **state)
{
	const struct ctl ctl = {
		.config = conf_file, .word = { "gmail" }, .nword = 1
	};
	const json_t *steps;
	json_t *a;

	write_config();
	write_file(file, OLD, 0600);
	assert_int_equal(ctl_test(&ctl, &a), 1);
	assert_true(json_is_false(json_object_get(a, "ok")));
	steps = json_object_get(a, "steps");
	assert_int_equal(json_array_size(steps), 1);
	assert_string_equal(json_string_value(json_object_get(
				json_array_get(steps, 0), "step")),
	    "connect");
	assert_non_null(strstr(
	    json_string_value(json_object_get(a, "error")), "nobody listens"));
	json_decref(a);
}

static void
steps_line_up_and_are_coloured_on_demand_only(void **state)
{
	json_t *a = json_pack("{s:b, s:s, s:s, s:i, s:s, s:s, "
			      "s:[{s:s, s:b, s:i, s:s}, {s:s, s:b, s:i, s:s}]}",
	    "ok", 0, "smarthost", "gmail", "host", "smtp.gmail.com", "port",
	    587, "error", "AUTH: wrong", "remedy", "set it anew", "steps",
	    "step", "connect", "ok", 1, "ms", 12, "detail", "192.0.2.1", "step",
	    "AUTH", "ok", 0, "ms", 1234, "detail", "535 no");
	char *seen = NULL;
	size_t len;
	struct screen sc = { .err = stderr };

	sc.out = open_memstream(&seen, &len);
	text_test(&sc, a);
	fclose(sc.out);
	assert_string_equal(seen, "gmail: smtp.gmail.com port 587\n"
				  "  [ok]      connect    12 ms  192.0.2.1\n"
				  "  [FAILED]  AUTH     1234 ms  535 no\n");
	free(seen);
	sc.colour = true;
	sc.out = open_memstream(&seen, &len);
	text_test(&sc, a);
	fclose(sc.out);
	assert_non_null(strstr(seen, "\033[32m[ok]\033[0m"));
	assert_non_null(strstr(seen, "\033[31m[FAILED]\033[0m"));
	free(seen);
	json_decref(a);
}

static int
make_directory(void **state)
{
	if (mkdtemp(directory) == NULL)
		return -1;
	snprintf(file, sizeof(file), "%s/secrets.conf", directory);
	snprintf(conf_file, sizeof(conf_file), "%s/postmeter.conf", directory);
	return 0;
}

static int
remove_directory(void **state)
{
	unlink(file);
	unlink(conf_file);
	return rmdir(directory);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hostile_passwords_come_back_as_they_were),
		cmocka_unit_test(random_passwords_come_back_as_they_were),
		cmocka_unit_test(everything_else_stays_byte_for_byte),
		cmocka_unit_test(a_new_secret_is_added_at_the_end),
		cmocka_unit_test(a_password_takes_the_place_of_a_file),
		cmocka_unit_test(the_first_secret_makes_a_file_of_its_own),
		cmocka_unit_test(the_mode_is_kept),
		cmocka_unit_test(what_could_not_be_read_back_changes_nothing),
		cmocka_unit_test(a_file_that_others_can_read_is_not_touched),
		cmocka_unit_test(removing_what_is_not_there_is_said),
		cmocka_unit_test(values_that_no_line_can_hold_are_refused),
		cmocka_unit_test(a_secret_is_set_from_standard_input),
		cmocka_unit_test(what_is_no_secret_is_refused),
		cmocka_unit_test(a_test_without_a_server_names_step_and_remedy),
		cmocka_unit_test(steps_line_up_and_are_coloured_on_demand_only),
	};

	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
