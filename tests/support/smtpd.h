/*
 * smtpd.h - a mail server of few words, to be probed: it plays one scene and
 * remembers what it was told.
 */
#ifndef SMTPD_H
#define SMTPD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum cert { CERT_GOOD, CERT_SELF_SIGNED, CERT_OTHER_NAME, CERT_EXPIRED,
    CERT_COUNT };

#define SMTPD_NAME "smtp.office.example"

struct scene {
	enum cert cert;
	bool implicit;		/* TLS from the first byte */
	bool no_starttls;
	bool silent;		/* takes the connection and says nothing */
	const char *greeting;	/* NULL: a good one, and so below */
	const char *auth;	/* mechanisms; "": no login offered */
	const char *auth_reply, *mail_reply, *quit_reply;
};

/* What the server saw; shared with the test. */
struct witness {
	int clear_auth;		/* AUTH before TLS */
	int auth;		/* AUTH at all */
	int mails;
	char mail[4096];
	char received[8192];	/* everything, decrypted */
};

struct smtpd {
	char address[32];	/* "127.0.0.1:PORT" */
	pid_t pid;
	struct witness *saw;
};

/* Keys and certificates into directory: 0.pem to 3.pem, ca.pem. */
void	smtpd_certificates(const char *directory);

void	smtpd_start(struct smtpd *s, const char *directory,
	    const struct scene *scene);
void	smtpd_stop(struct smtpd *s);

#endif
