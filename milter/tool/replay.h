/*
 * replay.h - a mail log before the desk: what would these limits have said?
 */
#ifndef REPLAY_H
#define REPLAY_H

#include <jansson.h>

#include "config.h"
#include "mail_log.h"
#include "store.h"

/* One message as the log tells it, complete. */
struct replay_message {
	int64_t when;
	char login[MAILADDR_MAX + 1];
	char sender[MAILADDR_MAX + 1];
	char client[64];
	bool submitted;
	uint64_t bytes, nrcpt;
	char **rcpt;		/* n of them, as far as the log has them */
	size_t n;
};

/* Puts lines together into messages, in the order of their time. */
struct replay_join;
typedef void replay_message_fn(void *arg, const struct replay_message *m);
struct replay_join *replay_join_new(replay_message_fn *each, void *arg);
void	replay_join_line(struct replay_join *j, const struct log_line *l,
	    int64_t when);
/* Hands over what waits, and frees. */
void	replay_join_end(struct replay_join **jp);
/* Ids that were dropped because too many lived at once. */
uint64_t replay_join_dropped(const struct replay_join *j);

/* Runs messages through the desk over a store of its own. */
struct replay_desk;
struct replay_desk *replay_desk_new(struct config *conf, struct why *why);
void	replay_desk_message(void *desk, const struct replay_message *m);
/* What came of it, as an object; frees the desk. */
json_t	*replay_desk_end(struct replay_desk **dp);

/* Limits that would have suited, out of the same messages. */
struct replay_suggest;
struct replay_suggest *replay_suggest_new(const struct config *conf);
void	replay_suggest_message(struct replay_suggest *s,
	    const struct replay_message *m, const char *who);
struct screen;
void	replay_suggest_text(const struct screen *sc, const json_t *suggested);
json_t	*replay_suggest_end(struct replay_suggest **sp);

/* Who pays for it: the login, else the sender, else the client. */
void	replay_who(const struct config *conf, const struct replay_message *m,
	    char *dst, size_t size);

#endif
