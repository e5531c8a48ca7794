/*
 * grants.c - the tokens of all smarthosts that log in with one, renewed before
 * they end.
 *
 * One at a time, in the agent's only thread, under a lock that a person's
 * `login` and `test` take, too.  What can pass by itself is tried again soon;
 * what only a person can repair hourly, and at once when he changed something.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "digest.h"
#include "grants.h"
#include "http.h"
#include "log.h"
#include "replace_file.h"
#include "secrets.h"
#include "secure_mem.h"

#define PATH_ROOM 512

/* --- files --------------------------------------------------------------- */

static int
path_of(const struct config *conf, const struct smarthost *sh,
    const char *suffix, char dst[PATH_ROOM], struct why *why)
{
	if (snprintf(dst, PATH_ROOM, "%s/%s%s", conf->oauth_state, sh->name,
		suffix) < PATH_ROOM)
		return 0;
	why_set(why, "oauth-state is too long a path");
	return -1;
}

/* lock_of - held until it is closed; -1 and why */
static int
lock_of(const struct config *conf, const struct smarthost *sh,
    const struct grants_env *env, struct why *why)
{
	char path[PATH_ROOM];
	int fd;

	if (mkdir(conf->oauth_state, 0700) == 0)
		(void)!chown(conf->oauth_state, env->owner.uid, env->owner.gid);
	if (path_of(conf, sh, ".lock", path, why) == -1)
		return -1;
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd != -1 && fchown(fd, env->owner.uid, env->owner.gid) == 0 &&
	    flock(fd, LOCK_EX) == 0)
		return fd;
	why_set(why, "%s: %s: let it belong to the daemon's user", path,
	    strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}

/* read_trusted - a checked file, terminated; its length, -1 and why */
static ssize_t
read_trusted(const char *path, const struct grants_env *env, char *dst,
    size_t size, struct why *why)
{
	const int fd = trusted_file_open(path, &env->owner, why);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = trusted_file_read(fd, dst, size - 1, why);
	close(fd);
	if (n >= 0)
		dst[n] = '\0';
	return n;
}

/* read_refresh - "" if there is none yet; -1 and why if that is not known */
static int
read_refresh(const struct config *conf, const struct smarthost *sh,
    const struct grants_env *env, char *dst, struct why *why)
{
	char path[PATH_ROOM];

	dst[0] = '\0';
	if (path_of(conf, sh, "", path, why) == -1)
		return -1;
	if (access(path, F_OK) == -1 && errno == ENOENT)
		return 0;
	if (read_trusted(path, env, dst, OAUTH_REFRESH, why) == -1)
		return -1;
	dst[strcspn(dst, "\r\n")] = '\0';
	return 0;
}

int
grant_keep(const struct config *conf, const struct smarthost *sh,
    const struct grants_env *env, const char *refresh, struct why *why)
{
	const struct replacement r = { .p = refresh,
		.len = strlen(refresh),
		.uid = env->owner.uid,
		.gid = env->owner.gid,
		.mode = 0600 };
	char path[PATH_ROOM];

	if (mkdir(conf->oauth_state, 0700) == 0)
		(void)!chown(conf->oauth_state, env->owner.uid, env->owner.gid);
	return path_of(conf, sh, "", path, why) == -1
		   ? -1
		   : replace_file(path, &r, why);
}

int
grant_secret(const struct config *conf, const struct smarthost *sh,
    const struct grants_env *env, char *dst, size_t size, struct why *why)
{
	char *lines = NULL;
	size_t n;
	FILE *errors;
	struct secrets *secrets;
	ssize_t len = -1;

	dst[0] = '\0';
	if (sh->oauth.key_file[0] != '\0')
		return read_trusted(sh->oauth.key_file, env, dst, size, why) ==
			       -1
			   ? -1
			   : 0;
	if (sh->secret[0] == '\0')
		return 0;
	errors = open_memstream(&lines, &n);
	if (errors == NULL)
		return -1;
	secrets =
	    secrets_load(conf->secrets, env->owner.uid, env->owner.gid, errors);
	if (secrets != NULL)
		len = secrets_get(secrets, sh->secret, dst, size);
	fclose(errors);
	if (secrets == NULL)
		why_set(why, "%.*s", (int)strcspn(lines, "\n"), lines);
	else if (len == -1)
		why_set(why,
		    "secret \"%s\" is not there: add it with `postmeterctl secret set %s`",
		    sh->secret, sh->secret);
	secrets_free(&secrets);
	free(lines);
	return len == -1 ? -1 : 0;
}

/* --- one token ----------------------------------------------------------- */

/* could_not - a failure on this side */
static void
could_not(struct oauth_answer *a, enum oauth_result result, const char *word,
    const struct why *why)
{
	static struct why last; /* the agent and the tool have one thread */

	last = *why;
	a->result = result;
	a->token_len = a->refresh_len = 0;
	snprintf(a->error, sizeof(a->error), "%s", word);
	a->cause = last.text;
	a->remedy = "see the cause; it is tried again";
}

void
grant_ask(const char *url, const char *form, size_t len,
    const struct grants_env *env, struct oauth_answer *a_r)
{
	struct secure_mem mem = { .p = NULL };
	struct http_answer answer;
	struct why why = WHY_NONE;
	long status = -1;

	if (secure_mem_new(&mem, 2 * OAUTH_FORM, &why) == 0) {
		answer = (struct http_answer){ .p = mem.p, .size = mem.size };
		status = http_post(url, form, len, env->ca_file, &answer, &why);
	}
	if (status == -1)
		could_not(a_r, OAUTH_LATER, "no answer", &why);
	else
		oauth_read(status, answer.p, answer.len, a_r);
	secure_mem_free(&mem);
}

/* What is needed for one renewal, in locked memory. */
struct renewal {
	char secret[16384], refresh[OAUTH_REFRESH], form[OAUTH_FORM];
};

/* renew - with the lock held */
static void
renew(const struct config *conf, const struct smarthost *sh,
    const struct grants_env *env, int64_t now, struct renewal *w,
    struct oauth_answer *a_r)
{
	struct why why = WHY_NONE;
	char url[OAUTH_URL];
	size_t len = 0;

	if (grant_secret(conf, sh, env, w->secret, sizeof(w->secret), &why) ==
		0 &&
	    read_refresh(conf, sh, env, w->refresh, &why) == 0)
		len = oauth_renewal(&sh->oauth,
		    &(struct oauth_login){
			sh->username, w->secret, w->refresh, w->secret },
		    now, w->form, sizeof(w->form), &why);
	if (len == 0) {
		could_not(a_r, OAUTH_STOP, "not tried", &why);
		return;
	}
	oauth_token_url(&sh->oauth, url);
	grant_ask(url, w->form, len, env, a_r);
	if (a_r->result == OAUTH_GOOD && a_r->refresh_len > 0 &&
	    strcmp(a_r->refresh, w->refresh) != 0 &&
	    grant_keep(conf, sh, env, a_r->refresh, &why) == -1)
		could_not(a_r, OAUTH_LATER, "refresh token not kept", &why);
}

void
grant_fetch(const struct config *conf, const struct smarthost *sh,
    const struct grants_env *env, int64_t now, struct oauth_answer *a_r)
{
	struct secure_mem mem = { .p = NULL };
	struct why why = WHY_NONE;
	const int lock = lock_of(conf, sh, env, &why);

	explicit_bzero(a_r, sizeof(*a_r));
	if (lock == -1 ||
	    secure_mem_new(&mem, sizeof(struct renewal), &why) == -1)
		could_not(a_r, OAUTH_STOP, "not tried", &why);
	else
		renew(conf, sh, env, now, (void *)mem.p, a_r);
	secure_mem_free(&mem);
	if (lock != -1)
		close(lock);
}

/* --- all of them --------------------------------------------------------- */

struct seat {
	struct seat *next;
	struct secure_mem token;
	size_t len;
	int64_t expires, due;
	unsigned failures; /* in a row */
	uint64_t print;    /* of what a person can change */
	bool untold;
	char error[700];
	char name[];
};

struct grants {
	struct grants_env env;
	grants_tell_fn *tell;
	void *arg;
	struct secure_mem answer;
	struct seat *first;
};

struct grants *
grants_new(const struct grants_env *env, grants_tell_fn *tell, void *arg)
{
	struct grants *g = calloc(1, sizeof(*g));
	struct why why;

	if (g == NULL)
		return NULL;
	*g = (struct grants){ .env = *env, .tell = tell, .arg = arg };
	if (secure_mem_new(&g->answer, sizeof(struct oauth_answer), &why) ==
	    -1) {
		log_error("%s", why.text);
		free(g);
		g = NULL;
	}
	return g;
}

void
grants_free(struct grants **gp)
{
	struct grants *g = *gp;
	struct seat *s;

	*gp = NULL;
	if (g == NULL)
		return;
	while ((s = g->first) != NULL) {
		g->first = s->next;
		secure_mem_free(&s->token);
		free(s);
	}
	secure_mem_free(&g->answer);
	free(g);
}

void
grants_repeat(struct grants *g)
{
	for (struct seat *s = g->first; s != NULL; s = s->next)
		s->untold = s->len > 0 || s->error[0] != '\0';
}

void
grants_renew(struct grants *g, const char *smarthost)
{
	for (struct seat *s = g->first; s != NULL; s = s->next)
		if (strcmp(s->name, smarthost) == 0)
			s->due = 0;
}

static struct seat *
seat_of(struct grants *g, const char *name)
{
	struct seat *s = g->first;
	struct why why;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	if (s != NULL || (s = calloc(1, sizeof(*s) + strlen(name) + 1)) == NULL)
		return s;
	if (secure_mem_new(&s->token, TOKEN_MAX + 1, &why) == -1) {
		log_error("%s", why.text);
		free(s);
		return NULL;
	}
	strcpy(s->name, name);
	s->next = g->first;
	g->first = s;
	return s;
}

/* print_file - of a file's identity: it changes with each writing */
static uint64_t
print_file(const char *path)
{
	struct stat st;
	struct {
		uint64_t ino;
		int64_t sec, nsec;
	} id = { 0, 0, 0 };

	if (path[0] != '\0' && stat(path, &st) == 0) {
		id.ino = st.st_ino;
		id.sec = st.st_mtim.tv_sec;
		id.nsec = st.st_mtim.tv_nsec;
	}
	return digest64(&id, sizeof(id));
}

/* print_of - of all that a person can change to help */
static uint64_t
print_of(const struct config *conf, const struct smarthost *sh)
{
	const struct oauth *o = &sh->oauth;
	const char *texts[] = { sh->username, sh->secret, o->client_id,
		o->tenant, o->token_url, o->scope, o->key_file,
		grant_type_words[o->grant] };
	char path[PATH_ROOM];
	struct why why;
	uint64_t print =
	    print_file(conf->secrets) ^ 3 * print_file(o->key_file);

	if (path_of(conf, sh, "", path, &why) == 0)
		print ^= 5 * print_file(path);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		print = print * 31 + digest64(texts[i], strlen(texts[i]));
	return print;
}

/* pause_of - until the next try: 1, 2, 4 ... 15 minutes, or an hour */
static int64_t
pause_of(const struct seat *s, enum oauth_result result)
{
	int64_t pause = MINUTE;

	if (result == OAUTH_STOP)
		return GRANT_STOPPED;
	for (unsigned i = 1; i < s->failures && pause < GRANT_LONGEST; i++)
		pause *= 2;
	return pause < GRANT_LONGEST ? pause : GRANT_LONGEST;
}

static void
take_token(struct seat *s, const struct oauth_answer *a, int64_t now)
{
	/* Of a short life half is used. */
	const int64_t ahead =
	    a->lives > 2 * GRANT_AHEAD ? GRANT_AHEAD : a->lives / 2;

	explicit_bzero(s->token.p, s->token.size);
	memcpy(s->token.p, a->token, a->token_len);
	s->len = a->token_len;
	s->expires = now + a->lives;
	s->due = s->expires - ahead;
	s->failures = 0;
	s->error[0] = '\0';
	s->untold = true;
}

static void
take_failure(struct seat *s, const struct oauth_answer *a, int64_t now)
{
	s->failures++;
	s->due = now + pause_of(s, a->result);
	snprintf(s->error, sizeof(s->error), "%s: %s; %s", a->error, a->cause,
	    a->remedy);
	s->untold = true;
}

/* grants_tell - the token while it lives, and what is wrong, if something is */
static void
grants_tell(
    struct grants *g, struct seat *s, const struct smarthost *sh, int64_t now)
{
	int rc = 0;

	if (s->len > 0 && s->expires > now)
		rc = g->tell(g->arg, sh, s->token.p, s->len, s->expires, NULL);
	if (rc == 0 && s->error[0] != '\0')
		rc = g->tell(g->arg, sh, NULL, 0, 0, s->error);
	s->untold = rc != 0;
}

static void
look_after(struct grants *g, struct seat *s, const struct config *conf,
    const struct smarthost *sh, int64_t now)
{
	struct oauth_answer *a = (void *)g->answer.p;
	const uint64_t print = print_of(conf, sh);

	/* A clock that stepped back must not put a renewal off. */
	if (now >= s->due || print != s->print || s->due - now > 2 * DAY) {
		grant_fetch(conf, sh, &g->env, now, a);
		if (a->result == OAUTH_GOOD)
			take_token(s, a, now);
		else
			take_failure(s, a, now);
		explicit_bzero(a, sizeof(*a));
		s->print =
		    print_of(conf, sh); /* a new refresh token is in it */
	}
	if (s->untold)
		grants_tell(g, s, sh, now);
}

int64_t
grants_round(struct grants *g, const struct config *conf, int64_t now)
{
	int64_t next = NEVER;

	for (size_t i = 0; i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];
		struct seat *s;

		if (sh->oauth.grant == GRANT_NONE ||
		    (s = seat_of(g, sh->name)) == NULL)
			continue;
		look_after(g, s, conf, sh, now);
		/* What nobody heard is told again with the next tick. */
		if (s->due - now < next)
			next = s->due > now ? s->due - now : 0;
	}
	return next;
}
