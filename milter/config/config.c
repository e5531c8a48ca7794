/*
 * config.c - postmeter.conf, read once into plain data.
 *
 * All mistakes are collected before the verdict: an administrator who has to
 * run a check five times to hear of five mistakes stops running it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "limit.h"
#include "reader.h"
#include "store_url.h"
#include "refusal_file.h"
#include "digest.h"
#include "trusted_file.h"

#define FILE_LARGEST (1024 * 1024)
#define PROBE_LEAST (5 * SECOND)

static cfg_opt_t options[] = {
	CONF_ONE("milter-socket"),
	CONF_ONE("map-socket"),
	CONF_ONE("auth-socket"),
	CONF_LIST("auth-peers"),
	CONF_ONE("control-socket"),
	CONF_ONE("view-socket"),
	CONF_LIST("view-peers"),
	CONF_LIST("view-may"),
	CONF_LIST("web-readers"),
	CONF_LIST("web-actors"),
	CONF_ONE("web-key"),
	CONF_ONE("user"),
	CONF_ONE("store"),
	CONF_ONE("store-secret"),
	CONF_ONE("store-local"),
	CONF_ONE("store-share"),
	CONF_ONE("durability"),
	CONF_ONE("on-store-failure"),
	CONF_ONE("secrets"),
	CONF_ONE("oauth-state"),
	CONF_ONE("mode"),
	CONF_ONE("time-zone"),
	CONF_LIST("networks"),
	CONF_LIST("local-domains"),
	CONF_LIST("login-domain"),
	CONF_ONE("recipient-delimiter"),
	CONF_ONE("unmatched"),
	CONF_ONE("new-senders"),
	CONF_ONE("providers"),
	CONF_ONE("refusals"),
	CONF_ONE("margin"),
	CONF_ONE("probe-every"),
	CONF_ONE("trace-file"),
	CONF_ONE("trace-for"),
	CONF_ONE("trace-size"),
	CONF_ONE("hold-for"),
	CONF_ONE("hold-max"),
	CONF_ONE("hold-end"),
	CONF_ONE("release-rate"),
	CONF_LIST("report-to"),
	CONF_ONE("report-at"),
	CONF_ONE("on-alert"),
	CONF_ONE("mail-texts"),
	CONF_SECTION("policy", policy_options),
	CONF_SECTION("smarthost", smarthost_options),
	CONF_SECTION("route", route_options),
	CONF_SECTION("rule", rule_options),
	CFG_END(),
};

/* --- sockets ------------------------------------------------------------- */

static void
read_sockets(struct reading *r, cfg_t *root)
{
	static const char *const names[] = { "milter-socket", "map-socket",
		"auth-socket", "control-socket" };
	static const char *const usual[] = {
		"unix:/var/spool/postfix/postmeter/milter.sock",
		"unix:/var/spool/postfix/postmeter/map.sock",
		"unix:/var/spool/postfix/postmeter/auth.sock",
		"unix:/run/postmeter/control.sock"
	};
	struct unix_socket *const ends[] = { &r->conf->milter_socket,
		&r->conf->map_socket, &r->conf->auth_socket,
		&r->conf->control_socket };
	struct why why;
	char text[SHOWN];

	for (size_t i = 0; i < 4; i++) {
		const struct conf_value *v = read_one(root, names[i]);

		if (unix_socket_parse(
			v != NULL ? v->text : usual[i], ends[i], &why) == -1)
			diag_error(&r->m, v != NULL ? v->line : 0,
			    "%s = \"%s\": %s", names[i],
			    v != NULL ? shown(text, v) : usual[i], why.text);
		for (size_t j = 0; j < i; j++)
			if (ends[i]->path[0] != '\0' &&
			    strcmp(ends[i]->path, ends[j]->path) == 0)
				diag_error(&r->m, v != NULL ? v->line : 0,
				    "%s and %s are the same path: each needs its own",
				    names[j], names[i]);
	}
}

static void
read_auth_peers(struct reading *r, cfg_t *root)
{
	static const char *const usual[] = { "postfix", "root", NULL };
	const size_t n = read_size(root, "auth-peers", usual);
	struct names *peers = &r->conf->auth_peers;
	char text[SHOWN];

	peers->v = keep_array(r, n, sizeof(*peers->v));
	for (size_t i = 0; i < n && peers->v != NULL; i++) {
		const struct conf_value v =
		    read_nth(root, "auth-peers", usual, i);

		if (v.len == 0 || strcmp(v.text, "nobody") == 0)
			diag_error(&r->m, v.line,
			    "auth-peers: \"%s\" must not ask for passwords: name the mail server's user, such as \"postfix\"",
			    shown(text, &v));
		peers->v[peers->n++] = keep(r, v.text);
	}
}

/* --- time zone ----------------------------------------------------------- */

/* system_zone - what the machine is set to, "UTC" if it does not say */
static const char *
system_zone(char *dst, size_t size)
{
	static const char *const zoneinfo = "/zoneinfo/";
	FILE *f = fopen("/etc/timezone", "re");
	char *name = NULL;
	ssize_t n;

	if (f != NULL) {
		name = fgets(dst, (int)size, f);
		fclose(f);
	}
	if (name != NULL) {
		name[strcspn(name, " \t\r\n")] = '\0';
		if (name[0] != '\0')
			return name;
	}
	n = readlink("/etc/localtime", dst, size - 1);
	if (n <= 0)
		return "UTC";
	dst[n] = '\0';
	name = strstr(dst, zoneinfo);
	return name != NULL ? name + strlen(zoneinfo) : "UTC";
}

static void
read_zone(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "time-zone");
	char system[PATH_MAX], text[SHOWN];
	struct why why = WHY_NONE;
	const char *name =
	    v != NULL ? v->text : system_zone(system, sizeof(system));

	r->conf->zone = zone_load(name, &why);
	if (r->conf->zone != NULL)
		return;
	if (v != NULL)
		diag_error(&r->m, v->line, "time-zone = \"%s\": %s",
		    shown(text, v), why.text);
	else
		diag_error(&r->m, 0,
		    "the system's time zone is not usable (%s): write time-zone = \"UTC\" or yours",
		    why.text);
}

/* --- sections of main options -------------------------------------------- */

static void
read_store(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "store");
	const struct conf_value *secret = read_one(root, "store-secret");
	char text[SHOWN];
	struct why why;

	r->conf->store = read_text(
	    r, root, "store", "sqlite:/var/lib/postmeter/postmeter.db");
	r->conf->store_secret = read_text(r, root, "store-secret", "");
	if (v != NULL && store_url_scheme(v->text, &why) == NULL)
		diag_error(&r->m, v->line, "store = \"%s\": %s", shown(text, v),
		    why.text);
	if (secret != NULL && secret->len > 0 &&
	    (v == NULL || !store_url_is_shared(v->text)))
		diag_error(&r->m, secret->line,
		    "store-secret: only a store at redis://... has a password");
}

/* read_store_failure - what becomes of the mail while the store is out */
static void
read_store_failure(struct reading *r, cfg_t *root)
{
	static const char *const failure[] = { [STORE_FAILURE_DEFER] = "defer",
		[STORE_FAILURE_ACCEPT] = "accept",
		[STORE_FAILURE_LOCAL] = "local",
		NULL };
	const struct conf_value *v = read_one(root, "on-store-failure");
	const struct conf_value *local = read_one(root, "store-local");
	struct config *conf = r->conf;
	char text[SHOWN];

	conf->on_store_failure = (enum store_failure)read_choice(
	    r, root, "on-store-failure", failure, STORE_FAILURE_DEFER);
	conf->store_local = read_text(
	    r, root, "store-local", "sqlite:/var/lib/postmeter/outage.db");
	conf->store_share = read_number(r, root, "store-share", 1, 100, 0);
	if (local != NULL && store_url_file(local->text) == NULL)
		diag_error(&r->m, local->line,
		    "store-local = \"%s\": write \"sqlite:/absolute/path\"",
		    shown(text, local));
	if (v != NULL && conf->on_store_failure == STORE_FAILURE_LOCAL &&
	    conf->store != NULL && !store_url_is_shared(conf->store))
		diag_error(&r->m, v->line,
		    "on-store-failure = \"local\" is for a shared store at redis://...: this one is local already");
}

static void
read_user(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "user");

	r->conf->user = read_text(r, root, "user", "postmeter");
	if (v != NULL && v->len == 0)
		diag_error(&r->m, v->line,
		    "user is empty: name the user that the daemon runs as, such as \"postmeter\"");
}

/* read_delimiter - as Postfix has it: characters, any of which begins a tag */
static void
read_delimiter(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "recipient-delimiter");
	char text[SHOWN];

	r->conf->recipient_delimiter =
	    read_text(r, root, "recipient-delimiter", "+");
	if (v != NULL && strspn(v->text, "!#$%&'*+-/=?^_`{|}~") != v->len)
		diag_error(&r->m, v->line,
		    "recipient-delimiter = \"%s\": write the signs that begin a tag, such as \"+\" or \"+-\"",
		    shown(text, v));
}

/* read_domains - a list of domain names, canonical */
static void
read_domains(
    struct reading *r, cfg_t *root, const char *name, struct names *domains)
{
	const size_t n = conftext_size(root, name);
	char canon[MAILADDR_MAX + 1], text[SHOWN];

	domains->v = keep_array(r, n, sizeof(*domains->v));
	for (size_t i = 0; i < n && domains->v != NULL; i++) {
		const struct conf_value *v = conftext_value(root, name, i);

		if (mailaddr_canon_domain(
			canon, sizeof(canon), v->text, v->len))
			domains->v[domains->n++] = keep(r, canon);
		else
			diag_error(&r->m, v->line,
			    "%s: \"%s\" is no domain: write it like \"office.example\"",
			    name, shown(text, v));
	}
}

/* read_login_domains - the office's one domain completes logins, too */
static void
read_login_domains(struct reading *r, cfg_t *root)
{
	struct config *conf = r->conf;

	read_domains(r, root, "login-domain", &conf->login_domains);
	if (conftext_size(root, "login-domain") > 0 ||
	    conf->local_domains.n != 1)
		return;
	free(conf->login_domains.v);
	conf->login_domains.v =
	    keep_array(r, 1, sizeof(*conf->login_domains.v));
	if (conf->login_domains.v != NULL)
		conf->login_domains.v[conf->login_domains.n++] =
		    keep(r, conf->local_domains.v[0]);
}

/* read_oauth_state - where refresh tokens are kept */
static void
read_oauth_state(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "oauth-state");
	char text[SHOWN];

	r->conf->oauth_state =
	    read_text(r, root, "oauth-state", "/var/lib/postmeter/oauth");
	if (v != NULL && v->text[0] != '/')
		diag_error(&r->m, v->line,
		    "oauth-state = \"%s\": write the absolute path of a directory",
		    shown(text, v));
}

/* read_secrets - where the passwords are, if a smarthost or the store needs one
 */
static void
read_secrets(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "secrets");
	bool needed =
	    r->conf->store_secret != NULL && r->conf->store_secret[0] != '\0';
	char text[SHOWN];

	for (size_t i = 0; i < r->conf->nsmarthost; i++) {
		const char *name = r->conf->smarthost[i].secret;

		needed |= name != NULL && name[0] != '\0';
	}
	if (v != NULL && v->text[0] != '/' && (needed || v->len > 0))
		diag_error(&r->m, v->line,
		    "secrets = \"%s\": write the absolute path of the secrets file",
		    shown(text, v));
	r->conf->secrets = needed ? read_text(r, root, "secrets",
					"/etc/postmeter/secrets.conf")
				  : keep(r, "");
}

static void
read_probe_every(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "probe-every");
	char text[SHOWN];
	struct why why;

	if (v == NULL)
		return;
	if (duration_parse(v->text, &r->conf->probe_every, &why) == -1)
		diag_error(&r->m, v->line, "probe-every = \"%s\": %s",
		    shown(text, v), why.text);
	else if (r->conf->probe_every > 0 && r->conf->probe_every < PROBE_LEAST)
		diag_error(&r->m, v->line,
		    "probe-every = \"%s\": at least 5s, or \"0\" for never: providers shut out who knocks too often",
		    shown(text, v));
}

/* read_refusals - what providers say; a file of one's own comes first */
static void
read_refusals(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "refusals");
	char text[SHOWN];

	if (v != NULL && v->len > 0 && v->text[0] != '/') {
		diag_error(&r->m, v->line,
		    "refusals = \"%s\": write the absolute path of a file with rules of your own",
		    shown(text, v));
		return;
	}
	r->conf->refusals = refusals_load(v != NULL ? v->text : "", r->m.out);
	if (r->conf->refusals == NULL)
		diag_error(&r->m, v != NULL ? v->line : 0,
		    "refusals: the rules are not good, see the lines above");
}

static void
config_read_all(struct reading *r, cfg_t *root)
{
	static const char *const usual[] = { "127.0.0.0/8", "::1/128", NULL };
	static const char *const durability[] = {
		[DURABILITY_CRASH] = "crash", [DURABILITY_POWER] = "power", NULL
	};
	static const char *const mode[] = { "enforce", "observe", NULL };
	static const char *const unmatched[] = { "reject", "accept", NULL };
	struct config *conf = r->conf;

	conf->file = keep(r, r->m.file);
	read_sockets(r, root);
	read_auth_peers(r, root);
	read_view(r, root);
	read_user(r, root);
	read_store(r, root);
	conf->durability = (enum durability)read_choice(
	    r, root, "durability", durability, DURABILITY_CRASH);
	read_store_failure(r, root);
	conf->observe = read_choice(r, root, "mode", mode, 0) == 1;
	read_zone(r, root);
	read_prefixes(r, root, "networks", usual, &conf->networks);
	read_domains(r, root, "local-domains", &conf->local_domains);
	read_login_domains(r, root);
	read_delimiter(r, root);
	conf->unmatched_accept =
	    read_choice(r, root, "unmatched", unmatched, 0) == 1;
	if (conf->recipient_delimiter == NULL)
		return;
	read_probe_every(r, root);
	read_trace(r, root);
	read_hold(r, root);
	read_mail(r, root);
	read_providers(r, root);
	read_refusals(r, root);
	read_policies(r, root);
	read_smarthosts(r, root);
	read_secrets(r, root);
	read_oauth_state(r, root);
	read_routes(r, root);
	read_rules(r, root);
}

/* read_file - the whole text, or NULL and a mistake */
static char *
read_file(struct diag *m, size_t *len_r)
{
	struct why why;
	char *text = malloc(FILE_LARGEST);
	const int fd = open(m->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	ssize_t n = -1;

	if (text == NULL)
		diag_error(m, 0, "out of memory");
	else if (fd == -1)
		diag_error(m, 0,
		    "%s: give another file with -c, or make this one readable",
		    strerror(errno));
	else if ((n = trusted_file_read(fd, text, FILE_LARGEST, &why)) == -1)
		diag_error(m, 0, "%s", why.text);
	if (fd != -1)
		close(fd);
	if (n == -1) {
		free(text);
		return NULL;
	}
	*len_r = (size_t)n;
	return text;
}

struct config *
config_load(const char *file, FILE *errors)
{
	struct reading r = { .m = { .file = file, .out = errors } };
	size_t len = 0;
	char *text = read_file(&r.m, &len);

	if (text == NULL)
		return NULL;
	r.conf = calloc(1, sizeof(*r.conf));
	if (r.conf == NULL)
		diag_error(&r.m, 0, "out of memory");
	else if (conftext_parse(&r.text, text, len, options, &r.m) == 0)
		config_read_all(&r, r.text.tree);
	if (r.conf != NULL)
		r.conf->digest = digest64(text, len);
	read_titles_end(&r);
	conftext_free(&r.text);
	providers_free(&r.providers);
	free(text);
	if (r.m.n > 0)
		config_free(&r.conf);
	return r.conf;
}
