/*
 * config.h - postmeter.conf, read once into plain data.
 *
 * Above this file a misspelt option is a compile error, and nothing can be
 * half configured: config_load gives the whole or a list of what is wrong.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "mailaddr.h"
#include "netaddr.h"
#include "policy.h"
#include "quota.h"
#include "refusal.h"
#include "timezone.h"
#include "unix_socket.h"

#define CONFIG_DEFAULT	"/etc/postmeter/postmeter.conf"

enum durability { DURABILITY_CRASH, DURABILITY_POWER };
enum store_failure { STORE_FAILURE_DEFER, STORE_FAILURE_ACCEPT,
    STORE_FAILURE_LOCAL };
enum tls_level { TLS_VERIFY, TLS_ENCRYPT };

struct names {			/* a list of canonical strings */
	size_t n;
	char **v;
};

struct prefixes {
	size_t n;
	struct netprefix *v;
};

struct policies {		/* pointers into config->policy */
	size_t n;
	const struct policy **v;
};

/* How a smarthost's access token is had. */
enum grant_type { GRANT_NONE, GRANT_GOOGLE_CODE, GRANT_GOOGLE_SERVICE,
    GRANT_MICROSOFT_DEVICE, GRANT_MICROSOFT_CODE, GRANT_MICROSOFT_APP,
    GRANT_REFRESH };
extern const char *const grant_type_words[];	/* closed by NULL */

struct oauth {
	enum grant_type grant;	/* GRANT_NONE: it logs in with a password */
	char *client_id, *tenant, *token_url, *scope;	/* "" if not given */
	char *key_file;		/* google-service: the account's JSON key */
	int64_t secret_until;	/* ms: the client secret's end; 0: not known */
};

struct smarthost {
	char *name;		/* a Postfix service and map name: [a-z0-9-] */
	char *host;		/* the name that the certificate must bear */
	uint16_t port;
	enum tls_level tls;
	char *username;		/* "" if it wants no login */
	char *secret;		/* the name of its secret, or "" */
	struct oauth oauth;
	/*
	 * The budget of the account itself: those it names, then those that
	 * its provider brings, named "SMARTHOST.LIMIT".
	 */
	struct policies policies;
	char *provider;		/* "" if it names none */
	/*
	 * Recipients in one delivery: the mail server splits a message with
	 * more, and the provider counts each part.  Never more than a limit of
	 * recipients of the account holds, so that a delivery always fits into
	 * an unused one.
	 */
	uint32_t recipient_limit;
	uint32_t concurrency;	/* connections at a time; 0: not limited */
	uint32_t messages_per_minute;	/* 0: not paced */
	/*
	 * The only sender that it takes, as written and as a key; "" if it
	 * takes any.
	 */
	char *envelope_sender, *envelope_key;
};

struct route {
	char *name;
	size_t n;		/* 1 to BILL_CHOICES, in order of preference */
	const struct smarthost **smarthost;
	bool spread;		/* by remaining budget, else in order */
};

/* Conditions of a rule; an empty list is no condition. */
struct rule {
	char *name;
	struct names sender;	/* "a@b", "@b", "<>", canonical */
	struct names login;	/* canonical */
	struct prefixes client;
	struct policies policies;
	const struct route *route;	/* NULL: the mail server's own way */
};

/* The commands that view-may can allow, closed by NULL. */
extern const char *const view_commands[];

struct config {
	_Atomic unsigned holders;	/* beside who loaded it */
	char *file;
	struct unix_socket milter_socket, map_socket, auth_socket, control_socket;
	struct unix_socket view_socket;	/* path "": there is none */
	struct names auth_peers;	/* user names */
	struct names view_peers;	/* user names, or uids in digits */
	struct names view_may;		/* of view_commands */
	struct names web_readers;	/* of the page; "*": all logged in */
	struct names web_actors;
	char *web_key;			/* path: the page's tokens */
	char *user;
	char *store;			/* "sqlite:PATH", "redis://..." ... */
	char *store_secret;		/* its password's name; "" if none */
	char *store_local;		/* "sqlite:PATH": while it is out */
	/* Percent of each limit there; 0: 100 by the number of servers. */
	uint32_t store_share;
	enum durability durability;
	enum store_failure on_store_failure;
	char *oauth_state;		/* directory of refresh tokens */
	char *secrets;			/* path; "" if no smarthost needs one */
	char *providers;		/* path of providers.conf */
	struct refusals *refusals;	/* what providers say; never NULL */
	int64_t probe_every;		/* ms; 0: nobody looks at smarthosts */
	char *trace_file;		/* path; "": no trace is kept */
	int64_t trace_for;		/* ms */
	uint64_t trace_size;		/* bytes */
	int64_t hold_for;		/* ms that a message is held at most */
	uint32_t hold_max;		/* messages of one counter that are */
	bool hold_keeps;		/* after hold_for; else it is returned */
	uint32_t release_rate;		/* a minute and smarthost; 0: any */
	struct names report_to;		/* addresses */
	int report_at;			/* minute of the day; -1: never */
	char *on_alert;			/* path of a program; "": none */
	char *mail_texts;		/* path; "": the English ones */
	char *mail_state;		/* path: what was told; "": nowhere */
	bool observe;			/* mode = observe */
	bool unmatched_accept;
	struct zone *zone;
	struct prefixes networks;
	struct names local_domains;	/* canonical */
	/*
	 * Realms of logins: the first completes a login that has none, and
	 * stands for the others.  None: logins stay as they are.
	 */
	struct names login_domains;	/* canonical */
	char *recipient_delimiter;
	size_t npolicy;
	struct policy *policy;		/* those built in included */
	/*
	 * "(senders)", built in, made of `new-senders` (default 1000/24h, one
	 * unique-recipients limit, per client): how many different senders one
	 * login or client may use before they share one counter.
	 */
	const struct policy *senders;
	size_t nsmarthost;
	struct smarthost *smarthost;
	size_t nroute;
	struct route *route;
	uint64_t digest;	/* of the text that it was read from */
	size_t nrule;
	struct rule *rule;
};

/*
 * Reads file.  On any mistake returns NULL; every mistake has been written to
 * errors as one line "file:line: what is wrong, what would be right".
 */
struct config *config_load(const char *file, FILE *errors);
void	config_free(struct config **cp);

/*
 * Who loaded it holds it once.  config_free and config_release are one: the
 * last holder to let go frees it.  From any thread.
 */
const struct config *config_hold(const struct config *conf);
void	config_release(const struct config **cp);

/* Is there what only a restart can change?  A line for each in errors. */
bool	config_needs_restart(const struct config *old,
	    const struct config *now, FILE *errors);

const struct policy *config_policy(const struct config *conf,
	    const char *name);
const struct smarthost *config_smarthost(const struct config *conf,
	    const char *name);

/* Does the route (NULL: none) offer that smarthost? */
bool	config_leads_to(const struct route *route,
	    const struct smarthost *sh);

/* Is a canonical domain, or that of a canonical address, one of local-domains?
 */
bool	config_is_local_domain(const struct config *conf, const char *domain);
bool	config_is_local(const struct config *conf, const struct mailaddr *a);

/*
 * The canonical form of a login: one person is one account, so `alice`,
 * `ALICE@office.example` and the sender alice@office.example have one name.
 * dst holds MAILADDR_MAX + 1 bytes.
 */
void	config_login(const struct config *conf, const char *raw, char *dst);

/* True if any policy counts bytes: then the body must be seen. */
bool	config_needs_body(const struct config *conf);

/* True if mail may have to bear a smarthost's own sender. */
bool	config_needs_headers(const struct config *conf);

#endif
