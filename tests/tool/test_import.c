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

#include <sqlite3.h>

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
	key = json_string_value(json_object_get(im.passwords, "smtp-b-test-2"));
	assert_string_equal(key, "se:cret");
	key = json_string_value(json_object_get(im.passwords, "smtp-a-test-1"));
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
	    json_string_value(json_object_get(im.passwords, "smtp-a-test-1")),
	    "secret");
	free(import_end(&im));
	json_decref(im.left);
}

/* policies_of - the names that a rule bears, blanks between */
static const char *
policies_of(const struct rule *r)
{
	static char text[300];

	text[0] = '\0';
	for (size_t i = 0; i < r->policies.n; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
		    "%s%s", i > 0 ? " " : "", r->policies.v[i]->name);
	return text;
}

/* limit_is - limit i of a policy, as people write it */
static bool
limit_is(const struct policy *p, size_t i, enum dimension dim,
    unsigned long long max, long long ms)
{
	return i < p->nlimit && p->limit[i].dim == dim &&
	       p->limit[i].max == max && p->limit[i].window.length == ms;
}

static void
policyd_rate_limit_rolls_and_counts_every_recipient(void **state)
{
	struct import im;
	/* The file that comes with it, and two names of its own. */
	struct config *conf = import(import_policyd_rate_limit,
	    "debug: True\nuser: \"policyd-rate-limit\"\n"
	    "mysql_config:\n    user: \"username\"\n    db: \"database\"\n"
	    "SOCKET: \"/var/spool/postfix/ratelimit/policy\"\n"
	    "socket_permission: 0666\nlimits:\n"
	    "    - [10, 60] # limit to 10 mails by minutes\n"
	    "    - [150, 86400] # limits to 150 mails by days\n"
	    "limits_by_id:\n    bulk@office.test: [[1000, 86400]]\n"
	    "    10.0.9.7: []\n"
	    "limit_by_sasl: True\nlimit_by_ip: False\nlimited_netword: []\n"
	    "success_action: \"dunno\"\n"
	    "fail_action: \"defer_if_permit Rate limit reach, retry later\"\n"
	    "db_error_action: \"dunno\"\nreport: False\n",
	    &im);

	assert_int_equal(conf->nrule, 3);
	assert_string_equal(conf->rule[0].login.v[0], "bulk@office.test");
	assert_true(limit_is(
	    conf->rule[0].policies.v[0], 0, DIM_RECIPIENTS, 1000, 86400000));
	assert_int_equal(conf->rule[1].client.n, 1);
	assert_int_equal(conf->rule[1].policies.n, 0);
	assert_int_equal(conf->rule[2].policies.v[0]->per, PER_LOGIN);
	assert_int_equal(conf->rule[2].policies.v[0]->count, SCOPE_ALL);
	assert_true(limit_is(
	    conf->rule[2].policies.v[0], 0, DIM_RECIPIENTS, 10, 60000));
	assert_string_equal(
	    conf->rule[2].policies.v[0]->text, "Rate limit reach, retry later");
	assert_true(is_left(&im, "mail without a login was not limited"));
	assert_true(is_left(&im, "db_error_action = dunno"));
	json_decref(im.left);
	config_free(&conf);
}

static void
policyd_rate_limit_can_count_messages_of_networks_only(void **state)
{
	struct import im;
	struct config *conf = import(import_policyd_rate_limit,
	    "count_mode: 2\nlimit_by_sasl: False\nlimit_by_ip: True\n"
	    "limited_networks: [10.0.0.0/8]\nfail_action: 550 no more\n"
	    "limits: [[5, 60]]\n",
	    &im);

	assert_int_equal(conf->nrule, 2);
	assert_int_equal(conf->rule[0].client.n, 1);
	assert_int_equal(conf->rule[0].policies.v[0]->when_over, OVER_REJECT);
	assert_true(
	    limit_is(conf->rule[0].policies.v[0], 0, DIM_MESSAGES, 5, 60000));
	assert_int_equal(conf->rule[1].policies.n, 0);
	assert_int_equal(json_array_size(im.left), 0);
	json_decref(im.left);
	config_free(&conf);
}

static void
a_file_that_is_no_yaml_says_where(void **state)
{
	struct import im;
	const char text[] = "a: 1\nb: [1, 2\nc: }\n";
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_int_equal(import_begin(&im), 0);
	import_policyd_rate_limit(&im, "x.yaml", in);
	fclose(in);
	assert_true(is_left(&im, "x.yaml: line 3"));
	free(import_end(&im));
	json_decref(im.left);
}

static void
postfwd_rules_all_apply_until_one_says_dunno(void **state)
{
	struct import im;
	struct config *conf = import(import_postfwd,
	    "# bypass\n&&NO_RATE { \\\n\tsasl_username==luna ; \\\n};\n"
	    "&&LISTS {\n\t# two of them\n\tsasl_username=^orion$;\n"
	    "\tsasl_username==devnull\n};\n"
	    "id=All; protocol_state==END-OF-MESSAGE; \\\n"
	    "\taction=size($$sender/1000000/3600/450 4.7.1 too much)\n"
	    "id=No;\n\tprotocol_state==END-OF-MESSAGE;\n\t&&NO_RATE;\n"
	    "\taction=dunno;\n"
	    "id=Lists; &&LISTS; protocol_state==END-OF-MESSAGE;\n"
	    "\taction=rcpt(sasl_username/360/3600/REJECT only 360 an hour)\n"
	    "id=Dyn; client_name~=\\.dsl\\.; action=rate($$client_address/1/300/450 4.7.1 wait)\n"
	    "id=Net; client_address==10.0.0.0/8 ; protocol_state==RCPT ; "
	    "action=rate(client_address/3/300/450 4.7.1 wait)\n"
	    "id=R; recipient==a@b.test; action=554 no\n",
	    &im);

	assert_int_equal(conf->nrule, 4);
	assert_string_equal(conf->rule[0].login.v[0], "luna");
	assert_string_equal(policies_of(&conf->rule[0]), "limit-1");
	assert_int_equal(conf->rule[1].login.n, 2);
	assert_string_equal(policies_of(&conf->rule[1]), "limit-1 limit-2");
	assert_int_equal(conf->rule[1].policies.v[1]->when_over, OVER_REJECT);
	assert_int_equal(conf->rule[2].client.n, 1);
	assert_true(limit_is(
	    conf->rule[2].policies.v[1], 0, DIM_RECIPIENTS, 3, 300000));
	assert_string_equal(policies_of(&conf->rule[3]), "limit-1");
	assert_true(is_left(&im, "client_name~=\\.dsl\\. has no form here"));
	assert_true(is_left(&im, "recipient==a@b.test has no form here"));
	json_decref(im.left);
	config_free(&conf);
}

static void
rspamds_buckets_become_the_time_that_they_take_to_run_dry(void **state)
{
	struct import im;
	struct config *conf = import(import_rspamd,
	    "# local.d\nratelimit {\n  rates {\n    /* 500 a day */\n"
	    "    user_limit = {\n"
	    "      selector = 'user.lower.append(\"out\")';\n"
	    "      bucket = [ { burst = 400; rate = \"50 / 3h\"; },\n"
	    "        { burst = 10\n          rate = 0.5; } ]\n    }\n"
	    "    from { bucket { burst = 1k; rate = \"1000 / 1h\"; symbol = \"X\" } }\n"
	    "    rip = \"100 / 1s\";\n    bounce_to = [2, 0.1];\n  }\n"
	    "  whitelisted_user = \"root@office.test, boss\";\n"
	    "  whitelisted_ip = \"/etc/rspamd/ip.map\";\n"
	    "  whitelisted_rcpts = \"postmaster,mailer-daemon\";\n"
	    "  .include(try=true) \"$LOCAL_CONFDIR/x.conf\"\n}\n",
	    &im);

	assert_int_equal(conf->nrule, 3);
	assert_int_equal(conf->rule[0].policies.n, 0);
	assert_string_equal(conf->rule[1].login.v[0], "boss");
	assert_int_equal(conf->rule[2].policies.n, 4);
	assert_true(limit_is(
	    conf->rule[2].policies.v[0], 0, DIM_RECIPIENTS, 400, 86400000));
	assert_true(limit_is(
	    conf->rule[2].policies.v[1], 0, DIM_RECIPIENTS, 10, 20000));
	assert_int_equal(conf->rule[2].policies.v[2]->when_over, OVER_OBSERVE);
	assert_int_equal(conf->rule[2].policies.v[3]->per, PER_CLIENT);
	assert_true(is_left(&im, "bounce_to counts by"));
	assert_true(
	    is_left(&im, "whitelisted_ip: /etc/rspamd/ip.map is a map"));
	assert_true(is_left(&im, "file:18: .include is not followed"));
	json_decref(im.left);
	config_free(&conf);
}

static void
an_rspamd_file_that_is_not_closed_says_where(void **state)
{
	struct import im;
	const char text[] = "rates {\n  user = \"3 / 1h\";\n";
	FILE *in = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_int_equal(import_begin(&im), 0);
	import_rspamd(&im, "r.conf", in);
	fclose(in);
	assert_true(is_left(&im, "r.conf:3: a \"}\" is missing"));
	free(import_end(&im));
	json_decref(im.left);
}

/* As cluebringer's own script makes them, and rows of an office. */
static const char policyd_tables[] =
    "CREATE TABLE policies (ID INTEGER PRIMARY KEY, Name TEXT, Priority SMALLINT, Description TEXT, Disabled SMALLINT DEFAULT '0');"
    "INSERT INTO policies (Name, Priority) VALUES ('Default', 0), ('Default Outbound', 10), ('Default Inbound', 10), ('Test', 50);"
    "CREATE TABLE policy_members (ID INTEGER PRIMARY KEY, PolicyID INT, Source TEXT, Destination TEXT, Comment TEXT, Disabled SMALLINT DEFAULT '0');"
    "INSERT INTO policy_members (PolicyID, Source, Destination) VALUES (1, NULL, NULL),"
    "(2, '%internal_ips,%internal_domains', '!%internal_domains'), (3, '!%internal_ips', '%internal_domains'), (4, '@office.test', 'any'), (4, '$news', NULL);"
    "CREATE TABLE policy_groups (ID INTEGER PRIMARY KEY, Name TEXT, Disabled SMALLINT DEFAULT '0');"
    "INSERT INTO policy_groups (Name) VALUES ('internal_ips'), ('internal_domains');"
    "CREATE TABLE policy_group_members (ID INTEGER PRIMARY KEY, PolicyGroupID INT, Member TEXT, Disabled SMALLINT DEFAULT '0');"
    "INSERT INTO policy_group_members (PolicyGroupID, Member) VALUES (1, '10.0.0.0/8'), (2, '@office.test'), (2, '@shop.test');"
    "CREATE TABLE quotas (ID INTEGER PRIMARY KEY, PolicyID INT, Name TEXT, Track TEXT, Period INT, Verdict TEXT, Data TEXT, Disabled SMALLINT DEFAULT '0', LastQuota TEXT);"
    "INSERT INTO quotas (PolicyID, Name, Track, Period, Verdict, Data) VALUES (1, 'all', 'Sender:user@domain', 86400, 'DEFER', 'slow down'),"
    "(2, 'out', 'Policy', 3600, 'HOLD', 'NULL'), (3, 'in', 'SenderIP:/24', 60, 'REJECT', NULL),"
    "(4, 'recipient', 'Recipient:user@domain', 3600, 'REJECT', NULL), (4, 'nets', 'SenderIP:/24', 3600, 'REJECT', NULL);"
    "CREATE TABLE quotas_limits (ID INTEGER PRIMARY KEY, QuotasID INT, Type TEXT, CounterLimit INT, Disabled SMALLINT DEFAULT '0');"
    "INSERT INTO quotas_limits (QuotasID, Type, CounterLimit) VALUES (1, 'MessageCount', 500), (2, 'MessageCount', 5000), (3, 'MessageCount', 1), (4, 'MessageCount', 10), (5, 'MessageCount', 12);"
    "CREATE TABLE accounting (ID INTEGER PRIMARY KEY, PolicyID INT, Name TEXT, Track TEXT, AccountingPeriod INT, MessageCountLimit INT, MessageCumulativeSizeLimit INT, Verdict TEXT, Data TEXT, LastAccounting INT, Disabled SMALLINT DEFAULT '0');"
    "INSERT INTO accounting (PolicyID, Name, Track, AccountingPeriod, MessageCumulativeSizeLimit, Verdict) VALUES (4, 'month', 'Sender:@domain', 2, 1000, 'REJECT');";

static void
policyds_database_becomes_a_rule_for_each_kind_of_member(void **state)
{
	struct import im;
	struct config *conf;
	char path[100], *made;
	sqlite3 *db;

	snprintf(path, sizeof(path), "%s/policyd.db", dir);
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
	    sqlite3_exec(db, policyd_tables, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(import_begin(&im), 0);
	import_policyd(&im, path, NULL);
	made = import_end(&im);
	conf = read_back(made);
	free(made);
	assert_non_null(conf);
	assert_int_equal(conf->local_domains.n, 2);
	assert_int_equal(conf->nrule, 4);
	assert_string_equal(conf->rule[0].login.v[0], "news");
	assert_string_equal(
	    policies_of(&conf->rule[0]), "all-1 nets-3 month-4");
	assert_int_equal(conf->rule[0].policies.v[1]->prefix4, 24);
	assert_true(conf->rule[0].policies.v[2]->limit[0].window.calendar);
	assert_true(conf->rule[0].policies.v[2]->limit[0].max == 1024000);
	assert_int_equal(conf->rule[1].client.n, 1);
	assert_int_equal(conf->rule[1].sender.n, 2);
	assert_string_equal(policies_of(&conf->rule[1]), "all-1 out-2");
	assert_int_equal(conf->rule[1].policies.v[1]->count, SCOPE_EXTERNAL);
	assert_string_equal(policies_of(&conf->rule[3]), "all-1");
	assert_string_equal(conf->rule[3].policies.v[0]->text, "slow down");
	assert_true(is_left(&im, "it tracks Recipient:user@domain"));
	assert_true(is_left(&im,
	    "policy \"Default Inbound\": source !%internal_ips has no form"));
	json_decref(im.left);
	config_free(&conf);
	unlink(path);
}

static void
what_is_no_database_of_policyd_says_how_to_make_one(void **state)
{
	struct import im;

	assert_int_equal(import_begin(&im), 0);
	import_policyd(&im, put("made.conf", "x\n"), NULL);
	assert_true(is_left(&im, "mysql -B -e"));
	free(import_end(&im));
	json_decref(im.left);
}

static void
ssmtp_reads_its_aliases_beside_it(void **state)
{
	struct import im;
	struct config *conf;
	char *made;
	FILE *in;

	put("revaliases",
	    "# sSMTP aliases\nalice:alice@office.test:smtp.b.test:465\n");
	in =
	    fopen(put("ssmtp.conf", "root=postmaster\nmailhub=smtp.a.test:587\n"
				    "AuthUser=office\nAuthPass=se:cret\n"
				    "UseTLS=YES\nUseSTARTTLS=Yes\n"),
		"r");
	assert_non_null(in);
	assert_int_equal(import_begin(&im), 0);
	import_ssmtp(&im, put("made.conf", ""), in);
	fclose(in);
	made = import_end(&im);
	assert_null(strstr(made, "se:cret"));
	conf = read_back(made);
	free(made);
	assert_non_null(conf);
	assert_int_equal(conf->nsmarthost, 2);
	assert_int_equal(conf->smarthost[0].port, 465);
	assert_int_equal(conf->smarthost[1].port, 587);
	assert_string_equal(conf->smarthost[1].username, "office");
	assert_string_equal(conf->rule[0].sender.v[0], "alice@office.test");
	assert_int_equal(conf->rule[1].sender.n, 0);
	assert_true(is_left(&im, "remove AuthPass"));
	json_decref(im.left);
	config_free(&conf);
}

static void
nullmailers_remotes_are_a_route_in_their_order(void **state)
{
	struct import im;
	struct config *conf = import(import_nullmailer,
	    "# two\nsmtp.a.test smtp --port=587 --starttls --user=office --pass=\"se cret\"\n"
	    "smtp.b.test smtp user=b pass=x ssl\nold.test qmqp\n",
	    &im);

	assert_int_equal(conf->nsmarthost, 2);
	assert_int_equal(conf->smarthost[0].port, 587);
	assert_int_equal(conf->smarthost[1].port, 465);
	assert_string_equal(conf->smarthost[1].username, "b");
	assert_int_equal(conf->route[0].n, 2);
	assert_string_equal(conf->route[0].smarthost[0]->host, "smtp.a.test");
	assert_true(is_left(&im, "old.test is no SMTP server"));
	json_decref(im.left);
	config_free(&conf);
}

static void
dma_keeps_its_logins_in_a_file_that_it_names(void **state)
{
	struct import im;
	struct config *conf;
	char text[300];

	snprintf(text, sizeof(text),
	    "# dma\nSMARTHOST smtp.a.test\nPORT 587\nAUTHPATH %s\n"
	    "SECURETRANSFER\nSTARTTLS\n",
	    put("auth.conf", "b|smtp.b.test:no\noffice|smtp.a.test:se:cret\n"));
	conf = import(import_dma, text, &im);
	assert_int_equal(conf->nsmarthost, 1);
	assert_int_equal(conf->smarthost[0].port, 587);
	assert_string_equal(conf->smarthost[0].username, "office");
	assert_true(is_left(&im, "remove the old password"));
	json_decref(im.left);
	config_free(&conf);
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
		"sasl", "made.conf", "ssmtp.conf", "revaliases", "auth.conf" };

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
		cmocka_unit_test(
		    policyd_rate_limit_rolls_and_counts_every_recipient),
		cmocka_unit_test(
		    policyd_rate_limit_can_count_messages_of_networks_only),
		cmocka_unit_test(a_file_that_is_no_yaml_says_where),
		cmocka_unit_test(postfwd_rules_all_apply_until_one_says_dunno),
		cmocka_unit_test(
		    rspamds_buckets_become_the_time_that_they_take_to_run_dry),
		cmocka_unit_test(an_rspamd_file_that_is_not_closed_says_where),
		cmocka_unit_test(
		    policyds_database_becomes_a_rule_for_each_kind_of_member),
		cmocka_unit_test(
		    what_is_no_database_of_policyd_says_how_to_make_one),
		cmocka_unit_test(ssmtp_reads_its_aliases_beside_it),
		cmocka_unit_test(
		    nullmailers_remotes_are_a_route_in_their_order),
		cmocka_unit_test(dma_keeps_its_logins_in_a_file_that_it_names),
		cmocka_unit_test(a_next_hop_is_read_as_it_is_written),
	};

	return cmocka_run_group_tests_name("import", tests, begin, end);
}
