/*
 * load.h - many clients of one milter: what those that put load on it share.
 *
 * A client is a connection and the message under way on it.  One thread holds
 * hundreds of them and is told which have been answered.
 */
#ifndef LOAD_H
#define LOAD_H

#include <stdbool.h>
#include <stddef.h>

#include "milterclient.h"

#define LOAD_RECIPIENTS 10000

/* What every message is like. */
struct load_mail {
	size_t recipients;	/* each, at most LOAD_RECIPIENTS */
	size_t senders;		/* in an order that is none */
	size_t hot;		/* percent of all mail that the first one sends */
	bool login;		/* senders log in, each under its own name */
};

/* The first member of what the program knows of a client. */
struct load_client {
	struct milterclient *m;	/* NULL: not connected */
	bool idle;		/* may send */
	char id[32], sender[64];
	struct mc_message msg;
};

/* Seconds, CLOCK_MONOTONIC. */
double	load_now(void);

/* An option's number, from 0 to max; says what is wrong and exits. */
size_t	load_number(const char *text, size_t max);

/* False and errno if nobody listens there. */
bool	load_connect(struct load_client *c, const char *socket);

void	load_hang_up(struct load_client *c);

/* Begins the serial-th message; c is idle and connected. */
void	load_send(struct load_client *c, const struct load_mail *mail,
	    size_t serial, bool abort);

/* Hands those that have something to read to heard; false if none had. */
typedef void load_heard_fn(void *arg, struct load_client *c);
bool	load_hear(double seconds, load_heard_fn *heard, void *arg);

#endif
