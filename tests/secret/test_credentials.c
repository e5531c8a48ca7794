/*
 * test_credentials.c - a key goes to its own lock, and to nobody who may not
 * ask.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "credentials.h"

static const char office[] =
    "auth-peers = {\"root\", \"no-such-user\"}\n"
    "smarthost \"workspace\" { host = \"smtp.gmail.com\"\n"
    "    username = \"office@office.example\" secret = \"w\" }\n"
    "smarthost \"second\" { host = \"smtp.gmail.com\"\n"
    "    username = \"second@office.example\" secret = \"s\" }\n"
    "smarthost \"tls\" { host = \"mail.host.example\" port = 465\n"
    "    username = \"u\" secret = \"t\" }\n"
    "smarthost \"open\" { host = \"in.office.example\" port = 25 }\n"
    "smarthost \"lost\" { host = \"l.example\" username = \"u\"\n"
    "    secret = \"missing\" }\n"
    "rule \"all\" { }\n";
static const char keys[] = "secret \"w\" { password = \"canary w:1\" }\n"
			   "secret \"s\" { password = \"canary s\" }\n"
			   "secret \"t\" { password = \"canary t\" }\n";

static char dir[64], path[96];
static struct config *conf;

static void
write_file(const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
}

static int
open_office(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/pm-creds-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	write_file(office);
	conf = config_load(path, stderr);
	assert_non_null(conf);
	write_file(keys);
	credentials_publish(secrets_load(path, getuid(), getgid(), stderr));
	return 0;
}

static int
close_office(void **state)
{
	credentials_publish(NULL);
	config_free(&conf);
	unlink(path);
	return rmdir(dir);
}

static void
answers(const char *map, const char *key, const char *expected)
{
	char dst[512] = "";
	struct why why = WHY_NONE;

	assert_int_equal(
	    credentials_lookup(conf, map, key, dst, sizeof(dst), &why), 1);
	assert_string_equal(dst, expected);
	assert_string_equal(why.text, "");
}

static void
has_none(const char *map, const char *key)
{
	char dst[512] = "";
	struct why why = WHY_NONE;

	if (credentials_lookup(conf, map, key, dst, sizeof(dst), &why) != 0)
		fail_msg("%s %s: an answer, or none could be known: %s", map,
		    key, why.text);
	assert_string_equal(dst, "");
}

static void
cannot_know(const char *map, const char *key, const char *words)
{
	char dst[512] = "";
	struct why why = WHY_NONE;

	assert_int_equal(
	    credentials_lookup(conf, map, key, dst, sizeof(dst), &why), -1);
	if (strstr(why.text, words) == NULL)
		fail_msg("expected \"%s\", got: %s", words, why.text);
	assert_null(strstr(why.text, "canary"));
}

static void
its_own_nexthop_gets_the_key(void **state)
{
	answers("workspace", "[smtp.gmail.com]:587",
	    "office@office.example:canary w:1");
	answers(
	    "second", "[smtp.gmail.com]:587", "second@office.example:canary s");
	answers("tls", "[mail.host.example]:465", "u:canary t");
}

static void
every_other_spelling_gets_none(void **state)
{
	static const char *const others[] = { "", "smtp.gmail.com",
		"[smtp.gmail.com]", "smtp.gmail.com:587", "[smtp.gmail.com]:25",
		"[smtp.gmail.com]:465", "[smtp.gmail.com]:0587",
		"[smtp.gmail.com]:587 ", " [smtp.gmail.com]:587",
		"[SMTP.gmail.com]:587", "[smtp.gmail.com.]:587",
		"[smtp.gmail.com]:submission", "[mail.host.example]:465",
		"[evil.example]:587", "alice@office.example", "@office.example",
		"<>", "*", "office@office.example", "[smtp.gmail.com]:587,x" };

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		has_none("workspace", others[i]);
}

/* Each key is right for one map at most: all maps with all nexthops. */
static void
no_map_has_the_key_of_another(void **state)
{
	static const char *const maps[] = { "workspace", "second", "tls" };
	static const char *const hops[] = { "[smtp.gmail.com]:587",
		"[smtp.gmail.com]:587", "[mail.host.example]:465" };
	static const char *const canaries[] = { "canary w:1", "canary s",
		"canary t" };
	char dst[512];
	struct why why;

	for (size_t m = 0; m < 3; m++) {
		for (size_t h = 0; h < 3; h++) {
			const int rc = credentials_lookup(
			    conf, maps[m], hops[h], dst, sizeof(dst), &why);

			assert_int_equal(rc, strcmp(hops[m], hops[h]) == 0);
			if (rc == 1)
				assert_string_equal(
				    strchr(dst, ':') + 1, canaries[m]);
		}
	}
}

static void
a_smarthost_without_a_login_has_no_key(void **state)
{
	has_none("open", "[in.office.example]:25");
	credentials_publish(NULL);
	has_none("open", "[in.office.example]:25");
}

static void
an_unknown_map_could_not_be_known(void **state)
{
	cannot_know("workspac", "[smtp.gmail.com]:587", "no smarthost");
	cannot_know("", "[smtp.gmail.com]:587", "no smarthost");
	cannot_know("Workspace", "[smtp.gmail.com]:587", "no smarthost");
}

static void
without_secrets_nothing_can_be_known(void **state)
{
	credentials_publish(NULL);
	cannot_know("workspace", "[smtp.gmail.com]:587", "could not be read");
	has_none("workspace", "smtp.gmail.com");
}

static void
a_missing_secret_could_not_be_known(void **state)
{
	cannot_know("lost", "[l.example]:587", "postmeterctl secret set");
}

static void
an_answer_that_does_not_fit_could_not_be_known(void **state)
{
	const char *key = "[mail.host.example]:465";
	char dst[16];
	struct why why;

	for (size_t size = 0; size < strlen("u:canary t") + 1; size++)
		assert_int_equal(
		    credentials_lookup(conf, "tls", key, dst, size, &why), -1);
	assert_int_equal(
	    credentials_lookup(conf, "tls", key, dst, 11, &why), 1);
}

static void
new_secrets_take_the_place_of_old_ones(void **state)
{
	write_file("secret \"t\" { password = \"canary new\" }\n");
	credentials_publish(secrets_load(path, getuid(), getgid(), stderr));
	answers("tls", "[mail.host.example]:465", "u:canary new");
	cannot_know("workspace", "[smtp.gmail.com]:587", "not there");
}

static void
only_named_users_may_ask(void **state)
{
	const struct passwd *other = getpwnam("daemon");

	assert_true(credentials_peer_allowed(conf, 0));
	assert_non_null(other);
	assert_false(credentials_peer_allowed(conf, other->pw_uid));
	assert_false(credentials_peer_allowed(conf, 65534));
	assert_false(credentials_peer_allowed(conf, (uid_t)-1));
	assert_false(credentials_peer_allowed(conf, 4242424));
}

/* Another user with the id of nobody is nobody, too. */
/* mistakes - what credentials_load says of a configuration; to be freed */
static char *
mistakes(const char *more)
{
	char text[2000], *said = NULL;
	struct secrets *secrets = NULL;
	struct config *c;
	size_t size;
	FILE *errors = open_memstream(&said, &size);

	assert_non_null(errors);
	snprintf(text, sizeof(text), "secrets = \"%s.keys\"\n%s%s", path, more,
	    office);
	write_file(text);
	c = config_load(path, stderr);
	assert_non_null(c);
	assert_int_equal(
	    credentials_load(c, getuid(), getgid(), errors, &secrets), -1);
	assert_null(secrets);
	fclose(errors);
	config_free(&c);
	return said;
}

static void
lacks(const char *said, const char *who, const char *name)
{
	char line[400];

	snprintf(line, sizeof(line),
	    "%s.keys: %s wants secret \"%s\", which is not there: add it with "
	    "`postmeterctl secret set %s`\n",
	    path, who, name, name);
	if (strstr(said, line) == NULL)
		fail_msg("not in \"%s\": %s", said, line);
}

static void
each_missing_secret_is_named_with_its_remedy(void **state)
{
	char file[sizeof(path) + 8], *said;

	snprintf(file, sizeof(file), "%s.keys", path);
	write_file(keys);
	assert_int_equal(rename(path, file), 0);
	said = mistakes("store = \"redis://localhost\" store-secret = \"r\"\n");
	lacks(said, "smarthost \"lost\"", "missing");
	lacks(said, "store-secret", "r");
	assert_null(strstr(said, "workspace"));
	free(said);
	assert_int_equal(unlink(file), 0);
}

static void
of_a_file_that_nobody_made_every_secret_is_missing(void **state)
{
	char *said = mistakes("");

	lacks(said, "smarthost \"workspace\"", "w");
	lacks(said, "smarthost \"second\"", "s");
	lacks(said, "smarthost \"lost\"", "missing");
	free(said);
}

static void
a_user_that_does_not_exist_is_named_with_the_remedy(void **state)
{
	char text[2000], *said = NULL;
	struct config *c;
	size_t size;
	uid_t uid;
	gid_t gid;
	FILE *errors = open_memstream(&said, &size);

	assert_non_null(errors);
	snprintf(text, sizeof(text), "user = \"no-such-user\"\n%s", office);
	write_file(text);
	c = config_load(path, stderr);
	assert_non_null(c);
	assert_int_equal(credentials_user(c, &uid, &gid, errors), -1);
	fclose(errors);
	assert_non_null(strstr(said, "user \"no-such-user\" does not exist: "
				     "create it (adduser --system"));
	free(said);
	config_free(&c);
}

static void
nobody_never_may_ask(void **state)
{
	const struct passwd *nobody = getpwuid(65534);
	char *const saved = conf->auth_peers.v[0];

	assert_non_null(nobody);
	conf->auth_peers.v[0] = nobody->pw_name;
	assert_false(credentials_peer_allowed(conf, 65534));
	conf->auth_peers.v[0] = saved;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_office, close_office)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(its_own_nexthop_gets_the_key),
		TEST(every_other_spelling_gets_none),
		TEST(no_map_has_the_key_of_another),
		TEST(a_smarthost_without_a_login_has_no_key),
		TEST(an_unknown_map_could_not_be_known),
		TEST(without_secrets_nothing_can_be_known),
		TEST(a_missing_secret_could_not_be_known),
		TEST(an_answer_that_does_not_fit_could_not_be_known),
		TEST(new_secrets_take_the_place_of_old_ones),
		TEST(only_named_users_may_ask),
		TEST(each_missing_secret_is_named_with_its_remedy),
		TEST(of_a_file_that_nobody_made_every_secret_is_missing),
		TEST(a_user_that_does_not_exist_is_named_with_the_remedy),
		TEST(nobody_never_may_ask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
