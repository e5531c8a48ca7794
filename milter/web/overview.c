/*
 * overview.c - the page as it is opened: what wants to be looked at first.
 */
#include <string.h>

#include "page.h"

#define ROWS 200
#define EVENTS 20
#define NEAR 80

struct counts {
	long long wait, near, blocks, closed, held;
};

/* overview_count - different senders, as far as the fullest rows have them */
static void
overview_count(const struct page *pg, const json_t *limits, struct counts *c)
{
	json_t *seen = json_object();
	const json_t *row, *sh;
	size_t i;

	json_array_foreach (limits, i, row) {
		const char *key = obj_str(row, "key");
		const long long percent = obj_num(row, "percent");

		if (page_is_account(key) || percent < NEAR ||
		    json_object_get(seen, key) != NULL)
			continue;
		json_object_set_new(seen, key, json_true());
		c->wait += obj_num(row, "used") >= obj_num(row, "max");
		c->near += obj_num(row, "used") < obj_num(row, "max");
	}
	json_decref(seen);
	json_array_foreach (
	    json_object_get(pg->status.answer, "smarthosts"), i, sh) {
		const json_t *gate = json_object_get(sh, "gate");

		c->closed += json_is_object(gate) && !obj_yes(gate, "open");
	}
	c->blocks = (long long)json_array_size(
	    json_object_get(pg->status.answer, "blocks"));
}

/* one - "2 senders have to wait", a link to where they are */
static bool
one(struct html *h, bool first, const char *where, const char *of_one,
    const char *of_many, long long n)
{
	if (n == 0)
		return first;
	html(h, "%s<a href=\"%s\">", first ? "" : " · ", where);
	html_number(h, n);
	html(h, " %s</a>", n == 1 ? of_one : of_many);
	return false;
}

static void
summary(struct html *h, const struct counts *c)
{
	bool first = true;

	if (c->wait + c->near + c->blocks + c->closed + c->held == 0) {
		html(h,
		    "<p class=\"note good\" id=\"summary\">All is well: nobody has to wait.</p>");
		return;
	}
	html(h, "<p class=\"note warn\" id=\"summary\">");
	first = one(h, first, "#accounts", "account is closed",
	    "accounts are closed", c->closed);
	first = one(h, first, "?show=wait#senders", "sender has to wait",
	    "senders have to wait", c->wait);
	first = one(h, first, "?show=near#senders", "sender is nearly full",
	    "senders are nearly full", c->near);
	first = one(
	    h, first, "#held", "message is held", "messages are held", c->held);
	one(h, first, "#blocks", "block is in force", "blocks are in force",
	    c->blocks);
	html(h, "</p>");
}

/* store - what becomes of mail while it is out */
static void
store(struct html *h, const json_t *status)
{
	const json_t *st = json_object_get(status, "store");
	const char *then = obj_str(status, "on_store_failure");

	if (status == NULL || obj_yes(st, "healthy"))
		return;
	html(h,
	    "<p class=\"note bad\"><strong>The store does not work:</strong> %s. ",
	    obj_str(st, "trouble"));
	if (strcmp(then, "accept") == 0)
		html(h, "Mail goes out unmetered, %lld messages so far.",
		    obj_num(status, "unmetered"));
	else if (strcmp(then, "local") == 0)
		html(h, "Each mail server meters its share by itself.");
	else
		html(h,
		    "Outgoing mail waits at its senders until it works again.");
	html(h, "</p>");
}

static void
observing(struct html *h, const json_t *status)
{
	if (strcmp(obj_str(status, "mode"), "observe") != 0)
		return;
	html(h,
	    "<p class=\"note warn\"><strong>Observing:</strong> nothing is refused; ");
	html_number(h, obj_num(status, "observed"));
	html(h, " messages would have been since ");
	page_time(h, status, "started");
	html(h, ".</p>");
}

static void
blocks(struct page *pg, struct html *h)
{
	const json_t *list = json_object_get(pg->status.answer, "blocks"), *b;
	const bool may = page_may(pg, "unblock");
	size_t i;

	if (json_array_size(list) == 0)
		return;
	html(h,
	    "<section id=\"blocks\"><h2>Blocked</h2><div class=\"wide\"><table><caption class=\"away\">Blocks in force</caption><thead><tr><th scope=\"col\">Who</th><th scope=\"col\">Until</th><th scope=\"col\">Why</th><th scope=\"col\"><span class=\"away\">Acts</span></th></tr></thead><tbody>");
	json_array_foreach (list, i, b) {
		html(h, "<tr><th scope=\"row\" data-label=\"Who\">");
		if (strcmp(obj_str(b, "who"), "*") == 0)
			html(h, "<strong>everybody</strong>");
		else
			page_who(h, obj_str(b, "who"));
		html(h, "</th><td data-label=\"Until\">");
		if (json_is_object(json_object_get(b, "until")))
			page_time(h, b, "until");
		else
			html(h, "unblocked by hand");
		html(h, "</td><td data-label=\"Why\"><bdi>%s</bdi></td><td>",
		    obj_str(b, "text"));
		if (may) {
			page_form(pg, h, "unblock", obj_str(b, "who"));
			html(h, "<button>Unblock</button></form>");
		}
		html(h, "</td></tr>");
	}
	html(h, "</tbody></table></div></section>");
}

static void
events(struct page *pg, struct html *h)
{
	json_t *q = json_pack("{s:s, s:i}", "command", "events", "n", EVENTS);
	struct seen s;

	html(h, "<section id=\"events\"><h2>Newest events</h2>");
	view_ask(pg->view, q, &s);
	if (!s.away)
		page_trouble(h, &s, "Events cannot be read");
	if (s.answer != NULL)
		page_events(h, json_object_get(s.answer, "events"), true);
	html(h, "</section>");
}

void
overview(struct page *pg, struct html *h)
{
	struct counts c = { .wait = 0 };
	const json_t *limits;
	struct seen top, waits;

	view_ask(pg->view, json_pack("{s:s, s:i}", "command", "top", "n", ROWS),
	    &top);
	limits = json_object_get(top.answer, "limits");
	view_ask(pg->view, page_question("held", NULL, NULL), &waits);
	overview_count(pg, limits, &c);
	c.held =
	    (long long)json_array_size(json_object_get(waits.answer, "held"));
	observing(h, pg->status.answer);
	store(h, pg->status.answer);
	if (top.answer != NULL && pg->status.answer != NULL)
		summary(h, &c);
	html(h, "<div class=\"%s\">", top.error != NULL ? "old" : "fresh");
	accounts(pg, h);
	if (!pg->status.away)
		page_trouble(h, &top, "Who has what left cannot be read");
	if (top.answer != NULL)
		senders(pg, limits, h);
	if (json_array_size(limits) == ROWS)
		html(h,
		    "<p class=\"dim\">The fullest %d limits were looked at; search for others.</p>",
		    ROWS);
	html(h, "</div>");
	held(pg, &waits, h);
	blocks(pg, h);
	events(pg, h);
}
