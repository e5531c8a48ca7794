/*
 * provider_file.c - what is known about the providers of smarthosts, as data.
 *
 * What is not known stays unknown: a number that somebody guessed would be
 * kept as faithfully as one that the provider gave.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "escape.h"
#include "limit.h"
#include "provider.h"
#include "conftext.h"

#define FILE_LARGEST ((size_t)1024 * 1024)
#define SHOWN 100 /* a value in a message, escaped */

static cfg_opt_t provider_options[] = {
	CONF_ONE("title"),
	CONF_ONE("host"),
	CONF_ONE("port"),
	CONF_ONE("tls"),
	CONF_LIST("login"),
	CONF_ONE("recipients-per-message"),
	CONF_ONE("recipient-limit"),
	CONF_ONE("concurrency"),
	CONF_ONE("messages-per-minute"),
	CONF_ONE("lockout"),
	CONF_ONE("source"),
	CONF_ONE("checked"),
	CONF_ONE("certain"),
	CONF_ONE("note"),
	CONF_ONE("passwords"),
	CFG_END(),
};

static cfg_opt_t limit_options[] = {
	CONF_ONE("provider"),
	CONF_ONE("per"),
	CONF_ONE("count"),
	CONF_LIST("messages"),
	CONF_LIST("recipients"),
	CONF_LIST("unique-recipients"),
	CONF_LIST("bytes"),
	CFG_END(),
};

static cfg_opt_t options[] = {
	CONF_SECTION("provider", provider_options),
	CONF_SECTION("limit", limit_options),
	CFG_END(),
};

struct reader {
	struct providers *all;
	struct scanned_text text;
	struct diag m;
};

/* --- values -------------------------------------------------------------- */

/* wrong - a mistake about one value */
static void
wrong(struct reader *r, const char *option, const struct conf_value *v,
    const char *why)
{
	char text[SHOWN];

	diag_error(&r->m, v->line, "%s = \"%s\": %s", option,
	    escape(text, sizeof(text), v->text, v->len), why);
}

static char *
provider_file_keep(struct reader *r, const char *text)
{
	char *copy = strdup(text);

	if (copy == NULL)
		diag_error(&r->m, 0, "out of memory");
	return copy;
}

/* read_text - value i of an option, "" if it is not given */
static char *
read_text(struct reader *r, cfg_t *sec, const char *option, size_t i)
{
	const struct conf_value *v = conftext_value(sec, option, i);

	return provider_file_keep(r, v == NULL ? "" : v->text);
}

static uint32_t
read_number(struct reader *r, cfg_t *sec, const char *option, uint32_t most)
{
	const struct conf_value *v = conftext_value(sec, option, 0);
	unsigned long n;
	struct why why;
	char *end;

	if (v == NULL)
		return 0;
	errno = 0;
	n = strtoul(v->text, &end, 10);
	if (errno == 0 && v->text[0] >= '0' && v->text[0] <= '9' &&
	    *end == '\0' && n >= 1 && n <= most)
		return (uint32_t)n;
	why_set(&why, "want a number from 1 to %u", most);
	wrong(r, option, v, why.text);
	return 0;
}

/* read_choice - which of two words; the first one if it is not given */
static bool
read_choice(struct reader *r, cfg_t *sec, const char *option, const char *first,
    const char *second)
{
	const struct conf_value *v = conftext_value(sec, option, 0);
	struct why why;

	if (v == NULL || strcmp(v->text, first) == 0)
		return false;
	if (strcmp(v->text, second) == 0)
		return true;
	why_set(&why, "want %s or %s", first, second);
	wrong(r, option, v, why.text);
	return false;
}

/* is_date - 2026-09 or 2026-09-21: as much of the day as is known */
static bool
is_date(const char *s)
{
	static const char form[] = "dddd-dd-dd";
	const size_t len = strlen(s);

	if (len != 7 && len != 10)
		return false;
	for (size_t i = 0; i < len; i++)
		if (form[i] == 'd' ? s[i] < '0' || s[i] > '9' : s[i] != '-')
			return false;
	return true;
}

/* --- sections ------------------------------------------------------------ */

/* demand - an option that a provider cannot do without */
static void
demand(struct reader *r, cfg_t *sec, const char *option)
{
	const struct conf_value title = conftext_title(sec);
	const struct conf_value *v = conftext_value(sec, option, 0);

	if (v == NULL || v->len == 0)
		diag_error(&r->m, title.line, "provider \"%s\": %s is missing",
		    title.text, option);
}

static void
read_lockout(struct reader *r, cfg_t *sec, struct provider *p)
{
	const struct conf_value *v = conftext_value(sec, "lockout", 0);
	struct why why;

	if (v != NULL && duration_parse(v->text, &p->lockout, &why) == -1)
		wrong(r, "lockout", v, why.text);
}

/* read_witness - where it comes from, and how far it can be trusted */
static void
read_witness(struct reader *r, cfg_t *sec, struct provider *p)
{
	const struct conf_value *checked = conftext_value(sec, "checked", 0);

	demand(r, sec, "source");
	demand(r, sec, "checked");
	demand(r, sec, "certain");
	p->source = read_text(r, sec, "source", 0);
	p->checked = read_text(r, sec, "checked", 0);
	p->certain = read_choice(r, sec, "certain", "false", "true");
	p->note = read_text(r, sec, "note", 0);
	p->passwords = read_text(r, sec, "passwords", 0);
	if (checked != NULL && !is_date(checked->text))
		wrong(r, "checked", checked,
		    "want a date such as 2026-09 or 2026-09-21");
	if (!p->certain)
		demand(r, sec, "note");
}

static void
read_provider(struct reader *r, cfg_t *sec)
{
	const struct conf_value title = conftext_title(sec);
	const struct conf_value *tls = conftext_value(sec, "tls", 0);
	struct provider *p = &r->all->v[r->all->n];

	if (title.len == 0)
		diag_error(&r->m, title.line, "a provider without a name");
	if (provider_find(r->all, title.text) != NULL)
		diag_error(&r->m, title.line,
		    "provider \"%s\" is there already: keep one", title.text);
	p->name = provider_file_keep(r, title.text);
	p->title = read_text(r, sec, "title", 0);
	p->host = read_text(r, sec, "host", 0);
	p->port = (uint16_t)read_number(r, sec, "port", UINT16_MAX);
	p->username = read_text(r, sec, "login", 0);
	p->password = read_text(r, sec, "login", 1);
	p->recipients_per_message =
	    read_number(r, sec, "recipients-per-message", 1000000);
	p->recipient_limit = read_number(r, sec, "recipient-limit", 1000000);
	p->concurrency = read_number(r, sec, "concurrency", 1000000);
	p->messages_per_minute =
	    read_number(r, sec, "messages-per-minute", 1000000);
	read_lockout(r, sec, p);
	read_witness(r, sec, p);
	demand(r, sec, "title");
	demand(r, sec, "port");
	if (tls != NULL && strcmp(tls->text, "verify") != 0)
		wrong(r, "tls", tls, "want verify: a provider has a name");
	if (conftext_size(sec, "login") != 2)
		diag_error(&r->m, title.line,
		    "provider \"%s\": login wants two texts, what the username is and what the password is",
		    title.text);
	r->all->n += p->name != NULL;
}

static void
read_limits(struct reader *r, cfg_t *sec, struct provider_limit *pl)
{
	for (int d = 0; d < DIM_COUNT; d++) {
		const char *option = dimension_words[d];

		for (size_t i = 0; i < conftext_size(sec, option); i++) {
			const struct conf_value *v =
			    conftext_value(sec, option, i);
			struct why why = { "too many limits in one section" };

			if (pl->n == POLICY_LIMITS ||
			    limit_parse(v->text, (enum dimension)d,
				&pl->limit[pl->n], &why) == -1)
				wrong(r, option, v, why.text);
			else
				pl->n++;
		}
	}
}

/* owner - the provider that a limit belongs to, NULL and a mistake if none */
static struct provider *
owner(struct reader *r, cfg_t *sec)
{
	const struct conf_value title = conftext_title(sec);
	const struct conf_value *v = conftext_value(sec, "provider", 0);

	if (v == NULL) {
		diag_error(&r->m, title.line,
		    "limit \"%s\": provider is missing: name whose it is",
		    title.text);
		return NULL;
	}
	for (size_t i = 0; i < r->all->n; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core*): n counts the named */
		if (strcmp(r->all->v[i].name, v->text) == 0)
			return &r->all->v[i];
	wrong(r, "provider", v, "there is no provider of that name");
	return NULL;
}

static void
read_limit(struct reader *r, cfg_t *sec)
{
	const struct conf_value title = conftext_title(sec);
	struct provider *p = owner(r, sec);
	struct provider_limit *pl;

	if (p == NULL)
		return;
	pl = realloc(p->limit, (p->nlimit + 1) * sizeof(*pl));
	if (pl == NULL) {
		diag_error(&r->m, 0, "out of memory");
		return;
	}
	p->limit = pl;
	pl += p->nlimit++;
	*pl = (struct provider_limit){ .name =
					   provider_file_keep(r, title.text) };
	pl->per = read_choice(r, sec, "per", "everyone", "sender")
		      ? PER_SENDER
		      : PER_EVERYONE;
	pl->count = read_choice(r, sec, "count", "external", "all")
			? SCOPE_ALL
			: SCOPE_EXTERNAL;
	read_limits(r, sec, pl);
	if (pl->n == 0)
		diag_error(&r->m, title.line,
		    "limit \"%s\" limits nothing: give messages, recipients, unique-recipients or bytes",
		    title.text);
}

/* provider_file_read_all - every section; out of memory is a mistake, too */
static void
provider_file_read_all(struct reader *r)
{
	cfg_t *root = r->text.tree;
	const size_t n = conftext_size(root, "provider");

	r->all->v = calloc(n + 1, sizeof(*r->all->v));
	if (r->all->v == NULL) {
		diag_error(&r->m, 0, "out of memory");
		return;
	}
	for (size_t i = 0; i < n; i++)
		read_provider(r, cfg_getnsec(root, "provider", (unsigned)i));
	for (size_t i = 0; i < conftext_size(root, "limit"); i++)
		read_limit(r, cfg_getnsec(root, "limit", (unsigned)i));
}

/* --- the file ------------------------------------------------------------ */

/* provider_file_read_file - its text, NULL and a mistake if it cannot be had */
static char *
provider_file_read_file(struct reader *r, size_t *len_r)
{
	FILE *f = fopen(r->m.file, "re");
	char *text = malloc(FILE_LARGEST + 1);

	if (f == NULL)
		diag_error(&r->m, 0, "cannot be read: %s", strerror(errno));
	else if (text == NULL)
		diag_error(&r->m, 0, "out of memory");
	else if ((*len_r = fread(text, 1, FILE_LARGEST + 1, f)) >
		     FILE_LARGEST ||
		 ferror(f))
		diag_error(&r->m, 0, "cannot be read, or has more than 1 MiB");
	if (f != NULL)
		fclose(f);
	if (r->m.n == 0)
		return text;
	free(text);
	return NULL;
}

struct providers *
providers_load(const char *file, FILE *errors)
{
	struct reader r = { .m = { .file = file, .out = errors } };
	size_t len = 0;
	char *text = provider_file_read_file(&r, &len);

	if (text == NULL)
		return NULL;
	r.all = calloc(1, sizeof(*r.all));
	if (r.all == NULL)
		diag_error(&r.m, 0, "out of memory");
	else if (conftext_parse(&r.text, text, len, options, &r.m) == 0) {
		provider_file_read_all(&r);
		conftext_free(&r.text);
	}
	free(text);
	if (r.m.n > 0)
		providers_free(&r.all);
	return r.all;
}

static void
provider_wipe(struct provider *p)
{
	for (size_t i = 0; i < p->nlimit; i++)
		free(p->limit[i].name);
	free(p->limit);
	free(p->name);
	free(p->title);
	free(p->host);
	free(p->username);
	free(p->password);
	free(p->source);
	free(p->checked);
	free(p->note);
	free(p->passwords);
}

void
providers_free(struct providers **pp)
{
	struct providers *all = *pp;

	*pp = NULL;
	if (all == NULL)
		return;
	for (size_t i = 0; i < all->n; i++)
		provider_wipe(&all->v[i]);
	free(all->v);
	free(all);
}

const struct provider *
provider_find(const struct providers *all, const char *name)
{
	for (size_t i = 0; i < all->n; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core*): n counts the named */
		if (strcmp(all->v[i].name, name) == 0)
			return &all->v[i];
	return NULL;
}

/* less - n less percent of it, rounded down, without passing 64 bits */
static uint64_t
less(uint64_t n, unsigned percent)
{
	const uint64_t left =
	    n / 100 * (100 - percent) + n % 100 * (100 - percent) / 100;

	return left == 0 && n > 0 ? 1 : left;
}

void
provider_policy(const struct provider *p, size_t i, unsigned margin,
    struct policy *policy_r)
{
	const struct provider_limit *pl = &p->limit[i];

	*policy_r = (struct policy){
		.per = pl->per,
		.count = pl->count,
		.when_over = OVER_DEFER,
		.nlimit = pl->n,
		.recipients_per_message = p->recipients_per_message,
		.nwarn = 2,
		.warn_at = { 80, 95 },
	};
	for (size_t l = 0; l < pl->n; l++) {
		policy_r->limit[l] = pl->limit[l];
		policy_r->limit[l].max = less(pl->limit[l].max, margin);
	}
}
