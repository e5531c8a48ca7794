/*
 * test_unix_socket.c - a socket where nobody else could have put one.
 *
 * Runs as any user; what only root can set up is left out for others.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "unix_socket.h"

static char base[] = "/tmp/pm-ep-XXXXXX"; /* ours, 0700, in a sticky one */
static struct unix_socket_owner us;
static struct why why;
static bool live;

static int
remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)chmod(path, 0700);
	return remove(path);
}

static int
setup(void **state)
{
	strcpy(base, "/tmp/pm-ep-XXXXXX");
	us = (struct unix_socket_owner){ getuid(), getgid(), false };
	why.text[0] = '\0';
	live = false;
	return mkdtemp(base) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	return nftw(base, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const char *
below(const char *name)
{
	static char path[8][256];
	static int i;

	i = (i + 1) % 8;
	snprintf(path[i], sizeof(path[i]), "%s/%s", base, name);
	return path[i];
}

static struct unix_socket
at(const char *name)
{
	struct unix_socket ep;

	snprintf(ep.path, sizeof(ep.path), "%s", below(name));
	return ep;
}

static void
directory(const char *name, mode_t mode)
{
	assert_int_equal(mkdir(below(name), 0700), 0);
	assert_int_equal(chmod(below(name), mode), 0);
}

static int
prepare(const char *name)
{
	struct unix_socket ep = at(name);

	why.text[0] = '\0';
	return unix_socket_prepare(&ep, &us, &live, &why);
}

static void
refused(const char *name, const char *because)
{
	assert_int_equal(prepare(name), -1);
	if (strstr(why.text, because) == NULL || strstr(why.text, base) == NULL)
		fail_msg(
		    "want \"%s\" of %s, got \"%s\"", because, base, why.text);
}

/* A socket of some type, bound at name. */
static int
bound(const char *name, int type)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", below(name));
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	return fd;
}

static bool
exists(const char *name)
{
	struct stat st;

	return lstat(below(name), &st) == 0;
}

static void
an_address_is_parsed_or_says_what_would_be_right(void **state)
{
	static const char *const bad[] = { "", "unix:", "unix:x", "inet:25",
		"/run/x.sock", "unix:/", "unix:/run/", "UNIX:/run/x",
		"local:x" };
	struct unix_socket ep;
	struct why reason;
	char raw[128] = "unix:/";

	assert_int_equal(
	    unix_socket_parse("unix:/run/x.sock", &ep, &reason), 0);
	assert_string_equal(ep.path, "/run/x.sock");
	assert_int_equal(unix_socket_parse("local:/run/y", &ep, &reason), 0);
	assert_string_equal(ep.path, "/run/y");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		reason = WHY_NONE;
		assert_int_equal(unix_socket_parse(bad[i], &ep, &reason), -1);
		assert_true(reason.text[0] != '\0');
	}
	memset(raw + 6, 'a', ENDPOINT_PATH_MAX - 1);
	assert_int_equal(unix_socket_parse(raw, &ep, &reason), 0);
	assert_int_equal(strlen(ep.path), ENDPOINT_PATH_MAX);
	raw[strlen(raw)] = 'a';
	assert_int_equal(unix_socket_parse(raw, &ep, &reason), -1);
}

static void
a_listener_makes_its_directory_and_lets_its_group_in(void **state)
{
	struct unix_socket ep = at("new/x.sock");
	mode_t mask = umask(022);
	int fd, client, server;
	struct stat st;
	uid_t uid;
	pid_t pid;

	fd = unix_socket_listen(&ep, &us, &live, &why);
	assert_int_not_equal(fd, -1);
	assert_int_equal(umask(mask), 022);
	assert_int_equal(stat(below("new"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(lstat(ep.path, &st), 0);
	assert_true(S_ISSOCK(st.st_mode));
	assert_int_equal(st.st_mode & 07777, 0660);
	assert_int_equal(st.st_uid, us.uid);
	assert_int_equal(st.st_gid, us.gid);
	assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(accept(fd, NULL, NULL), -1);
	assert_int_equal(errno, EAGAIN);

	client = unix_socket_connect(&ep);
	assert_int_not_equal(client, -1);
	assert_false(fcntl(client, F_GETFL) & O_NONBLOCK);
	assert_true(fcntl(client, F_GETFD) & FD_CLOEXEC);
	server = accept(fd, NULL, NULL);
	assert_int_equal(unix_socket_peer(server, &uid, &pid), 0);
	assert_int_equal(uid, getuid());
	assert_int_equal(pid, getpid());
	close(client);
	close(server);
	close(fd);
}

static void
no_socket_has_no_peer(void **state)
{
	int fd = open("/dev/null", O_RDONLY);
	uid_t uid;
	pid_t pid;

	assert_int_equal(unix_socket_peer(fd, &uid, &pid), -1);
	close(fd);
}

static void
a_client_of_nobody_gets_an_error(void **state)
{
	struct unix_socket ep = at("x.sock");

	assert_int_equal(unix_socket_connect(&ep), -1);
	assert_int_equal(errno, ENOENT);
	close(bound("x.sock", SOCK_STREAM));
	assert_int_equal(unix_socket_connect(&ep), -1);
	assert_int_equal(errno, ECONNREFUSED);
}

static void
a_dead_socket_of_ours_is_replaced(void **state)
{
	struct unix_socket ep = at("x.sock");
	int fd;

	close(bound("x.sock", SOCK_STREAM));
	fd = unix_socket_listen(&ep, &us, &live, &why);
	assert_int_not_equal(fd, -1);
	assert_false(live);
	close(fd);
}

static void
a_server_that_answers_is_left_alone(void **state)
{
	struct unix_socket ep = at("x.sock");
	int fd = unix_socket_listen(&ep, &us, &live, &why), client;

	refused("x.sock", "already running");
	assert_true(live);
	client = unix_socket_connect(&ep);
	assert_int_not_equal(client, -1);
	close(client);
	close(fd);
}

/* Its queue is full and it takes nobody: to wait for it would be for ever. */
static void
a_server_that_hangs_is_a_live_one(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = bound("x.sock", SOCK_STREAM), n = 0, client[8];

	assert_int_equal(listen(fd, 0), 0);
	snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", below("x.sock"));
	do {
		client[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	} while (
	    connect(client[n++], (struct sockaddr *)&sun, sizeof(sun)) == 0 &&
	    n < 8);
	assert_int_equal(errno, EAGAIN);
	refused("x.sock", "already running");
	assert_true(live);
	assert_true(exists("x.sock"));
	while (n > 0)
		close(client[--n]);
	close(fd);
}

static void
what_is_no_dead_stream_socket_stays(void **state)
{
	int fd = open(below("file"), O_CREAT | O_WRONLY, 0600);

	close(fd);
	directory("directory", 0700);
	assert_int_equal(symlink(below("file"), below("link")), 0);
	assert_int_equal(symlink(below("gone"), below("dangling")), 0);
	assert_int_equal(mkfifo(below("fifo"), 0600), 0);
	fd = bound("datagram", SOCK_DGRAM);
	refused("file", "no socket of postmeter's");
	refused("directory", "no socket of postmeter's");
	refused("link", "no socket of postmeter's");
	refused("dangling", "no socket of postmeter's");
	refused("fifo", "no socket of postmeter's");
	refused("datagram", "cannot be known");
	assert_true(exists("file") && exists("directory") && exists("link") &&
		    exists("dangling") && exists("fifo") && exists("datagram"));
	assert_false(live);
	close(fd);
}

static void
a_link_to_a_socket_stays_too(void **state)
{
	close(bound("real", SOCK_STREAM));
	assert_int_equal(symlink(below("real"), below("x.sock")), 0);
	refused("x.sock", "no socket of postmeter's");
	assert_true(exists("real"));
}

static void
a_directory_that_others_can_write_is_refused(void **state)
{
	directory("group", 0770);
	directory("all", 0777);
	directory("sticky", 01777);
	directory("above", 0777);
	directory("above/last", 0700);
	refused("group/x.sock", "chmod go-w");
	refused("all/x.sock", "chmod go-w");
	refused("sticky/x.sock", "chmod go-w");
	refused("sticky//x.sock", "chmod go-w");
	refused("above/last/x.sock", "chmod go-w");
	refused("above/new/x.sock", "chmod go-w");
	assert_false(exists("above/new"));
}

static void
a_sticky_directory_passes_above_the_last(void **state)
{
	directory("sticky", 01777);
	directory("sticky/last", 0750);
	assert_int_equal(prepare("sticky/last/x.sock"), 0);
	assert_int_equal(prepare("sticky/new/x.sock"), 0);
	assert_true(exists("sticky/new"));
}

static void
no_symbolic_link_is_followed(void **state)
{
	directory("real", 0700);
	directory("real/last", 0700);
	assert_int_equal(symlink(below("real"), below("link")), 0);
	refused("link/x.sock", "symbolic link");
	refused("link/last/x.sock", "symbolic link");
	refused("link/new/x.sock", "symbolic link");
	assert_false(exists("real/new"));
	assert_int_equal(symlink("nowhere", below("dangling")), 0);
	refused("dangling/x.sock", "symbolic link");
}

static void
a_file_is_no_directory(void **state)
{
	close(open(below("file"), O_CREAT | O_WRONLY, 0600));
	refused("file/x.sock", "no directory");
	refused("file/new/x.sock", "file");
}

static void
only_the_last_directory_is_made(void **state)
{
	refused("no/such/x.sock", strerror(ENOENT));
	assert_false(exists("no"));
	assert_int_equal(prepare("one/x.sock"), 0);
	assert_int_equal(prepare("one//two//x.sock"), 0);
	assert_true(exists("one/two"));
}

static void
a_directory_of_another_user_is_refused(void **state)
{
	if (getuid() == 0) {
		directory("theirs", 0755);
		directory("theirs/last", 0755);
		assert_int_equal(chown(below("theirs"), 1, 1), 0);
		refused("theirs/x.sock", "belongs to user id 1");
		refused("theirs/last/x.sock", "belongs to user id 1");
		us.uid = 1;
		assert_int_equal(prepare("theirs/x.sock"), 0);
	} else {
		us.uid = getuid() + 1;
		refused("x.sock", "belongs to user id");
	}
}

static void
a_dead_socket_of_another_user_stays(void **state)
{
	if (getuid() != 0)
		skip();
	close(bound("x.sock", SOCK_STREAM));
	assert_int_equal(lchown(below("x.sock"), 1, 1), 0);
	refused("x.sock", "no socket of postmeter's");
	assert_true(exists("x.sock"));
	us.uid = 1;
	assert_int_equal(chmod(base, 0755), 0);
	assert_int_equal(prepare("x.sock"), 0);
	assert_false(exists("x.sock"));
}

static void
root_gives_directory_and_socket_to_the_user(void **state)
{
	struct unix_socket ep = at("new/x.sock");
	struct stat st;
	int fd;

	if (getuid() != 0)
		skip();
	us = (struct unix_socket_owner){ 1, 2, false };
	fd = unix_socket_listen(&ep, &us, &live, &why);
	assert_int_not_equal(fd, -1);
	assert_int_equal(lstat(below("new"), &st), 0);
	assert_true(st.st_uid == 1 && st.st_gid == 2);
	assert_int_equal(lstat(ep.path, &st), 0);
	assert_true(st.st_uid == 1 && st.st_gid == 2);
	close(fd);
}

static void
to_own_what_is_not_there_says_why(void **state)
{
	struct unix_socket ep = at("x.sock");

	assert_int_equal(unix_socket_chown(&ep, &us, &why), -1);
	assert_non_null(strstr(why.text, ep.path));
	close(bound("x.sock", SOCK_STREAM));
	assert_int_equal(chmod(ep.path, 0777), 0);
	assert_int_equal(unix_socket_chown(&ep, &us, &why), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		T(an_address_is_parsed_or_says_what_would_be_right),
		T(a_listener_makes_its_directory_and_lets_its_group_in),
		T(no_socket_has_no_peer),
		T(a_client_of_nobody_gets_an_error),
		T(a_dead_socket_of_ours_is_replaced),
		T(a_server_that_answers_is_left_alone),
		T(a_server_that_hangs_is_a_live_one),
		T(what_is_no_dead_stream_socket_stays),
		T(a_link_to_a_socket_stays_too),
		T(a_directory_that_others_can_write_is_refused),
		T(a_sticky_directory_passes_above_the_last),
		T(no_symbolic_link_is_followed),
		T(a_file_is_no_directory),
		T(only_the_last_directory_is_made),
		T(a_directory_of_another_user_is_refused),
		T(a_dead_socket_of_another_user_stays),
		T(root_gives_directory_and_socket_to_the_user),
		T(to_own_what_is_not_there_says_why),
	};

	return cmocka_run_group_tests_name("endpoint", tests, NULL, NULL);
}
