/*
 * policies.c - policy sections: how much, for whom, and what happens then.
 */
#include <stdlib.h>
#include <string.h>

#include "limit.h"
#include "reader.h"

#define TEXT_LONGEST 200 /* leaves room in a reply line of SMTP */
#define SENDERS "(senders)"

cfg_opt_t policy_options[] = {
	CONF_ONE("per"),
	CONF_ONE("client-prefix-ipv4"),
	CONF_ONE("client-prefix-ipv6"),
	CONF_ONE("count"),
	CONF_LIST("messages"),
	CONF_LIST("recipients"),
	CONF_LIST("unique-recipients"),
	CONF_LIST("bytes"),
	CONF_ONE("recipients-per-message"),
	CONF_ONE("when-over"),
	CONF_ONE("lockout"),
	CONF_ONE("block-after"),
	CONF_LIST("warn-at"),
	CONF_ONE("warn-to"),
	CONF_ONE("text"),
	CFG_END(),
};

static void
add_limit(struct reading *r, struct policy *p, enum dimension dim,
    const char *option, const struct conf_value *v)
{
	struct limit l;
	char text[SHOWN];
	struct why why;

	if (limit_parse(v->text, dim, &l, &why) == -1) {
		diag_error(&r->m, v->line, "%s: \"%s\": %s", option,
		    shown(text, v), why.text);
		return;
	}
	for (size_t i = 0; i < p->nlimit; i++) {
		if (p->limit[i].dim != dim ||
		    !window_spec_equal(&p->limit[i].window, &l.window))
			continue;
		diag_error(&r->m, v->line,
		    "%s: \"%s\": there is a limit for this window already, keep the stricter one",
		    option, shown(text, v));
		return;
	}
	if (p->nlimit == POLICY_LIMITS) {
		diag_error(&r->m, v->line,
		    "%s: \"%s\": a policy holds at most %d limits, put it into another policy of the same rule",
		    option, shown(text, v), POLICY_LIMITS);
		return;
	}
	p->limit[p->nlimit++] = l;
}

static void
policies_read_limits(struct reading *r, cfg_t *sec, struct policy *p)
{
	for (int d = 0; d < DIM_COUNT; d++) {
		const char *option = dimension_words[d];

		for (size_t i = 0; i < conftext_size(sec, option); i++)
			add_limit(r, p, (enum dimension)d, option,
			    conftext_value(sec, option, i));
	}
}

static void
read_warnings(struct reading *r, cfg_t *sec, struct policy *p)
{
	static const char *const usual[] = { "80", "95", NULL };
	const size_t n = read_size(sec, "warn-at", usual);
	unsigned before = 0;

	for (size_t i = 0; i < n; i++) {
		const struct conf_value v = read_nth(sec, "warn-at", usual, i);
		char *end, text[SHOWN];
		const unsigned long percent = strtoul(v.text, &end, 10);

		if (*end != '\0' || percent <= before || percent > 100 ||
		    i == POLICY_WARNINGS) {
			diag_error(&r->m, v.line,
			    "warn-at: \"%s\": write at most %d percentages from 1 to 100, the lowest first",
			    shown(text, &v), POLICY_WARNINGS);
			return;
		}
		before = (unsigned)percent;
		p->warn_at[p->nwarn++] = (uint8_t)percent;
	}
}

static void
policies_read_block_after(struct reading *r, cfg_t *sec, struct policy *p)
{
	const struct conf_value *v = read_one(sec, "block-after");
	char text[SHOWN];
	struct why why;

	if (v == NULL || strcmp(v->text, "0") == 0)
		return;
	if (limit_parse(v->text, DIM_MESSAGES, &p->block_after, &why) == -1 ||
	    p->block_after.max == 0)
		diag_error(&r->m, v->line,
		    "block-after = \"%s\": write so many refused messages in a span, such as 20/10m, or \"0\" for never",
		    shown(text, v));
}

static void
policies_read_lockout(struct reading *r, cfg_t *sec, struct policy *p)
{
	const struct conf_value *v = read_one(sec, "lockout");
	char text[SHOWN];
	struct why why;

	if (v != NULL && duration_parse(v->text, &p->lockout, &why) == -1)
		diag_error(&r->m, v->line, "lockout = \"%s\": %s",
		    shown(text, v), why.text);
}

/* read_words - the text added to replies, which SMTP wants in plain ASCII */
static void
read_words(struct reading *r, cfg_t *sec, struct policy *p)
{
	const struct conf_value *v = read_one(sec, "text");

	for (size_t i = 0; v != NULL && i < v->len; i++) {
		if (v->text[i] >= ' ' && v->text[i] <= '~' &&
		    v->len <= TEXT_LONGEST)
			continue;
		diag_error(&r->m, v->line,
		    "text: a reply can bear at most %d characters, ASCII only",
		    TEXT_LONGEST);
		break;
	}
	p->text = read_text(r, sec, "text", "");
}

static void
read_client_prefix(struct reading *r, cfg_t *sec, struct policy *p)
{
	static const char *const names[] = { "client-prefix-ipv4",
		"client-prefix-ipv6" };

	p->prefix4 = (uint8_t)read_number(r, sec, names[0], 1, 32, 32);
	p->prefix6 = (uint8_t)read_number(r, sec, names[1], 1, 128, 64);
	for (size_t i = 0; i < 2 && p->per != PER_CLIENT; i++) {
		const struct conf_value *v = read_one(sec, names[i]);

		if (v != NULL)
			diag_error(&r->m, v->line,
			    "%s says nothing here: it belongs to per = \"client\"",
			    names[i]);
	}
}

static void
read_policy(struct reading *r, cfg_t *sec, struct policy *p)
{
	p->per = (enum per)read_choice(r, sec, "per", per_words, PER_ACCOUNT);
	read_client_prefix(r, sec, p);
	p->count = (enum scope)read_choice(
	    r, sec, "count", scope_words, SCOPE_EXTERNAL);
	policies_read_limits(r, sec, p);
	p->recipients_per_message =
	    read_number(r, sec, "recipients-per-message", 1, 1000000, 0);
	p->when_over = (enum when_over)read_choice(
	    r, sec, "when-over", when_over_words, OVER_DEFER);
	policies_read_lockout(r, sec, p);
	policies_read_block_after(r, sec, p);
	read_warnings(r, sec, p);
	read_words(r, sec, p);
	p->warn_to = read_warn_to(r, sec);
}

/* read_senders - the policy that is built in, made of new-senders */
static void
read_senders(struct reading *r, cfg_t *root, struct policy *p)
{
	static const char *const usual[] = { "1000/24h", NULL };
	const struct conf_value v = read_nth(root, "new-senders", usual, 0);

	p->name = keep(r, SENDERS);
	p->per = PER_CLIENT;
	p->prefix4 = 32;
	p->prefix6 = 64;
	p->count = SCOPE_ALL;
	p->text = keep(r, "");
	p->warn_to = keep(r, "");
	add_limit(r, p, DIM_UNIQUE, "new-senders", &v);
	r->conf->senders = p;
}

void
read_policies(struct reading *r, cfg_t *root)
{
	struct config *conf = r->conf;
	const size_t n = conftext_size(root, "policy");

	conf->policy = keep_array(
	    r, n + 1 + provider_capacity(r, root), sizeof(*conf->policy));
	if (conf->policy == NULL)
		return;
	read_senders(r, root, &conf->policy[conf->npolicy++]);
	for (size_t i = 0; i < n; i++) {
		struct policy *p = &conf->policy[conf->npolicy++];

		p->name = read_title(r, root, "policy", i);
		read_policy(r, cfg_getnsec(root, "policy", (unsigned)i), p);
	}
}

/* --- who names them ------------------------------------------------------ */

void
read_policy_names(
    struct reading *r, cfg_t *root, cfg_t *sec, size_t more, struct policies *p)
{
	const size_t n = conftext_size(sec, "policies");
	char text[SHOWN];

	p->v = keep_array(r, n + more, sizeof(*p->v));
	for (size_t i = 0; i < n && p->v != NULL; i++) {
		const struct conf_value *v = conftext_value(sec, "policies", i);
		const int j = read_reference(r, root, "policy", v);
		const struct policy *policy;

		if (j == -1 || r->conf->policy == NULL)
			continue;
		policy = &r->conf->policy[j + 1]; /* behind the built-in */
		for (size_t k = 0; k < p->n; k++)
			if (p->v[k] == policy)
				diag_error(&r->m, v->line,
				    "policies: \"%s\" stands twice here, remove one",
				    shown(text, v));
		p->v[p->n++] = policy;
	}
}
