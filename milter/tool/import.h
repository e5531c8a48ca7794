/*
 * import.h - what another program was told, as a configuration of ours.
 *
 * An importer reads one kind of file and tells what it found piece by piece.
 * What cannot be carried over is told, too: nothing is guessed and nothing is
 * left out in silence.  Passwords are kept apart from the text.
 */
#ifndef IMPORT_H
#define IMPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

struct import {
	FILE *top, *routes, *policies, *rules; /* the parts of the text */
	json_t *hosts;	/* "host port user" to the name of the smarthost */
	json_t *passwords;	/* smarthost to password; wiped by import_end */
	json_t *left;	/* sentences: what is not carried over */
	json_t *bodies;	/* "about body" to the name of the policy */
	json_t *layers;	/* {"where", "conditions", "policy", "last"} */
	size_t nrule, npolicy, nroute;
	char *part[4];	/* of the streams */
	size_t size[4];
};

/* 0, or -1 if memory is out. */
int	import_begin(struct import *im);

/* The whole text, to be freed; NULL if memory is out.  Passwords are wiped. */
char	*import_end(struct import *im);

/* What is not carried over, and where that was: "file:line" or a setting. */
void	import_left(struct import *im, const char *where, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/*
 * The name of the smarthost of that account, made at first sight.  user ""
 * wants no login.  password NULL: it was not found; the text tells.
 */
const char *import_smarthost(struct import *im, const char *host,
	    unsigned port, const char *user, const char *password);

/* The name of a route by these smarthosts, in order; static, until the next. */
const char *import_route(struct import *im, const char *const *smarthost,
	    size_t n);

/*
 * A rule.  conditions: "sender", "login" or "client" to an array of values,
 * empty for everybody; policies: an array of names.  Both are released; NULL
 * (no UTF-8, or memory is out) makes no rule and is told.  where is a comment.
 */
void	import_rule(struct import *im, const char *where, json_t *conditions,
	    json_t *policies, const char *route);

/*
 * The name of a policy with that body, made at first sight.  Where two bodies
 * are alike but must not share counters, about tells them apart.
 */
const char *import_policy(struct import *im, const char *about,
	    const char *body);

/*
 * "COUNT/SPAN" into dst, of SPAN seconds.  0; -1 if no window is like it
 * (told).
 */
int	import_limit(struct import *im, const char *where, long long count,
	    double seconds, char *dst, size_t size);

/* when-over (and text) of what access(5) calls an action; static buffer. */
const char *import_action(struct import *im, const char *where,
	    const char *action);

/* Is it an address or a network, and so a condition "client"? */
bool	import_is_client(const char *text);

/*
 * Programs in which all limits that match apply, in order: here the first rule
 * that matches speaks, so each rule names all of them.  policy NULL limits
 * nothing; last: nothing that comes later applies to who matches.
 */
void	import_layer(struct import *im, const char *where, json_t *conditions,
	    const char *policy, bool last);

/* The rules of all layers. */
void	import_layers_end(struct import *im);

/* text in double quotes, escaped as the scanner wants it; static buffer. */
const char *import_quoted(const char *text);

/* "host", "[host]", "host:port" or "[host]:port".  0 or -1. */
int	import_nexthop(const char *text, unsigned usual, char *host, size_t size,
	    unsigned *port_r);

/* The importers: each of its files in turn. */
void	import_postfix(struct import *im, const char *dir);
void	import_iredapd(struct import *im, const char *file, FILE *in);
void	import_policyd(struct import *im, const char *file, FILE *in);
void	import_policyd_rate_limit(struct import *im, const char *file,
	    FILE *in);
void	import_postfwd(struct import *im, const char *file, FILE *in);
void	import_rspamd(struct import *im, const char *file, FILE *in);
void	import_msmtp(struct import *im, const char *file, FILE *in);
void	import_ssmtp(struct import *im, const char *file, FILE *in);
void	import_nullmailer(struct import *im, const char *file, FILE *in);
void	import_dma(struct import *im, const char *file, FILE *in);
void	import_sendmail(struct import *im, const char *file, FILE *in);

#endif
