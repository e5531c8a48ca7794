/*
 * reader.h - what the parts of the configuration's reader share.
 *
 * Only this directory includes it.  Each reader reports its mistakes and goes on
 * with something harmless; config_load throws the whole away at the end if
 * there was any.
 */
#ifndef READER_H
#define READER_H

#include "config.h"
#include "provider.h"
#include "conftext.h"

struct reading {
	struct config *conf;
	struct scanned_text text;
	struct diag m;
	struct providers *providers;	/* NULL if nobody names one */
	uint32_t margin;	/* percent, of a smarthost that says nothing */
	void *titles;		/* tsearch(3): sections of the kind that is read */
};

#define MARGIN_LARGEST 50	/* percent */
#define SHOWN 100	/* a value in a message, escaped */

/* The one value of an option; NULL if it is not given. */
const struct conf_value *read_one(cfg_t *sec,
	    const char *name);

/* The value escaped for a message; dst has SHOWN bytes. */
char	*shown(char *dst, const struct conf_value *v);

/* A copy that the configuration keeps; "" in its place if out of memory. */
char	*keep(struct reading *r, const char *text);

/* An array of n zeroed elements, NULL only if n is 0 or out of memory. */
void	*keep_array(struct reading *r, size_t n, size_t size);

/* The option's text, or fallback if it is not given. */
char	*read_text(struct reading *r, cfg_t *sec, const char *name,
	    const char *fallback);

/* The index of the option's text in words (closed by NULL). */
int	read_choice(struct reading *r, cfg_t *sec, const char *name,
	    const char *const *words, int fallback);

/* A decimal number from low to high. */
uint32_t read_number(struct reading *r, cfg_t *sec, const char *name,
	    uint32_t low, uint32_t high, uint32_t fallback);

/*
 * The section's title, kept: letters, digits, and "-", "_", "." (for a
 * smarthost a-z, 0-9 and "-").  A title that an earlier section of the same
 * kind bears is a mistake.
 */
char	*read_title(struct reading *r, cfg_t *root, const char *kind,
	    size_t i);

/* After the last read_title. */
void	read_titles_end(struct reading *r);

/*
 * The index of the section of that kind that v names; -1 and a mistake if
 * there is none.
 */
int	read_reference(struct reading *r, cfg_t *root, const char *kind,
	    const struct conf_value *v);

/* A list's values, or those of fallback (closed by NULL) if it is not given. */
size_t	read_size(cfg_t *sec, const char *name, const char *const *fallback);
struct conf_value read_nth(cfg_t *sec,
	    const char *name, const char *const *fallback, size_t i);

/* The same as networks. */
void	read_prefixes(struct reading *r, cfg_t *sec, const char *name,
	    const char *const *fallback, struct prefixes *p_r);

/* Who may look, and what else he may do. */
void	read_view(struct reading *r, cfg_t *root);

/*
 * The policies that a rule or a smarthost names, with capacity for more behind
 * them.  After read_policies.
 */
void	read_policy_names(struct reading *r, cfg_t *root, cfg_t *sec,
	    size_t more, struct policies *p);

/* What is kept of each message, and how long. */
void	read_trace(struct reading *r, cfg_t *root);

/*
 * The path of that name in the directory of the store (of one that has none:
 * /var/lib/postmeter); "" for what is forgotten at the end.  After read_store.
 */
char	*beside_store(struct reading *r, const char *name);

/* Who is told what by mail, and when. */
void	read_mail(struct reading *r, cfg_t *root);

/* Of a policy: who is told of its warnings; kept. */
char	*read_warn_to(struct reading *r, cfg_t *sec);

/* How mail is held, and released. */
void	read_hold(struct reading *r, cfg_t *root);

/*
 * How the smarthost's token is had, if it logs in with one; its username and
 * secret are read already.
 */
void	read_oauth(struct reading *r, cfg_t *sec, struct smarthost *sh);

/* Sections, in the order in which they refer to each other. */
void	read_providers(struct reading *r, cfg_t *root);
void	read_policies(struct reading *r, cfg_t *root);
void	read_smarthosts(struct reading *r, cfg_t *root);
void	read_routes(struct reading *r, cfg_t *root);
void	read_rules(struct reading *r, cfg_t *root);

/* The provider that a smarthost names; NULL if none, or a mistake. */
const struct provider *read_provider(struct reading *r, cfg_t *sec);

/* How many policies the providers of all smarthosts bring, at most. */
size_t	provider_capacity(const struct reading *r, cfg_t *root);

/*
 * The policies that p brings, less margin percent, behind those that sh has;
 * both arrays have the capacity.  line is where it is named.
 */
void	provider_bring(struct reading *r, const struct provider *p,
	    unsigned margin, unsigned line, struct smarthost *sh);

/* The option tables of those sections. */
extern cfg_opt_t policy_options[], smarthost_options[], route_options[],
    rule_options[];

#endif
