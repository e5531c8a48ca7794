/*
 * credentials.c - which credential opens which smarthost, and who may ask for
 * it.
 *
 * Postfix asks with the sender, with the bare host and with the nexthop in
 * turn, and uses what it gets for whatever host it is talking to.  So only
 * the nexthop of the very smarthost that the map is named after has one;
 * everything else has none.
 */
#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "credentials.h"
#include "tokens.h"

#define NOBODY 65534
#define KEY_ROOM 300 /* "[", a host name, "]:65535" */
#define PASSWD_BUF 16384

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static struct secrets *current; /* guarded by lock */

/* --- at a start, a reload and a check ------------------------------------ */

int
credentials_user(
    const struct config *conf, uid_t *uid_r, gid_t *gid_r, FILE *errors)
{
	char buf[PASSWD_BUF];
	struct passwd pw, *found;

	if (getpwnam_r(conf->user, &pw, buf, sizeof(buf), &found) != 0 ||
	    found == NULL) {
		fprintf(errors,
		    "%s: user \"%s\" does not exist: create it (adduser --system --group --home /var/lib/postmeter %s) or name another\n",
		    conf->file, conf->user, conf->user);
		return -1;
	}
	*uid_r = pw.pw_uid;
	*gid_r = pw.pw_gid;
	return 0;
}

/* missing - 1 and a line in errors if secrets (NULL: none) lack a name */
static int
missing(const struct config *conf, const struct secrets *secrets,
    const char *who, const char *name, FILE *errors)
{
	if (name[0] == '\0' || (secrets != NULL && secrets_has(secrets, name)))
		return 0;
	fprintf(errors,
	    "%s: %s wants secret \"%s\", which is not there: add it with `postmeterctl secret set %s`\n",
	    conf->secrets, who, name, name);
	return 1;
}

int
credentials_load(const struct config *conf, uid_t uid, gid_t gid, FILE *errors,
    struct secrets **secrets_r)
{
	char who[64];
	int n = 0;

	*secrets_r = NULL;
	if (conf->secrets[0] == '\0')
		return 0;
	/* Of a file that nobody has made yet, each secret is missing. */
	if (access(conf->secrets, F_OK) == 0 || errno != ENOENT) {
		*secrets_r = secrets_load(conf->secrets, uid, gid, errors);
		if (*secrets_r == NULL)
			return -1;
	}
	for (size_t i = 0; i < conf->nsmarthost; i++) {
		const struct smarthost *sh = &conf->smarthost[i];

		snprintf(who, sizeof(who), "smarthost \"%s\"", sh->name);
		n += missing(conf, *secrets_r, who, sh->secret, errors);
	}
	n += missing(
	    conf, *secrets_r, "store-secret", conf->store_secret, errors);
	if (n > 0)
		secrets_free(secrets_r);
	return n > 0 ? -1 : 0;
}

/* --- lookups ------------------------------------------------------------- */

void
credentials_publish(struct secrets *secrets)
{
	struct secrets *old;

	pthread_rwlock_wrlock(&lock);
	old = current;
	current = secrets;
	pthread_rwlock_unlock(&lock);
	secrets_free(&old);
}

bool
credentials_peer_allowed(const struct config *conf, uid_t uid)
{
	char buf[PASSWD_BUF];
	struct passwd pw, *found;

	if (uid == NOBODY || uid == (uid_t)-1)
		return false;
	for (size_t i = 0; i < conf->auth_peers.n; i++)
		if (getpwnam_r(conf->auth_peers.v[i], &pw, buf, sizeof(buf),
			&found) == 0 &&
		    found != NULL && found->pw_uid == uid)
			return true;
	return false;
}

/* credentials_fill - "user:password"; 1, or -1 and why */
static int
credentials_fill(
    const struct smarthost *sh, char *dst, size_t size, struct why *why)
{
	const size_t n = strlen(sh->username);
	ssize_t len = -1;

	pthread_rwlock_rdlock(&lock);
	if (current == NULL) {
		why_set(
		    why, "the secrets could not be read, see postmeter's log");
	} else if (!secrets_has(current, sh->secret)) {
		why_set(why,
		    "smarthost %s: its secret is not there, add it with postmeterctl secret set",
		    sh->name);
	} else if (n + 2 > size || (len = secrets_get(current, sh->secret,
					dst + n + 1, size - n - 1)) == -1) {
		why_set(why,
		    "smarthost %s: username and password are too long for an answer",
		    sh->name);
	} else {
		memcpy(dst, sh->username, n);
		dst[n] = ':';
	}
	pthread_rwlock_unlock(&lock);
	return len == -1 ? -1 : 1;
}

/* fill_token - "user:token"; 1, or -1 and why */
static int
fill_token(const struct smarthost *sh, char *dst, size_t size, struct why *why)
{
	const size_t n = strlen(sh->username);

	if (n + 2 > size) {
		why_set(why, "smarthost %s: username is too long", sh->name);
		return -1;
	}
	memcpy(dst, sh->username, n);
	dst[n] = ':';
	return tokens_get(
		   sh->name, dst + n + 1, size - n - 1, clock_now(), why) == -1
		   ? -1
		   : 1;
}

int
credentials_lookup(const struct config *conf, const char *map, const char *key,
    char *dst, size_t size, struct why *why)
{
	const struct smarthost *sh = config_smarthost(conf, map);
	char nexthop[KEY_ROOM];

	why->text[0] = '\0';
	if (sh == NULL) {
		why_set(why,
		    "there is no smarthost of that name, see postmeter.conf");
		return -1;
	}
	snprintf(
	    nexthop, sizeof(nexthop), "[%s]:%u", sh->host, (unsigned)sh->port);
	if (sh->username[0] == '\0' || strcmp(key, nexthop) != 0)
		return 0;
	return sh->oauth.grant != GRANT_NONE
		   ? fill_token(sh, dst, size, why)
		   : credentials_fill(sh, dst, size, why);
}

ssize_t
credentials_secret(const char *name, char *dst, size_t size)
{
	ssize_t len = -1;

	pthread_rwlock_rdlock(&lock);
	if (current != NULL)
		len = secrets_get(current, name, dst, size);
	pthread_rwlock_unlock(&lock);
	return len;
}
