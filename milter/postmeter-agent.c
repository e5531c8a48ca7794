/*
 * postmeter-agent.c - speaks to providers, so that the daemon needs no network.
 *
 * It looks at smarthosts and renews tokens, one thing after the other, and
 * tells the daemon through its control socket.  It keeps no state that cannot
 * be had again, and follows the configuration file by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "clock.h"
#include "config.h"
#include "credentials.h"
#include "daemon.h"
#include "grants.h"
#include "log.h"
#include "obj.h"
#include "privileges.h"
#include "prober.h"
#include "secure_mem.h"
#include "service_manager.h"
#include "thread.h"

#define TICK (5 * SECOND) /* how soon a new configuration is seen */
#define BREATH 200        /* ms: whatever a provider says, no faster */

static struct agent {
	const char *file;
	struct config *conf;
	struct stat seen; /* the file that conf was read from */
	struct prober *prober;
	struct grants *grants;
	int64_t started; /* when the daemon was, as far as known */
	bool deaf;       /* the daemon was away: told once */
} a = { .file = CONFIG_DEFAULT };

static void
usage(FILE *to)
{
	fprintf(to,
	    "usage: postmeter-agent [-c FILE]\n"
	    "  -c FILE  configuration (default %s)\n"
	    "  -h       this text\n",
	    CONFIG_DEFAULT);
}

/* tell_daemon - its answer, NULL if it is away or says no */
static json_t *
tell_daemon(json_t *request)
{
	json_t *answer =
	    daemon_ask(&a.conf->control_socket, request, DAEMON_WAIT);

	if (answer == NULL && !a.deaf)
		log_warn("the daemon cannot be reached at %s: %s",
		    a.conf->control_socket.path, strerror(errno));
	a.deaf = answer == NULL;
	json_decref(request);
	if (obj_yes(answer, "ok"))
		return answer;
	if (answer != NULL)
		log_warn("the daemon says: %s",
		    json_string_value(json_object_get(answer, "error")));
	json_decref(answer);
	return NULL;
}

/* tell_health - what the prober saw */
static int64_t
tell_health(void *arg, const struct smarthost *sh, bool good, const char *why)
{
	json_t *answer =
	    tell_daemon(json_pack("{s:s, s:s, s:b, s:s}", "command", "health",
		"smarthost", sh->name, "good", good, "why", why));
	const int64_t next =
	    answer == NULL ? -1 : (int64_t)obj_num(answer, "next");

	(void)arg;
	json_decref(answer);
	return next;
}

/* tell_token - a token, or why there is none.  0, or -1: nobody heard it */
static int
tell_token(void *arg, const struct smarthost *sh, const char *token, size_t len,
    int64_t expires, const char *error)
{
	json_t *answer;

	(void)arg;
	if (error != NULL)
		answer = tell_daemon(json_pack("{s:s, s:s, s:s}", "command",
		    "token", "smarthost", sh->name, "error", error));
	else
		answer = tell_daemon(json_pack("{s:s, s:s, s:s%, s:I}",
		    "command", "token", "smarthost", sh->name, "token", token,
		    len, "expires", (json_int_t)expires));
	if (answer == NULL)
		return -1;
	if (error == NULL)
		log_info("smarthost %s: the daemon has a token", sh->name);
	json_decref(answer);
	return 0;
}

/* has_oauth - does any smarthost log in with a token? */
static bool
has_oauth(void)
{
	for (size_t i = 0; i < a.conf->nsmarthost; i++)
		if (a.conf->smarthost[i].oauth.grant != GRANT_NONE)
			return true;
	return false;
}

/*
 * greet - a daemon that was started again has no tokens: it is told again; a
 * token that the provider refused is renewed
 */
static void
greet(void)
{
	json_t *name,
	    *answer = tell_daemon(json_pack("{s:s}", "command", "hello"));
	const int64_t started = (int64_t)obj_num(answer, "started");
	size_t i;

	if (answer != NULL && started != a.started) {
		a.started = started;
		grants_repeat(a.grants);
	}
	json_array_foreach (json_object_get(answer, "renew"), i, name)
		grants_renew(a.grants, json_string_value(name));
	json_decref(answer);
}

/* follow - reads the configuration if its file is another one than before */
static void
follow(void)
{
	struct config *conf;
	struct stat st;

	if (stat(a.file, &st) == -1 ||
	    (st.st_ino == a.seen.st_ino && st.st_size == a.seen.st_size &&
		st.st_mtim.tv_sec == a.seen.st_mtim.tv_sec &&
		st.st_mtim.tv_nsec == a.seen.st_mtim.tv_nsec))
		return;
	a.seen = st;
	conf = config_load(a.file, stderr);
	if (conf == NULL) {
		log_warn("kept the configuration that was read before");
		return;
	}
	config_free(&a.conf);
	a.conf = conf;
}

/* work - until a signal to end comes */
static void
work(int signals)
{
	struct pollfd p = { .fd = signals, .events = POLLIN };
	int64_t next = 0, due = NEVER;

	while (poll(&p, 1, (int)next) == 0) {
		follow();
		next = prober_round(a.prober, a.conf, clock_now());
		if (has_oauth()) {
			greet();
			due = grants_round(a.grants, a.conf, clock_now());
		}
		next = due < next ? due : next;
		next = next < BREATH ? BREATH : next < TICK ? next : TICK;
	}
}

static void *
crypto_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return malloc(size);
}

static void *
crypto_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return secure_realloc(p, size);
}

static void
crypto_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	secure_free(p);
}

/* secure_heap - whatever held a token is wiped when it is given back */
static void
secure_heap(void)
{
	json_set_alloc_funcs(malloc, secure_free);
	(void)CRYPTO_set_mem_functions(
	    crypto_malloc, crypto_realloc, crypto_free);
}

/* prepare - as what user, and with what configuration.  0 or an exit code. */
static int
prepare(void)
{
	struct why why;
	uid_t uid;
	gid_t gid;

	if (stat(a.file, &a.seen) == -1 ||
	    (a.conf = config_load(a.file, stderr)) == NULL ||
	    credentials_user(a.conf, &uid, &gid, stderr) == -1)
		return EX_CONFIG;
	if (geteuid() != 0 && geteuid() != uid) {
		log_error("start postmeter-agent as root or as user \"%s\"",
		    /* NOLINTNEXTLINE(clang-analyzer-core*): loaded */
		    a.conf->user);
		return EX_NOPERM;
	}
	if (privileges_drop(uid, gid, &why) == -1) {
		log_error("%s", why.text);
		return EX_NOPERM;
	}
	a.prober = prober_new(tell_health, NULL);
	a.grants = grants_new(
	    &(struct grants_env){ .owner = { uid, gid } }, tell_token, NULL);
	return a.prober == NULL || a.grants == NULL ? EX_OSERR : 0;
}

int
main(int argc, char **argv)
{
	int opt, rc, signals;

	while ((opt = getopt(argc, argv, "c:h")) != -1) {
		if (opt == 'h') {
			usage(stdout);
			return 0;
		}
		if (opt != 'c') {
			usage(stderr);
			return EX_USAGE;
		}
		a.file = optarg;
	}
	if (optind != argc) {
		usage(stderr);
		return EX_USAGE;
	}
	umask(077);
	secure_heap();
	log_open("postmeter-agent", LOG_LEVEL_INFO);
	privileges_no_cores();
	signals = thread_end_signals();
	if (signals == -1)
		return EX_OSERR;
	rc = prepare();
	if (rc != 0)
		return rc;
	log_info("ready: %s is in force", a.file);
	service_tell("READY=1");
	work(signals);
	log_info("stopped");
	prober_free(&a.prober);
	grants_free(&a.grants);
	config_free(&a.conf);
	return 0;
}
