/*
 * test_socketmap.c - two doors that answer everybody and wait for nobody.
 *
 * Real rules, routes and secrets.  The store's functions are defined here, so
 * the real ones stay out; the clock stands still until it is moved.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "credentials.h"
#include "house.h"
#include "log.h"
#include "netstring.h"
#include "random.h"
#include "socketmap.h"
#include "store_fail.h"
#include "unix_socket.h"

/* --- the store and the log ----------------------------------------------- */

static struct store_fail fail; /* knows of no binding, or could not know */

static atomic_int lines; /* logged */

static void hush(const char *fmt, va_list ap)
    __attribute__((format(printf, 1, 0)));

static void
hush(const char *fmt, va_list ap)
{
	char line[512];

	vsnprintf(line, sizeof(line), fmt, ap);
	if (strstr(line, "canary") != NULL)
		abort(); /* a secret in the log */
	lines++;
}

#define HUSHED(function)                                                       \
	void function(const char *fmt, ...)                                    \
	{                                                                      \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, fmt);                                             \
		hush(fmt, ap);                                                 \
		va_end(ap);                                                    \
	}

void
log_open(const char *program, enum log_level level)
{
}
HUSHED(log_error)
HUSHED(log_warn)
HUSHED(log_info)
HUSHED(log_debug)

/* --- a house with two doors ---------------------------------------------- */

#define OFFICE                                                                 \
	"smarthost \"workspace\" { host = \"smtp.gmail.com\"\n"                \
	"    username = \"office@office.example\" secret = \"w\" }\n"          \
	"smarthost \"open\" { host = \"in.office.example\" port = 25 }\n"      \
	"route \"office\" { smarthosts = {\"workspace\"} }\n"                  \
	"route \"in\" { smarthosts = {\"open\"} }\n"                           \
	"rule \"null\" { sender = {\"<>\"} route = \"in\" }\n"                 \
	"rule \"boss\" { sender = {\"ceo@office.example\"} }\n"                \
	"rule \"all\" { sender = {\"@office.example\"} route = "               \
	"\"office\" }\n"

static char dir[64];
static struct unix_socket map_ep, auth_ep;
static struct socketmap_server *server;
static struct rlimit files; /* as it was */

static void
publish(const char *peer)
{
	char text[2048];

	snprintf(text, sizeof(text), "auth-peers = {\"%s\"}\n%s", peer, OFFICE);
	snapshot_publish(house_config(text));
}

static void
publish_secrets(void)
{
	char path[96];
	FILE *f;

	snprintf(path, sizeof(path), "%s/secrets", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs("secret \"w\" { password = \"canary w:1\" }\n", f);
	fclose(f);
	assert_int_equal(chmod(path, 0600), 0);
	credentials_publish(secrets_load(path, getuid(), getgid(), stderr));
	unlink(path);
}

static const char *
me(void)
{
	const struct passwd *pw = getpwuid(getuid());

	return pw != NULL && pw->pw_uid != 65534 ? pw->pw_name : NULL;
}

static int
setup(void **state)
{
	struct unix_socket_owner us = { getuid(), getgid(), false };
	struct why why;
	bool live;
	int map, auth;

	getrlimit(RLIMIT_NOFILE, &files);
	snprintf(dir, sizeof(dir), "/tmp/pm-map-XXXXXX");
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(map_ep.path, sizeof(map_ep.path), "%s/map", dir);
	snprintf(auth_ep.path, sizeof(auth_ep.path), "%s/auth", dir);
	house_time = MONDAY;
	store_fail_init(&fail, STORE_FAILED);
	fail.knows_bindings = true;
	lines = 0;
	publish(me() != NULL ? me() : "root");
	publish_secrets();
	map = unix_socket_listen(&map_ep, &us, &live, &why);
	auth = unix_socket_listen(&auth_ep, &us, &live, &why);
	server =
	    socketmap_start(map, auth, &(struct desk){ .store = &fail.store });
	return server == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	setrlimit(RLIMIT_NOFILE, &files);
	if (server != NULL)
		socketmap_stop(&server);
	assert_int_equal(fail.asked, 0); /* a lookup never charges */
	credentials_publish(NULL);
	unlink(map_ep.path);
	unlink(auth_ep.path);
	return rmdir(dir);
}

static int
drop_config(void **state)
{
	const struct config *last = snapshot_hold(), *again = last;

	snapshot_release(&last);
	snapshot_release(&again);
	return 0;
}

static int
enter(const struct unix_socket *door)
{
	/* A test that hangs says so instead. */
	struct timeval patience = { .tv_sec = 60 };
	int fd = unix_socket_connect(door);

	assert_int_not_equal(fd, -1);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			     sizeof(patience)),
	    0);
	return fd;
}

/* say - false if the server has hung up */
static bool
say(int fd, const char *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n == -1)
			return false;
		bytes += n;
		len -= (size_t)n;
	}
	return true;
}

static void
request(int fd, const char *text)
{
	char buf[1024];
	size_t n = netstring_put(buf, sizeof(buf), text, strlen(text));

	assert_true(n > 0);
	assert_true(say(fd, buf, n));
}

/* next - the next answer, byte by byte; NULL if the server has hung up */
static const char *
next(int fd)
{
	static char buf[NETSTRING_MAX + 32];
	struct bytes s;
	size_t len = 0;

	do {
		ssize_t n = recv(fd, buf + len, 1, 0);

		if (n == -1 && errno != ECONNRESET)
			fail_msg("no answer: %s", strerror(errno));
		if (n <= 0)
			return NULL;
		len++;
	} while (netstring_take(buf, len, &s) == 0);
	buf[len - 1] = '\0';
	return s.p;
}

static void
hears(int fd, const char *text, const char *want)
{
	const char *got;

	request(fd, text);
	got = next(fd);
	if (got == NULL || strcmp(got, want) != 0)
		fail_msg("%s: want \"%s\", got \"%s\"", text, want,
		    got != NULL ? got : "(hung up)");
}

static void
hears_temp(int fd, const char *text)
{
	const char *got;

	request(fd, text);
	got = next(fd);
	if (got == NULL || strncmp(got, "TEMP ", 5) != 0 || got[5] == '\0')
		fail_msg("%s: want TEMP and words, got \"%s\"", text,
		    got != NULL ? got : "(hung up)");
}

/* wake - the server looks at all its peers once more */
static void
wake(void)
{
	int fd = enter(&map_ep);

	hears(fd, "transport @x.test", "NOTFOUND ");
	hears(fd, "transport @x.test", "NOTFOUND ");
	close(fd);
}

static bool
hung_up(int fd)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, 0);

	return n == 0 || (n == -1 && errno == ECONNRESET);
}

/* The server may take a moment to see a change: as often as it likes. */
static bool
still_there(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

#define OFFICE_ROUTE "OK smarthost-workspace:[smtp.gmail.com]:587"

/* --- requests ------------------------------------------------------------ */

static void
a_request_is_split_at_its_first_blank(void **state)
{
	struct bytes map, key;

#define SPLIT(text)                                                            \
	socketmap_split((struct bytes){ text, sizeof(text) - 1 }, &map, &key)
	assert_true(SPLIT("transport a b@x.test"));
	assert_int_equal(map.len, 9);
	assert_int_equal(key.len, 10);
	assert_memory_equal(key.p, "a b@x.test", 10);
	assert_true(SPLIT("m "));
	assert_int_equal(key.len, 0);
	assert_true(SPLIT("m  k"));
	assert_int_equal(key.len, 2);
	assert_false(SPLIT(""));
	assert_false(SPLIT("m"));
	assert_false(SPLIT(" k"));
	assert_false(SPLIT("m\tk"));
	assert_false(socketmap_split((struct bytes){ NULL, 0 }, &map, &key));
}

static void
a_sender_is_told_his_route(void **state)
{
	int fd = enter(&map_ep);

	hears(fd, "transport al@office.example", OFFICE_ROUTE);
	hears(fd, "transport AL+tag@OFFICE.example.", OFFICE_ROUTE);
	hears(fd, "transport \"a l\"@office.example", OFFICE_ROUTE);
	hears(fd, "transport <>", "OK smarthost-open:[in.office.example]:25");
	hears(fd, "transport ceo@office.example", "NOTFOUND ");
	hears(fd, "transport \"ceo\"@office.example", "NOTFOUND ");
	hears(fd, "transport al@elsewhere.example", "NOTFOUND ");
	close(fd);
}

/* Postfix asks for it after NOTFOUND: the boss must not get a route so. */
static void
a_domain_alone_has_no_route(void **state)
{
	int fd = enter(&map_ep);

	hears(fd, "transport @office.example", "NOTFOUND ");
	hears(fd, "transport @", "NOTFOUND ");
	close(fd);
}

static void
what_cannot_be_known_is_temporary(void **state)
{
	int fd = enter(&map_ep);

	hears_temp(fd, "no-such-map al@office.example");
	hears_temp(fd, "transpor al@office.example");
	hears_temp(fd, "transport2 al@office.example");
	hears_temp(fd, "TRANSPORT al@office.example");
	hears_temp(fd, "workspace [smtp.gmail.com]:587");
	hears_temp(fd, "transport");
	hears_temp(fd, "");
	hears_temp(fd, " al@office.example");
	fail.knows_bindings = false;
	hears(fd, "transport al@office.example", "TEMP the disk is full");
	fail.knows_bindings = true;
	hears(fd, "transport al@office.example", OFFICE_ROUTE);
	close(fd);
}

static void
a_reload_answers_the_next_request(void **state)
{
	int fd = enter(&map_ep);

	hears(fd, "transport al@office.example", OFFICE_ROUTE);
	snapshot_publish(house_config("rule \"r\" { }\n"));
	hears(fd, "transport al@office.example", "NOTFOUND ");
	close(fd);
}

/* --- bytes --------------------------------------------------------------- */

static void
pipelined_requests_are_answered_in_order(void **state)
{
	static char all[100000];
	int fd = enter(&map_ep);
	size_t len = 0;

	for (int i = 0; i < 500; i++) {
		const char *text = i % 3 == 0   ? "transport a@office.example"
				   : i % 3 == 1 ? "transport @x.test"
						: "transport <>";

		len += netstring_put(
		    all + len, sizeof(all) - len, text, strlen(text));
	}
	assert_true(say(fd, all, len));
	for (int i = 0; i < 500; i++)
		assert_string_equal(next(fd),
		    i % 3 == 0   ? OFFICE_ROUTE
		    : i % 3 == 1 ? "NOTFOUND "
				 : "OK smarthost-open:[in.office.example]:25");
	close(fd);
}

static void
a_request_may_come_byte_by_byte(void **state)
{
	static const char text[] = "27:transport al@office.example,";
	int fd = enter(&map_ep);

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		assert_true(say(fd, text + i, 1));
		if (i % 8 == 0)
			wake();
	}
	assert_string_equal(next(fd), OFFICE_ROUTE);
	close(fd);
}

static void
the_longest_request_is_answered_and_a_longer_one_is_not(void **state)
{
	static char text[NETSTRING_MAX + 1], buf[NETSTRING_MAX + 32];
	int fd = enter(&map_ep);
	size_t n;

	memset(text, 'a', sizeof(text));
	memcpy(text, "transport ", 10);
	n = netstring_put(buf, sizeof(buf), text, NETSTRING_MAX);
	assert_true(say(fd, buf, n));
	assert_string_equal(next(fd), "NOTFOUND ");
	assert_true(say(fd, "16385:", 6));
	assert_true(hung_up(fd));
	close(fd);
}

static void
nonsense_is_hung_up_on(void **state)
{
	static const char *const t[] = { "x", "01:", "1;", ":", "1:ab",
		"GET " };
	int good = enter(&map_ep);

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++) {
		int fd = enter(&map_ep);

		(void)say(fd, t[i], strlen(t[i]));
		assert_true(hung_up(fd));
		close(fd);
	}
	hears(good, "transport al@office.example", OFFICE_ROUTE);
	close(good);
}

static void
what_came_before_nonsense_is_answered(void **state)
{
	int fd = enter(&map_ep);

	assert_true(say(fd, "17:transport @x.test,x", 22));
	assert_string_equal(next(fd), "NOTFOUND ");
	assert_null(next(fd));
	close(fd);
}

static void
a_hundred_thousand_random_packets_leave_it_answering(void **state)
{
	static const char *const part[] = { "17:transport @x.test,", "3:a b,",
		"0:,", "1", "0", "9", ":", ",", " ", "transport ", "\n",
		"16384:", "5:" };
	uint64_t seed = random_seed("socketmap", 1);
	int good = enter(&map_ep), fd = -1;

	for (size_t n = random_rounds(100000); n > 0; n--) {
		char packet[64], sink[4096];
		size_t len = 0;

		for (size_t i = random_below(&seed, 3) + 1; i > 0; i--) {
			const char *s = part[random_below(&seed, 13)];
			char odd = (char)random_next(&seed);
			bool noise = random_percent(&seed, 20);

			memcpy(packet + len, noise ? &odd : s,
			    noise ? 1 : strlen(s));
			len += noise ? 1 : strlen(s);
		}
		if (fd == -1)
			fd = enter(
			    random_percent(&seed, 50) ? &map_ep : &auth_ep);
		if (!say(fd, packet, len) ||
		    recv(fd, sink, sizeof(sink), MSG_DONTWAIT) == 0) {
			close(fd);
			fd = -1;
		}
	}
	if (fd != -1)
		close(fd);
	hears(good, "transport al@office.example", OFFICE_ROUTE);
	close(good);
}

/* --- time ---------------------------------------------------------------- */

static void
half_a_request_has_five_seconds(void **state)
{
	int fd = enter(&map_ep), idle = enter(&map_ep);

	wake();
	assert_true(say(fd, "17:trans", 8));
	wake();
	house_time += 5 * SECOND;
	assert_true(say(fd, "p", 1)); /* a drop now and then wins no time */
	wake();
	assert_true(still_there(fd));
	house_time += 1;
	wake();
	assert_true(hung_up(fd));
	assert_true(still_there(idle));
	close(fd);
	close(idle);
}

static void
an_idle_peer_has_an_hour(void **state)
{
	int fd = enter(&map_ep), other = enter(&map_ep);

	hears(fd, "transport @x.test", "NOTFOUND ");
	hears(other, "transport @x.test", "NOTFOUND ");
	wake(); /* both are idle since then, not later */
	house_time += HOUR;
	wake();
	hears(fd, "transport @x.test", "NOTFOUND ");
	assert_true(still_there(other));
	house_time += 1;
	wake();
	assert_true(hung_up(other));
	hears(fd, "transport @x.test", "NOTFOUND ");
	close(fd);
	close(other);
}

static void
a_peer_that_never_reads_costs_only_itself(void **state)
{
	static const char ask[] = "17:transport @x.test,";
	int deaf = enter(&map_ep), good = enter(&map_ep);
	size_t asked = 0, answered = 0;

	assert_int_equal(fcntl(deaf, F_SETFL, O_NONBLOCK), 0);
	/* It has its turn each time: what it asked may take many of them. */
	for (int quiet = 0; quiet < 1000; quiet++) {
		while (send(deaf, ask, sizeof(ask) - 1, MSG_NOSIGNAL) ==
		       sizeof(ask) - 1) {
			asked++;
			quiet = 0;
		}
		hears(good, "transport al@office.example", OFFICE_ROUTE);
	}
	house_time += 5 * SECOND + 1;
	wake();
	assert_int_equal(fcntl(deaf, F_SETFL, 0), 0);
	while (next(deaf) != NULL)
		answered++;
	assert_true(answered > 0 && answered < asked);
	hears(good, "transport al@office.example", OFFICE_ROUTE);
	close(deaf);
	close(good);
}

/* Questions of many@ and one@, as they come to the store. */
static atomic_int of_many, before_one;
static sem_t go_on;

static enum store_answer
asked_in_order(struct store *st, const char *bound, int64_t now,
    char *smarthost_r, struct why *why)
{
	if (strncmp(bound, "one@", 4) == 0)
		before_one = of_many;
	else if (atomic_fetch_add(&of_many, 1) == 0)
		sem_wait(&go_on);
	return STORE_NONE;
}

static void
who_asks_much_at_once_has_a_turn_and_no_more(void **state)
{
	enum { MANY = 200 };
	static const char text[] = "29:transport many@office.example,";
	static char all[MANY * sizeof(text)];
	const struct timespec pause = { .tv_nsec = 1000000 };
	const struct store_backend *backend = fail.store.backend;
	struct store_backend watched = *backend;
	int many = enter(&map_ep), one = enter(&map_ep);

	hears(many, "transport @x.test", "NOTFOUND ");
	hears(one, "transport @x.test", "NOTFOUND ");
	for (size_t i = 0; i < MANY; i++)
		memcpy(all + i * (sizeof(text) - 1), text, sizeof(text) - 1);
	sem_init(&go_on, 0, 0);
	of_many = before_one = 0;
	watched.bound = asked_in_order;
	fail.store.backend = &watched;
	assert_true(say(many, all, MANY * (sizeof(text) - 1)));
	while (of_many == 0)
		nanosleep(&pause, NULL);
	request(one, "transport one@office.example");
	sem_post(&go_on);
	assert_string_equal(OFFICE_ROUTE, next(one));
	assert_in_range(before_one, 1, MANY / 4);
	for (size_t i = 0; i < MANY; i++)
		assert_string_equal(OFFICE_ROUTE, next(many));
	fail.store.backend = backend;
	sem_destroy(&go_on);
	close(many);
	close(one);
}

static void
the_longest_idle_makes_place_for_a_new_one(void **state)
{
	enum { PEERS = 512 }; /* of one door: half of all */
	static int fd[PEERS];
	struct rlimit more = files;
	int extra, other;

	more.rlim_cur = 4 * PEERS + 64;
	if (more.rlim_max < more.rlim_cur ||
	    setrlimit(RLIMIT_NOFILE, &more) == -1)
		skip();
	other = enter(&auth_ep);
	hears(other, "open [in.office.example]:25", "NOTFOUND ");
	for (int i = 0; i < PEERS; i++) {
		house_time += 1;
		fd[i] = enter(&map_ep);
		hears(fd[i], "transport @x.test", "NOTFOUND ");
	}
	hears(fd[0], "transport @x.test", "NOTFOUND ");
	extra = enter(&map_ep);
	hears(extra, "transport @x.test", "NOTFOUND ");
	assert_true(hung_up(fd[1]));
	for (int i = 0; i < PEERS; i++) {
		if (i != 1)
			assert_true(still_there(fd[i]));
		close(fd[i]);
	}
	/* A crowd at one door takes nobody's place at the other. */
	assert_true(still_there(other));
	close(other);
	close(extra);
}

/* Valgrind plays the kernel here, and hangs up on whom it cannot let in. */
static bool
kernel_allows(rlim_t files_open)
{
	FILE *f = fopen("/proc/self/limits", "r");
	unsigned long long n = 0;
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "Max open files %llu", &n);
	if (f != NULL)
		fclose(f);
	return n == files_open;
}

static void
out_of_descriptors_it_listens_again_soon(void **state)
{
	int good = enter(&map_ep), probe, late;
	struct rlimit less = files;

	hears(good, "transport @x.test", "NOTFOUND ");
	probe = open("/dev/null", O_RDONLY);
	less.rlim_cur = (rlim_t)probe + 1; /* room for our end only */
	close(probe);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &less), 0);
	if (!kernel_allows(less.rlim_cur)) {
		close(good);
		skip();
	}
	late = enter(&map_ep);
	request(late, "transport al@office.example");
	hears(good, "transport @x.test", "NOTFOUND ");
	hears(good, "transport @x.test", "NOTFOUND ");
	assert_true(still_there(late));
	setrlimit(RLIMIT_NOFILE, &files);
	house_time += 100;
	assert_string_equal(next(late), OFFICE_ROUTE);
	close(late);
	close(good);
}

static void
what_was_asked_is_answered_before_the_end(void **state)
{
	int fd = enter(&map_ep);

	hears(fd, "transport @x.test", "NOTFOUND ");
	request(fd, "transport al@office.example");
	socketmap_stop(&server);
	assert_null(server);
	assert_string_equal(next(fd), OFFICE_ROUTE);
	assert_null(next(fd));
	close(fd);
}

/* --- keys ---------------------------------------------------------------- */

#define KEY "workspace [smtp.gmail.com]:587"
#define SECRET "OK office@office.example:canary w:1"

static void
an_allowed_peer_gets_the_key_of_a_nexthop(void **state)
{
	int fd;

	if (me() == NULL)
		skip();
	fd = enter(&auth_ep);
	hears(fd, KEY, SECRET);
	hears(fd, "workspace smtp.gmail.com", "NOTFOUND ");
	hears(fd, "workspace al@office.example", "NOTFOUND ");
	hears(fd, "open [in.office.example]:25", "NOTFOUND ");
	/* Another server would get the mail without a login: it waits. */
	hears_temp(fd, "workspace [smtp.gmail.com]:588");
	hears_temp(fd, "workspace [smtp.gmail.com]:587 ");
	hears_temp(fd, "workspace fallback.test:25");
	hears(fd, KEY, SECRET);
	close(fd);
}

static void
a_key_that_cannot_be_known_is_temporary(void **state)
{
	char request_with_nul[] = "16:workspace [smtp\0,";
	int fd;

	if (me() == NULL)
		skip();
	fd = enter(&auth_ep);
	hears_temp(fd, "no-such-smarthost [smtp.gmail.com]:587");
	hears_temp(fd, "transport al@office.example");
	hears_temp(fd, "workspace");
	assert_true(say(fd, request_with_nul, sizeof(request_with_nul) - 1));
	assert_int_equal(strncmp(next(fd), "TEMP ", 5), 0);
	credentials_publish(NULL);
	hears_temp(fd, KEY);
	close(fd);
}

static void
the_map_door_has_no_keys(void **state)
{
	int fd = enter(&map_ep);

	hears_temp(fd, KEY);
	close(fd);
}

static void
a_foreign_user_is_hung_up_on_without_a_byte(void **state)
{
	publish("no-such-user");
	for (int i = 0; i < 20; i++) {
		int fd = enter(&auth_ep);

		(void)say(fd, "30:" KEY ",", sizeof("30:" KEY ",") - 1);
		assert_true(hung_up(fd));
		close(fd);
	}
	assert_int_equal(lines, 1);
	house_time += MINUTE;
	close(enter(&auth_ep));
	wake();
	assert_int_equal(lines, 2);
}

/* What it may take is the gate's to say, by its lease. */
static void
a_process_that_delivers_fast_is_answered_each_time(void **state)
{
	int fd;

	if (me() == NULL)
		skip();
	fd = enter(&auth_ep);
	for (int i = 0; i < 1000; i++)
		hears(fd, KEY, SECRET);
	assert_int_equal(lines, 0);
	close(fd);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_is_split_at_its_first_blank),
		T(a_sender_is_told_his_route),
		T(a_domain_alone_has_no_route),
		T(what_cannot_be_known_is_temporary),
		T(a_reload_answers_the_next_request),
		T(pipelined_requests_are_answered_in_order),
		T(a_request_may_come_byte_by_byte),
		T(the_longest_request_is_answered_and_a_longer_one_is_not),
		T(nonsense_is_hung_up_on),
		T(what_came_before_nonsense_is_answered),
		T(a_hundred_thousand_random_packets_leave_it_answering),
		T(half_a_request_has_five_seconds),
		T(an_idle_peer_has_an_hour),
		T(a_peer_that_never_reads_costs_only_itself),
		T(who_asks_much_at_once_has_a_turn_and_no_more),
		T(the_longest_idle_makes_place_for_a_new_one),
		T(out_of_descriptors_it_listens_again_soon),
		T(what_was_asked_is_answered_before_the_end),
		T(an_allowed_peer_gets_the_key_of_a_nexthop),
		T(a_key_that_cannot_be_known_is_temporary),
		T(the_map_door_has_no_keys),
		T(a_foreign_user_is_hung_up_on_without_a_byte),
		T(a_process_that_delivers_fast_is_answered_each_time),
	};

	return cmocka_run_group_tests_name(
	    "socketmap", tests, NULL, drop_config);
}
