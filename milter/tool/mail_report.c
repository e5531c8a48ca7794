/*
 * mail_report.c - the mail about a day or a week: tables, once as aligned text
 * and once as HTML whose bars are SVG inside of it, so that nothing is loaded
 * from anywhere.
 */
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "html.h"
#include "mail.h"
#include "print.h"

#define ROWS 15
#define DAYS_MOST 20000

/* One table: {"title", "columns": [...], "rows": [[...], ...], "bar"}; bar is
 * the column whose percent is drawn, -1: none. */
struct paper {
	struct mail_round *m;
	json_t *tables;
	long long sent, refused;
	char from[16], to[16];
};

static char *
word(const struct paper *p, const char *name)
{
	return mail_text(p->m, name, NULL);
}

/* begin_table - with these columns, closed by NULL; words as "word.NAME" */
static json_t *
begin_table(
    struct paper *p, const char *title, const char *const *columns, int bar)
{
	char *text = word(p, title), name[48];
	json_t *list = json_array(), *rows = json_array();

	for (; *columns != NULL; columns++) {
		char *column;

		snprintf(name, sizeof(name), "word.%s", *columns);
		column = word(p, name);
		json_array_append_new(list, json_string(column));
		free(column);
	}
	json_array_append_new(
	    p->tables, json_pack("{s:s, s:o, s:o, s:i}", "title", text,
			   "columns", list, "rows", rows, "bar", bar));
	free(text);
	return rows;
}

static json_t *
count(const json_t *o, const char *name)
{
	return json_sprintf("%lld", obj_num(o, name));
}

/* ask - the daemon's answer; NULL and why if there is none */
static json_t *
ask(const struct paper *p, json_t *request, struct why *why)
{
	json_t *answer;
	const int code = ctl_ask_daemon(p->m->ctl, request, &answer);

	json_decref(request);
	if (code <= 1 && obj_yes(answer, "ok"))
		return answer;
	why_set(why, "%s", obj_str(answer, "error"));
	json_decref(answer);
	return NULL;
}

/* --- what it says -------------------------------------------------------- */

/* add - b's number of that name on top of a's */
static void
add(json_t *a, const json_t *b, const char *name)
{
	json_object_set_new(
	    a, name, json_integer(obj_num(a, name) + obj_num(b, name)));
}

static void
add_all(json_t *sums, const char *name, const json_t *row)
{
	static const char *const what[] = { "sent", "recipients", "refused",
		"held" };
	json_t *sum = json_object_get(sums, name);

	if (sum == NULL) {
		sum = json_object();
		json_object_set_new(sums, name, sum);
	}
	for (size_t i = 0; i < sizeof(what) / sizeof(what[0]); i++)
		add(sum, row, what[i]);
}

static void
put_sum(json_t *rows, const char *name, const json_t *sum)
{
	json_array_append_new(
	    rows, json_pack("[s, o, o, o, o]", name, count(sum, "sent"),
		      count(sum, "recipients"), count(sum, "refused"),
		      count(sum, "held")));
}

/* put_most - the names with most sent, at most ROWS; sums loses them */
static void
put_most(json_t *rows, json_t *sums)
{
	for (int i = 0; i < ROWS && json_object_size(sums) > 0; i++) {
		const char *name, *most = NULL;
		json_t *sum;

		json_object_foreach (sums, name, sum)
			if (most == NULL ||
			    obj_num(sum, "sent") >
				obj_num(json_object_get(sums, most), "sent"))
				most = name;
		put_sum(rows, most, json_object_get(sums, most));
		json_object_del(sums, most);
	}
}

/* put_history - by day, and who sent most, of the days from..to */
static int
put_history(struct paper *p, int days, struct why *why)
{
	static const char *const by_day[] = { "day", "sent", "recipients",
		"refused", "held", NULL };
	static const char *const by_who[] = { "who", "sent", "recipients",
		"refused", "held", NULL };
	json_t *answer = ask(p,
	    json_pack("{s:s, s:i}", "command", "history", "n", days + 1), why);
	json_t *days_of = json_object(), *people = json_object(), *row, *rows;
	const char *day;
	size_t i;

	json_array_foreach (json_object_get(answer, "days"), i, row) {
		day = obj_str(row, "day");
		if (strcmp(day, p->from) < 0 || strcmp(day, p->to) > 0)
			continue;
		add_all(days_of, day, row);
		add_all(people, obj_str(row, "who"), row);
		p->sent += obj_num(row, "sent");
		p->refused += obj_num(row, "refused");
	}
	rows = begin_table(p, "report.days", by_day, -1);
	json_object_foreach (days_of, day, row)
		put_sum(rows, day, row);
	put_most(begin_table(p, "report.senders", by_who, -1), people);
	json_decref(days_of);
	json_decref(people);
	json_decref(answer);
	return answer != NULL ? 0 : -1;
}

static int
put_refused(struct paper *p, struct why *why)
{
	static const char *const columns[] = { "who", "refused", "policy",
		"why", NULL };
	json_t *answer = ask(p,
	    json_pack(
		"{s:s, s:b, s:i}", "command", "top", "refused", 1, "n", ROWS),
	    why);
	json_t *rows = begin_table(p, "report.refused", columns, -1), *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "refused"), i, row)
		json_array_append_new(
		    rows, json_pack("[s, o, s, s]", obj_str(row, "who"),
			      count(row, "refused"), obj_str(row, "policy"),
			      obj_str(row, "text")));
	json_decref(answer);
	return answer != NULL ? 0 : -1;
}

static void
put_limit(
    json_t *rows, const json_t *row, const char *first, const char *second)
{
	json_array_append_new(rows,
	    json_pack("[s, s, o, o, o]", first, second, count(row, "used"),
		count(row, "max"), count(row, "percent")));
}

static int
put_limits(struct paper *p, struct why *why)
{
	static const char *const columns[] = { "who", "policy", "used", "max",
		"percent", NULL };
	json_t *answer =
	    ask(p, json_pack("{s:s, s:i}", "command", "top", "n", ROWS), why);
	json_t *rows = begin_table(p, "report.limits", columns, 4), *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "limits"), i, row)
		put_limit(
		    rows, row, obj_str(row, "key"), obj_str(row, "policy"));
	json_decref(answer);
	return answer != NULL ? 0 : -1;
}

/* put_accounts - each account's state, and what it has sent of its limits */
static int
put_accounts(struct paper *p, struct why *why)
{
	static const char *const columns[] = { "account", "state", "used",
		"max", "percent", NULL };
	json_t *answer = ask(p, json_pack("{s:s}", "command", "status"), why);
	json_t *rows = begin_table(p, "report.accounts", columns, 4), *sh, *row;
	size_t i, j;

	json_array_foreach (json_object_get(answer, "smarthosts"), i, sh) {
		const json_t *gate = json_object_get(sh, "gate");
		char *state = word(p,
		    json_is_false(json_object_get(gate, "open")) ? "word.closed"
		    : obj_str(json_object_get(sh, "health"), "trouble")[0] !=
			    '\0'
			? "word.unhealthy"
			: "word.open");
		size_t before = json_array_size(rows);

		json_array_foreach (json_object_get(sh, "account"), j, row)
			if (strcmp(obj_str(row, "budget"), "sent") == 0)
				put_limit(
				    rows, row, obj_str(sh, "name"), state);
		if (json_array_size(rows) == before)
			json_array_append_new(
			    rows, json_pack("[s, s, s, s, s]",
				      obj_str(sh, "name"), state, "", "", ""));
		free(state);
	}
	json_decref(answer);
	return answer != NULL ? 0 : -1;
}

static int
put_held(struct paper *p, struct why *why)
{
	static const char *const columns[] = { "since", "who", "recipients",
		"why", NULL };
	json_t *answer = ask(p, json_pack("{s:s}", "command", "held"), why);
	json_t *rows = begin_table(p, "report.held", columns, -1), *row;
	size_t i;

	json_array_foreach (json_object_get(answer, "held"), i, row) {
		if (i == ROWS)
			break;
		json_array_append_new(
		    rows, json_pack("[s, s, o, s]", print_time(row, "when"),
			      obj_str(row, "who"), count(row, "recipients"),
			      obj_str(row, "text")));
	}
	json_decref(answer);
	return answer != NULL ? 0 : -1;
}

/* --- as text ------------------------------------------------------------- */

static void
table_text(const struct paper *p, FILE *out, const json_t *table)
{
	const struct screen sc = { .out = out };
	const json_t *columns = json_object_get(table, "columns"), *row;
	struct text_table t = { .columns = json_array_size(columns),
		.bar = TABLE_COLUMNS };
	const char *cell[TABLE_COLUMNS] = { NULL };
	char *none;
	size_t i, j;

	fprintf(out, "\n%s\n", obj_str(table, "title"));
	if (json_array_size(json_object_get(table, "rows")) == 0) {
		none = word(p, "report.nothing");
		fprintf(out, "  %s\n", none);
		free(none);
		return;
	}
	for (j = 0; j < t.columns; j++)
		cell[j] = json_string_value(json_array_get(columns, j));
	text_table_add(&t, COLOUR_NONE, cell);
	json_array_foreach (json_object_get(table, "rows"), i, row) {
		for (j = 0; j < t.columns; j++)
			cell[j] = json_string_value(json_array_get(row, j));
		text_table_add(&t, COLOUR_NONE, cell);
	}
	text_table_print(&t, &sc, "  ");
}

/* --- as HTML ------------------------------------------------------------- */

/* put_bar - so much of it; whoever shows no pictures reads the number beside */
static void
put_bar(struct html *h, const char *percent)
{
	long long n = strtoll(percent, NULL, 10);

	if (percent[0] == '\0')
		return;
	n = n < 0 ? 0 : n > 100 ? 100 : n;
	html(h,
	    "<svg width=\"100\" height=\"10\" role=\"img\" aria-label=\"%lld%%\"><rect width=\"100\" height=\"10\" fill=\"#ddd\"/><rect width=\"%lld\" height=\"10\" fill=\"%s\"/></svg> ",
	    n, n,
	    n >= 95   ? "#c33"
	    : n >= 80 ? "#c80"
		      : "#383");
}

static void
table_html(const struct paper *p, struct html *h, const json_t *table)
{
	const json_t *columns = json_object_get(table, "columns"), *row, *cell;
	const long long bar = obj_num(table, "bar");
	char *none;
	size_t i, j;

	html(h, "<h2>%s</h2>\n", obj_str(table, "title"));
	if (json_array_size(json_object_get(table, "rows")) == 0) {
		none = word(p, "report.nothing");
		html(h, "<p>%s</p>\n", none);
		free(none);
		return;
	}
	html(h, "<table cellpadding=\"4\"><tr>");
	json_array_foreach (columns, j, cell)
		html(h, "<th align=\"left\">%s</th>", json_string_value(cell));
	html(h, "</tr>\n");
	json_array_foreach (json_object_get(table, "rows"), i, row) {
		html(h, "<tr>");
		json_array_foreach (row, j, cell) {
			html(h, "<td>");
			if ((long long)j == bar)
				put_bar(h, json_string_value(cell));
			html(h, "%s</td>", json_string_value(cell));
		}
		html(h, "</tr>\n");
	}
	html(h, "</table>\n");
}

/* --- the whole: title and tables; NULL if out of memory ------------------- */

static char *
write_text(const struct paper *p, const char *title)
{
	const json_t *table;
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	fprintf(out, "%s\n", title);
	json_array_foreach (p->tables, i, table)
		table_text(p, out, table);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

static char *
write_html(const struct paper *p, const char *title)
{
	struct html h = HTML_EMPTY;
	const json_t *table;
	size_t i;

	html(&h,
	    "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>%s</title></head><body><h1>%s</h1>\n",
	    title, title);
	json_array_foreach (p->tables, i, table)
		table_html(p, &h, table);
	html(&h, "</body></html>\n");
	if (h.failed)
		html_free(&h);
	return h.p;
}

/* --- the mail ------------------------------------------------------------ */

/* day_text - the local day so many days before now */
static void
day_text(const struct mail_round *m, int days, char dst[16])
{
	struct tm tm;

	zone_localtime(m->conf->zone, m->now, &tm);
	/* Noon, so that no hour that is skipped makes another day of it. */
	zone_localtime(m->conf->zone,
	    m->now - (int64_t)(tm.tm_hour - 12) * HOUR - (int64_t)days * DAY,
	    &tm);
	strftime(dst, 16, "%Y-%m-%d", &tm);
}

static int
send_paper(struct paper *p, bool week, struct why *why)
{
	json_t *values =
	    json_pack("{s:s, s:s, s:I, s:I}", "from", p->from, "to", p->to,
		"sent", (json_int_t)p->sent, "refused", (json_int_t)p->refused);
	char *subject = mail_text(
	    p->m, week ? "report.subject.week" : "report.subject", values);
	char *title = mail_text(
	    p->m, week ? "report.title.week" : "report.title", values);
	char *text = write_text(p, title);
	char *as_html = write_html(p, title);
	int rc = -1;

	if (text == NULL || as_html == NULL)
		why_set(why, "out of memory");
	else
		rc = mail_to_all(p->m, subject, text, as_html, why);
	p->m->reports += rc == 0;
	free(subject);
	free(title);
	free(text);
	free(as_html);
	json_decref(values);
	return rc;
}

int
mail_report(struct mail_round *m, bool week, struct why *why)
{
	struct paper p = { .m = m, .tables = json_array() };
	int rc = -1;

	day_text(m, week ? 7 : 1, p.from);
	day_text(m, 1, p.to);
	if (put_history(&p, week ? 7 : 1, why) == 0 &&
	    put_refused(&p, why) == 0 && put_limits(&p, why) == 0 &&
	    put_accounts(&p, why) == 0 && put_held(&p, why) == 0)
		rc = send_paper(&p, week, why);
	json_decref(p.tables);
	return rc;
}
