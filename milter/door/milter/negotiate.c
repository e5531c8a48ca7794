/*
 * negotiate.c - what the mail server is asked for: each step that is answered
 * is a round trip, and what is not needed is not sent.
 */
#include <string.h>

#include "log.h"
#include "negotiate.h"

/* ask_macros - exactly those that are read; servers that cannot say no */
static void
ask_macros(SMFICTX *ctx)
{
	static const struct {
		int stage;
		char names[64];
	} asked[] = {
		{ SMFIM_CONNECT, "v" },
		{ SMFIM_ENVFROM, "i {auth_authen} {mail_addr}" },
		{ SMFIM_ENVRCPT, "i {rcpt_mailer} {rcpt_host} {rcpt_addr}" },
		{ SMFIM_EOM, "i" },
	};

	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		char names[64];

		memcpy(names, asked[i].names, sizeof(names));
		(void)smfi_setsymlist(ctx, asked[i].stage, names);
	}
}

/*
 * only_sendmail - is there no Postfix that asks for credentials?  Sendmail asks
 * for the route of a recipient while it tells us of MAIL: there it has to wait
 * until we know of that, or the message has arrived for nobody.
 */
static bool
only_sendmail(const struct config *conf)
{
	for (size_t i = 0; i < conf->auth_peers.n; i++)
		if (strcmp(conf->auth_peers.v[i], "root") != 0)
			return false;
	return true;
}

void
negotiate(SMFICTX *ctx, const struct config *conf, struct negotiation *n)
{
	const bool body = config_needs_body(conf);
	const bool headers = config_needs_headers(conf);
	const bool sendmail = only_sendmail(conf);
	unsigned long steps = SMFIP_NOHELO | SMFIP_NODATA | SMFIP_NOUNKNOWN |
			      SMFIP_NOEOH | SMFIP_NR_CONN;
	unsigned long wanted = SMFIF_QUARANTINE | SMFIF_SETSYMLIST;

	steps |= sendmail ? 0 : SMFIP_NR_MAIL;
	steps |= body || headers ? SMFIP_NR_HDR : SMFIP_NOHDRS;
	steps |= body ? SMFIP_NR_BODY : SMFIP_NOBODY;
	if (headers)
		wanted |= NEGOTIATE_RENAMES;
	if (wanted & NEGOTIATE_RENAMES & ~n->actions)
		log_error(
		    "the mail server lets no milter change a sender: remove envelope-sender, or mail is deferred");
	if (sendmail)
		wanted |= NEGOTIATE_READDRESSES | NEGOTIATE_MARKS;
	n->steps &= steps;
	n->actions &= wanted;
	n->quiet_connect = (n->steps & SMFIP_NR_CONN) != 0;
	n->quiet_mail = (n->steps & SMFIP_NR_MAIL) != 0;
	n->quiet_header = (n->steps & SMFIP_NR_HDR) != 0;
	n->quiet_body = (n->steps & SMFIP_NR_BODY) != 0;
	n->sees_body = (n->steps & SMFIP_NOBODY) == 0;
	n->can_rename = (n->steps & SMFIP_NOHDRS) == 0 &&
			(n->actions & NEGOTIATE_RENAMES) == NEGOTIATE_RENAMES;
	n->can_mark = sendmail && (n->actions & NEGOTIATE_MARKS) != 0;
	n->can_readdress =
	    (n->actions & NEGOTIATE_READDRESSES) == NEGOTIATE_READDRESSES;
	ask_macros(ctx);
}
