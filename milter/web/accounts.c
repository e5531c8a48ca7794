/*
 * accounts.c - the accounts at providers: what is promised and sent of their
 * budgets, and which of them take no mail just now, and why.
 */
#include <string.h>

#include "page.h"

static void
budget(struct html *h, const char *word, const json_t *limit)
{
	const long long used = obj_num(limit, "used");
	const long long max = obj_num(limit, "max");
	const char *dimension = obj_str(limit, "dimension");

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
budgets(struct html *h, const json_t *limits)
{
	const char *last = "", *text;
	const json_t *l;
	size_t i;

	if (!json_is_array(limits)) {
		html(h,
		    "<p class=\"none\">not known: the store does not say</p>");
		return;
	}
	json_array_foreach (limits, i, l) {
		text = obj_str(l, "limit");
		if (strcmp(text, last) != 0)
			html(h, "<h4>%s</h4>", text);
		last = text;
		budget(h, obj_str(l, "budget"), l);
	}
	if (i == 0)
		html(h, "<p class=\"none\">without a limit</p>");
}

/* state - open, shut or not answering, in a word and in a sentence */
static void
state(struct html *h, const json_t *sh)
{
	const json_t *gate = json_object_get(sh, "gate");
	const json_t *health = json_object_get(sh, "health");
	const json_t *oauth = json_object_get(sh, "oauth");

	if (json_is_object(gate) && !obj_yes(gate, "open")) {
		html(h,
		    "<p class=\"state\"><span class=\"tag bad\">closed</span> %s",
		    obj_str(gate, "why"));
		if (json_is_object(json_object_get(gate, "until"))) {
			html(h, ", until ");
			page_time(h, gate, "until");
		}
		html(h, "</p>");
	} else if (json_is_object(health) &&
		   strcmp(obj_str(health, "state"), "closed") != 0) {
		html(h,
		    "<p class=\"state\"><span class=\"tag bad\">not answering</span> looked at ");
		page_time(h, health, "seen");
		html(h, ": %s</p>", obj_str(health, "trouble"));
	} else {
		html(h,
		    "<p class=\"state\"><span class=\"tag good\">open</span></p>");
	}
	if (json_is_object(oauth) && !obj_yes(oauth, "valid"))
		html(h,
		    "<p class=\"state\"><span class=\"tag bad\">no token</span> %s</p>",
		    obj_str(oauth, "error"));
}

static void
account(struct html *h, const json_t *sh)
{
	const char *name = obj_str(sh, "name");
	const json_t *routes = json_object_get(sh, "routes"), *r;
	size_t i;

	html(h, "<article class=\"card\"><h3>%s</h3><p class=\"dim\">%s:%lld",
	    name, obj_str(sh, "host"), obj_num(sh, "port"));
	json_array_foreach (routes, i, r)
		html(h, "%s%s", i == 0 ? " · route " : ", ",
		    json_string_value(r));
	html(h, "</p>");
	state(h, sh);
	budgets(h, json_object_get(sh, "account"));
	html(h, "<h4>Sent in the last 24 hours</h4>");
	chart_hours(h, json_object_get(sh, "hours"));
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
		account(h, sh);
	html(h, "</div></section>");
}
