/*
 * postmeter.c - the daemon: main() is the order of its start, and of its end.
 *
 * The main thread only waits for signals.  libmilter wants SIGHUP and SIGTERM
 * for itself and takes both as stop, without a drain; Linux gives a signal to
 * the main thread first if that does not block it.  So the doors run in
 * threads that block them, SIGHUP is ignored, and the last word on stopping is
 * here.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <grp.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "control.h"
#include "credentials.h"
#include "gate.h"
#include "held_mail.h"
#include "log.h"
#include "milter.h"
#include "privileges.h"
#include "secrets.h"
#include "secure_mem.h"
#include "service_manager.h"
#include "snapshot.h"
#include "socketmap.h"
#include "store.h"
#include "tally.h"
#include "thread.h"
#include "timezone.h"
#include "trace.h"
#include "unix_socket.h"

#define DRAIN (30 * SECOND) /* for answers under way at SIGTERM */
#define DESCRIPTORS 1024    /* fewer are worth a warning */
#define LAST_WORDS 1000     /* ms for the log at the end */

static struct daemon {
	const char *file;
	struct unix_socket_owner owner; /* of the sockets */
	gid_t group;                    /* of the daemon itself */
	int map_fd, auth_fd, control_fd, view_fd;
	struct store *store;
	struct health *health;
	struct gate *gate;
	struct socketmap_server *maps;
	struct control_server *control, *view;
	pthread_t milter;
	int wake[2]; /* a signal's number, from its handler */
} d = { .file = CONFIG_DEFAULT, .view_fd = -1 };

static void
postmeter_usage(FILE *to)
{
	fprintf(to,
	    "usage: postmeter [-n] [-c FILE]\n"
	    "  -c FILE  configuration (default %s)\n"
	    "  -n       check configuration and secrets, then end\n"
	    "  -h       this text\n",
	    CONFIG_DEFAULT);
}

/* fatal - the store cannot go on; what it wrote is replayed at the next start
 */
static void
fatal(const char *why)
{
	log_error("%s; ending, the next start replays the journal", why);
	log_end(LAST_WORDS);
	_exit(EX_IOERR);
}

/* --- the user it runs as ------------------------------------------------- */

/* find_owner - whose sockets and files these are, and which group may connect
 */
static int
find_owner(const struct config *conf, struct unix_socket_owner *o_r)
{
	const struct passwd *pw;

	if (credentials_user(conf, &o_r->uid, &d.group, stderr) == -1)
		return -1;
	o_r->gid = d.group;
	if (geteuid() != 0 && geteuid() != o_r->uid) {
		log_error(
		    "start postmeter as root or as user \"%s\"", conf->user);
		return -1;
	}
	/* The mail server's group may connect: that of the first peer. */
	for (size_t i = 0; i < conf->auth_peers.n; i++) {
		pw = getpwnam(conf->auth_peers.v[i]);
		if (pw != NULL && pw->pw_uid != 0 &&
		    (geteuid() == 0 || group_member(pw->pw_gid))) {
			o_r->gid = pw->pw_gid;
			break;
		}
	}
	return 0;
}

/*
 * all_descriptors - libmilter's listener spins when there are none left, and
 * the customary 1,024 are fewer than the connections of a busy mail server
 */
static void
all_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == -1)
		return;
	r.rlim_cur = r.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &r);
	if (r.rlim_max < DESCRIPTORS)
		log_warn(
		    "only %llu descriptors: a mail server with many connections may have to wait; raise LimitNOFILE= or ulimit -n to %d",
		    (unsigned long long)r.rlim_max, DESCRIPTORS);
}

/* --- configuration and secrets ------------------------------------------- */

/* log_lines - each mistake is a line of its own */
static void
log_lines(const char *text)
{
	size_t n;

	for (; text != NULL && *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		log_warn("reload: %.*s", (int)n, text);
	}
}

/* load_all - configuration and secrets that can take the place of old, or NULL
 */
static struct config *
load_all(const struct config *old, struct secrets **secrets_r, char **errors_r)
{
	size_t len;
	FILE *errors = open_memstream(errors_r, &len);
	struct config *conf;

	if (errors == NULL) {
		*errors_r = strdup("out of memory");
		return NULL;
	}
	conf = config_load(d.file, errors);
	if (conf != NULL && (config_needs_restart(old, conf, errors) ||
				credentials_load(conf, d.owner.uid, d.group,
				    errors, secrets_r) == -1))
		config_free(&conf);
	fclose(errors);
	return conf;
}

/* retry_logins - a person may have given the right password */
static void
retry_logins(void)
{
	const struct config *conf = snapshot_hold();

	for (size_t i = 0; i < conf->nsmarthost; i++)
		gate_try_now(d.gate, conf->smarthost[i].name, clock_now());
	snapshot_release(&conf);
}

/* reload - the new whole, or the old whole; one at a time, whoever asks */
static int
reload(char **errors_r)
{
	/* guarded by one: that what is published last was read last */
	static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
	const struct config *old;
	struct secrets *secrets = NULL;
	struct config *conf;

	pthread_mutex_lock(&one);
	old = snapshot_hold();
	conf = load_all(old, &secrets, errors_r);
	snapshot_release(&old);
	if (conf != NULL) {
		store_reconfigure(d.store, conf);
		if (conf->probe_every == 0)
			health_forget(d.health); /* nobody looks any more */
		snapshot_publish(conf);
		credentials_publish(secrets);
		retry_logins();
	}
	pthread_mutex_unlock(&one);
	if (conf == NULL) {
		tally_add(TALLY_RELOADS, "refused", NULL, 1);
		log_lines(*errors_r);
		log_warn("reload: kept the running configuration");
		return -1;
	}
	tally_add(TALLY_RELOADS, "ok", NULL, 1);
	log_info("reload: %s is in force", d.file);
	return 0;
}

/* --- the doors ----------------------------------------------------------- */

static int
listen_on(
    const struct unix_socket *ep, const char *name, bool everybody, int *exit_r)
{
	struct unix_socket_owner owner = d.owner;
	struct why why = WHY_NONE;
	bool live = false;
	int fd;

	owner.everybody = everybody;
	fd = unix_socket_listen(ep, &owner, &live, &why);

	if (fd == -1) {
		log_error("%s: %s", name, why.text);
		*exit_r = live ? EX_TEMPFAIL : EX_CONFIG;
	}
	return fd;
}

/* open_doors - while still root: directories may belong to it */
static int
open_doors(const struct config *conf, int *exit_r)
{
	struct why why = WHY_NONE;
	bool live = false;

	if (mlfi_open(conf, &d.owner, &live, &why) == -1) {
		log_error("milter-socket: %s", why.text);
		*exit_r = live ? EX_TEMPFAIL : EX_CONFIG;
		return -1;
	}
	d.map_fd = listen_on(&conf->map_socket, "map-socket", false, exit_r);
	if (d.map_fd == -1)
		return -1;
	d.auth_fd = listen_on(&conf->auth_socket, "auth-socket", false, exit_r);
	if (d.auth_fd == -1)
		return -1;
	d.control_fd =
	    listen_on(&conf->control_socket, "control-socket", false, exit_r);
	if (d.control_fd == -1)
		return -1;
	if (conf->view_socket.path[0] == '\0')
		return 0;
	d.view_fd = listen_on(&conf->view_socket, "view-socket", true, exit_r);
	return d.view_fd == -1 ? -1 : 0;
}

/* desk_of_daemon - what the doors ask with; each adds a configuration */
static struct desk
desk_of_daemon(void)
{
	return (struct desk){
		.store = d.store, .health = d.health, .gate = d.gate
	};
}

/*
 * open_gate - deliveries that were under way when the daemon ended last time
 * are settled, or told on by those who are still at it.  0 or -1.
 */
static int
open_gate(void)
{
	struct desk desk;
	struct why why = WHY_NONE;

	d.gate = gate_new();
	if (d.gate == NULL) {
		log_error("out of memory");
		return -1;
	}
	desk = desk_of_daemon();
	desk.conf = snapshot_hold();
	if (gate_adopt(&desk, socketmap_owner, clock_now(), &why) != GATE_OPEN)
		log_error(
		    "exit: closed accounts and deliveries under way could not be read: %s; what was leased counts as sent until its window is over",
		    why.text);
	snapshot_release(&desk.conf);
	return 0;
}

static void *
postmeter_serve(void *arg)
{
	const struct desk desk = desk_of_daemon();
	int *rc = arg;
	const char gone = 0;

	*rc = mlfi_serve(&desk);
	if (*rc != 0)
		log_error("libmilter gave up: the system's mail log says why");
	(void)!write(d.wake[1], &gone, 1);
	return NULL;
}

static int
start_serving(int *milter_rc)
{
	static struct control_env env;
	const struct desk desk = desk_of_daemon();
	int rc = -1;

	env = (struct control_env){
		.store = d.store,
		.health = d.health,
		.gate = d.gate,
		.config_file = d.file,
		.started = clock_now(),
		.reload = reload,
	};
	d.maps = socketmap_start(d.map_fd, d.auth_fd, &desk);
	d.control = control_start(d.control_fd, CONTROL_DOOR, &env);
	if (d.view_fd != -1)
		d.view = control_start(d.view_fd, VIEW_DOOR, &env);
	if (d.maps != NULL && d.control != NULL &&
	    (d.view_fd == -1 || d.view != NULL))
		rc = thread_start(&d.milter, postmeter_serve, milter_rc);
	if (rc != 0)
		log_error("cannot start a thread: out of resources");
	return rc;
}

/* keep_trace - without it mail goes on, and questions about it find less */
static void
keep_trace(const struct config *conf)
{
	struct why why = WHY_NONE;

	if (conf->trace_file[0] != '\0' &&
	    trace_open(conf->trace_file, conf->trace_for, conf->trace_size,
		&why) == -1)
		log_error("%s: %s; mail goes on without a trace",
		    conf->trace_file, why.text);
	held_mail_begin(clock_now());
}

/* --- signals ------------------------------------------------------------- */

static void
on_signal(int sig)
{
	const char byte = (char)sig;
	int saved = errno;

	(void)!write(d.wake[1], &byte, 1);
	errno = saved;
}

static int
catch_signals(void)
{
	static const int caught[] = { SIGTERM, SIGINT, SIGUSR1 };
	struct sigaction sa = { .sa_handler = on_signal,
		.sa_flags = SA_RESTART };

	if (pipe2(d.wake, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		if (sigaction(caught[i], &sa, NULL) == -1)
			return -1;
	/*
	 * In a storm of them the kernel hands some to libmilter's own thread;
	 * only what is ignored never arrives there.
	 */
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* alive - the store answers: it is not stuck behind a lock or a disk */
static void
alive(void)
{
	struct store_stats stats;

	store_stats(d.store, &stats);
	service_tell("WATCHDOG=1");
}

/* wait_for_end - until SIGTERM, SIGINT or the milter's own end */
static void
wait_for_end(void)
{
	const int pace = service_watchdog();

	for (;;) {
		struct pollfd p = { .fd = d.wake[0], .events = POLLIN };
		char sig[64], *errors = NULL;
		bool wanted = false;
		ssize_t n;

		if (pace > 0)
			alive();
		if (poll(&p, 1, pace) <= 0)
			continue;
		n = read(d.wake[0], sig, sizeof(sig));
		for (ssize_t i = 0; i < n; i++) {
			if (sig[i] == SIGTERM || sig[i] == SIGINT ||
			    sig[i] == 0)
				return;
			if (sig[i] == SIGUSR1)
				wanted = true;
		}
		if (!wanted)
			continue;
		(void)reload(&errors); /* many at once are one */
		free(errors);
	}
}

/*
 * drain - every answer that a client saw is in the store before it closes.
 * libmilter is not stopped: smfi_stop waits for its listener, up to 5 s, and
 * whoever comes meanwhile hears 451 from us as well.
 */
static void
drain(void)
{
	unsigned left;

	log_info("stopping: finishing the answers under way");
	service_tell("STOPPING=1");
	left = mlfi_drain(DRAIN);
	if (d.maps != NULL)
		socketmap_stop(&d.maps);
	if (d.control != NULL)
		control_stop(&d.control);
	if (d.view != NULL)
		control_stop(&d.view);
	trace_close();
	held_mail_free();
	if (left > 0)
		log_warn(
		    "%u answers still under way: their charges are in the journal",
		    left);
	else
		store_close(&d.store);
	log_info("stopped");
	log_end(LAST_WORDS);
}

/* --- main ---------------------------------------------------------------- */

/* check - configuration and secrets, as at a start */
static struct config *
check(struct secrets **secrets_r)
{
	struct config *conf = config_load(d.file, stderr);

	if (conf == NULL)
		return NULL;
	if (find_owner(conf, &d.owner) == -1 ||
	    credentials_load(conf, d.owner.uid, d.group, stderr, secrets_r) ==
		-1)
		config_free(&conf);
	return conf;
}

/* parse - the command line.  -1, or the code to end with at once */
static int
parse(int argc, char **argv, bool *only_check_r)
{
	int opt;

	while ((opt = getopt(argc, argv, "c:nh")) != -1) {
		switch (opt) {
		case 'c':
			d.file = optarg;
			break;
		case 'n':
			*only_check_r = true;
			break;
		case 'h':
			postmeter_usage(stdout);
			return 0;
		default:
			postmeter_usage(stderr);
			return EX_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	postmeter_usage(stderr);
	return EX_USAGE;
}

static const int end_of_fault[] = {
	[STORE_OPENED] = EX_OK,
	[STORE_DAMAGED] = EX_DATAERR,
	[STORE_NO_RESOURCES] = EX_OSERR,
	[STORE_INACCESSIBLE] = EX_CANTCREAT,
	[STORE_BUSY] = EX_TEMPFAIL,
	[STORE_MISCONFIGURED] = EX_CONFIG,
};

int
main(int argc, char **argv)
{
	static const struct store_env env = { .fatal = fatal,
		.password = credentials_secret };
	struct secrets *secrets = NULL;
	struct config *conf;
	struct why why;
	bool only_check = false;
	int rc = parse(argc, argv, &only_check), milter_rc = 0;
	enum store_fault fault;

	if (rc != -1)
		return rc;
	umask(077);
	json_set_alloc_funcs(malloc, secure_free); /* tokens come as JSON */
	log_open("postmeter", LOG_LEVEL_INFO);
	privileges_no_cores();  /* before the first secret is read */
	conf = check(&secrets); /* -n stops here */
	if (conf == NULL)
		return EX_CONFIG;
	if (only_check) {
		printf("%s: good\n", d.file);
		secrets_free(&secrets);
		config_free(&conf);
		return 0;
	}
	all_descriptors();
	if (catch_signals() == -1)
		return EX_OSERR;
	if (open_doors(conf, &rc) == -1) /* as root */
		return rc;
	if (privileges_drop(d.owner.uid, d.group, &why) == -1) {
		log_error("%s", why.text);
		return EX_NOPERM;
	}
	credentials_publish(secrets);
	d.store = store_open(conf, &env, &why, &fault);
	if (d.store == NULL) { /* its files belong to the user */
		log_error("store: %s", why.text);
		return end_of_fault[fault];
	}
	zone_freeze(); /* from here on there are threads */
	keep_trace(conf);
	snapshot_publish(conf); /* no longer ours to look at */
	d.health = health_new();
	if (d.health == NULL || open_gate() == -1 ||
	    start_serving(&milter_rc) != 0)
		return EX_OSERR;
	if (log_start() == -1)
		log_warn("no thread for the log: answers wait for its reader");
	log_info("ready: %s is in force", d.file);
	service_tell("READY=1");

	wait_for_end();
	drain();
	/* libmilter's workers may still run: leave without tearing down. */
	fflush(NULL);
	_exit(milter_rc == 0 ? 0 : EX_UNAVAILABLE);
}
