/*
 * page.h - what the pieces of the page share: who looks, what the daemon said,
 * and how a time, a bar, a name are written.
 */
#ifndef PAGE_H
#define PAGE_H

#include <jansson.h>

#include "obj.h"
#include "seal.h"
#include "view.h"
#include "web.h"

struct page {
	struct view *view;
	const struct form *query;
	const char *who;	/* who is logged in */
	bool reads;		/* everybody's numbers, not his own only */
	bool is_admin;		/* may act, as far as view-may goes */
	char token[SEAL_TEXT];	/* of his forms */
	struct seen status;
	/* A command that was refused: why, and what was typed; else NULL. */
	const char *error, *remedy;
	const struct form *typed;
};

/* --- page.c: pieces ------------------------------------------------------- */

/* A member that is a time: <time>, or a dash if there is none. */
void	page_time(struct html *h, const json_t *o, const char *name);

/* A bar of used and max; its numbers stand beside it. */
void	page_meter(struct html *h, long long used, long long max,
	    const char *label);

/* A number of bytes as K, M, G; others in groups of three. */
void	page_amount(struct html *h, const char *dimension, long long n);

/* A name that links to its numbers; none of a counter that is no sender's. */
void	page_who(struct html *h, const char *key);

/* Is that the counter of a smarthost's account? */
bool	page_is_account(const char *key);

/* May he who looks do that? */
bool	page_may(const struct page *pg, const char *command);

/* "<form ...>" of a command with its hidden fields; then what follows, </form>. */
void	page_form(const struct page *pg, struct html *h, const char *command,
	    const char *who);

/* What was typed into that field of that command when it was refused; "". */
const char *page_typed(const struct page *pg, const char *command,
	    const char *name);

/* A question with one string argument (NULL: none); taken over by view_ask. */
json_t	*page_question(const char *command, const char *name,
	    const char *value);

/* Why a part cannot be shown, and how old what is shown is. */
void	page_trouble(struct html *h, const struct seen *s, const char *what);

/* A table of events or of refusals. */
void	page_events(struct html *h, const json_t *events, bool whose);

/* --- the parts -------------------------------------------------------------- */

void	overview(struct page *pg, struct html *h);	/* overview.c */
void	accounts(struct page *pg, struct html *h);	/* accounts.c */
void	senders(struct page *pg, const json_t *limits, struct html *h);
void	held(struct page *pg, const struct seen *s, struct html *h);	/* held.c */
void	person(struct page *pg, const char *who, struct html *h);
void	found(struct page *pg, const char *what, struct html *h);

/* messages.c: entries of the trace; the last ones of somebody. */
void	messages(struct html *h, const json_t *entries);
void	last_messages(struct page *pg, const char *who, struct html *h);

/* The whole document around what was made; title is of the window. */
void	frame(const struct page *pg, const char *title, const struct html *main,
	    struct html *h);

/* A document for somebody who is not let in, or for what is not there. */
void	frame_refusal(unsigned status, const char *why, struct html *h);

/* --- chart.c: pictures, drawn here ----------------------------------------- */

/* Bars of days of `history`, oldest at the left. */
void	chart_days(struct html *h, const json_t *days);

/* Bars of the `hours` of a smarthost in `status`. */
void	chart_hours(struct html *h, const json_t *hours);

#endif
