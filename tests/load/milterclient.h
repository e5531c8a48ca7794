/*
 * milterclient.h - the mail server's side of the milter protocol, as Postfix
 * speaks it: one connection, one message after the other.
 *
 * It keeps to what was negotiated: steps that the milter does not want are not
 * sent, answers that it does not give are not waited for.  Nothing blocks but
 * the connecting, so one thread can hold hundreds of them in a poll loop.
 */
#ifndef MILTERCLIENT_H
#define MILTERCLIENT_H

#include <stdbool.h>
#include <stddef.h>

#define MC_REPLY_MAX 512

struct milterclient;

/* What is told of one message.  It must stay until the message has ended. */
struct mc_message {
	const char *id;			/* queue id */
	const char *sender;		/* without <> */
	const char *login;		/* NULL: not logged in */
	const char *const *recipient;
	size_t nrecipient;
	const char *body;
	bool abort;	/* the client goes away before the end of message */
};

enum mc_verdict {
	MC_ACCEPTED,
	MC_REFUSED,	/* 5xx, or discarded */
	MC_DEFERRED,	/* 4xx */
	MC_ABORTED,	/* as the message asked for, or all recipients refused */
	MC_DROPPED,	/* the milter went away; end of message was not sent */
	MC_UNANSWERED	/* the milter went away and owes the last answer */
};

struct mc_result {
	enum mc_verdict verdict;
	size_t recipients;		/* how many were accepted */
	bool quarantined;
	char reply[MC_REPLY_MAX];	/* the last words of a refusal, or "" */
	double end_sent;	/* s, CLOCK_MONOTONIC: when its end was told; 0 */
};

/* Connects to the UNIX socket and begins to negotiate; NULL and errno. */
struct milterclient *mc_open(const char *path);

/* Says goodbye if that is still possible. */
void	mc_close(struct milterclient **mp);

int	mc_fd(const struct milterclient *m);

/* Begins a message; only after mc_step has returned MC_IDLE. */
void	mc_send(struct milterclient *m, const struct mc_message *msg);

enum mc_progress {
	MC_BUSY,	/* waits for an answer: call again when fd is readable */
	MC_IDLE,	/* negotiated; if there was a message, it has ended */
	MC_GONE		/* lost: the result tells what became of the message */
};

/* Reads what has come and says what comes next. */
enum mc_progress mc_step(struct milterclient *m);

/* Of the last message. */
const struct mc_result *mc_result(const struct milterclient *m);

#endif
