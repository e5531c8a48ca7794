/*
 * test_import.c - files of other programs, and the configuration that they
 * become: it is read back by the one reader there is.
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
#include "tool/import.h"

static char dir[] = "/tmp/postmeter-import-XXXXXX";

static const char *
put(const char *name, const char *text)
{
	static char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	return path;
}

/* read_back - the text as a configuration */
static struct config *
read_back(const char *text)
{
	char whole[8000];

	snprintf(whole, sizeof(whole),
	    "user = \"root\" secrets = \"/root/s\"\n%s", text);
	return config_load(put("made.conf", whole), stderr);
}

static struct config *
import(void (*reader)(struct import *im, const char *file, FILE *in),
    const char *text, struct import *im)
{
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
	struct config *conf;
	char *made;

	assert_non_null(in);
	assert_int_equal(import_begin(im), 0);
	reader(im, "file", in);
	fclose(in);
	made = import_end(im);
	assert_non_null(made);
	conf = read_back(made);
	free(made);
	assert_non_null(conf);
	return conf;
}

static bool
is_left(const struct import *im, const char *what)
{
	const json_t *s;
	size_t i;

	json_array_foreach (im->left, i, s)
		if (strstr(json_string_value(s), what) != NULL)
			return true;
	return false;
}

static void
postfix_becomes_a_smarthost_for_each_next_hop_and_login(void **state)
{
	struct import im;
	struct config *conf;
	const char *key;
	char text[1000], *made;

	if (access("/usr/sbin/postmap", X_OK) == -1)
		skip();
	put("master.cf", "smtp inet n - n - - smtpd\n");
	put("relay", "@news.test [smtp.b.test]:465\n"
		     "boss@office.test [smtp.a.test]:587\n");
	put("sasl", "boss@office.test boss:b\"oss\n"
		    "[smtp.a.test]:587 office:secret\n"
		    "[smtp.b.test]:465 news:se:cret\n");
	snprintf(text, sizeof(text),
	    "compatibility_level = 3.6\nmydestination = office.test\n"
	    "relayhost = [smtp.a.test]:587\n"
	    "sender_dependent_relayhost_maps = texthash:%s/relay\n"
	    "smtp_sasl_password_maps = texthash:%s/sasl\n"
	    "smtp_sender_dependent_authentication = yes\n",
	    dir, dir);
	put("main.cf", text);
	assert_int_equal(import_begin(&im), 0);
	import_postfix(&im, dir);
	key = json_string_value(json_object_get(im.keys, "smtp-b-test-2"));
	assert_string_equal(key, "se:cret");
	key = json_string_value(json_object_get(im.keys, "smtp-a-test-1"));
	assert_string_equal(key, "b\"oss");
	made = import_end(&im);
	assert_null(strstr(made, "se:cret"));
	conf = read_back(made);
	free(made);
	assert_non_null(conf);
	assert_int_equal(conf->nsmarthost, 3);
	assert_string_equal(conf->smarthost[0].username, "boss");
	assert_int_equal(conf->smarthost[1].port, 465);
	assert_string_equal(conf->smarthost[2].username, "office");
	assert_int_equal(conf->nrule, 3);
	assert_string_equal(conf->rule[0].sender.v[0], "boss@office.test");
	assert_string_equal(conf->rule[1].sender.v[0], "@news.test");
	assert_int_equal(conf->rule[2].sender.n, 0);
	assert_true(is_left(&im, "the old passwords stay in clear"));
	json_decref(im.left);
	config_free(&conf);
}

#define HEAD                                                                   \
	"account\tkind\tpriority\tperiod\tmsg_size\tmax_msgs\tmax_quota\tmax_rcpts\n"

static void
iredapd_limits_come_from_the_first_row_that_speaks_of_them(void **state)
{
	struct import im;
	struct config *conf = import(import_iredapd,
	    HEAD "@.\toutbound\t0\t3600\t0\t100\t-1\t50\n"
		 "@office.test\toutbound\t60\t86400\t0\t1000\t-1\t-1\n"
		 "user@office.test\toutbound\t100\t3600\t0\t0\t-1\t-1\n"
		 "10.0.9.0/24\toutbound\t70\t600\t0\t20\t0\t0\n"
		 "@.\tinbound\t0\t3600\t0\t9\t9\t9\n"
		 "@.sub.test\toutbound\t50\t3600\t0\t1\t1\t1\n",
	    &im);

	assert_int_equal(conf->nrule, 4);
	/* 0: no limit of recipients; the cap comes from "@." */
	assert_string_equal(conf->rule[0].sender.v[0], "user@office.test");
	assert_int_equal(conf->rule[0].policies.n, 1);
	assert_int_equal(
	    conf->rule[0].policies.v[0]->recipients_per_message, 50);
	assert_int_equal(conf->rule[1].client.n, 1);
	assert_int_equal(conf->rule[2].policies.n, 2);
	assert_int_equal(conf->rule[3].sender.n, 0);
	assert_true(is_left(&im, "@.sub.test"));
	assert_true(is_left(&im, "1 rows are not of outgoing mail"));
	json_decref(im.left);
	config_free(&conf);
}

static void
msmtp_accounts_take_their_defaults(void **state)
{
	struct import im;
	struct config *conf = import(import_msmtp,
	    "defaults\ntls on\nport 587\n\naccount work\nhost smtp.a.test\n"
	    "from a@office.test\nuser a\npassword \"se cret\"\n"
	    "account home\nhost smtp.b.test\ntls_starttls off\nport 465\n"
	    "user b\npasswordeval gpg x\n",
	    &im);

	assert_int_equal(conf->nsmarthost, 2);
	assert_int_equal(conf->smarthost[0].port, 587);
	assert_int_equal(conf->smarthost[1].port, 465);
	assert_int_equal(conf->nrule, 2);
	assert_true(is_left(&im, "passwordeval is not run"));
	json_decref(im.left);
	config_free(&conf);
}

static void
sendmail_passwords_may_be_in_base64(void **state)
{
	struct import im;
	const char text[] =
	    "AuthInfo:smtp.a.test \"U:root\" \"I:al\" \"P=c2VjcmV0\"\n"
	    "Connect:10.0.0.1 RELAY\n";
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_int_equal(import_begin(&im), 0);
	import_sendmail(&im, "access", in);
	fclose(in);
	assert_string_equal(
	    json_string_value(json_object_get(im.keys, "smtp-a-test-1")),
	    "secret");
	free(import_end(&im));
	json_decref(im.left);
}

static void
a_next_hop_is_read_as_it_is_written(void **state)
{
	char host[100];
	unsigned port;

	assert_int_equal(
	    import_nexthop("[a.test]:587", 25, host, 100, &port), 0);
	assert_string_equal(host, "a.test");
	assert_int_equal(port, 587);
	assert_int_equal(import_nexthop("a.test", 25, host, 100, &port), 0);
	assert_int_equal(port, 25);
	assert_int_equal(
	    import_nexthop("[a.test]:submission", 25, host, 100, &port), 0);
	assert_int_equal(port, 587);
	assert_int_equal(import_nexthop("[a.test", 25, host, 100, &port), -1);
	assert_int_equal(import_nexthop("a.test:x", 25, host, 100, &port), -1);
	assert_int_equal(import_nexthop("[]:25", 25, host, 100, &port), -1);
}

static int
begin(void **state)
{
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
end(void **state)
{
	static const char *const names[] = { "main.cf", "master.cf", "relay",
		"sasl", "made.conf" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[100];

		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    postfix_becomes_a_smarthost_for_each_next_hop_and_login),
		cmocka_unit_test(
		    iredapd_limits_come_from_the_first_row_that_speaks_of_them),
		cmocka_unit_test(msmtp_accounts_take_their_defaults),
		cmocka_unit_test(sendmail_passwords_may_be_in_base64),
		cmocka_unit_test(a_next_hop_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests_name("import", tests, begin, end);
}
