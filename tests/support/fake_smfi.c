/*
 * fake_smfi.c - the mail server's side of libmilter, without a socket.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "fake_smfi.h"

struct smfiDesc fake_milter;
bool fake_listens;
mode_t fake_socket_mode;

static char place[256]; /* of the socket */

int
smfi_register(struct smfiDesc desc)
{
	fake_milter = desc;
	return MI_SUCCESS;
}

int
smfi_setconn(char *conn)
{
	snprintf(place, sizeof(place), "%s", conn + strcspn(conn, "/"));
	return conn[0] != '\0' ? MI_SUCCESS : MI_FAILURE;
}

int
smfi_opensocket(bool remove_old)
{
	struct stat st;

	if (remove_old)
		return MI_FAILURE;
	if (!fake_listens)
		return MI_SUCCESS;
	if (mknod(place, S_IFSOCK | 0777, 0) == -1 || stat(place, &st) == -1)
		return MI_FAILURE;
	fake_socket_mode = st.st_mode & 07777;
	return MI_SUCCESS;
}

int
smfi_main(void)
{
	return MI_SUCCESS;
}

int
smfi_setpriv(SMFICTX *ctx, void *priv)
{
	ctx->priv = priv;
	return MI_SUCCESS;
}

void *
smfi_getpriv(SMFICTX *ctx)
{
	return ctx->priv;
}

char *
smfi_getsymval(SMFICTX *ctx, char *name)
{
	const char *value = strcmp(name, "{auth_authen}") == 0   ? ctx->login
			    : strcmp(name, "v") == 0             ? ctx->version
			    : strcmp(name, "i") == 0             ? ctx->queue_id
			    : strcmp(name, "{rcpt_mailer}") == 0 ? ctx->mailer
			    : strcmp(name, "{rcpt_host}") == 0 ? ctx->rcpt_host
			    : strcmp(name, "{rcpt_addr}") == 0 ? ctx->rcpt_addr
			    : strcmp(name, "{mail_addr}") == 0 ? ctx->mail_addr
							       : NULL;
	static _Thread_local char copy[8][512];
	static _Thread_local unsigned next;
	char *p = copy[next++ % 8];

	if (value == NULL)
		return NULL;
	snprintf(p, sizeof(copy[0]), "%s", value);
	return p;
}

int
smfi_setsymlist(SMFICTX *ctx, int where, char *macros)
{
	(void)ctx;
	return where >= SMFIM_FIRST && where <= SMFIM_LAST && macros[0] != '\0'
		   ? MI_SUCCESS
		   : MI_FAILURE;
}

/* As libmilter does: "%" starts a format, so a lone one is refused. */
int
smfi_setreply(SMFICTX *ctx, char *rcode, char *xcode, char *text)
{
	char plain[900];
	size_t n = 0;

	if (strlen(text) > 980)
		return MI_FAILURE;
	for (const char *p = text; *p != '\0' && n + 1 < sizeof(plain); p++) {
		if (*p == '\r' || *p == '\n')
			return MI_FAILURE;
		if (*p == '%' && *++p != '%')
			return MI_FAILURE;
		plain[n++] = *p;
	}
	plain[n] = '\0';
	snprintf(
	    ctx->reply, sizeof(ctx->reply), "%s %s %s", rcode, xcode, plain);
	return MI_SUCCESS;
}

int
smfi_quarantine(SMFICTX *ctx, char *reason)
{
	if (ctx->cannot_hold)
		return MI_FAILURE;
	snprintf(ctx->quarantined, sizeof(ctx->quarantined), "%s", reason);
	return MI_SUCCESS;
}

/* may - was the action negotiated, as libmilter demands? */
static bool
may(const SMFICTX *ctx, unsigned long action)
{
	return (ctx->actions & action) != 0;
}

int
smfi_chgfrom(SMFICTX *ctx, char *sender, char *args)
{
	if (!may(ctx, SMFIF_CHGFROM) || ctx->cannot_rename)
		return MI_FAILURE;
	snprintf(ctx->sender_args, sizeof(ctx->sender_args), "%s",
	    args != NULL ? args : "");
	snprintf(ctx->sender, sizeof(ctx->sender), "%s", sender);
	return MI_SUCCESS;
}

/* note - one line for each change of a header; a folded line is shown as it is
 */
static int
note(SMFICTX *ctx, const char *what, const char *name, const char *value)
{
	const size_t used = strlen(ctx->headers);

	snprintf(ctx->headers + used, sizeof(ctx->headers) - used,
	    "%s %s: %s\n", what, name, value);
	return MI_SUCCESS;
}

int
smfi_chgheader(SMFICTX *ctx, char *name, int index, char *value)
{
	char what[64];

	if (!may(ctx, SMFIF_CHGHDRS))
		return MI_FAILURE;
	snprintf(what, sizeof(what), "%s %d",
	    value == NULL ? "remove" : "change", index);
	return note(ctx, what, name, value == NULL ? "" : value);
}

int
smfi_addheader(SMFICTX *ctx, char *name, char *value)
{
	return may(ctx, SMFIF_ADDHDRS) ? note(ctx, "add", name, value)
				       : MI_FAILURE;
}

/* readdress - one more recipient that was taken out or put in */
static int
readdress(SMFICTX *ctx, const char *sign, const char *to, const char *args)
{
	const size_t used = strlen(ctx->readdressed);

	snprintf(ctx->readdressed + used, sizeof(ctx->readdressed) - used,
	    "%s%s%s%s%s", used > 0 ? " " : "", sign, to,
	    args != NULL ? " " : "", args != NULL ? args : "");
	return MI_SUCCESS;
}

int
smfi_delrcpt(SMFICTX *ctx, char *to)
{
	return may(ctx, SMFIF_DELRCPT) ? readdress(ctx, "-", to, NULL)
				       : MI_FAILURE;
}

int
smfi_addrcpt_par(SMFICTX *ctx, char *to, char *args)
{
	return may(ctx, SMFIF_ADDRCPT_PAR) && !ctx->cannot_add
		   ? readdress(ctx, "+", to, args)
		   : MI_FAILURE;
}
