/*
 * test_redis.c - the contract, kept by the shared store; two daemons that
 * share it; and its bad days.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "by.h"
#include "house.h"
#include "log.h"
#include "random.h"
#include "redis_server.h"
#include "store/redis/call.h"
#include "store_contract.h"
#include "tmpdir.h"

static struct redis_server server;

static struct config *
config_redis(void)
{
	struct config *conf = house_config(store_contract_policies);

	assert_true(redis_tell(&server, "FLUSHALL"));
	free(conf->store);
	if (asprintf(&conf->store, "redis+unix://%s?db=3", server.socket) == -1)
		abort();
	return conf;
}

/* --- one server, many threads ------------------------------------------- */

struct rush {
	struct store *store[2];
	struct config *conf;
	int passed;
};

static void *
rush_once(void *arg)
{
	struct rush *r = arg;
	struct why why;
	struct decision d;
	struct bill b;

	bill_one(&b, r->conf, "hundred", "*", house_time);
	bill_add(&b, r->conf, "million", "*");
	b.ncommon = 2;
	for (size_t i = 0; i < 2; i++)
		if (store_charge(r->store[i], &b, "", &d, &why) == STORE_OK &&
		    d.fits)
			__atomic_add_fetch(&r->passed, 1, __ATOMIC_RELAXED);
	return NULL;
}

static void
two_daemons_spend_one_limit(void **state)
{
	struct rush r = { .conf = config_redis() };
	pthread_t thread[200];

	r.store[0] = store_must_open(r.conf);
	r.store[1] = store_must_open(r.conf);
	for (size_t i = 0; i < 200; i++)
		assert_int_equal(
		    0, pthread_create(&thread[i], NULL, rush_once, &r));
	for (size_t i = 0; i < 200; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(100, r.passed);
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(100,
		    store_used(r.store[i], r.conf, "million", "*", house_time));
	store_close(&r.store[0]);
	store_close(&r.store[1]);
	config_free(&r.conf);
}

#define LEASES 60

/* Every lease, as each of two daemons settles it. */
struct settlers {
	struct store *store;
	struct config *conf;
	struct lease *lease;
	size_t ok, none;
};

static void
sent_bill(struct bill *b, const struct config *conf, uint64_t n)
{
	bill_one(b, conf, "million", "sent first", house_time);
	b->line[0].cost[DIM_MESSAGES] = n;
	b->line[0].nrcpt = 0;
}

static void *
settle_all(void *arg)
{
	struct settlers *s = arg;
	const struct settlement half = { .messages = 1 };
	struct why why;
	struct bill b;

	sent_bill(&b, s->conf, 0);
	for (size_t i = 0; i < LEASES; i++) {
		enum store_answer a =
		    store_settle(s->store, &b, &s->lease[i], &half, &why);

		s->ok += a == STORE_OK;
		s->none += a == STORE_NONE;
	}
	return NULL;
}

static void
of_two_daemons_one_settles_a_lease(void **state)
{
	struct config *conf = config_redis();
	struct lease lease[LEASES];
	struct settlers s[2];
	pthread_t thread[2];
	struct decision d;
	struct why why;
	struct bill b;

	for (size_t i = 0; i < 2; i++)
		s[i] = (struct settlers){ store_must_open(conf), conf, lease, 0,
			0 };
	for (size_t i = 0; i < LEASES; i++) {
		sent_bill(&b, conf, 3);
		lease[i] = (struct lease){
			.smarthost = "first", .owner = "4711.1", .messages = 3
		};
		assert_int_equal(STORE_OK,
		    store_lease(s[i % 2].store, &b, &lease[i], &d, &why));
		assert_true(d.fits && lease[i].id != 0);
	}
	assert_int_equal(3 * LEASES,
	    store_used(s[0].store, conf, "million", "sent first", house_time));
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    0, pthread_create(&thread[i], NULL, settle_all, &s[i]));
	for (size_t i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	assert_int_equal(LEASES, s[0].ok + s[1].ok);
	assert_int_equal(LEASES, s[0].none + s[1].none);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(LEASES, store_used(s[i].store, conf, "million",
					     "sent first", house_time));
		store_close(&s[i].store);
	}
	config_free(&conf);
}

static bool
is_grant(void *arg, const struct store_event *e)
{
	*(bool *)arg |= strcmp(e->kind, "grant") == 0;
	return true;
}

static void
what_is_done_on_one_server_is_true_on_the_other(void **state)
{
	struct config *conf = config_redis();
	const struct grant g = { DIM_MESSAGES, 2, house_time + HOUR, 0 };
	struct store *one = store_must_open(conf);
	struct store *other = store_must_open(conf);
	const struct policy *five = config_policy(conf, "five");
	char smarthost[STORE_NAME];
	struct why why;
	struct decision d;
	struct bill b;
	bool told = false;

	store_grant(one, five, "a", &g, BY(house_time, "root", "party"), &why);
	for (int i = 0; i < 8; i++) {
		bill_one(&b, conf, "five", "a", house_time);
		b.nchoice = 1;
		b.choice[0].smarthost = "workspace";
		assert_int_equal(
		    STORE_OK, store_charge(other, &b, "a@b", &d, &why));
		assert_int_equal(i < 7, d.fits);
	}
	assert_int_equal(
	    STORE_OK, store_bound(one, "a@b", house_time, smarthost, &why));
	assert_string_equal("workspace", smarthost);
	assert_int_equal(
	    STORE_OK, store_events(other, "a", 10, is_grant, &told, &why));
	assert_true(told);
	assert_int_equal(STORE_OK,
	    store_reset(one, five, "a", BY(house_time, "root", ""), &why));
	assert_int_equal(0, store_used(other, conf, "five", "a", house_time));
	store_close(&one);
	store_close(&other);
	config_free(&conf);
}

/* --- bad days ----------------------------------------------------------- */

static enum store_answer
one_more(
    struct store *s, const struct config *conf, struct why *why, bool *fits_r)
{
	struct decision d = { 0 };
	enum store_answer a;
	struct bill b;

	bill_one(&b, conf, "five", "a", house_time);
	a = store_charge(s, &b, "", &d, why);
	*fits_r = a == STORE_OK && d.fits;
	return a;
}

static int64_t
real_time(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec / 1000000;
}

/* Until the worker has found the server well again. */
static void
wait_for_well(struct store *s)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct store_stats st;

	for (int i = 0; i < 3000; i++) {
		store_stats(s, &st);
		if (st.healthy)
			return;
		nanosleep(&pause, NULL);
	}
	fail_msg("%s", st.trouble.text);
}

static void
a_server_that_forgot_the_script_is_told_again(void **state)
{
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf);
	struct why why;
	bool fits;

	for (int i = 0; i < 3; i++) {
		assert_true(redis_tell(&server, "SCRIPT FLUSH"));
		assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
		assert_true(fits);
	}
	store_close(&s);
	config_free(&conf);
}

static void
a_replica_or_a_full_server_changes_nothing(void **state)
{
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf);
	struct why why;
	bool fits;

	assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	assert_true(redis_tell(&server, "CONFIG SET maxmemory 1"));
	assert_int_equal(STORE_FAILED, one_more(s, conf, &why, &fits));
	assert_non_null(strstr(why.text, "OOM"));
	assert_true(redis_tell(&server, "CONFIG SET maxmemory 0"));
	assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	assert_true(redis_tell(&server, "REPLICAOF 127.0.0.1 1"));
	for (int i = 0; i < 7; i++)
		assert_int_equal(STORE_FAILED, one_more(s, conf, &why, &fits));
	assert_true(redis_tell(&server, "REPLICAOF NO ONE"));
	wait_for_well(s);
	assert_int_equal(2, store_used(s, conf, "five", "a", house_time));
	store_close(&s);
	config_free(&conf);
}

static void
a_silent_server_is_given_up_and_what_it_heard_counts(void **state)
{
	struct config *conf = config_redis();
	const int patient = contract_env.timeout;
	struct store *s;
	struct why why;
	uint64_t used;
	bool fits;

	contract_env.timeout = 200;
	s = store_must_open(conf);
	contract_env.timeout = patient;
	assert_int_equal(0, kill(server.pid, SIGSTOP));
	for (int i = 0; i < 20; i++) {
		int64_t start = real_time();

		assert_true(one_more(s, conf, &why, &fits) != STORE_OK);
		assert_true(real_time() - start < 2 * SECOND);
	}
	assert_int_equal(0, kill(server.pid, SIGCONT));
	wait_for_well(s);
	store_close(&s);
	s = store_must_open(conf);
	used = store_used(s, conf, "five", "a", house_time);
	for (; used < 5; used++) {
		assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
		assert_true(fits);
	}
	assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	assert_false(fits);
	store_close(&s);
	config_free(&conf);
}

/* How many of n messages passed, and each was answered. */
static int
passed_of(int n, struct store *s, const struct config *conf)
{
	struct why why;
	int passed = 0;
	bool fits;

	for (; n > 0; n--) {
		if (one_more(s, conf, &why, &fits) != STORE_OK)
			fail_msg("%s", why.text);
		passed += fits;
	}
	return passed;
}

/* --- the server's clock ------------------------------------------------- */

/* How often the server was asked what this command asks. */
static long
times_asked(const struct redis_server *r, const char *command)
{
	redisContext *c = redis_dial(r);
	redisReply *info = redisCommand(c, "INFO commandstats");
	char line[64];
	const char *at;
	long n = 0;

	snprintf(line, sizeof(line), "cmdstat_%s:calls=", command);
	if ((at = strstr(info->str, line)) != NULL)
		n = atol(at + strlen(line));
	freeReplyObject(info);
	redisFree(c);
	return n;
}

/* Until every store of this test has looked at the server's clock. */
static void
wait_for_looks(const struct redis_server *r, long n)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	const long before = times_asked(r, "time");

	for (int i = 0; i < 3000; i++) {
		if (times_asked(r, "time") >= before + n)
			return;
		nanosleep(&pause, NULL);
	}
	fail();
}

static void
a_server_that_is_ahead_for_a_moment_frees_nothing(void **state)
{
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf), *second;
	struct why why;
	bool fits;

	assert_int_equal(5, passed_of(6, s, conf));
	*redis_clock += 25 * HOUR;
	wait_for_looks(&server, 3);
	assert_int_equal(0, passed_of(3, s, conf));
	second = store_must_open(conf); /* one that starts just now */
	assert_int_equal(0, passed_of(3, second, conf));
	*redis_clock -= 25 * HOUR;
	wait_for_looks(&server, 3);
	assert_int_equal(0, passed_of(3, s, conf));
	assert_int_equal(5, store_used(second, conf, "five", "a", house_time));
	/* Its counters have not expired on it, either. */
	*redis_clock += 3650 * DAY;
	wait_for_looks(&server, 3);
	assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	assert_false(fits);
	*redis_clock -= 3650 * DAY;
	store_close(&s);
	store_close(&second);
	config_free(&conf);
}

static void
a_clock_that_stays_ahead_is_believed_and_never_goes_back(void **state)
{
	const int64_t start = house_time;
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf);

	assert_int_equal(5, passed_of(6, s, conf));
	*redis_clock += 2 * HOUR;
	wait_for_looks(&server, 2);
	assert_int_equal(0, passed_of(1, s, conf));
	house_time += 70 * SECOND; /* so long it has lasted now */
	*redis_clock += 70 * SECOND;
	wait_for_looks(&server, 3);
	assert_int_equal(5, passed_of(6, s, conf));
	/* Back again, and a daemon that starts anew: what was, has been. */
	store_close(&s);
	house_time = start;
	*redis_clock = start;
	s = store_must_open(conf);
	assert_int_equal(0, passed_of(6, s, conf));
	store_close(&s);
	config_free(&conf);
}

static bool
spend_million(struct store *s, const struct config *conf)
{
	struct why why;
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "million", "*", house_time);
	if (store_charge(s, &b, "", &d, &why) != STORE_OK)
		fail_msg("%s", why.text);
	return d.fits;
}

/*
 * A clock that was believed and is put right a year later: windows go on by
 * what passes, and no faster for the daemons being two.
 */
static void
a_clock_that_was_a_year_ahead_shuts_nothing_for_a_year(void **state)
{
	const int64_t start = house_time;
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf), *second;
	int passed = 0;

	*redis_clock += 365 * DAY;
	wait_for_looks(&server, 2);
	house_time += 70 * SECOND;
	*redis_clock += 70 * SECOND;
	wait_for_looks(&server, 3);
	assert_int_equal(5, passed_of(6, s, conf));
	second = store_must_open(conf);
	assert_int_equal(0, passed_of(1, second, conf));
	*redis_clock -= 365 * DAY;
	wait_for_looks(&server, 4);
	for (int minute = 0; minute < 60; minute++) {
		assert_int_equal(0, passed_of(1, s, conf));
		assert_int_equal(0, passed_of(1, second, conf));
		passed += spend_million(minute % 2 ? s : second, conf);
		house_time += MINUTE - SECOND;
		*redis_clock += MINUTE - SECOND;
	}
	assert_int_equal(60, passed);
	house_time += 2 * MINUTE;
	*redis_clock += 2 * MINUTE;
	assert_int_equal(5, passed_of(6, second, conf));
	store_close(&second);
	store_close(&s);
	house_time = start;
	*redis_clock = start;
	config_free(&conf);
}

static bool
is_there(const char *key)
{
	redisContext *c = redis_dial(&server);
	redisReply *r;
	bool there;

	freeReplyObject(redisCommand(c, "SELECT 3"));
	r = redisCommand(c, "EXISTS {postmeter}:%s", key);
	there = r->integer == 1;
	freeReplyObject(r);
	redisFree(c);
	return there;
}

static void
what_matters_no_more_leaves_the_server(void **state)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	const int64_t start = house_time;
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf);
	struct lease lease = { .smarthost = "first", .messages = 1 };
	struct why why;
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "five", "a", house_time);
	b.nchoice = 1;
	b.choice[0].smarthost = "first";
	store_charge(s, &b, "a@b", &d, &why);
	b.nchoice = 0;
	store_lease(s, &b, &lease, &d, &why);
	assert_true(is_there("c:five:a") && is_there("b:a@b"));
	house_time = start + 50 * DAY;
	*redis_clock = start + 50 * DAY;
	assert_true(spend_million(s, conf));
	for (int i = 0;
	     i < 3000 &&
	     (is_there("c:five:a") || is_there("b:a@b") || is_there("leases"));
	     i++)
		nanosleep(&pause, NULL);
	assert_false(is_there("c:five:a"));
	assert_false(is_there("b:a@b"));
	assert_true(is_there("c:million:*"));
	assert_int_equal(1, store_used(s, conf, "million", "*", house_time));
	store_close(&s);
	house_time = start;
	*redis_clock = start;
	config_free(&conf);
}

/* --- the way to the server ---------------------------------------------- */

/* Stands between a store and the server. */
struct relay {
	char path[108];
	int fd;
	pthread_t thread;
	atomic_int delay;  /* ms, each way */
	atomic_int lost;   /* so many answers of the script are lost */
	atomic_long asked; /* runs of the script */
};

struct relayed {
	struct relay *relay;
	int near, far;
};

static void
pause_ms(int ms)
{
	const struct timespec pause = { .tv_sec = ms / 1000,
		.tv_nsec = ms % 1000 * 1000000L };

	nanosleep(&pause, NULL);
}

/* One direction, some bytes; false at the end. */
static bool
relay_some(struct relayed *r, int from, int to, bool *script)
{
	char bytes[65536];
	ssize_t n = read(from, bytes, sizeof(bytes));

	if (n <= 0)
		return false;
	if (from == r->near) {
		*script = memmem(bytes, (size_t)n, "EVALSHA", 7) != NULL;
		r->relay->asked += *script;
	} else if (*script && r->relay->lost > 0) {
		r->relay->lost--;
		return false;
	}
	pause_ms(r->relay->delay);
	return write(to, bytes, (size_t)n) == n;
}

static void *
relay_one(void *arg)
{
	struct relayed *r = arg;
	struct pollfd p[2] = { { .fd = r->near, .events = POLLIN },
		{ .fd = r->far, .events = POLLIN } };
	bool more = true, script = false;

	while (more && poll(p, 2, -1) > 0) {
		if (p[0].revents != 0)
			more = relay_some(r, r->near, r->far, &script);
		if (more && p[1].revents != 0)
			more = relay_some(r, r->far, r->near, &script);
	}
	close(r->near);
	close(r->far);
	free(r);
	return NULL;
}

static int
unix_fd(const char *path, bool listens)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", path);
	if (listens)
		unlink(path);
	if (fd == -1 ||
	    (listens ? bind(fd, (struct sockaddr *)&sun, sizeof(sun))
		     : connect(fd, (struct sockaddr *)&sun, sizeof(sun))) ==
		-1 ||
	    (listens && listen(fd, 64) == -1))
		abort();
	return fd;
}

static void *
relay_all(void *arg)
{
	struct relay *r = arg;
	pthread_t t;
	int fd;

	while ((fd = accept(r->fd, NULL, NULL)) != -1) {
		struct relayed *one = calloc(1, sizeof(*one));

		*one = (struct relayed){ r, fd, unix_fd(server.socket, false) };
		if (pthread_create(&t, NULL, relay_one, one) != 0)
			abort();
		pthread_detach(t);
	}
	return NULL;
}

static struct config *
relay_start(struct relay *r)
{
	struct config *conf = config_redis();

	memset(r, 0, sizeof(*r));
	snprintf(r->path, sizeof(r->path), "%s/relay.sock", tmpdir);
	r->fd = unix_fd(r->path, true);
	if (pthread_create(&r->thread, NULL, relay_all, r) != 0)
		abort();
	free(conf->store);
	if (asprintf(&conf->store, "redis+unix://%s?db=3", r->path) == -1)
		abort();
	return conf;
}

static void
relay_stop(struct relay *r)
{
	shutdown(r->fd, SHUT_RDWR);
	pthread_join(r->thread, NULL);
	close(r->fd);
}

static void
an_answer_lost_with_its_connection_is_had_all_the_same(void **state)
{
	struct relay relay;
	struct config *conf = relay_start(&relay);
	struct store *s = store_must_open(conf);

	for (int i = 0; i < 4; i++) {
		assert_int_equal(1, passed_of(1, s, conf));
		relay.lost = 1;
	}
	assert_int_equal(1, passed_of(1, s, conf));
	assert_int_equal(0, relay.lost);
	assert_int_equal(0, passed_of(1, s, conf));
	assert_int_equal(5, store_used(s, conf, "five", "a", house_time));
	store_close(&s);
	relay_stop(&relay);
	config_free(&conf);
}

/* Spends as fast as it can until it is told to stop. */
struct spender {
	struct store *store;
	struct config *conf;
	atomic_bool ends;
	atomic_long charged;
};

static void *
spend_on(void *arg)
{
	struct spender *s = arg;

	while (!s->ends)
		s->charged += spend_million(s->store, s->conf);
	return NULL;
}

#define FAR_CHARGES 40

static void
who_is_far_away_is_not_starved_by_who_is_near(void **state)
{
	struct relay relay;
	struct config *far = relay_start(&relay), *near = config_redis();
	struct spender spender = { .conf = near };
	struct store *s = store_must_open(far);
	pthread_t thread;
	long asked;

	spender.store = store_must_open(near);
	assert_true(spend_million(s, far));
	relay.delay = 3;
	assert_int_equal(0, pthread_create(&thread, NULL, spend_on, &spender));
	asked = relay.asked;
	for (int i = 0; i < FAR_CHARGES; i++)
		assert_true(spend_million(s, far));
	asked = relay.asked - asked;
	spender.ends = true;
	pthread_join(thread, NULL);
	/* Lost, lost, lost and the turn taken, done: four, and some luck. */
	assert_true(asked < 10 * FAR_CHARGES);
	assert_int_equal(spender.charged + FAR_CHARGES + 1,
	    store_used(s, far, "million", "*", house_time));
	store_close(&s);
	store_close(&spender.store);
	relay_stop(&relay);
	config_free(&far);
	config_free(&near);
}

static void
who_has_the_turn_is_waited_for_but_not_for_ever(void **state)
{
	struct config *conf = config_redis();
	struct store *s = store_must_open(conf);

	for (int i = 0; i < 3; i++) {
		redisContext *c = redis_dial(&server);

		freeReplyObject(redisCommand(c, "SELECT 3"));
		freeReplyObject(
		    redisCommand(c, "SET %s gone", "{postmeter}:turn"));
		assert_int_equal(1, passed_of(1, s, conf));
		redisFree(c);
	}
	store_close(&s);
	config_free(&conf);
}

static void
a_server_that_would_forget_is_refused_at_the_start(void **state)
{
	struct config *conf = config_redis();
	struct why why = WHY_NONE;
	enum store_fault fault;

	assert_true(redis_tell(&server, "CONFIG SET maxmemory 100mb"));
	assert_true(
	    redis_tell(&server, "CONFIG SET maxmemory-policy allkeys-lru"));
	assert_null(store_open(conf, &house_env, &why, &fault));
	assert_int_equal(STORE_MISCONFIGURED, fault);
	assert_non_null(strstr(why.text, "noeviction"));
	redis_tell(&server, "CONFIG SET maxmemory 0");
	redis_tell(&server, "CONFIG SET maxmemory-policy noeviction");
	config_free(&conf);
}

static void
a_cluster_is_refused_at_the_start(void **state)
{
	static char port[8], bus[8];
	const char *more[] = { "--port", port, "--bind", "127.0.0.1",
		"--cluster-enabled", "yes", "--cluster-port", bus, NULL };
	struct config *conf = config_redis();
	struct redis_server own;
	struct why why = WHY_NONE;
	enum store_fault fault;

	snprintf(port, sizeof(port), "%u", redis_free_port());
	snprintf(bus, sizeof(bus), "%u", redis_free_port());
	redis_start(&own, tmpdir, "cluster", more);
	assert_true(redis_tell(&own, "CLUSTER ADDSLOTSRANGE 0 16383"));
	free(conf->store);
	if (asprintf(&conf->store, "redis://127.0.0.1:%s", port) == -1)
		abort();
	assert_null(store_open(conf, &house_env, &why, &fault));
	assert_int_equal(STORE_MISCONFIGURED, fault);
	assert_non_null(strstr(why.text, "Cluster"));
	redis_kill(&own);
	config_free(&conf);
}

/* Until who is blocked, or no longer; a second, if the machine is quiet. */
static void
wait_for_blocked(struct store *s, const char *who, enum store_answer a)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	char text[STORE_TEXT];
	struct why why;

	for (int i = 0; i < 3000; i++) {
		if (store_blocked(s, who, house_time, text, &why) == a)
			return;
		nanosleep(&pause, NULL);
	}
	fail();
}

static void
a_block_on_one_server_holds_on_the_other_and_in_an_outage(void **state)
{
	struct config *conf = config_redis();
	struct redis_server own;
	struct store *s[2];
	struct why why;

	redis_start(&own, tmpdir, "blocks", NULL);
	free(conf->store);
	if (asprintf(&conf->store, "redis+unix://%s", own.socket) == -1)
		abort();
	s[0] = store_must_open(conf);
	s[1] = store_must_open(conf);
	store_block(s[0], "one", NEVER, BY(house_time, "root", ""), &why);
	store_block(s[0], "two", NEVER, BY(house_time, "root", ""), &why);
	wait_for_blocked(s[1], "one", STORE_OK);
	wait_for_blocked(s[1], "two", STORE_OK);
	store_unblock(s[0], "one", BY(house_time, "root", ""), &why);
	wait_for_blocked(s[1], "one", STORE_NONE);
	redis_kill(&own);
	wait_for_blocked(s[1], "two", STORE_OK);
	wait_for_blocked(s[1], "one", STORE_NONE);
	store_close(&s[0]);
	store_close(&s[1]);
	config_free(&conf);
}

/* Or the next Redis would know what this one knew. */
static void
remove_aof(void)
{
	char directory[64];
	struct dirent *e;
	DIR *d;

	snprintf(directory, sizeof(directory), "%s/appendonlydir", tmpdir);
	d = opendir(directory);
	while (d != NULL && (e = readdir(d)) != NULL)
		unlinkat(dirfd(d), e->d_name, 0);
	if (d != NULL)
		closedir(d);
	rmdir(directory);
}

/* Configuration of one of several servers, with a store for outages. */
static struct config *
config_local(const struct redis_server *r, const char *name)
{
	struct config *conf = config_redis();

	free(conf->store);
	free(conf->store_local);
	if (asprintf(&conf->store, "redis+unix://%s", r->socket) == -1 ||
	    asprintf(&conf->store_local, "sqlite:%s/%s.db", tmpdir, name) == -1)
		abort();
	conf->on_store_failure = STORE_FAILURE_LOCAL;
	return conf;
}

static bool
passes_to(uint64_t rcpt, struct store *s, const struct config *conf)
{
	struct why why;
	struct decision d;
	struct bill b;

	bill_one(&b, conf, "three", "a", house_time);
	b.line[0].rcpt = &rcpt;
	if (store_charge(s, &b, "", &d, &why) != STORE_OK)
		fail_msg("%s", why.text);
	return d.fits;
}

static void
wait_for_used(
    struct store *s, const struct config *conf, const char *policy, uint64_t n)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	for (int i = 0; i < 3000; i++) {
		if (store_used(s, conf, policy, "a", house_time) == n)
			return;
		nanosleep(&pause, NULL);
	}
	fail();
}

static void
an_outage_goes_on_with_a_share_and_is_told_afterwards(void **state)
{
	static const char *const aof[] = { "--appendonly", "yes",
		"--appendfsync", "always", NULL };
	struct redis_server own;
	struct config *conf;
	char text[STORE_TEXT];
	struct why why;
	struct store *s;
	bool fits;

	redis_start(&own, tmpdir, "own", aof);
	conf = config_local(&own, "outage");
	conf->store_share = 50;
	s = store_must_open(conf);
	assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	store_block(s, "bad", NEVER, BY(house_time, "root", "spam"), &why);
	store_block(s, "was", NEVER, BY(house_time, "root", "spam"), &why);
	store_close(&s);
	s = store_must_open(conf); /* it learns as it starts */
	store_unblock(s, "was", BY(house_time, "root", ""), &why);
	store_close(&s);
	s = store_must_open(conf);
	store_close(&s);
	redis_kill(&own);
	s = store_must_open(conf); /* nobody tells it */
	assert_int_equal(
	    STORE_OK, store_blocked(s, "bad", house_time, text, &why));
	assert_string_equal("spam", text);
	assert_int_equal(
	    STORE_NONE, store_blocked(s, "good", house_time, text, &why));
	assert_int_equal(
	    STORE_NONE, store_blocked(s, "was", house_time, text, &why));
	assert_int_equal(2, passed_of(10, s, conf)); /* half of five */
	store_close(&s);                             /* it survives a restart */
	s = store_must_open(conf);
	assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	assert_false(fits);
	redis_start(&own, tmpdir, "own", aof);
	wait_for_well(s);
	wait_for_used(s, conf, "five", 3);
	assert_int_equal(2, passed_of(5, s, conf));
	store_close(&s);
	redis_kill(&own);
	remove_aof();
	config_free(&conf);
}

static void
two_servers_in_an_outage_spend_one_limit_together(void **state)
{
	static const char *const aof[] = { "--appendonly", "yes",
		"--appendfsync", "always", NULL };
	struct redis_server own;
	struct config *conf[2];
	struct store *s[2];
	struct store_stats st;

	redis_start(&own, tmpdir, "two", aof);
	conf[0] = config_local(&own, "one");
	conf[1] = config_local(&own, "two");
	for (size_t i = 0; i < 2; i++)
		s[i] = store_must_open(conf[i]);
	store_close(&s[0]); /* as it starts it learns how many there are */
	s[0] = store_must_open(conf[0]);
	redis_kill(&own);
	assert_int_equal(2, passed_of(6, s[0], conf[0]));
	assert_int_equal(2, passed_of(6, s[1], conf[1])); /* of five */
	assert_true(passes_to(10, s[0], conf[0]));
	assert_true(passes_to(10, s[0], conf[0]));
	assert_true(passes_to(11, s[1], conf[1]));
	assert_false(passes_to(12, s[1], conf[1])); /* half of three is one */
	store_stats(s[0], &st);
	assert_false(st.healthy);
	assert_non_null(strstr(st.trouble.text, "on 50% of each limit"));
	redis_start(&own, tmpdir, "two", aof);
	for (size_t i = 0; i < 2; i++)
		wait_for_well(s[i]);
	for (size_t i = 0; i < 2; i++) {
		wait_for_used(s[i], conf[i], "five", 4);
		wait_for_used(s[i], conf[i], "three", 2);
	}
	assert_int_equal(1, passed_of(3, s[0], conf[0]));
	assert_true(passes_to(10, s[1], conf[1]));
	assert_true(passes_to(12, s[1], conf[1]));
	assert_false(passes_to(13, s[0], conf[0]));
	for (size_t i = 0; i < 2; i++) {
		store_close(&s[i]);
		config_free(&conf[i]);
	}
	redis_kill(&own);
	remove_aof();
}

static void
a_reload_can_bring_and_end_a_share(void **state)
{
	struct redis_server own;
	struct config *conf;
	struct store *s;
	struct why why;
	bool fits;

	redis_start(&own, tmpdir, "reload", NULL);
	conf = config_local(&own, "reload");
	conf->on_store_failure = STORE_FAILURE_DEFER;
	conf->store_share = 50;
	s = store_must_open(conf);
	redis_kill(&own);
	assert_true(one_more(s, conf, &why, &fits) != STORE_OK);
	conf->on_store_failure = STORE_FAILURE_LOCAL;
	store_reconfigure(s, conf);
	assert_int_equal(2, passed_of(6, s, conf)); /* half of five */
	conf->store_share = 80;
	store_reconfigure(s, conf);
	assert_int_equal(2, passed_of(6, s, conf)); /* four, less those */
	conf->on_store_failure = STORE_FAILURE_DEFER;
	store_reconfigure(s, conf);
	assert_true(one_more(s, conf, &why, &fits) != STORE_OK);
	store_close(&s);
	config_free(&conf);
}

/* --- TLS, a password, Sentinel ------------------------------------------ */

static ssize_t
password_of_meter(const char *secret, char *dst, size_t size)
{
	assert_string_equal("store", secret);
	return snprintf(dst, size, "opensesame");
}

static ssize_t
another_password(const char *secret, char *dst, size_t size)
{
	return snprintf(dst, size, "guess");
}

/* Does a store at this address answer? */
static bool
answers(const char *address, struct why *why)
{
	struct config *conf = config_redis();
	struct store *s;
	bool fits = false;

	free(conf->store);
	free(conf->store_secret);
	conf->store = strdup(address);
	conf->store_secret = strdup("store");
	s = store_must_open(conf);
	one_more(s, conf, why, &fits);
	store_close(&s);
	config_free(&conf);
	return fits;
}

static void
tls_wants_the_right_name_authority_and_password(void **state)
{
	static char cert[128], key[128], command[512], address[256], port[8];
	const char *more[] = { "--tls-port", port, "--bind", "127.0.0.1",
		"--tls-cert-file", cert, "--tls-key-file", key,
		"--tls-auth-clients", "no", NULL };
	struct redis_server own;
	struct why why;

	snprintf(port, sizeof(port), "%u", redis_free_port());
	snprintf(cert, sizeof(cert), "%s/cert.pem", tmpdir);
	snprintf(key, sizeof(key), "%s/key.pem", tmpdir);
	snprintf(command, sizeof(command),
	    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=x "
	    "-addext subjectAltName=DNS:localhost -keyout %s -out %s "
	    "2>/dev/null",
	    key, cert);
	if (system(command) != 0)
		skip();
	redis_start(&own, tmpdir, "tls", more);
	assert_true(
	    redis_tell(&own, "ACL SETUSER meter on >opensesame ~* &* +@all"));
	contract_env.password = password_of_meter;
	snprintf(address, sizeof(address),
	    "rediss://meter@localhost:%s/1?ca=%s", port, cert);
	assert_true(answers(address, &why));
	contract_env.password = another_password;
	assert_false(answers(address, &why));
	contract_env.password = password_of_meter;
	snprintf(address, sizeof(address),
	    "rediss://meter@127.0.0.1:%s/1?ca=%s", port, cert);
	assert_false(answers(address, &why));
	assert_non_null(strstr(why.text, "mismatch"));
	snprintf(address, sizeof(address), "rediss://meter@localhost:%s", port);
	assert_false(answers(address, &why));
	redis_kill(&own);
}

static void
write_sentinel(const char *path, const char *port, const char *master)
{
	FILE *f = fopen(path, "w");

	if (f == NULL)
		abort();
	fprintf(f,
	    "port %s\nbind 127.0.0.1\ndir %s\nlogfile sentinel.log\n"
	    "requirepass opensesame\n"
	    "sentinel monitor office 127.0.0.1 %s 1\n"
	    "sentinel auth-pass office opensesame\n"
	    "sentinel down-after-milliseconds office 300\n"
	    "sentinel failover-timeout office 3000\n",
	    port, tmpdir, master);
	fclose(f);
}

/* Until the server at port, asked so, says what, or a number above 0. */
static void
wait_for_word(const char *port, const char *question, const char *what)
{
	const struct timespec pause = { .tv_nsec = 50000000 };
	redisContext *c = redisConnect("127.0.0.1", atoi(port));
	bool said = false;

	assert_true(c != NULL && c->err == 0);
	freeReplyObject(redisCommand(c, "AUTH opensesame"));
	for (int i = 0; i < 1200 && !said; i++) {
		redisReply *r = redisCommand(c, question);

		for (size_t k = 0; r != NULL && k + 1 < r->elements; k++)
			said |= strcmp(r->element[k]->str, what) == 0 &&
				strcmp(r->element[k + 1]->str, "1") == 0;
		said |= r != NULL && r->type == REDIS_REPLY_STRING &&
			strstr(r->str, what) != NULL;
		said |= r != NULL && r->type == REDIS_REPLY_INTEGER &&
			r->integer > 0;
		freeReplyObject(r);
		nanosleep(&pause, NULL);
	}
	redisFree(c);
	assert_true(said);
}

static void
a_failover_of_sentinel_is_followed(void **state)
{
	static char port[3][8], path[128];
	const char *first_args[] = { "--port", port[0], "--bind", "127.0.0.1",
		"--repl-diskless-sync-delay", "0", "--requirepass",
		"opensesame", NULL };
	const char *second_args[] = { "--port", port[1], "--bind", "127.0.0.1",
		"--replicaof", "127.0.0.1", port[0], "--masterauth",
		"opensesame", "--requirepass", "opensesame", NULL };
	const char *sentinel_argv[] = { "redis-server", path, "--sentinel",
		NULL };
	const struct timespec pause = { .tv_nsec = 50000000 };
	struct redis_server first, second, sentinel = { .pid = 0 };
	volatile int64_t *own_clock = redis_clock;
	struct config *conf = config_redis();
	struct why why;
	struct store *s;
	size_t accepted = 0, lost = 0;
	bool fits, full = false;

	for (int i = 0; i < 3; i++)
		snprintf(port[i], sizeof(port[i]), "%u", redis_free_port());
	snprintf(path, sizeof(path), "%s/sentinel.conf", tmpdir);
	redis_clock = NULL; /* Sentinel measures time */
	redis_start(&first, tmpdir, "first", first_args);
	redis_start(&second, tmpdir, "second", second_args);
	write_sentinel(path, port[2], port[0]);
	sentinel.pid = redis_spawn(sentinel_argv);
	free(conf->store);
	free(conf->store_secret);
	conf->store_secret = strdup("store");
	contract_env.password = password_of_meter;
	if (asprintf(&conf->store, "redis+sentinel://127.0.0.1:%s/office",
		port[2]) == -1)
		abort();
	s = store_must_open(conf);
	wait_for_well(s);
	for (int i = 0; i < 3; i++)
		assert_int_equal(STORE_OK, one_more(s, conf, &why, &fits));
	wait_for_word(port[1], "INFO", "master_link_status:up");
	wait_for_word(port[2], "SENTINEL MASTER office", "num-slaves");
	wait_for_word(port[0], "WAIT 1 1000", "");
	redis_kill(&first);
	/* An answer that was lost on the way may have been a charge. */
	for (int i = 0; i < 1200 && !full; i++) {
		enum store_answer a = one_more(s, conf, &why, &fits);

		accepted += fits;
		full = a == STORE_OK && !fits;
		lost += a == STORE_UNCERTAIN;
		if (a != STORE_OK)
			nanosleep(&pause, NULL);
	}
	assert_true(full);
	assert_true(accepted <= 2);
	assert_true(accepted + lost >= 2);
	store_close(&s);
	redis_kill(&second);
	redis_kill(&sentinel);
	redis_clock = own_clock;
	config_free(&conf);
}

/* --- where it is -------------------------------------------------------- */

static void
an_address_is_taken_apart(void **state)
{
	struct redis_url w;
	struct why why;

	assert_int_equal(
	    0, redis_url_parse("redis://meter@[::1]:7000/3", &w, &why));
	assert_string_equal("meter", w.user);
	assert_string_equal("::1", w.host[0].name);
	assert_string_equal("7000", w.host[0].port);
	assert_int_equal(3, w.db);
	assert_false(w.tls);
	assert_int_equal(
	    0, redis_url_parse("rediss://r.example?ca=/etc/ca.pem", &w, &why));
	assert_true(w.tls);
	assert_string_equal("6379", w.host[0].port);
	assert_string_equal("/etc/ca.pem", w.ca);
	assert_int_equal(0,
	    redis_url_parse("redis+sentinel://a,b:1,c/master?db=2", &w, &why));
	assert_int_equal(3, w.nhost);
	assert_string_equal("26379", w.host[2].port);
	assert_string_equal("master", w.master);
	assert_int_equal(2, w.db);
}

static void
a_wrong_address_is_told_what_would_be_right(void **state)
{
	static const char *const wrong[] = { "redis:", "redis://",
		"redis://a:b@h", "redis://h:0", "redis://h:70000",
		"redis://h/x", "redis://h?db=", "redis://h?ca=/x",
		"redis://h,i", "redis+unix://s", "redis+unix:///s?tls=1",
		"redis+sentinel://h", "redis://[::1", "redis://@h" };
	struct redis_url w;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct why why = WHY_NONE;

		if (redis_url_parse(wrong[i], &w, &why) == 0)
			fail_msg("%s", wrong[i]);
		assert_true(why.text[0] != '\0');
	}
}

int
main(void)
{
	const struct CMUnitTest own[] = {
		cmocka_unit_test(an_address_is_taken_apart),
		cmocka_unit_test(a_wrong_address_is_told_what_would_be_right),
		cmocka_unit_test(two_daemons_spend_one_limit),
		cmocka_unit_test(of_two_daemons_one_settles_a_lease),
		cmocka_unit_test(
		    what_is_done_on_one_server_is_true_on_the_other),
		cmocka_unit_test(a_server_that_forgot_the_script_is_told_again),
		cmocka_unit_test(a_replica_or_a_full_server_changes_nothing),
		cmocka_unit_test(
		    a_silent_server_is_given_up_and_what_it_heard_counts),
		cmocka_unit_test(
		    a_server_that_would_forget_is_refused_at_the_start),
		cmocka_unit_test(
		    a_server_that_is_ahead_for_a_moment_frees_nothing),
		cmocka_unit_test(
		    a_clock_that_stays_ahead_is_believed_and_never_goes_back),
		cmocka_unit_test(
		    a_clock_that_was_a_year_ahead_shuts_nothing_for_a_year),
		cmocka_unit_test(what_matters_no_more_leaves_the_server),
		cmocka_unit_test(
		    an_answer_lost_with_its_connection_is_had_all_the_same),
		cmocka_unit_test(who_is_far_away_is_not_starved_by_who_is_near),
		cmocka_unit_test(
		    who_has_the_turn_is_waited_for_but_not_for_ever),
		cmocka_unit_test(a_cluster_is_refused_at_the_start),
		cmocka_unit_test(
		    tls_wants_the_right_name_authority_and_password),
		cmocka_unit_test(a_failover_of_sentinel_is_followed),
		cmocka_unit_test(
		    a_block_on_one_server_holds_on_the_other_and_in_an_outage),
		cmocka_unit_test(
		    an_outage_goes_on_with_a_share_and_is_told_afterwards),
		cmocka_unit_test(
		    two_servers_in_an_outage_spend_one_limit_together),
		cmocka_unit_test(a_reload_can_bring_and_end_a_share),
	};
	static const struct store_maker maker = { "redis", true, config_redis };
	int rc = 0;

	if (!redis_is_installed()) {
		printf("redis-server is not installed: nothing tested\n");
		return 0;
	}
	log_open("test", LOG_LEVEL_ERROR);
	contract_env.timeout = 60000; /* this machine may be busy */
	tmpdir_make();
	redis_own_clock(tmpdir, MONDAY);
	redis_start(&server, tmpdir, "redis", NULL);
	rc |= store_contract_run(&maker);
	rc |= cmocka_run_group_tests_name("redis, alone", own, NULL, NULL);
	redis_kill(&server);
	tmpdir_remove();
	return rc;
}
