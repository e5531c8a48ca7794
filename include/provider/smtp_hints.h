/*
 * smtp_hints.h - what went wrong with a smarthost, why, and what helps.
 *
 * Pure: a table.  What a provider says is looked up by its code and words.
 */
#ifndef SMTP_HINTS_H
#define SMTP_HINTS_H

enum probe_step { PROBE_CONNECT, PROBE_GREETING, PROBE_HELLO, PROBE_TLS,
    PROBE_AUTH, PROBE_SEND, PROBE_QUIT };

enum probe_trouble {
	TROUBLE_OTHER,		/* none of the below */
	TROUBLE_NO_HOST,	/* the name has no address */
	TROUBLE_REFUSED,	/* nobody listens, or a firewall says no */
	TROUBLE_TIMEOUT,
	TROUBLE_CLOSED,		/* the other side hung up */
	TROUBLE_NO_STARTTLS,	/* not offered */
	TROUBLE_TLS,		/* no handshake */
	TROUBLE_EXPIRED,	/* the certificate, as the next ones */
	TROUBLE_NOT_YET,
	TROUBLE_SELF_SIGNED,
	TROUBLE_UNKNOWN_CA,
	TROUBLE_NAME,
	TROUBLE_CERTIFICATE,	/* any other fault of it */
	TROUBLE_CA_FILE,	/* ours, not theirs */
	TROUBLE_NO_AUTH,	/* not offered */
	TROUBLE_NO_MECHANISM,	/* neither PLAIN nor LOGIN */
	TROUBLE_REPLY		/* it said no, see the reply */
};

struct smtp_hint {
	const char *cause, *remedy;
};

/* "connect", "STARTTLS": the word for people and for --json. */
const char *probe_step_name(enum probe_step step);

/*
 * reply is the last line of the server's reply ("535 5.7.8 ..."), "" if
 * there was none.  Never NULL: at the end of the table something fits.
 */
const struct smtp_hint *smtp_hint(enum probe_step step,
	    enum probe_trouble trouble, const char *reply);

#endif
