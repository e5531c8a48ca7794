/*
 * print_text.c - answers for people: short, aligned, with bars.
 *
 * Addresses in an answer were chosen by whoever sent mail.  So the whole
 * answer is made harmless once, before any printer sees it, and no printer
 * can forget to.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "escape.h"
#include "print.h"

/* --- reading an answer --------------------------------------------------- */

static bool
print_text_is_plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			return false;
	return true;
}

static json_t *print_text_harmless(const json_t *v);

static json_t *
harmless_string(const char *s)
{
	size_t size = strlen(s) * 4 + 4;
	char *safe;
	json_t *copy;

	if (print_text_is_plain(s))
		return json_string(s);
	safe = malloc(size);
	if (safe == NULL)
		return NULL;
	copy = json_string(escape_str(safe, size, s));
	free(safe);
	return copy;
}

static json_t *
harmless_object(const json_t *v)
{
	json_t *copy = json_object(), *member;
	const char *name;

	/* The names of members are ours, their values need not be. */
	json_object_foreach ((json_t *)(uintptr_t)v, name, member)
		json_object_set_new(copy, name, print_text_harmless(member));
	return copy;
}

/* print_text_harmless - a copy of v in which each string is printable ASCII */
static json_t *
print_text_harmless(const json_t *v)
{
	json_t *copy, *item;
	size_t i;

	if (json_is_string(v))
		return harmless_string(json_string_value(v));
	if (json_is_object(v))
		return harmless_object(v);
	if (!json_is_array(v))
		return json_deep_copy(v);
	copy = json_array();
	json_array_foreach (v, i, item)
		json_array_append_new(copy, print_text_harmless(item));
	return copy;
}

/* --- pieces -------------------------------------------------------------- */

void
print_events(const struct screen *sc, const json_t *events, const char *indent)
{
	struct text_table t = { .columns = 6, .bar = TABLE_COLUMNS };
	const json_t *e;
	size_t i;

	json_array_foreach (events, i, e)
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){ print_time(e, "when"),
			obj_str(e, "kind"), obj_str(e, "policy"),
			obj_str(e, "key"), obj_str(e, "actor"),
			obj_str(e, "text") });
	text_table_print(&t, sc, indent);
}

/* --- one printer for each command ---------------------------------------- */

/* counter_words - whose counter it is; of an account, which of its two */
static const char *
counter_words(const json_t *row, char *dst, size_t size)
{
	const char *key = obj_str(row, "key");
	const char *budget = obj_str(row, "budget"), *blank = strchr(key, ' ');

	if (budget[0] == '\0' || blank == NULL)
		return key;
	snprintf(dst, size, "smarthost%s, %s", blank, budget);
	return dst;
}

void
text_top(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 6 };
	const json_t *row;
	size_t i;

	json_array_foreach (json_object_get(a, "limits"), i, row) {
		const char *next = print_time(row, "next");
		char last[120] = "", whose[400];

		if (next[0] != '\0')
			snprintf(last, sizeof(last), "next at %s", next);
		print_usage_row(&t, row,
		    (const char *const[]){ obj_str(row, "policy"),
			counter_words(row, whose, sizeof(whose)) },
		    2, last);
	}
	if (json_object_get(a, "refused") != NULL)
		print_refused(sc, json_object_get(a, "refused"));
	else if (t.rows == 0)
		fputs("nothing has been sent that counts\n", sc->out);
	text_table_print(&t, sc, "");
}

static void
print_grants(const struct screen *sc, const json_t *grants)
{
	const json_t *g;
	size_t i;

	json_array_foreach (grants, i, g)
		fprintf(sc->out, "  granted +%lld %s%s%s until %s\n",
		    obj_num(g, "extra"), obj_str(g, "dimension"),
		    obj_str(g, "window")[0] != '\0' ? " in " : "",
		    obj_str(g, "window"), print_time(g, "until"));
}

static void
print_counter(const struct screen *sc, const json_t *c)
{
	struct text_table t = { .columns = 4 };
	const char *locked = print_time(c, "locked_until");
	const char *next = print_time(c, "next");
	const json_t *limit;
	char whose[400];
	size_t i;

	fprintf(sc->out, "\n%s for %s\n", obj_str(c, "policy"),
	    counter_words(c, whose, sizeof(whose)));
	json_array_foreach (json_object_get(c, "limits"), i, limit)
		print_usage_row(
		    &t, limit, (const char *const[]){ NULL }, 0, "");
	text_table_print(&t, sc, "  ");
	print_grants(sc, json_object_get(c, "grants"));
	if (locked[0] != '\0')
		fprintf(sc->out, "  locked until %s\n", locked);
	if (obj_yes(c, "never"))
		fputs("  nothing may be sent: a limit is 0\n", sc->out);
	else if (next[0] != '\0')
		fprintf(sc->out, "  next at %s\n", next);
}

void
text_show(const struct screen *sc, const json_t *a)
{
	const json_t *c;
	size_t i;

	fprintf(sc->out, "%s\n", obj_str(a, "who"));
	print_blocks(sc, json_object_get(a, "blocks"));
	json_array_foreach (json_object_get(a, "counters"), i, c)
		print_counter(sc, c);
	if (json_array_size(json_object_get(a, "refused")) > 0) {
		fputs("\nlast refusals\n", sc->out);
		print_entries(sc, json_object_get(a, "refused"));
	}
	if (json_array_size(json_object_get(a, "events")) > 0) {
		fputs("\nlast events\n", sc->out);
		print_events(sc, json_object_get(a, "events"), "  ");
	}
}

static void
print_reply(const struct screen *sc, const json_t *a)
{
	const json_t *r = json_object_get(a, "reply");
	char text[700];

	if (json_is_object(r))
		snprintf(text, sizeof(text), "%s %s %s", obj_str(r, "code"),
		    obj_str(r, "xcode"), obj_str(r, "text"));
	else
		snprintf(text, sizeof(text), "none, the message passes%s%s%s",
		    obj_yes(a, "observed") ? " (enforced, it would not)" : "",
		    obj_str(a, "note")[0] != '\0' ? ": " : "",
		    obj_str(a, "note"));
	print_line(sc, "reply", text);
}

void
text_explain(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 6 };
	const char *rule = obj_str(a, "rule"), *sh = obj_str(a, "smarthost");
	const json_t *l;
	char text[200], whose[400];
	size_t i;

	print_line(sc, "sender",
	    obj_str(a, "sender")[0] != '\0' ? obj_str(a, "sender") : "<>");
	snprintf(text, sizeof(text), "%lld, of which %lld external",
	    obj_num(a, "recipients"), obj_num(a, "external"));
	print_line(sc, "recipients", text);
	if (!obj_yes(a, "outgoing"))
		print_line(sc, "rule",
		    "none: not outgoing, no login and not from networks");
	else
		print_line(sc, "rule", rule[0] != '\0' ? rule : "none matches");
	print_line(sc, "smarthost", sh[0] != '\0' ? sh : "none");
	print_line(sc, "verdict", obj_str(a, "verdict"));
	print_reply(sc, a);
	json_array_foreach (json_object_get(a, "limits"), i, l) {
		snprintf(text, sizeof(text), "costs %lld", obj_num(l, "cost"));
		print_usage_row(&t, json_object_get(l, "usage"),
		    (const char *const[]){ obj_str(l, "policy"),
			counter_words(l, whose, sizeof(whose)) },
		    2, text);
	}
	if (t.rows > 0)
		fputc('\n', sc->out);
	text_table_print(&t, sc, "");
}

void
text_events(const struct screen *sc, const json_t *a)
{
	if (json_array_size(json_object_get(a, "events")) == 0)
		fputs("no events\n", sc->out);
	print_events(sc, json_object_get(a, "events"), "");
}

void
text_reset(const struct screen *sc, const json_t *a)
{
	const json_t *r;
	size_t i;

	json_array_foreach (json_object_get(a, "reset"), i, r)
		fprintf(sc->out, "reset: %s under policy %s\n",
		    obj_str(r, "key"), obj_str(r, "policy"));
}

void
text_grant(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out,
	    "granted: %s may send %lld %s more under policy %s, until %s\n",
	    obj_str(a, "key"), obj_num(a, "extra"), obj_str(a, "dimension"),
	    obj_str(a, "policy"), print_time(a, "until"));
}

void
text_revoke(const struct screen *sc, const json_t *a)
{
	const json_t *r;
	size_t i;

	json_array_foreach (json_object_get(a, "revoked"), i, r)
		fprintf(sc->out, "revoked: more %s for %s under policy %s\n",
		    obj_str(r, "dimension"), obj_str(r, "key"),
		    obj_str(r, "policy"));
}

void
text_unblock(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out, "unblocked: %s\n", obj_str(a, "who"));
}

void
text_smarthost(const struct screen *sc, const json_t *a)
{
	const char *until = print_time(a, "until");

	if (obj_yes(a, "open"))
		fprintf(sc->out, "open: %s\n", obj_str(a, "smarthost"));
	else
		fprintf(sc->out, "closed: %s until %s\n",
		    obj_str(a, "smarthost"),
		    until[0] != '\0' ? until : "it is opened again");
}

void
text_reload(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out, "reloaded: %s\n", obj_str(a, "config"));
}

void
text_export(const struct screen *sc, const json_t *a)
{
	json_dumpf(a, sc->out, JSON_INDENT(2) | JSON_ENSURE_ASCII);
	fputc('\n', sc->out);
}

static void
print_strings(FILE *out, const char *before, const json_t *list)
{
	const json_t *s;
	size_t i;

	json_array_foreach (list, i, s)
		fprintf(out, "%s%s\n", before, json_string_value(s));
}

/* print_finding - what is wrong and, if that is known, the remedy */
static void
print_finding(const struct screen *sc, const char *indent, const json_t *c)
{
	fprintf(sc->out, "%s%s: %s%s%s\n", indent,
	    obj_yes(c, "must") ? "attention" : "note", obj_str(c, "text"),
	    obj_str(c, "remedy")[0] != '\0' ? "; " : "", obj_str(c, "remedy"));
}

static void
print_findings(const struct screen *sc, const char *indent, const json_t *list)
{
	const json_t *c;
	size_t i;

	json_array_foreach (list, i, c)
		print_finding(sc, indent, c);
}

void
text_check(const struct screen *sc, const json_t *a)
{
	fprintf(sc->out,
	    "%s: good (rules: %lld, policies: %lld, routes: %lld, smarthosts: %lld)\n",
	    obj_str(a, "file"), obj_num(a, "rules"), obj_num(a, "policies"),
	    obj_num(a, "routes"), obj_num(a, "smarthosts"));
	print_strings(sc->out, "warning: ", json_object_get(a, "warnings"));
	print_findings(sc, "", json_object_get(a, "findings"));
}

void
text_setup(const struct screen *sc, const json_t *a)
{
	const json_t *c;
	size_t i;

	json_array_foreach (json_object_get(a, "changes"), i, c)
		fprintf(sc->out, "# %s\n%s\n", obj_str(c, "why"),
		    obj_str(c, "command"));
	json_array_foreach (json_object_get(a, "proofs"), i, c)
		fprintf(sc->out, "# %s at %s port %s: %s; RCPT got %s\n",
		    obj_str(c, "listener"), obj_str(c, "host"),
		    obj_str(c, "port"),
		    obj_yes(c, "seen") ? "the meter saw it"
				       : "the meter did NOT see it",
		    obj_str(c, "said"));
	print_findings(sc, "# ", json_object_get(a, "notes"));
	fprintf(sc->out, "# %s\n", obj_str(a, "summary"));
}

static void
print_text_answer(
    const struct screen *sc, const struct command *c, const json_t *answer)
{
	json_t *safe = print_text_harmless(answer);

	c->print(sc, safe);
	json_decref(safe);
}

static void
print_text_failure(
    const struct screen *sc, const struct command *c, const json_t *answer)
{
	json_t *safe = print_text_harmless(answer);

	if (c->found != NULL && json_object_get(safe, c->found) != NULL)
		c->print(sc, safe);
	fflush(sc->out); /* what was found first, then what follows from it */
	print_strings(sc->err, "", json_object_get(safe, "errors"));
	fprintf(
	    sc->err, "postmeterctl %s: %s\n", c->name, obj_str(safe, "error"));
	if (obj_str(safe, "remedy")[0] != '\0')
		fprintf(sc->err, "  %s\n", obj_str(safe, "remedy"));
	json_decref(safe);
}

const struct output output_text = {
	.answer = print_text_answer,
	.failure = print_text_failure,
};
