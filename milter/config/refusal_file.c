/*
 * refusal_file.c - what providers say when they refuse, read from text.
 *
 * Each rule brings a reply that it fits, and is tried with it: an expression
 * with a slip in it is found when it is read, not on the day of the refusal.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "escape.h"
#include "limit.h"
#include "refusal_file.h"
#include "conftext.h"

#define FILE_LARGEST ((size_t)1024 * 1024)
#define SHOWN 100 /* a value in a message, escaped */

static const char built_in[] =
#include "conf/refusals.inc"
    ;

static cfg_opt_t refusal_options[] = {
	CONF_LIST("provider"),
	CONF_LIST("stage"),
	CONF_LIST("code"),
	CONF_LIST("enhanced"),
	CONF_ONE("text"),
	CONF_ONE("class"),
	CONF_ONE("reach"),
	CONF_ONE("hold"),
	CONF_ONE("probe"),
	CONF_ONE("time"),
	CONF_ONE("unit"),
	CONF_ONE("sample"),
	CONF_ONE("cause"),
	CONF_ONE("remedy"),
	CONF_ONE("source"),
	CONF_ONE("checked"),
	CONF_ONE("certain"),
	CFG_END(),
};

static cfg_opt_t options[] = {
	CONF_SECTION("refusal", refusal_options),
	CFG_END(),
};

struct reader {
	struct refusals *all;
	struct scanned_text text;
	struct diag m;
};

static void
refusal_file_wrong(struct reader *r, const char *option,
    const struct conf_value *v, const char *why)
{
	char text[SHOWN];

	diag_error(&r->m, v->line, "%s = \"%s\": %s", option,
	    escape(text, sizeof(text), v->text, v->len), why);
}

/* refusal_text - an option's value, kept; "" if it is not given */
static char *
refusal_text(struct reader *r, cfg_t *sec, const char *option)
{
	const struct conf_value *v = conftext_value(sec, option, 0);
	char *copy = strdup(v == NULL ? "" : v->text);

	if (copy == NULL)
		diag_error(&r->m, 0, "out of memory");
	return copy;
}

/* refusal_word - where an option's value stands among words */
static int
refusal_word(struct reader *r, cfg_t *sec, const char *option,
    const char *const *words, int fallback)
{
	const struct conf_value *v = conftext_value(sec, option, 0);
	int i;

	if (v == NULL)
		return fallback;
	i = enum_from_name(words, v->text);
	if (i == -1)
		refusal_file_wrong(r, option, v,
		    "see the head of conf/refusals.conf for the words there are");
	return i == -1 ? fallback : i;
}

/* read_codes - "550", "45x" (3 places) or "5.7.5xx"; their number */
static size_t
read_codes(
    struct reader *r, cfg_t *sec, const char *option, char *codes, size_t size)
{
	const size_t n = conftext_size(sec, option);
	const char *digits = size == 4 ? "0123456789x" : "0123456789x.";

	for (size_t i = 0; i < n; i++) {
		const struct conf_value *v = conftext_value(sec, option, i);

		if (i == REFUSAL_CODES)
			refusal_file_wrong(
			    r, option, v, "at most 8 codes in a rule");
		else if (v->len >= size || v->len < 3 ||
			 strspn(v->text, digits) != v->len)
			refusal_file_wrong(r, option, v,
			    "want a code such as 550, 45x or 5.7.708");
		else
			memcpy(codes + i * size, v->text, v->len + 1);
	}
	return n < REFUSAL_CODES ? n : REFUSAL_CODES;
}

/* read_expression - false if there is none, or none that can be used */
static bool
read_expression(struct reader *r, cfg_t *sec, const char *option, regex_t *re)
{
	const struct conf_value *v = conftext_value(sec, option, 0);
	char why[200];
	int rc;

	if (v == NULL)
		return false;
	rc = regcomp(re, v->text, REG_EXTENDED | REG_ICASE);
	if (rc == 0)
		return true;
	regerror(rc, re, why, sizeof(why));
	refusal_file_wrong(r, option, v, why);
	return false;
}

static void
read_providers_of(struct reader *r, cfg_t *sec, struct refusal_rule *rule)
{
	const size_t n = conftext_size(sec, "provider");

	rule->provider = calloc(n + 1, sizeof(*rule->provider));
	for (size_t i = 0; i < n && rule->provider != NULL; i++) {
		rule->provider[i] =
		    strdup(conftext_value(sec, "provider", i)->text);
		rule->nprovider += rule->provider[i] != NULL;
	}
	if (rule->nprovider != n)
		diag_error(&r->m, 0, "out of memory");
}

static unsigned
read_stages(struct reader *r, cfg_t *sec)
{
	unsigned stages = 0;

	for (size_t i = 0; i < conftext_size(sec, "stage"); i++) {
		const struct conf_value *v = conftext_value(sec, "stage", i);
		const int bit = enum_from_name(refusal_stage_words, v->text);

		if (bit == -1)
			refusal_file_wrong(r, "stage", v,
			    "want connect, auth, mail, rcpt or data");
		else
			stages |= 1u << bit;
	}
	return stages == 0 ? SAID_ANY : stages;
}

/* try_sample - a rule that does not fit its own sample fits nothing */
static void
try_sample(struct reader *r, cfg_t *sec, struct refusal_rule *rule)
{
	const struct refusals only = { .n = 1, .v = rule };
	const struct conf_value title = conftext_title(sec);
	struct refusal_reply *reply = malloc(sizeof(*reply));
	struct refusal means = { .rule = NULL };

	if (reply != NULL && refusal_read(rule->sample, rule->stages, reply))
		refusal_match(&only,
		    rule->nprovider > 0 ? rule->provider[0] : "", reply,
		    clock_now(), &means);
	if (means.rule == NULL || (rule->has_time && means.until == 0))
		diag_error(&r->m, title.line,
		    "refusal \"%s\": its own sample does not fit: correct code, enhanced, text or time",
		    title.text);
	free(reply);
}

static void
read_refusal(struct reader *r, cfg_t *sec)
{
	static const char *const demanded[] = { "class", "sample", "source",
		"checked", "certain" };
	static const char *const truth[] = { "false", "true", NULL };
	const struct conf_value title = conftext_title(sec);
	const struct conf_value *hold = conftext_value(sec, "hold", 0);
	const struct conf_value *probe = conftext_value(sec, "probe", 0);
	const size_t before = r->m.n;
	struct refusal_rule *rule = &r->all->v[r->all->n++];
	struct why why;

	for (size_t i = 0; i < sizeof(demanded) / sizeof(demanded[0]); i++)
		if (!conftext_given(sec, demanded[i]))
			diag_error(&r->m, title.line,
			    "refusal \"%s\": %s is missing", title.text,
			    demanded[i]);
	rule->name = strdup(title.text);
	rule->sample = refusal_text(r, sec, "sample");
	rule->cause = refusal_text(r, sec, "cause");
	rule->remedy = refusal_text(r, sec, "remedy");
	rule->source = refusal_text(r, sec, "source");
	rule->checked = refusal_text(r, sec, "checked");
	read_providers_of(r, sec, rule);
	rule->stages = read_stages(r, sec);
	rule->ncode =
	    read_codes(r, sec, "code", rule->code[0], sizeof(rule->code[0]));
	rule->nenhanced = read_codes(
	    r, sec, "enhanced", rule->enhanced[0], sizeof(rule->enhanced[0]));
	rule->has_text = read_expression(r, sec, "text", &rule->text);
	rule->has_time = read_expression(r, sec, "time", &rule->time);
	rule->unit = (enum refusal_unit)refusal_word(
	    r, sec, "unit", refusal_unit_words, UNIT_SECONDS);
	rule->class = (enum refusal_class)refusal_word(
	    r, sec, "class", refusal_class_words, REFUSAL_NONE);
	rule->reach = (enum refusal_reach)refusal_word(
	    r, sec, "reach", refusal_reach_words, REACH_ACCOUNT);
	rule->certain = refusal_word(r, sec, "certain", truth, 0) == 1;
	rule->hits = rule->certain ? 1 : REFUSAL_HITS;
	if (hold != NULL && duration_parse(hold->text, &rule->hold, &why) == -1)
		refusal_file_wrong(r, "hold", hold, why.text);
	if (probe != NULL &&
	    duration_parse(probe->text, &rule->probe, &why) == -1)
		refusal_file_wrong(r, "probe", probe, why.text);
	if (rule->ncode == 0)
		diag_error(&r->m, title.line,
		    "refusal \"%s\": code is missing: words alone could be a stranger's",
		    title.text);
	if (r->m.n == before)
		try_sample(r, sec, rule);
}

/* read_rules_of - every rule of a text, which is changed */
static void
read_rules_of(struct reader *r, char *text, size_t len)
{
	struct refusal_rule *more;
	size_t n;

	if (conftext_parse(&r->text, text, len, options, &r->m) == -1)
		return;
	n = conftext_size(r->text.tree, "refusal");
	more = reallocarray(r->all->v, r->all->n + n + 1, sizeof(*more));
	if (more == NULL) {
		diag_error(&r->m, 0, "out of memory");
	} else {
		r->all->v = more;
		memset(more + r->all->n, 0, (n + 1) * sizeof(*more));
		for (size_t i = 0; i < n; i++)
			read_refusal(r,
			    cfg_getnsec(r->text.tree, "refusal", (unsigned)i));
	}
	conftext_free(&r->text);
}

/* read_own - the administrator's file */
static void
read_own(struct reader *r)
{
	FILE *f = fopen(r->m.file, "re");
	char *text = malloc(FILE_LARGEST + 1);
	size_t len = 0;

	if (f == NULL)
		diag_error(&r->m, 0, "cannot be read: %s", strerror(errno));
	else if (text == NULL)
		diag_error(&r->m, 0, "out of memory");
	else if ((len = fread(text, 1, FILE_LARGEST + 1, f)) > FILE_LARGEST ||
		 ferror(f))
		diag_error(&r->m, 0, "cannot be read, or has more than 1 MiB");
	else
		read_rules_of(r, text, len);
	if (f != NULL)
		fclose(f);
	free(text);
}

struct refusals *
refusals_load(const char *file, FILE *errors)
{
	struct reader r = { .m = { .file = file, .out = errors } };
	char *copy = malloc(sizeof(built_in));

	r.all = calloc(1, sizeof(*r.all));
	if (copy == NULL || r.all == NULL) {
		diag_error(&r.m, 0, "out of memory");
	} else {
		if (file[0] != '\0')
			read_own(&r);
		r.m.file = "conf/refusals.conf";
		memcpy(copy, built_in, sizeof(built_in));
		read_rules_of(&r, copy, sizeof(built_in) - 1);
	}
	free(copy);
	if (r.m.n > 0)
		refusals_free(&r.all);
	return r.all;
}
