/*
 * fake_smfi.h - the mail server's side of libmilter, without a socket.
 *
 * test_mlfi links this instead of -lmilter, so the door carries no test hook
 * and can be walked in any order, the wrong one too.
 */
#ifndef FAKE_SMFI_H
#define FAKE_SMFI_H

#include <stdbool.h>
#include <sys/types.h>

#include <libmilter/mfapi.h>

/* What registered itself, to be called by the test. */
extern struct smfiDesc fake_milter;

/*
 * Set: a socket is made where the milter wants to listen, as libmilter does it,
 * and fake_socket_mode is its mode then.
 */
extern bool fake_listens;
extern mode_t fake_socket_mode;

/* One connection of the mail server that is played. */
struct smfi_str {
	void *priv;
	char reply[1024];	/* "450 4.7.1 text" as set last, "" if none */
	char quarantined[1024];	/* the reason, "" if not */
	bool cannot_hold;	/* answers smfi_quarantine with failure */
	const char *login;	/* {auth_authen} */
	const char *version;	/* v */
	const char *queue_id;	/* i */
	const char *mailer;	/* {rcpt_mailer} */
	const char *rcpt_host;	/* {rcpt_host} */
	const char *rcpt_addr;	/* {rcpt_addr} */
	const char *mail_addr;	/* {mail_addr} */
	unsigned long steps;	/* what negotiation asked for */
	unsigned long actions;
	bool cannot_rename;	/* answers smfi_chgfrom with failure */
	char sender[512];	/* as smfi_chgfrom set it, "" if it did not */
	char sender_args[128];	/* and with which parameters */
	bool cannot_add;	/* answers smfi_addrcpt_par with failure */
	char readdressed[1024];	/* "-<a@b.test>" out, "+<a@b.test> ARGS" in */
	char headers[4096];	/* "change From 1: value\n", "add Name: value\n" */
};

#endif
