/*
 * office.c - an office with its mail server in a few lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <unistd.h>

#include "office.h"

struct store *store;
SMFICTX server;
struct health *health;

static void
open_office_of(struct config *conf)
{
	struct unix_socket_owner nobody = { getuid(), getgid(), false };
	struct why why;
	bool live;

	house_time = MONDAY;
	store = house_store(conf);
	/* The callbacks register; the socket's directory may be refused. */
	(void)mlfi_open(conf, &nobody, &live, &why);
	(void)mlfi_serve(&(struct desk){ .store = store, .health = health });
	snapshot_publish(conf);
	memset(&server, 0, sizeof(server));
}

void
open_office(const char *text)
{
	open_office_of(house_config(text));
}

void
close_office(void)
{
	store_close(&store);
	snapshot_publish(house_config("rule \"none\" {}\n"));
}

void
connect_from(const char *ip)
{
	unsigned long actions, steps, f2, f3;
	struct sockaddr_in sin = { .sin_family = AF_INET };
	static char host[] = "client.test";
	_SOCK_ADDR sa;

	assert_int_equal(inet_pton(AF_INET, ip, &sin.sin_addr), 1);
	memcpy(&sa, &sin, sizeof(sa));
	assert_int_equal(fake_milter.xxfi_negotiate(&server, 0x1ff, 0x1fffff, 0,
			     0, &actions, &steps, &f2, &f3),
	    SMFIS_CONTINUE);
	server.steps = steps;
	server.actions = actions;
	assert_int_equal(
	    fake_milter.xxfi_connect(&server, host, &sa), SMFIS_NOREPLY);
}

void
hang_up(void)
{
	(void)fake_milter.xxfi_close(&server);
}

#define ARGS 8 /* an address, its parameters, and NULL */

/* split - an address and its parameters, as libmilter gives them */
static void
split(const char *text, char *raw, size_t size, char *argv[ARGS])
{
	char *rest;

	snprintf(raw, size, "%s", text);
	argv[0] = raw;
	(void)strtok_r(raw, " ", &rest);
	for (size_t i = 1; i < ARGS; i++)
		argv[i] = i + 1 < ARGS ? strtok_r(NULL, " ", &rest) : NULL;
}

void
mail(const char *sender)
{
	char raw[512], *argv[ARGS];
	sfsistat st;

	split(sender, raw, sizeof(raw), argv);
	server.reply[0] = server.quarantined[0] = '\0';
	server.sender[0] = server.sender_args[0] = server.headers[0] =
	    server.readdressed[0] = '\0';
	st = fake_milter.xxfi_envfrom(&server, argv);
	/* Sendmail waits for an answer, Postfix does not. */
	assert_true(st == SMFIS_NOREPLY || st == SMFIS_CONTINUE);
}

sfsistat
rcpt(const char *recipient)
{
	char raw[512], *argv[ARGS];

	split(recipient, raw, sizeof(raw), argv);
	server.reply[0] = '\0';
	return fake_milter.xxfi_envrcpt(&server, argv);
}

sfsistat
eom(void)
{
	server.reply[0] = '\0';
	return fake_milter.xxfi_eom(&server);
}

void
rset(void)
{
	(void)fake_milter.xxfi_abort(&server);
}

sfsistat
send_one(const char *sender, const char *recipient)
{
	sfsistat st;

	mail(sender);
	st = rcpt(recipient);
	if (st != SMFIS_CONTINUE) {
		rset();
		return st;
	}
	return eom();
}

unsigned
send_many(const char *sender, const char *recipient, unsigned n)
{
	unsigned accepted = 0;

	for (unsigned i = 0; i < n; i++)
		accepted += send_one(sender, recipient) == SMFIS_CONTINUE;
	return accepted;
}

void
hand_in(const char *sender)
{
	server.queue_id = "4XYZ";
	mail(sender);
}
