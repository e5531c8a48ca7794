/*
 * test_endpoint.c - a socket goes only where nobody else could put one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "endpoint.h"

static char top[64];
static struct endpoint_owner me;

static int
make_top(void **state)
{
	strcpy(top, "/tmp/pm-endpoint-XXXXXX");
	me = (struct endpoint_owner){ geteuid(), getegid() };
	return mkdtemp(top) != NULL ? 0 : -1;
}

static int
remove_top(void **state)
{
	char cmd[100];

	snprintf(cmd, sizeof(cmd), "rm -rf %s", top);
	return system(cmd);
}

static struct endpoint
at(const char *path)
{
	struct endpoint ep;

	snprintf(ep.path, sizeof(ep.path), "%s/%s", top, path);
	return ep;
}

static char *
below(const char *path)
{
	static char p[200];

	snprintf(p, sizeof(p), "%s/%s", top, path);
	return p;
}

static int
listen_at(const char *path, bool *live, char *why)
{
	struct endpoint ep = at(path);

	return endpoint_listen(&ep, &me, live, why, 300);
}

static void
only_absolute_unix_sockets_are_endpoints(void **state)
{
	static const char *const bad[] = { "", "/run/x", "inet:3290@localhost",
		"unix:", "unix:run/x", "unix:/run/", "tcp:/x" };
	char longer[200] = "unix:/";
	struct endpoint ep;
	const char *why;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(endpoint_parse(bad[i], &ep, &why), -1);
	memset(longer + 6, 'x', 100);
	assert_int_equal(endpoint_parse(longer, &ep, &why), -1);
	assert_int_equal(endpoint_parse("unix:/run/x", &ep, &why), 0);
	assert_string_equal(ep.path, "/run/x");
	assert_int_equal(endpoint_parse("local:/run/x", &ep, &why), 0);
}

static void
a_missing_folder_is_made_and_the_socket_is_closed_to_others(void **state)
{
	char why[300];
	struct stat st;
	bool live;
	int fd = listen_at("sub/sock", &live, why);

	assert_int_not_equal(fd, -1);
	assert_int_equal(stat(below("sub"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0750);
	assert_int_equal(stat(below("sub/sock"), &st), 0);
	assert_int_equal(st.st_mode & 0777, 0660);
	close(fd);
}

static void
a_living_socket_is_left_alone(void **state)
{
	char why[300];
	bool live = false;
	int fd = listen_at("live", &live, why);

	assert_int_not_equal(fd, -1);
	assert_int_equal(listen_at("live", &live, why), -1);
	assert_true(live);
	close(fd);
	/* Its server is gone: now it is only in the way. */
	fd = listen_at("live", &live, why);
	assert_int_not_equal(fd, -1);
	assert_false(live);
	close(fd);
}

static void
a_folder_that_others_can_write_is_refused(void **state)
{
	static const mode_t loose[] = { 0770, 0757, 0777, 01777 };
	char why[300];
	bool live;

	for (size_t i = 0; i < sizeof(loose) / sizeof(loose[0]); i++) {
		assert_int_equal(mkdir(below("loose"), 0700), 0);
		assert_int_equal(chmod(below("loose"), loose[i]), 0);
		assert_int_equal(listen_at("loose/sock", &live, why), -1);
		assert_non_null(strstr(why, "can be written by others"));
		assert_int_equal(mkdir(below("loose/sub"), 0700), 0);
		/* Above the last folder a sticky one is enough. */
		if (loose[i] & S_ISVTX) {
			int fd = listen_at("loose/sub/sock", &live, why);

			assert_int_not_equal(fd, -1);
			close(fd);
			unlink(below("loose/sub/sock"));
		} else {
			assert_int_equal(listen_at("loose/sub/sock", &live,
			    why), -1);
		}
		assert_int_equal(rmdir(below("loose/sub")), 0);
		assert_int_equal(rmdir(below("loose")), 0);
	}
}

static void
a_symbolic_link_or_a_file_in_the_way_is_refused(void **state)
{
	char why[300], target[200];
	bool live;
	int fd;

	assert_int_equal(mkdir(below("real"), 0700), 0);
	strcpy(target, below("real"));
	assert_int_equal(symlink(target, below("link")), 0);
	assert_int_equal(listen_at("link/sock", &live, why), -1);
	assert_int_equal(symlink(target, below("real/sock")), 0);
	assert_int_equal(listen_at("real/sock", &live, why), -1);
	fd = open(below("real/file"), O_CREAT | O_WRONLY, 0600);
	close(fd);
	assert_int_equal(listen_at("real/file", &live, why), -1);
	assert_non_null(strstr(why, "is no socket of postmeter's"));
	assert_int_equal(access(below("real/file"), F_OK), 0);
}

static void
a_folder_of_somebody_else_is_refused(void **state)
{
	char why[300];
	bool live;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir(below("theirs"), 0755), 0);
	assert_int_equal(chown(below("theirs"), 12345, 12345), 0);
	assert_int_equal(listen_at("theirs/sock", &live, why), -1);
	assert_non_null(strstr(why, "belongs to uid 12345"));
}

static void
the_peer_of_a_socket_is_known(void **state)
{
	struct endpoint ep = at("peer");
	char why[300];
	uid_t uid;
	pid_t pid;
	bool live;
	int fd = listen_at("peer", &live, why), client, peer;

	client = endpoint_connect(&ep);
	assert_int_not_equal(client, -1);
	peer = accept(fd, NULL, NULL);
	assert_int_equal(endpoint_peer(peer, &uid, &pid), 0);
	assert_int_equal(uid, geteuid());
	assert_int_equal(pid, getpid());
	close(peer);
	close(client);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_absolute_unix_sockets_are_endpoints),
		cmocka_unit_test(
		a_missing_folder_is_made_and_the_socket_is_closed_to_others),
		cmocka_unit_test(a_living_socket_is_left_alone),
		cmocka_unit_test(a_folder_that_others_can_write_is_refused),
		cmocka_unit_test(
		    a_symbolic_link_or_a_file_in_the_way_is_refused),
		cmocka_unit_test(a_folder_of_somebody_else_is_refused),
		cmocka_unit_test(the_peer_of_a_socket_is_known),
	};

	return cmocka_run_group_tests_name("endpoint", tests, make_top,
	    remove_top);
}
