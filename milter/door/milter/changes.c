/*
 * changes.c - what a message that was charged is changed to.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sys/random.h>

#include "bill.h"
#include "changes.h"
#include "from_header.h"
#include "log.h"
#include "sendmail_key.h"

/* --- as it was written ---------------------------------------------------- */

void
written_header(struct written *w, const char *name, const char *value)
{
	if (strcasecmp(name, "From") == 0 && w->nfrom++ == 0)
		w->from = strdup(value);
	w->has_reply_to |= strcasecmp(name, "Reply-To") == 0;
}

void
written_forget(struct written *w)
{
	free(w->sender);
	free(w->from);
	early_route_forget(&w->early);
	*w = (struct written){ .nfrom = 0 };
}

/* --- the mark ------------------------------------------------------------- */

bool
mark_is_due(const struct txn *t)
{
	return t->queue_id[0] != '\0' && !mailaddr_is_null(&t->sender) &&
	       (txn_count(t, WAY_LOCAL) > 1 ||
		   txn_count(t, WAY_LOCAL) > txn_count(t, WAY_EXTERNAL));
}

void
mark_make(struct txn *t)
{
	uint64_t r[2];

	t->mark[0] = '\0';
	if (getrandom(r, sizeof(r), 0) == sizeof(r))
		snprintf(t->mark, sizeof(t->mark),
		    SENDMAIL_MARK "%016" PRIx64 "%016" PRIx64, r[0], r[1]);
	else
		log_warn("%s: no random bytes: a clone of it will wait",
		    t->queue_id);
}

/* --- the changes ---------------------------------------------------------- */

/* replace_from - one From: with address; who it was gets the replies */
static int
replace_from(SMFICTX *ctx, const struct written *w, const char *address)
{
	char from[] = "From", reply_to[] = "Reply-To", line[FROM_HEADER_MAX];
	int rc;

	if (w->nfrom > 0 && w->from == NULL)
		return MI_FAILURE; /* memory was out when it came */
	from_header_rewrite(line, sizeof(line), w->nfrom > 0 ? w->from : "",
	    w->nfrom > 0 ? strlen(w->from) : 0, address);
	rc = w->nfrom > 0 ? smfi_chgheader(ctx, from, 1, line)
			  : smfi_addheader(ctx, from, line);
	for (unsigned i = w->nfrom; i > 1 && rc == MI_SUCCESS; i--)
		rc = smfi_chgheader(ctx, from, (int)i, NULL);
	if (rc == MI_SUCCESS && w->nfrom > 0 && !w->has_reply_to &&
	    w->from[strspn(w->from, " \t\r\n")] != '\0')
		rc = smfi_addheader(ctx, reply_to, w->from);
	return rc;
}

/*
 * change_sender - to the smarthost's own, if it insists on that; and the mark,
 * which is a parameter of MAIL (RFC 3461).  Without AUTH=<> (RFC 4954) Sendmail
 * would send an empty one.
 */
static int
change_sender(SMFICTX *ctx, const struct txn *t, const struct smarthost *sh,
    bool marks, const struct written *w)
{
	const bool renames = bill_renames(sh, &t->sender);
	char sender[MAILADDR_MAX + 3], args[TXN_MARK + 32];

	if (!renames && !marks)
		return MI_SUCCESS;
	snprintf(sender, sizeof(sender), "<%s>", sh->envelope_sender);
	snprintf(args, sizeof(args), "ENVID=%s AUTH=<>", t->mark);
	if (smfi_chgfrom(ctx, renames ? sender : w->sender,
		marks ? args : NULL) != MI_SUCCESS)
		return MI_FAILURE;
	return renames ? replace_from(ctx, w, sh->envelope_sender) : MI_SUCCESS;
}

int
changes_make(SMFICTX *ctx, const struct config *conf, const struct txn *t,
    const struct outcome *o, const struct written *w)
{
	/* What is held is charged and asked about again when it is released. */
	const bool held = o->verdict == VERDICT_HOLD;
	const struct smarthost *sh =
	    o->smarthost == NULL ? NULL : config_smarthost(conf, o->smarthost);

	if (sh == NULL)
		return 0;
	if (change_sender(ctx, t, sh, t->mark[0] != '\0' && !held, w) !=
	    MI_SUCCESS) {
		log_error(
		    "%s: the mail server does not let the sender be changed to that of smarthost %s: deferred",
		    t->queue_id, sh->name);
		return -1;
	}
	if (!held && early_route_correct(ctx, w->early, sh) == -1) {
		log_error(
		    "%s: the mail server does not take a recipient back that was taken out for smarthost %s: deferred",
		    t->queue_id, sh->name);
		return -1;
	}
	return 0;
}
