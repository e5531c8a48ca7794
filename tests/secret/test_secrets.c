/*
 * test_secrets.c - who may have touched a key's file, and what a key may be.
 *
 * What needs another owner runs as root only and is skipped otherwise.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "secrets.h"
#include "trusted_file.h"

#define STRANGER 54321

static char dir[64], path[128];
static char *said; /* the mistakes of the last load */

static int
make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/pm-secrets-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/secrets.conf", dir);
	unsetenv("CREDENTIALS_DIRECTORY");
	return 0;
}

static int
remove_one(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(name);
}

static int
remove_dir(void **state)
{
	free(said);
	said = NULL;
	chmod(dir, 0700);
	return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
write_bytes(const char *file, const char *p, size_t len, mode_t mode)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, len, f), len);
	fclose(f);
	assert_int_equal(chmod(file, mode), 0);
}

static void
write_text(const char *file, const char *text, mode_t mode)
{
	write_bytes(file, text, strlen(text), mode);
}

#define GOOD "secret \"a\" { password = \"canary-7\" }\n"

static struct secrets *
load(const char *file)
{
	struct secrets *s;
	size_t len;
	FILE *f;

	free(said);
	f = open_memstream(&said, &len);
	s = secrets_load(file, getuid(), getgid(), f);
	fclose(f);
	/* No mistake without words, none that quotes a value. */
	assert_int_equal(s == NULL, said[0] != '\0');
	assert_null(strstr(said, "canary"));
	return s;
}

static void
is_good(const char *file)
{
	struct secrets *s = load(file);

	if (s == NULL)
		fail_msg("refused: %s", said);
	secrets_free(&s);
	assert_null(s);
}

static void
is_refused(const char *file, const char *words)
{
	struct secrets *s = load(file);

	if (s != NULL)
		fail_msg("accepted, expected: %s", words);
	if (strstr(said, words) == NULL)
		fail_msg("expected \"%s\", got: %s", words, said);
}

static void
good_text(const char *text, const char *value)
{
	char dst[SECRET_MAX + 1];
	struct secrets *s;

	write_text(path, text, 0600);
	s = load(path);
	if (s == NULL)
		fail_msg("refused: %s", said);
	assert_int_equal(secrets_get(s, "a", dst, sizeof(dst)), strlen(value));
	assert_string_equal(dst, value);
	secrets_free(&s);
}

static void
bad_text(const char *text, const char *words)
{
	write_text(path, text, 0600);
	is_refused(path, words);
}

static void
needs_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* --- who may have touched the file --------------------------------------- */

static void
a_private_file_is_read(void **state)
{
	write_text(path, GOOD, 0600);
	is_good(path);
	assert_int_equal(chmod(path, 0400), 0);
	is_good(path);
}

static void
our_group_may_read_but_not_write(void **state)
{
	write_text(path, GOOD, 0640);
	is_good(path);
	assert_int_equal(chmod(path, 0660), 0);
	is_refused(path, "chmod 0600");
	assert_int_equal(chmod(path, 0620), 0);
	is_refused(path, "chmod 0600");
}

static void
others_may_do_nothing(void **state)
{
	write_text(path, GOOD, 0604);
	is_refused(path, "its mode is 0604");
	assert_int_equal(chmod(path, 0602), 0);
	is_refused(path, "its mode is 0602");
	assert_int_equal(chmod(path, 0601), 0);
	is_refused(path, "its mode is 0601");
	assert_int_equal(chmod(path, 0666), 0);
	is_refused(path, "its mode is 0666");
}

static void
a_foreign_group_may_not_read(void **state)
{
	needs_root();
	write_text(path, GOOD, 0640);
	assert_int_equal(chown(path, 0, STRANGER), 0);
	is_refused(path, "group with id 54321");
	assert_int_equal(chmod(path, 0600), 0);
	is_good(path);
}

static void
a_strangers_file_is_refused(void **state)
{
	needs_root();
	write_text(path, GOOD, 0600);
	assert_int_equal(chown(path, STRANGER, 0), 0);
	is_refused(path, "belongs to user id 54321");
}

static void
a_strangers_directory_is_refused(void **state)
{
	needs_root();
	write_text(path, GOOD, 0600);
	assert_int_equal(chown(dir, STRANGER, 0), 0);
	is_refused(path, "belongs to user id 54321");
}

static void
a_symbolic_link_is_not_followed(void **state)
{
	char real[128];

	snprintf(real, sizeof(real), "%s/real", dir);
	write_text(real, GOOD, 0600);
	assert_int_equal(symlink(real, path), 0);
	is_refused(path, "symbolic");
}

static void
a_linked_directory_is_not_followed(void **state)
{
	char real[128], link[128], file[160];

	snprintf(real, sizeof(real), "%s/real", dir);
	snprintf(link, sizeof(link), "%s/link", dir);
	assert_int_equal(mkdir(real, 0700), 0);
	assert_int_equal(symlink(real, link), 0);
	snprintf(file, sizeof(file), "%s/secrets.conf", real);
	write_text(file, GOOD, 0600);
	is_good(file);
	snprintf(file, sizeof(file), "%s/secrets.conf", link);
	is_refused(file, "symbolic");
}

static void
a_second_name_is_refused(void **state)
{
	char other[128];

	snprintf(other, sizeof(other), "%s/other", dir);
	write_text(path, GOOD, 0600);
	assert_int_equal(link(path, other), 0);
	is_refused(path, "hard links");
	assert_int_equal(unlink(other), 0);
	is_good(path);
}

static void
a_fifo_is_refused_without_waiting(void **state)
{
	assert_int_equal(mkfifo(path, 0600), 0);
	is_refused(path, "no regular file");
}

static void
a_directory_or_a_device_is_refused(void **state)
{
	char sub[128];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	is_refused(sub, "no regular file");
	is_refused("/dev/null", "no regular file");
	is_refused("/", "");
}

static void
a_missing_file_is_refused(void **state)
{
	is_refused(path, "No such file");
	is_refused("secrets.conf", "absolute path");
	is_refused("", "absolute path");
}

static void
the_way_may_not_lead_back(void **state)
{
	char file[160];

	write_text(path, GOOD, 0600);
	snprintf(file, sizeof(file), "%s/../%s/secrets.conf", dir,
	    strrchr(dir, '/') + 1);
	is_refused(file, "\"..\"");
	snprintf(file, sizeof(file), "/%s//./secrets.conf", dir);
	is_good(file);
}

static void
a_directory_that_others_write_is_refused(void **state)
{
	write_text(path, GOOD, 0600);
	assert_int_equal(chmod(dir, 0770), 0);
	is_refused(path, "chmod go-w");
	assert_int_equal(chmod(dir, 0777), 0);
	is_refused(path, "chmod go-w");
}

static void
a_sticky_directory_passes_above_the_last_only(void **state)
{
	char sub[128], file[160];

	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(file, sizeof(file), "%s/secrets.conf", sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	write_text(file, GOOD, 0600);
	write_text(path, GOOD, 0600);
	assert_int_equal(chmod(dir, 01777), 0);
	is_good(file);
	is_refused(path, "chmod go-w");
}

static void
a_file_that_is_too_large_is_refused(void **state)
{
	write_text(path, GOOD, 0600);
	assert_int_equal(truncate(path, 1024 * 1024 + 1), 0);
	is_refused(path, "larger than");
}

/* An access control list for user 54321, as setfacl -m u:54321:r writes it. */
static int
add_acl(const char *file)
{
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entry[5];
	} acl = { 2, { { 0x01, 6, UINT32_MAX }, { 0x02, 4, STRANGER },
			 { 0x04, 0, UINT32_MAX }, { 0x10, 4, UINT32_MAX },
			 { 0x20, 0, UINT32_MAX } } };

	return setxattr(file, "system.posix_acl_access", &acl, sizeof(acl), 0);
}

static void
an_access_control_list_is_refused(void **state)
{
	write_text(path, GOOD, 0600);
	if (add_acl(path) == -1)
		skip();
	is_refused(path, "setfacl -b");
}

static void
credentials_are_systemds_business(void **state)
{
	char file[160], *text;

	snprintf(file, sizeof(file), "%s/mail", dir);
	write_text(file, "canary-8", 0440);
	if (geteuid() == 0)
		assert_int_equal(chown(file, 0, STRANGER), 0);
	(void)add_acl(file);
	assert_int_not_equal(
	    asprintf(&text, "secret \"a\" { file = \"credential:mail\" }\n"),
	    -1);
	write_text(path, text, 0600);
	is_refused(path, "LoadCredential=");
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	is_good(path);
	good_text(text, "canary-8");
	/* What others can read is nobody's secret, there neither. */
	assert_int_equal(chmod(file, 0444), 0);
	is_refused(path, "its mode is 0444");
	free(text);
}

static void
a_directory_that_looks_like_credentials_is_not_exempt(void **state)
{
	char sub[128], file[160], *text;

	snprintf(sub, sizeof(sub), "%s/credentials", dir);
	snprintf(file, sizeof(file), "%s-not/mail", sub);
	assert_int_equal(mkdir(sub, 0700), 0);
	setenv("CREDENTIALS_DIRECTORY", sub, 1);
	assert_int_not_equal(
	    asprintf(&text, "secret \"a\" { file = \"%s\" }", file), -1);
	snprintf(sub, sizeof(sub), "%s/credentials-not", dir);
	assert_int_equal(mkdir(sub, 0700), 0);
	write_text(file, "canary", 0600);
	write_text(path, text, 0600);
	is_good(path);
	if (add_acl(file) == 0)
		is_refused(path, "setfacl -b");
	free(text);
}

static void
a_credential_has_no_path(void **state)
{
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	bad_text("secret \"a\" { file = \"credential:../x\" }", "no \"/\"");
	bad_text("secret \"a\" { file = \"credential:\" }", "no \"/\"");
	bad_text("secret \"a\" { file = \"credential:..\" }", "no \"/\"");
}

static void
a_change_during_the_reading_is_seen(void **state)
{
	const struct trusted_file_owner owner = { getuid(), getgid() };
	const struct timespec long_ago[2] = { { 1, 0 }, { 1, 0 } };
	char text[64];
	struct why why;
	int fd, in[2];

	write_text(path, GOOD, 0600);
	fd = trusted_file_open(path, &owner, &why);
	assert_int_not_equal(fd, -1);
	assert_int_equal(
	    trusted_file_read(fd, text, sizeof(text), &why), strlen(GOOD));
	/* The descriptor stands at the end: what was there is not there. */
	assert_int_equal(trusted_file_read(fd, text, sizeof(text), &why), -1);
	assert_non_null(strstr(why.text, "changed"));
	assert_int_equal(futimens(fd, long_ago), 0);
	close(fd);
	assert_int_equal(pipe(in), 0);
	assert_int_equal(
	    trusted_file_read(in[0], text, sizeof(text), &why), -1);
	close(in[0]);
	close(in[1]);
}

/*
 * A stranger's link is renamed over the path and back while the file is read:
 * whatever is read is ours.
 */
static void
a_swapped_file_is_never_read(void **state)
{
	char other[128], spare[128], dst[64];
	pid_t child;

	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(spare, sizeof(spare), "%s/spare", dir);
	write_text(other, "secret \"a\" { password = \"forged\" }", 0644);
	write_text(path, GOOD, 0600);
	child = fork();
	if (child == 0)
		for (;;)
			(void)renameat2(
			    AT_FDCWD, path, AT_FDCWD, other, RENAME_EXCHANGE);
	for (int i = 0; i < 300; i++) {
		struct secrets *s = load(path);

		if (s == NULL)
			continue;
		assert_int_equal(secrets_get(s, "a", dst, sizeof(dst)), 8);
		assert_string_equal(dst, "canary-7");
		secrets_free(&s);
	}
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

/* --- what a key may be --------------------------------------------------- */

static void
a_password_is_taken_literally(void **state)
{
	setenv("PM_TEST", "expanded", 1);
	good_text("secret \"a\" { password = \"${PM_TEST}\" }", "${PM_TEST}");
	good_text(
	    "secret \"a\" { password = 'a\\b${HOME}\"' }", "a\\b${HOME}\"");
	good_text("secret \"a\" { password = \"a\\\\b\\\"c'd\" }", "a\\b\"c'd");
	good_text("secret \"a\" { password = \"# no // comment /* */\" }",
	    "# no // comment /* */");
	good_text("secret \"a\" { password = \"p\xc3\xa4ss w\xc3\xb6rd\" }",
	    "p\xc3\xa4ss w\xc3\xb6rd");
	good_text("secret \"a\" {\n# a comment\npassword=x }", "x");
	bad_text("secret \"a\" { password = \"canary\\n\" }", "backslash");
	unsetenv("PM_TEST");
}

static void
a_password_file_is_one_line(void **state)
{
	char file[128], text[256];

	snprintf(file, sizeof(file), "%s/one", dir);
	snprintf(text, sizeof(text), "secret \"a\" { file = \"%s\" }", file);
	write_text(file, "canary\n", 0600);
	good_text(text, "canary");
	write_text(file, "canary", 0600);
	good_text(text, "canary");
	write_text(file, "canary\n\n", 0600);
	bad_text(text, "more than one line");
	write_text(file, "canary\r\n", 0600);
	bad_text(text, "carriage return");
	write_text(file, "\n", 0600);
	bad_text(text, "empty");
	write_text(file, "", 0600);
	bad_text(text, "empty");
	write_bytes(file, "can\0ary", 7, 0600);
	bad_text(text, "NUL");
	/* What a web page hides in what is pasted. */
	write_text(file,
	    "can\xc2\xa0"
	    "ary",
	    0600);
	bad_text(text, "no-break space");
	write_text(file,
	    "\xef\xbb\xbf"
	    "canary\n",
	    0600);
	bad_text(text, "not to be seen");
	bad_text("secret \"a\" { password = \"can\xe2\x80\x8b"
		 "ary\" }",
	    "not to be seen");
	write_text(file, "canary", 0644);
	bad_text(text, "its mode is 0644");
	unlink(file);
	bad_text(text, ":1: secret \"a\": its file: ");
}

static void
a_password_is_utf8_and_not_too_long(void **state)
{
	char file[128], text[256], big[SECRET_MAX + 1];

	snprintf(file, sizeof(file), "%s/one", dir);
	snprintf(text, sizeof(text), "secret \"a\" { file = \"%s\" }", file);
	memset(big, 'x', sizeof(big));
	write_bytes(file, big, SECRET_MAX, 0600);
	write_text(path, text, 0600);
	is_good(path);
	write_bytes(file, big, SECRET_MAX + 1, 0600);
	is_refused(path, "longer than 4096");
	bad_text("secret \"a\" { password = \"canary\xff\" }", "UTF-8");
	bad_text("secret \"a\" { password = \"canary\xed\xa0\x80\" }", "UTF-8");
	bad_text("secret \"a\" { password = \"\" }", "empty");
}

static void
each_mistake_has_its_line_and_quotes_nothing(void **state)
{
	bad_text("secret \"a\" {\n password = \"canary-1\"\n"
		 " pasword = \"canary-2\"\n}\n",
	    ":3: unknown option");
	bad_text("secret \"a\" { password = canary 2canary }", "not underst");
	bad_text("secret \"a\" { password = x canary-1 = y }",
	    "unknown option here");
	bad_text("secret \"a\" { password canary-1 }", "not understood");
	bad_text("secret \"a\" { password \"canary-1\" }", "equal sign");
	bad_text("password = \"canary-1\"", "unknown option here");
	bad_text("secret \"a\" { password = \"canary }\n}", "without its end");
	bad_text("secret \"a\" { file = \"canary-1\" }", "absolute path");
	bad_text("\n\nsecret \"a\" { }", ":3: secret \"a\": write either");
	bad_text("secret \"a\" { password = \"x\" file = \"/x\" }", "either");
	bad_text("secret \"a\" { password = \"x\" password = \"y\" }",
	    "second time");
	bad_text("secret \"a\" { password = x }\nsecret a { password = y }",
	    "not understood");
	bad_text("secret \"a\" { password = x }\nsecret \"a\" { password = y }",
	    ":2: secret \"a\" is there already");
	bad_text("secret \"a b\" { password = \"x\" }", "name is made of");
	bad_text("secret \"a\" { password = x", "no end");
}

static void
a_bad_file_does_not_spoil_the_next(void **state)
{
	for (int i = 0; i < 3; i++) {
		bad_text("secret \"a\" { password = \"canary", "its end");
		good_text(GOOD, "canary-7");
		bad_text("secret \"a\" { /* ", "its end");
		good_text(GOOD, "canary-7");
	}
}

static void
only_what_is_there_is_given(void **state)
{
	char dst[9];
	struct secrets *s;

	write_text(path, GOOD "secret \"b\" { password = \"second\" }", 0600);
	s = load(path);
	assert_non_null(s);
	assert_true(secrets_has(s, "a"));
	assert_false(secrets_has(s, "A"));
	assert_int_equal(secrets_get(s, "c", dst, sizeof(dst)), -1);
	assert_int_equal(secrets_get(s, "a", dst, 8), -1);
	assert_int_equal(secrets_get(s, "a", dst, 9), 8);
	assert_int_equal(secrets_get(s, "b", dst, 9), 6);
	assert_string_equal(dst, "second");
	secrets_free(&s);
	secrets_free(&s);
}

static void
no_secrets_at_all_is_a_good_file(void **state)
{
	write_text(path, "# none yet\n", 0600);
	is_good(path);
	write_text(path, "", 0600);
	is_good(path);
}

/* What is kept must not be in a child's memory either. */
static void
a_child_finds_nothing(void **state)
{
	struct secrets *s;
	char dst[16] = "";
	int status;
	pid_t child;

	write_text(path, GOOD, 0600);
	s = load(path);
	assert_non_null(s);
	child = fork();
	if (child == 0) {
		(void)secrets_get(s, "a", dst, sizeof(dst));
		_exit(memcmp(dst, "canary", 6) == 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	secrets_free(&s);
}

/* --- where a key may be -------------------------------------------------- */

/* The key is never written here as it is, so that it cannot find itself. */
static const char veiled[] = "Bjdgbpa&LhlOdfvqf";
#define VEIL 3

static void
write_unveiled(void)
{
	const pid_t child = fork();
	FILE *f;

	if (child == 0) {
		f = fopen(path, "w");
		fputs("secret \"a\" { password = \"", f);
		for (size_t i = 0; veiled[i] != '\0'; i++)
			fputc(veiled[i] ^ VEIL, f);
		fputs("\" }\n", f);
		fclose(f);
		_exit(chmod(path, 0600));
	}
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* sightings - how often the key lies in this process's writable memory */
static int
sightings(void)
{
	const size_t n = sizeof(veiled) - 1;
	char line[512], mode[8];
	unsigned long from, to;
	FILE *maps = fopen("/proc/self/maps", "r");
	int seen = 0;

	assert_non_null(maps);
	while (fgets(line, sizeof(line), maps) != NULL) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 ||
		    mode[0] != 'r' || mode[1] != 'w')
			continue;
		for (const char *p = (const char *)from;
		     p + n <= (const char *)to; p++) {
			size_t i = 0;

			while (i < n && p[i] == (veiled[i] ^ VEIL))
				i++;
			seen += i == n;
		}
	}
	fclose(maps);
	return seen;
}

/* memory_is_watched - by something that keeps shadows of it or copies */
static bool
memory_is_watched(void)
{
	const char *preload = getenv("LD_PRELOAD");

#ifdef __SANITIZE_ADDRESS__
	return true;
#endif
	return preload != NULL && strstr(preload, "vgpreload") != NULL;
}

static void
no_copy_of_a_key_stays_behind(void **state)
{
	struct secrets *s;

	if (memory_is_watched())
		skip();
	write_unveiled();
	assert_int_equal(sightings(), 0);
	s = load(path);
	assert_non_null(s);
	assert_int_equal(sightings(), 1);
	secrets_free(&s);
	assert_int_equal(sightings(), 0);
}

/* A child that may lock nothing; skipped where mlock is a promise only. */
static void
a_limit_on_locked_memory_is_told_with_its_remedy(void **state)
{
	const struct rlimit none = { 0, 0 };
	pid_t child;
	int status;

	write_text(path, GOOD, 0600);
	if (geteuid() == 0)
		assert_int_equal(chown(path, STRANGER, STRANGER) |
				     chown(dir, STRANGER, STRANGER),
		    0);
	child = fork();
	if (child == 0) {
		struct secrets *s;

		if (geteuid() == 0 &&
		    setresuid(STRANGER, STRANGER, STRANGER) == -1)
			_exit(2);
		setrlimit(RLIMIT_MEMLOCK, &none);
		if (mlock(dir, 1) == 0)
			_exit(77);
		s = load(path);
		_exit(s != NULL || strstr(said, "LimitMEMLOCK=") == NULL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(status, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_private_file_is_read),
		TEST(our_group_may_read_but_not_write),
		TEST(others_may_do_nothing),
		TEST(a_foreign_group_may_not_read),
		TEST(a_strangers_file_is_refused),
		TEST(a_strangers_directory_is_refused),
		TEST(a_symbolic_link_is_not_followed),
		TEST(a_linked_directory_is_not_followed),
		TEST(a_second_name_is_refused),
		TEST(a_fifo_is_refused_without_waiting),
		TEST(a_directory_or_a_device_is_refused),
		TEST(a_missing_file_is_refused),
		TEST(the_way_may_not_lead_back),
		TEST(a_directory_that_others_write_is_refused),
		TEST(a_sticky_directory_passes_above_the_last_only),
		TEST(a_file_that_is_too_large_is_refused),
		TEST(an_access_control_list_is_refused),
		TEST(credentials_are_systemds_business),
		TEST(a_directory_that_looks_like_credentials_is_not_exempt),
		TEST(a_credential_has_no_path),
		TEST(a_change_during_the_reading_is_seen),
		TEST(a_swapped_file_is_never_read),
		TEST(a_password_is_taken_literally),
		TEST(a_password_file_is_one_line),
		TEST(a_password_is_utf8_and_not_too_long),
		TEST(each_mistake_has_its_line_and_quotes_nothing),
		TEST(a_bad_file_does_not_spoil_the_next),
		TEST(only_what_is_there_is_given),
		TEST(no_secrets_at_all_is_a_good_file),
		TEST(a_child_finds_nothing),
		TEST(no_copy_of_a_key_stays_behind),
		TEST(a_limit_on_locked_memory_is_told_with_its_remedy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
