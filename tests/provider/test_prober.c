/*
 * test_prober.c - who is unhealthy: breakers over years, greetings of servers
 * that behave in every way, and the rounds that join the two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

#include "house.h"
#include "log.h"
#include "prober.h"
#include "smarthost_health.h"
#include "snapshot.h"
#include "provider/smtp_hello.h"

/* --- the breaker --------------------------------------------------------- */

static void
three_failures_in_a_row_open_a_breaker(void **state)
{
	struct breaker b = { 0 };

	for (int i = 0; i < 2; i++) {
		breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, MONDAY);
		breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, MONDAY);
		assert_int_equal(breaker_state(&b, MONDAY), BREAKER_CLOSED);
		breaker_good(&b);
	}
	for (int i = 0; i < 3; i++)
		breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, MONDAY);
	assert_int_equal(breaker_state(&b, MONDAY), BREAKER_OPEN);
	assert_int_equal(
	    breaker_state(&b, MONDAY + HEALTH_PAUSE - 1), BREAKER_OPEN);
	assert_int_equal(
	    breaker_state(&b, MONDAY + HEALTH_PAUSE), BREAKER_HALF_OPEN);
	breaker_good(&b);
	assert_int_equal(breaker_state(&b, MONDAY), BREAKER_CLOSED);
}

static void
a_pause_doubles_up_to_ten_minutes(void **state)
{
	struct breaker b = { 0 };
	int64_t now = MONDAY, expected = HEALTH_PAUSE;

	breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, now);
	breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, now);
	for (int i = 0; i < 20; i++) {
		breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, now);
		assert_int_equal(b.until - now, expected);
		now = b.until;
		expected = 2 * expected > HEALTH_LONGEST ? HEALTH_LONGEST
							 : 2 * expected;
	}
	assert_int_equal(b.until - now, 0);
	assert_int_equal(expected, 10 * MINUTE);
}

static void
a_clock_put_back_keeps_no_breaker_open(void **state)
{
	struct breaker b = { 0 };

	for (int i = 0; i < 3; i++)
		breaker_bad(&b, HEALTH_PAUSE, HEALTH_LONGEST, MONDAY);
	assert_int_equal(breaker_state(&b, MONDAY - DAY), BREAKER_HALF_OPEN);
}

static void
names_of_states_are_words(void **state)
{
	assert_string_equal(breaker_name(BREAKER_CLOSED), "closed");
	assert_string_equal(breaker_name(BREAKER_OPEN), "open");
	assert_string_equal(breaker_name(BREAKER_HALF_OPEN), "half-open");
}

/* --- who is unhealthy -------------------------------------------------------
 */

static void
who_was_never_looked_at_is_well(void **state)
{
	struct health *h = health_new();
	struct health_report r;

	assert_false(health_is_unhealthy(NULL, "a"));
	assert_false(health_is_unhealthy(h, "a"));
	assert_false(health_ask(h, "a", MONDAY, &r));
	assert_false(health_ask(NULL, "a", MONDAY, &r));
	health_free(&h);
	assert_null(h);
}

static void
each_smarthost_has_its_own_breaker(void **state)
{
	struct health *h = health_new();
	struct health_report r;

	assert_false(health_tell(h, "a", false, "gone", MONDAY));
	assert_false(health_tell(h, "b", true, "", MONDAY));
	assert_false(health_tell(h, "a", false, "gone", MONDAY));
	assert_true(health_tell(h, "a", false, "gone", MONDAY));
	assert_true(health_is_unhealthy(h, "a"));
	assert_false(health_is_unhealthy(h, "b"));
	assert_true(health_ask(h, "a", MONDAY + 1, &r));
	assert_int_equal(r.state, BREAKER_OPEN);
	assert_int_equal(r.seen, MONDAY);
	assert_int_equal(r.until, MONDAY + HEALTH_PAUSE);
	assert_string_equal(r.why.text, "gone");
	/* Half open, it still comes last: the prober tries it, not mail. */
	assert_true(health_ask(h, "a", MONDAY + HOUR, &r));
	assert_int_equal(r.state, BREAKER_HALF_OPEN);
	assert_true(health_is_unhealthy(h, "a"));
	assert_true(health_tell(h, "a", true, "", MONDAY + HOUR));
	assert_false(health_is_unhealthy(h, "a"));
	health_forget(h);
	assert_false(health_ask(h, "b", MONDAY, &r));
	health_free(&h);
}

/* --- a server that says what it is told ---------------------------------- */

struct server {
	int fd;
	uint16_t port;
	const char *greeting, *reply; /* NULL: says nothing and hangs up */
	char heard[512];
	pthread_t thread;
};

static void *
serve(void *arg)
{
	struct server *s = arg;
	const int fd = accept(s->fd, NULL, NULL);
	size_t n = 0;
	ssize_t got;

	if (fd == -1)
		return NULL;
	if (s->greeting != NULL)
		(void)!write(fd, s->greeting, strlen(s->greeting));
	while (s->greeting != NULL && n < sizeof(s->heard) - 1 &&
	       (got = read(fd, s->heard + n, sizeof(s->heard) - 1 - n)) > 0) {
		if (n == 0 && s->reply != NULL)
			(void)!write(fd, s->reply, strlen(s->reply));
		n += (size_t)got;
	}
	close(fd);
	return NULL;
}

static void
server_listen(struct server *s)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(sin);

	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(s->fd, -1);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&sin, len), 0);
	assert_int_equal(listen(s->fd, 4), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&sin, &len), 0);
	s->port = ntohs(sin.sin_port);
}

/* hello - what is thought of a server that says greeting, and then reply */
static enum greeting
hello(
    struct server *s, const char *greeting, const char *reply, struct why *why)
{
	enum greeting g;

	memset(s, 0, sizeof(*s));
	s->greeting = greeting;
	s->reply = reply;
	server_listen(s);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	g = smtp_hello("127.0.0.1", s->port, MINUTE, why);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	close(s->fd);
	return g;
}

static void
a_server_that_says_hello_is_well(void **state)
{
	struct why why;
	struct server s;

	assert_int_equal(
	    hello(&s, "220 mx ready\r\n", "250 mx\r\n", &why), GREETING_GOOD);
	assert_int_equal(strncmp(s.heard, "EHLO ", 5), 0);
	assert_non_null(strstr(s.heard, "\r\nQUIT\r\n"));
	assert_null(strstr(s.heard, "STARTTLS"));
	assert_null(strstr(s.heard, "AUTH"));
	assert_string_equal(why.text, "");
	assert_int_equal(hello(&s, "220-one\r\n220 two\n",
			     "250-mx\r\n250-SIZE\r\n250 AUTH PLAIN\r\n", &why),
	    GREETING_GOOD);
}

static void
a_server_that_refuses_is_not_and_its_words_are_kept(void **state)
{
	struct why why;
	struct server s;

	assert_int_equal(
	    hello(&s, "554 go \"away\"\x1b\r\n", NULL, &why), GREETING_BAD);
	assert_string_equal(why.text, "greeting: 554 go \\x22away\\x22\\x1b");
	assert_int_equal(
	    hello(&s, "220 mx\r\n", "421 too busy\r\n", &why), GREETING_BAD);
	assert_string_equal(why.text, "EHLO: 421 too busy");
	assert_int_equal(hello(&s, NULL, NULL, &why), GREETING_BAD);
	assert_non_null(strstr(why.text, "greeting: Connection reset"));
}

static void
a_server_without_end_is_given_up(void **state)
{
	static char flood[20000];
	struct why why;
	struct server s;

	for (size_t i = 0; i + 8 < sizeof(flood); i += 7)
		memcpy(flood + i, "220-x\r\n", 8);
	assert_int_equal(hello(&s, flood, NULL, &why), GREETING_BAD);
	assert_non_null(strstr(why.text, "greeting: "));
}

/* no_server - a port of this machine where nobody listens */
static uint16_t
no_server(void)
{
	struct server s = { .fd = -1 };

	server_listen(&s);
	close(s.fd);
	return s.port;
}

static void
nobody_there_is_bad_and_no_network_is_not_known(void **state)
{
	struct why why;
	struct server s;

	assert_int_equal(
	    smtp_hello("127.0.0.1", no_server(), MINUTE, &why), GREETING_BAD);
	assert_string_equal(why.text, "connect: Connection refused");
	/* No way leads there from this machine. */
	assert_int_equal(
	    smtp_hello("255.255.255.255", 25, MINUTE, &why), GREETING_UNKNOWN);
	/* It takes the connection and has no time left to speak. */
	server_listen(&s);
	assert_int_equal(
	    smtp_hello("127.0.0.1", s.port, 0, &why), GREETING_BAD);
	assert_non_null(strstr(why.text, "timed out"));
	close(s.fd);
}

/* --- rounds -------------------------------------------------------------- */

static void
in_force(const char *every, uint16_t port)
{
	char text[300];

	snprintf(text, sizeof(text),
	    "probe-every = \"%s\"\n"
	    "smarthost \"a\" { host = \"127.0.0.1\" port = %u }\n"
	    "rule \"all\" { }\n",
	    every, (unsigned)port);
	snapshot_publish(house_config(text));
}

/* The daemon, as far as the agent knows it. */
static int64_t now_there;

static int64_t
keep(void *h, const struct smarthost *sh, bool good, const char *why)
{
	const struct config *conf = snapshot_hold();
	int64_t next;

	health_tell(h, sh->name, good, why, now_there);
	next = health_next(h, sh->name, conf->probe_every, now_there);
	snapshot_release(&conf);
	return next;
}

static int64_t
a_round(struct prober *p, int64_t now)
{
	const struct config *conf = snapshot_hold();
	int64_t next;

	now_there = now;
	next = prober_round(p, conf, now);
	snapshot_release(&conf);
	return next;
}

static void
a_round_looks_at_who_is_due(void **state)
{
	struct health *h = health_new();
	struct prober *p = prober_new(keep, h);
	struct health_report r;
	int64_t now = MONDAY;

	in_force("5m", no_server());
	for (int i = 0; i < 2; i++) {
		assert_int_equal(a_round(p, now), 5 * MINUTE);
		/* Too early: nothing is looked at. */
		assert_int_equal(a_round(p, now + MINUTE), 4 * MINUTE);
		assert_true(health_ask(h, "a", now, &r));
		assert_int_equal(r.seen, now);
		now += 5 * MINUTE;
	}
	assert_false(health_is_unhealthy(h, "a"));
	assert_int_equal(a_round(p, now), HEALTH_PAUSE);
	assert_true(health_is_unhealthy(h, "a"));
	now += HEALTH_PAUSE;
	assert_int_equal(a_round(p, now), 2 * HEALTH_PAUSE);
	/* A pause that is longer than probe-every is kept, too. */
	in_force("5s", no_server());
	now += 2 * HEALTH_PAUSE;
	assert_int_equal(a_round(p, now), 4 * HEALTH_PAUSE);
	assert_int_equal(a_round(p, now + MINUTE), MINUTE);
	in_force("0", 25);
	assert_int_equal(a_round(p, now), NEVER);
	prober_free(&p);
	health_free(&h);
	snapshot_publish(house_config("rule \"all\" { }\n"));
}

static void
a_round_finds_who_is_well_again(void **state)
{
	struct health *h = health_new();
	struct prober *p = prober_new(keep, h);
	struct server s = { .greeting = "220 mx\r\n", .reply = "250 mx\r\n" };

	server_listen(&s);
	in_force("30s", s.port);
	for (int i = 0; i < 3; i++)
		health_tell(h, "a", false, "gone", MONDAY - HOUR);
	assert_true(health_is_unhealthy(h, "a"));
	assert_int_equal(pthread_create(&s.thread, NULL, serve, &s), 0);
	assert_int_equal(a_round(p, MONDAY), 30 * SECOND);
	assert_int_equal(pthread_join(s.thread, NULL), 0);
	assert_false(health_is_unhealthy(h, "a"));
	close(s.fd);
	prober_free(&p);
	health_free(&h);
	snapshot_publish(house_config("rule \"all\" { }\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(three_failures_in_a_row_open_a_breaker),
		cmocka_unit_test(a_pause_doubles_up_to_ten_minutes),
		cmocka_unit_test(a_clock_put_back_keeps_no_breaker_open),
		cmocka_unit_test(names_of_states_are_words),
		cmocka_unit_test(who_was_never_looked_at_is_well),
		cmocka_unit_test(each_smarthost_has_its_own_breaker),
		cmocka_unit_test(a_server_that_says_hello_is_well),
		cmocka_unit_test(
		    a_server_that_refuses_is_not_and_its_words_are_kept),
		cmocka_unit_test(a_server_without_end_is_given_up),
		cmocka_unit_test(
		    nobody_there_is_bad_and_no_network_is_not_known),
		cmocka_unit_test(a_round_looks_at_who_is_due),
		cmocka_unit_test(a_round_finds_who_is_well_again),
	};

	log_open("test_health", LOG_LEVEL_ERROR);
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
