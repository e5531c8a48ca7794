/*
 * smtp_probe.h - is this smarthost in order?  A short talk with it, step by step.
 *
 * The password leaves only in an AUTH command, after TLS, and with TLS_VERIFY
 * only after chain and name of the certificate were found good.  Nothing that
 * is reported holds it, not even if the server sends it back.
 *
 * Only what links libcurl can use this.
 */
#ifndef SMTP_PROBE_H
#define SMTP_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "config.h"
#include "smtp_hints.h"

#define PROBE_TIMEOUT	30	/* seconds for one talk */

struct probe_target {
	const char *host;
	uint16_t port;		/* 465: TLS from the first byte */
	enum tls_level tls;
	const char *username;	/* NULL: no login is tried */
	const char *password;
	bool is_token;		/* password is an access token: XOAUTH2 */
	const struct refusals *refusals;	/* NULL: none are known */
	const char *provider;	/* whose words its replies are; NULL: "" */
	const char *ca_file;	/* NULL: those of the system */
	const char *connect_to;	/* "ADDRESS:PORT" in place of it, or NULL */
	const char *from, *to;	/* one message; to NULL: none */
	long timeout;		/* seconds, 0: PROBE_TIMEOUT */
};

struct probe_report {
	enum probe_step step;
	bool ok;
	int64_t ms;
	const char *detail;	/* escaped; "" if there is nothing to say */
	const struct smtp_hint *hint;	/* NULL if ok */
};

typedef void probe_step_fn(const struct probe_report *, void *arg);

/*
 * Calls fn for each step as it ends, the failed one last.  0 if all went
 * well, 1 if one failed, -1 if no talk could be begun (no memory, or a host
 * that is no name).  Not from two threads at the same time.
 */
int	probe_run(const struct probe_target *target, probe_step_fn *fn,
	    void *arg);

#endif
