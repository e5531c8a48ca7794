/*
 * senders.c - who has what left: the fullest limits, filtered and sorted as
 * the address says.
 */
#include <stdlib.h>
#include <string.h>

#include "page.h"

#define NEAR 80 /* percent */

enum show { SHOW_ALL, SHOW_NEAR, SHOW_WAIT, SHOWS };

static const char *const show_names[SHOWS] = { "all", "near", "wait" };
static const char *const show_words[SHOWS] = { "all", "near the limit",
	"has to wait" };

static enum show
show_of(const struct form *query)
{
	const char *show = form_get(query, "show");

	for (size_t i = 0; show != NULL && i < SHOWS; i++)
		if (strcmp(show, show_names[i]) == 0)
			return (enum show)i;
	return SHOW_ALL;
}

static long long
left_of(const json_t *row)
{
	const long long left = obj_num(row, "max") - obj_num(row, "used");

	return left > 0 ? left : 0;
}

static bool
shown(const json_t *row, enum show show, const char *policy)
{
	const long long percent = obj_num(row, "percent");

	if (page_is_account(obj_str(row, "key")) ||
	    (policy != NULL && policy[0] != '\0' &&
		strcmp(obj_str(row, "policy"), policy) != 0))
		return false;
	return show == SHOW_ALL || (show == SHOW_NEAR && percent >= NEAR) ||
	       (show == SHOW_WAIT && left_of(row) == 0);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(obj_str(*(json_t *const *)a, "key"),
	    obj_str(*(json_t *const *)b, "key"));
}

static int
by_left(const void *a, const void *b)
{
	const long long x = left_of(*(json_t *const *)a);
	const long long y = left_of(*(json_t *const *)b);

	return (x > y) - (x < y);
}

static int
by_used(const void *a, const void *b)
{
	const long long x = obj_num(*(json_t *const *)a, "used");
	const long long y = obj_num(*(json_t *const *)b, "used");

	return (x < y) - (x > y);
}

/* link - the same list, but in that order or of those; the rest is kept */
static void
link_to(const struct form *query, struct html *h, const char *name,
    const char *value)
{
	static const char *const kept[] = { "show", "policy", "sort" };
	const char *glue = "?";

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		const char *v = strcmp(kept[i], name) == 0
				    ? value
				    : form_get(query, kept[i]);

		if (v == NULL || v[0] == '\0')
			continue;
		html(h, "%s%s=", glue, kept[i]);
		html_query(h, v);
		glue = "&";
	}
	html(h, "#senders");
}

static void
head(const struct form *query, struct html *h, const char *sort,
    const char *word, bool number)
{
	const char *now = form_get(query, "sort");
	const bool chosen = strcmp(now != NULL ? now : "", sort) == 0;

	html(h, "<th scope=\"col\" class=\"%s\"><a href=\"",
	    number ? "num" : "word");
	link_to(query, h, "sort", sort);
	html(h, "\">%s%s</a></th>", word, chosen ? " ▾" : "");
}

static void
choice(const struct form *query, struct html *h, const json_t *limits)
{
	const enum show show = show_of(query);
	const char *policy = form_get(query, "policy");
	const char *sort = form_get(query, "sort");
	json_t *names = json_object(), *one;
	const json_t *row;
	const char *name;
	size_t i;

	html(h, "<div class=\"bar\"><nav aria-label=\"Which senders\">");
	for (int s = 0; s < SHOWS; s++) {
		html(h, "<a href=\"");
		link_to(query, h, "show", show_names[s]);
		html(h, "\" aria-current=\"%s\">%s</a>",
		    s == (int)show ? "true" : "false", show_words[s]);
	}
	html(h,
	    "</nav><form method=\"get\" action=\".\"><label>Policy <select name=\"policy\"><option value=\"\">all</option>");
	json_array_foreach (limits, i, row)
		if (!page_is_account(obj_str(row, "key")))
			json_object_set_new(
			    names, obj_str(row, "policy"), json_true());
	json_object_foreach (names, name, one)
		html(h, "<option%s>%s</option>",
		    policy != NULL && strcmp(policy, name) == 0 ? " selected"
								: "",
		    name);
	json_decref(names);
	html(h,
	    "</select></label><input type=\"hidden\" name=\"show\" value=\"%s\"><input type=\"hidden\" name=\"sort\" value=\"%s\"><button>Show</button></form></div>",
	    show_names[show], sort);
}

static void
sender_row(struct html *h, const json_t *row)
{
	const char *dimension = obj_str(row, "dimension");
	const long long left = left_of(row);

	html(h, "<tr><th scope=\"row\" data-label=\"Sender\">");
	page_who(h, obj_str(row, "key"));
	html(h,
	    "</th><td data-label=\"Limit\">%s <span class=\"dim\">%s</span></td><td data-label=\"Used\" class=\"num\">",
	    obj_str(row, "limit"), obj_str(row, "policy"));
	page_amount(h, dimension, obj_num(row, "used"));
	html(h, "</td><td data-label=\"Share\">");
	page_meter(h, obj_num(row, "used"), obj_num(row, "max"), "used");
	html(h, " <span class=\"num\">%lld %%</span></td>",
	    obj_num(row, "percent"));
	html(h, "<td data-label=\"Left\" class=\"num\">");
	page_amount(h, dimension, left);
	html(h, "</td><td data-label=\"Free again\">");
	if (left == 0 && json_is_object(json_object_get(row, "next"))) {
		html(h, "<span class=\"tag bad\">has to wait</span> until ");
		page_time(h, row, "next");
	} else if (left == 0) {
		html(h, "<span class=\"tag bad\">has to wait</span>");
	} else if (obj_num(row, "percent") >= NEAR) {
		html(h, "<span class=\"tag warn\">nearly full</span>");
	} else {
		html(h, "<span class=\"dim\">–</span>");
	}
	html(h, "</td></tr>");
}

static void
senders_table(
    const struct form *query, struct html *h, json_t *const *rows, size_t n)
{
	html(h,
	    "<div class=\"wide\"><table id=\"list\"><caption class=\"away\">Limits and what is used of them</caption><thead><tr>");
	head(query, h, "sender", "Sender", false);
	html(h, "<th scope=\"col\">Limit</th>");
	head(query, h, "used", "Used", true);
	head(query, h, "", "Share", false);
	head(query, h, "left", "Left", true);
	html(h, "<th scope=\"col\">Free again</th></tr></thead><tbody>");
	for (size_t i = 0; i < n; i++)
		sender_row(h, rows[i]);
	html(h, "</tbody></table></div>");
}

static void
nothing(struct html *h, const json_t *limits)
{
	if (json_array_size(limits) > 0) {
		html(h,
		    "<p class=\"none\">Nobody: <a href=\"?#senders\">show all</a>.</p>");
		return;
	}
	html(h,
	    "<div class=\"none\"><p>Nothing has been metered yet. Does mail reach the meter?</p><p><code>postmeterctl setup postfix --check</code> or <code>setup sendmail --check</code><br><code>postmeterctl explain --sender you@your.example --rcpt somebody@else.example</code></p></div>");
}

/* choose - of each sender the fullest limit; the others are on his own page */
static size_t
choose(const struct form *query, const json_t *limits, json_t **rows)
{
	const enum show show = show_of(query);
	const char *policy = form_get(query, "policy");
	json_t *seen = json_object(), *row;
	size_t i, n = 0;

	json_array_foreach (limits, i, row) {
		const char *key = obj_str(row, "key");

		if (!shown(row, show, policy) ||
		    json_object_get(seen, key) != NULL)
			continue;
		json_object_set_new(seen, key, json_true());
		rows[n++] = row;
	}
	json_decref(seen);
	return n;
}

void
senders(struct page *pg, const json_t *limits, struct html *h)
{
	const size_t room = json_array_size(limits);
	const char *sort = form_get(pg->query, "sort");
	json_t **rows = calloc(room + 1, sizeof(json_t *));
	size_t n = 0;

	html(h,
	    "<section id=\"senders\"><h2>Who has what left</h2><p class=\"dim\">Of each sender the fullest limit.</p>");
	if (rows == NULL) {
		h->failed = true;
		return;
	}
	n = choose(pg->query, limits, rows);
	if (sort != NULL && strcmp(sort, "sender") == 0)
		qsort(rows, n, sizeof(json_t *), by_name);
	else if (sort != NULL && strcmp(sort, "left") == 0)
		qsort(rows, n, sizeof(json_t *), by_left);
	else if (sort != NULL && strcmp(sort, "used") == 0)
		qsort(rows, n, sizeof(json_t *), by_used);
	if (room > 0)
		choice(pg->query, h, limits);
	if (n > 0)
		senders_table(pg->query, h, rows, n);
	else
		nothing(h, limits);
	free(rows);
	html(h, "</section>");
}
