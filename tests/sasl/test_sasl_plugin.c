/*
 * test_sasl_plugin.c - the plugin under the real Cyrus SASL: what goes over
 * the wire, and that whoever did not ask for it never meets it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sasl/sasl.h>

#define EVERYTHING "LOGIN XOAUTH2 OAUTHBEARER"

static const char *user, *password;
static char logged[1000];

static int
get_path(void *context, const char **path_r)
{
	*path_r = PLUGINS ":" SASLDIR;
	return SASL_OK;
}

static int
get_simple(void *context, int id, const char **result, unsigned *len)
{
	*result = user;
	if (len != NULL)
		*len = (unsigned)strlen(user);
	return SASL_OK;
}

static int
get_secret(sasl_conn_t *conn, void *context, int id, sasl_secret_t **secret)
{
	static sasl_secret_t *s;

	s = realloc(s, sizeof(*s) + strlen(password) + 1);
	s->len = strlen(password);
	memcpy(s->data, password, s->len + 1);
	*secret = s;
	return SASL_OK;
}

static int
take_log(void *context, int level, const char *message)
{
	snprintf(logged, sizeof(logged), "%s", message);
	return SASL_OK;
}

#define CALL(f) ((int (*)(void))(void (*)(void))(f))

/* As Postfix's smtp(8) has them. */
static const sasl_callback_t callbacks[] = {
	{ SASL_CB_GETPATH, CALL(get_path), NULL },
	{ SASL_CB_LOG, CALL(take_log), NULL },
	{ SASL_CB_AUTHNAME, CALL(get_simple), NULL },
	{ SASL_CB_PASS, CALL(get_secret), NULL },
	{ SASL_CB_LIST_END, NULL, NULL },
};

static int
start(void **state)
{
	return sasl_client_init(callbacks) == SASL_OK ? 0 : -1;
}

static int
end(void **state)
{
	sasl_client_done();
	return 0;
}

static sasl_conn_t *
client(unsigned flags)
{
	const sasl_security_properties_t props = {
		.max_ssf = 0, .maxbufsize = 0, .security_flags = flags
	};
	sasl_conn_t *conn;

	assert_int_equal(sasl_client_new("smtp", "provider.test", NULL, NULL,
			     callbacks, 0, &conn),
	    SASL_OK);
	assert_int_equal(sasl_setprop(conn, SASL_SEC_PROPS, &props), SASL_OK);
	return conn;
}

/* chosen - the mechanism that a mail server with those wishes ends up with */
static const char *
chosen(unsigned flags, const char *list)
{
	sasl_conn_t *conn = client(flags);
	const char *out, *mech = NULL;
	unsigned len;
	int rc = sasl_client_start(conn, list, NULL, &out, &len, &mech);

	sasl_dispose(&conn);
	return rc == SASL_OK || rc == SASL_CONTINUE ? mech : "none";
}

static void
a_password_service_of_the_same_host_never_meets_it(void **state)
{
	user = "u@x.test";
	password = "p";
	assert_string_equal(chosen(SASL_SEC_NOANONYMOUS, EVERYTHING), "LOGIN");
	assert_string_equal(chosen(0, EVERYTHING), "LOGIN");
	assert_string_equal(chosen(SASL_SEC_NOANONYMOUS, "XOAUTH2"), "none");
	assert_string_equal(
	    chosen(SASL_SEC_NOANONYMOUS, "XOAUTH2 OAUTHBEARER PLAIN"), "PLAIN");
	assert_string_equal(chosen(0, "XOAUTH2"), "XOAUTH2");
	assert_string_equal(chosen(0, "OAUTHBEARER"), "OAUTHBEARER");
}

/* first - what is said to the empty challenge; the caller disposes of conn */
static int
first(sasl_conn_t *conn, const char *mech, const char **out_r, unsigned *len_r)
{
	const char *out = NULL, *used;
	unsigned len = 0;
	int rc = sasl_client_start(conn, mech, NULL, &out, &len, &used);

	/* Nothing with the command itself, at any length. */
	if (rc == SASL_CONTINUE) {
		assert_null(out);
		rc = sasl_client_step(conn, "", 0, NULL, out_r, len_r);
	}
	return rc;
}

static void
says(const char *mech, const char *want)
{
	sasl_conn_t *conn = client(0);
	const char *out = NULL;
	unsigned len = 0;

	assert_int_equal(first(conn, mech, &out, &len), SASL_CONTINUE);
	assert_int_equal(len, strlen(want));
	assert_memory_equal(out, want, len);
	sasl_dispose(&conn);
}

static void
the_token_goes_on_a_line_of_its_own_as_the_rfc_has_it(void **state)
{
	user = "office@x.test";
	password = "ya29.token";
	says("XOAUTH2", "user=office@x.test\001auth=Bearer ya29.token\001\001");
	says("OAUTHBEARER",
	    "n,a=office@x.test,\001auth=Bearer ya29.token\001\001");
	user = "a=b,c@x.test";
	says("XOAUTH2", "user=a=b,c@x.test\001auth=Bearer ya29.token\001\001");
	says("OAUTHBEARER",
	    "n,a=a=3Db=2Cc@x.test,\001auth=Bearer ya29.token\001\001");
}

static void
long_tokens_go_whole(void **state)
{
	static const size_t lens[] = { 200, 2500, 9000, 16384 };
	static char token[16386];
	char want[17000];

	user = "u@x.test";
	password = token;
	for (size_t i = 0; i < 4; i++) {
		memset(token, 'A' + (int)i, lens[i]);
		token[lens[i]] = '\0';
		snprintf(want, sizeof(want),
		    "user=u@x.test\001auth=Bearer %s\001\001", token);
		says("XOAUTH2", want);
	}
}

static void
a_refusal_is_logged_short_and_answered_as_the_mechanism_wants(void **state)
{
	static const char json[] =
	    "{\"status\":\"401\",\n\"schemes\":\"bearer\"}";
	static const struct {
		const char *mech, *answer;
		unsigned len;
	} cases[] = { { "XOAUTH2", "", 0 }, { "OAUTHBEARER", "\001", 1 } };

	user = "u@x.test";
	password = "secret-token";
	for (size_t i = 0; i < 2; i++) {
		sasl_conn_t *conn = client(0);
		const char *out = NULL;
		unsigned len = 99;

		assert_int_equal(
		    first(conn, cases[i].mech, &out, &len), SASL_CONTINUE);
		logged[0] = '\0';
		assert_int_equal(sasl_client_step(conn, json, sizeof(json) - 1,
				     NULL, &out, &len),
		    SASL_OK);
		assert_int_equal(len, cases[i].len);
		assert_memory_equal(out, cases[i].answer, len);
		assert_non_null(strstr(logged, "\"status\":\"401\",?"));
		assert_null(strstr(logged, "secret-token"));
		sasl_dispose(&conn);
	}
}

static void
what_would_break_the_format_is_not_sent(void **state)
{
	static const struct {
		const char *user, *password;
	} bad[] = { { "u@x.test", "" }, { "u@x.test", "a\001b" },
		{ "u\001@x.test", "t" }, { "u@x.test", "a\nb" }, { "", "t" },
		{ "u@x.test", "oauth2-ref:" },
		{ "u@x.test", "oauth2-ref:/nowhere name" },
		{ "u@x.test", "oauth2-ref:relative name" } };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		sasl_conn_t *conn = client(0);
		const char *out = NULL;
		unsigned len = 0;

		user = bad[i].user;
		password = bad[i].password;
		assert_int_equal(
		    first(conn, "XOAUTH2", &out, &len), SASL_BADPARAM);
		assert_int_equal(len, 0);
		sasl_dispose(&conn);
	}
}

/* The daemon's auth socket, for one question. */
static struct {
	int fd;
	const char *answer;
	char asked[200];
} house;

static void *
serve(void *arg)
{
	int fd = accept(house.fd, NULL, NULL);
	ssize_t n = read(fd, house.asked, sizeof(house.asked) - 1);

	house.asked[n > 0 ? n : 0] = '\0';
	(void)!write(fd, house.answer, strlen(house.answer));
	close(fd);
	return NULL;
}

static void
a_handle_is_a_question_to_the_daemon(void **state)
{
	static const struct {
		const char *answer, *want;
	} cases[] = { { "12:OK a.b.token,", "a.b.token" },
		{ "10:NOTFOUND x,", NULL }, { "9:TEMP none,", NULL },
		{ "3:OK ,", NULL }, { "99:OK a,", NULL }, { "", NULL },
		{ "garbage", NULL } };
	static char handle[200];
	char dir[] = "/tmp/test_sasl.XXXXXX";
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	pthread_t thread;

	assert_non_null(mkdtemp(dir));
	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", dir);
	house.fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(house.fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(house.fd, 5), 0);
	snprintf(handle, sizeof(handle), "oauth2-ref:%s office", sa.sun_path);
	user = "u@x.test";
	password = handle;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		sasl_conn_t *conn = client(0);
		const char *out = NULL;
		unsigned len = 0;
		int rc;

		house.answer = cases[i].answer;
		assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
		rc = first(conn, "XOAUTH2", &out, &len);
		pthread_join(thread, NULL);
		assert_string_equal(house.asked, "12:token office,");
		assert_int_equal(
		    rc, cases[i].want != NULL ? SASL_CONTINUE : SASL_BADPARAM);
		if (cases[i].want != NULL)
			assert_non_null(memmem(
			    out, len, cases[i].want, strlen(cases[i].want)));
		sasl_dispose(&conn);
	}
	close(house.fd);
	unlink(sa.sun_path);
	rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_password_service_of_the_same_host_never_meets_it),
		cmocka_unit_test(
		    the_token_goes_on_a_line_of_its_own_as_the_rfc_has_it),
		cmocka_unit_test(long_tokens_go_whole),
		cmocka_unit_test(
		    a_refusal_is_logged_short_and_answered_as_the_mechanism_wants),
		cmocka_unit_test(what_would_break_the_format_is_not_sent),
		cmocka_unit_test(a_handle_is_a_question_to_the_daemon),
	};

	return cmocka_run_group_tests(tests, start, end);
}
