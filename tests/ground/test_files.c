/*
 * test_files.c - files that are replaced whole, programs that are run, and why
 * something failed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace_file.h"
#include "run_program.h"
#include "why.h"

static char dir[] = "/tmp/pm-files-XXXXXX", path[64];

static int
setup(void **state)
{
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int
teardown(void **state)
{
	unlink(path);
	return rmdir(dir);
}

static size_t
names_in_dir(void)
{
	DIR *d = opendir(dir);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2; /* "." and ".." */
}

static const char *
content(void)
{
	static char text[64];
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	assert_int_not_equal(fd, -1);
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_int_not_equal(n, -1);
	text[n] = '\0';
	return text;
}

static int
replace(const char *text, mode_t mode, int (*check)(void *, const char *),
    struct why *why)
{
	const struct replacement r = { .p = text,
		.len = strlen(text),
		.uid = (uid_t)-1,
		.gid = (gid_t)-1,
		.mode = mode,
		.check = check };

	return replace_file(path, &r, why);
}

static int
says_no(void *arg, const char *new)
{
	struct stat st;

	assert_int_equal(stat(new, &st), 0);
	assert_int_equal(st.st_size, 3);
	return -1;
}

static void
a_file_is_replaced_whole_with_its_mode(void **state)
{
	struct stat st;
	struct why why;

	assert_int_equal(replace("one", 0640, NULL, &why), 0);
	assert_string_equal(content(), "one");
	assert_int_equal(replace("a second", 0600, NULL, &why), 0);
	assert_string_equal(content(), "a second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(names_in_dir(), 1);
}

static void
what_a_check_refuses_leaves_no_trace(void **state)
{
	struct why why = { "something" };

	assert_int_equal(replace("two", 0600, NULL, &why), 0);
	assert_int_equal(replace("new", 0600, says_no, &why), -1);
	assert_string_equal(why.text, "");
	assert_string_equal(content(), "two");
	assert_int_equal(names_in_dir(), 1);
}

static void
a_file_that_cannot_be_made_says_why(void **state)
{
	const struct replacement r = { .p = "x", .len = 1, .mode = 0600 };
	struct why why;

	assert_int_equal(
	    replace_file("/nonexistent/directory/file", &r, &why), -1);
	assert_non_null(strstr(why.text, strerror(ENOENT)));
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(replace("x", 0600, NULL, &why), -1);
	assert_non_null(strstr(why.text, "cannot be replaced"));
	assert_int_equal(names_in_dir(), 1);
	rmdir(path);
}

/* --- programs ------------------------------------------------------------ */

static void
a_program_says_and_ends(void **state)
{
	const char *const echo[] = { "sh", "-c", "printf 'a\\nb'; exit 3",
		NULL };
	const char *const much[] = { "head", "-c", "100000", "/dev/zero",
		NULL };
	const char *const loud[] = { "sh", "-c", "printf a >&2; printf b",
		NULL };
	const char *const dies[] = { "sh", "-c", "kill -TERM $$", NULL };
	struct why why;
	char *said;

	assert_int_equal(run_program(echo, false, &said, &why), 3);
	assert_string_equal(said, "a\nb");
	free(said);
	assert_int_equal(run_program(much, false, &said, &why), 0);
	assert_int_equal(said[99999], 0);
	free(said);
	assert_int_equal(run_program(dies, false, &said, &why), 128 + SIGTERM);
	free(said);
	assert_int_equal(run_program(dies, false, NULL, &why), 128 + SIGTERM);
	assert_int_equal(run_program(loud, true, &said, &why), 0);
	assert_string_equal(said, "b");
	free(said);
}

static void
a_program_that_is_not_there_says_why(void **state)
{
	const char *const none[] = { "no-such-program-anywhere", NULL };
	struct why why;
	char *said;

	assert_int_equal(run_program(none, false, &said, &why), -1);
	assert_null(said);
	assert_non_null(strstr(why.text, "no-such-program-anywhere"));
	assert_non_null(strstr(why.text, strerror(ENOENT)));
}

/* --- why ----------------------------------------------------------------- */

static void
a_long_sentence_is_cut_at_a_whole_character(void **state)
{
	char text[400];
	struct why why;

	for (size_t shift = 0; shift < 4; shift++) {
		size_t n = shift;

		memset(text, 'a', shift);
		for (; n + 4 < sizeof(text); n += 3)
			memcpy(text + n, "\xe2\x82\xac", 3); /* the euro */
		text[n] = '\0';
		why_set(&why, "%s", text);
		n = strlen(why.text);
		assert_true(n >= sizeof(why.text) - 5);
		assert_int_equal((n - shift) % 3, 0);
		assert_memory_equal(why.text, text, n);
	}
}

static void
a_reason_may_be_put_into_itself(void **state)
{
	struct why why;

	why_set(&why, "disk full");
	why_set(&why, "journal: %s", why.text);
	assert_string_equal(why.text, "journal: disk full");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_replaced_whole_with_its_mode),
		cmocka_unit_test(what_a_check_refuses_leaves_no_trace),
		cmocka_unit_test(a_file_that_cannot_be_made_says_why),
		cmocka_unit_test(a_program_says_and_ends),
		cmocka_unit_test(a_program_that_is_not_there_says_why),
		cmocka_unit_test(a_long_sentence_is_cut_at_a_whole_character),
		cmocka_unit_test(a_reason_may_be_put_into_itself),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
