/*
 * accounts.c - the accounts at providers: what is promised and sent of their
 * budgets, and which of them take no mail just now, and why.
 */
#include <string.h>

#include "page.h"

/* counter_of - of "smarthost NAME" or "sent NAME", under one policy */
static const json_t *
counter_of(const json_t *counters, const char *start, const char *policy)
{
	const json_t *c;
	size_t i;

	json_array_foreach (counters, i, c)
		if (strncmp(page_str(c, "key"), start, strlen(start)) == 0 &&
		    (policy == NULL ||
			strcmp(page_str(c, "policy"), policy) == 0))
			return c;
	return NULL;
}

static void
budget(struct html *h, const char *word, const json_t *limit)
{
	const long long used = page_num(limit, "used");
	const long long max = page_num(limit, "max");
	const char *dimension = page_str(limit, "dimension");

	if (limit == NULL)
		return;
	html(h, "<div class=\"budget\"><span class=\"word\">%s</span>", word);
	page_meter(h, used, max, word);
	html(h, "<span class=\"num\">");
	page_amount(h, dimension, used);
	html(h, " <span class=\"dim\">of</span> ");
	page_amount(h, dimension, max);
	html(h, "</span></div>");
}

/* budgets - each limit, as promised to senders and as really sent */
static void
budgets(struct html *h, const json_t *counters)
{
	const json_t *any = counter_of(counters, "smarthost ", NULL), *c, *l;
	const char *start = any != NULL ? "smarthost " : "sent ";
	bool some = false;
	size_t i, j;

	json_array_foreach (counters, i, c) {
		const json_t *sent =
		    counter_of(counters, "sent ", page_str(c, "policy"));
		const json_t *limits = json_object_get(c, "limits");

		if (strncmp(page_str(c, "key"), start, strlen(start)) != 0)
			continue;
		json_array_foreach (limits, j, l) {
			html(h, "<h4>%s</h4>", page_str(l, "limit"));
			if (any != NULL)
				budget(h, "promised", l);
			budget(h, "sent",
			    json_array_get(json_object_get(sent, "limits"), j));
			some = true;
		}
		if (json_is_object(json_object_get(c, "next"))) {
			html(h, "<p class=\"next\">room again ");
			page_moment(h, c, "next");
			html(h, "</p>");
		}
	}
	if (!some)
		html(h, "<p class=\"none\">nothing sent yet</p>");
}

/* state - open, shut or not answering, in a word and in a sentence */
static void
state(struct html *h, const json_t *sh)
{
	const json_t *gate = json_object_get(sh, "gate");
	const json_t *health = json_object_get(sh, "health");
	const json_t *oauth = json_object_get(sh, "oauth");

	if (json_is_object(gate) && !page_yes(gate, "open")) {
		html(h,
		    "<p class=\"state\"><span class=\"tag bad\">closed</span> %s",
		    page_str(gate, "why"));
		if (json_is_object(json_object_get(gate, "until"))) {
			html(h, ", until ");
			page_moment(h, gate, "until");
		}
		html(h, "</p>");
	} else if (json_is_object(health) &&
		   strcmp(page_str(health, "state"), "closed") != 0) {
		html(h,
		    "<p class=\"state\"><span class=\"tag bad\">not answering</span> looked at ");
		page_moment(h, health, "seen");
		html(h, ": %s</p>", page_str(health, "trouble"));
	} else {
		html(h,
		    "<p class=\"state\"><span class=\"tag good\">open</span></p>");
	}
	if (json_is_object(oauth) && !page_yes(oauth, "valid"))
		html(h,
		    "<p class=\"state\"><span class=\"tag bad\">no token</span> %s</p>",
		    page_str(oauth, "error"));
}

static void
account(struct page *pg, struct html *h, const json_t *sh)
{
	const char *name = page_str(sh, "name");
	json_t *q = json_pack("{s:s, s:o}", "command", "show", "who",
	    json_sprintf("smarthost %s", name));
	const json_t *routes = json_object_get(sh, "routes"), *r;
	struct seen s;
	size_t i;

	html(h, "<article class=\"card\"><h3>%s</h3><p class=\"dim\">%s:%lld",
	    name, page_str(sh, "host"), page_num(sh, "port"));
	json_array_foreach (routes, i, r)
		html(h, "%s%s", i == 0 ? " · route " : ", ",
		    json_string_value(r));
	html(h, "</p>");
	state(h, sh);
	view_ask(pg->view, q, &s);
	budgets(h, json_object_get(s.answer, "counters"));
	html(h, "</article>");
}

void
accounts(struct page *pg, struct html *h)
{
	const json_t *list = json_object_get(pg->status.answer, "smarthosts");
	const json_t *sh;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	html(h,
	    "<section id=\"accounts\"><h2>Accounts at providers</h2><div class=\"cards\">");
	json_array_foreach (list, i, sh)
		account(pg, h, sh);
	html(h, "</div></section>");
}
