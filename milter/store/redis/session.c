/*
 * session.c - one connection, logged in and in its database.
 */
#include <stdio.h>
#include <string.h>

#include "secrets.h"
#include "session.h"

bool
redis_is_good(const redisReply *r, struct why *why)
{
	if (r == NULL)
		return false;
	if (r->type != REDIS_REPLY_ERROR)
		return true;
	why_set(why, "the store's server says: %s", r->str);
	return false;
}

bool
redis_ask_one(struct redis_conn *l, int argc, const char **argv,
    int64_t deadline, redisReply **reply_r, struct why *why)
{
	redisReply *r = NULL;
	bool good;

	redis_conn_ask(
	    l, &(struct redis_command){ argc, argv, NULL }, deadline, &r, why);
	good = redis_is_good(r, why);
	if (reply_r != NULL && good)
		*reply_r = r;
	else if (r != NULL)
		freeReplyObject(r);
	return good;
}

bool
redis_log_in(const struct redis_login *p, struct redis_conn *l,
    int64_t deadline, struct why *why)
{
	char password[SECRET_MAX + 1];
	const char *argv[] = { "AUTH", p->where->user, password };
	bool has_user = p->where->user[0] != '\0';
	bool good;

	if (p->secret[0] == '\0')
		return true;
	if (p->password == NULL ||
	    p->password(p->secret, password, sizeof(password)) == -1) {
		why_set(why,
		    "the store's secret is not there: add it with `postmeterctl secret set %s`",
		    p->secret);
		return false;
	}
	if (!has_user)
		argv[1] = password;
	good = redis_ask_one(l, has_user ? 3 : 2, argv, deadline, NULL, why);
	explicit_bzero(password, sizeof(password));
	return good;
}

struct redis_conn *
redis_session_open(const struct redis_login *p, const struct redis_peer *peer,
    int64_t deadline, struct why *why)
{
	struct redis_conn *l = redis_conn_open(peer, deadline, why);
	char db[16];
	const char *argv[] = { "SELECT", db };

	if (l == NULL)
		return NULL;
	snprintf(db, sizeof(db), "%u", p->where->db);
	if (!redis_log_in(p, l, deadline, why) ||
	    (p->where->db != 0 &&
		!redis_ask_one(l, 2, argv, deadline, NULL, why)))
		redis_conn_close(&l);
	return l;
}
