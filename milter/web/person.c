/*
 * person.c - one sender: every limit, when there is room again, exceptions,
 * blocks, what happened, and what may be done about it.
 */
#include <string.h>

#include "page.h"

#define DAYS 31

static void
person_blocks(struct page *pg, struct html *h, const json_t *blocks)
{
	const json_t *b;
	size_t i;

	json_array_foreach (blocks, i, b) {
		html(h,
		    "<div class=\"note bad\"><strong>Blocked</strong>: all mail of <bdi>%s</bdi> is refused ",
		    obj_str(b, "who"));
		if (json_is_object(json_object_get(b, "until"))) {
			html(h, "until ");
			page_time(h, b, "until");
		} else {
			html(h, "until it is unblocked");
		}
		html(h, ". <bdi>%s</bdi>", obj_str(b, "text"));
		if (page_may(pg, "unblock")) {
			page_form(pg, h, "unblock", obj_str(b, "who"));
			html(h, "<button>Unblock</button></form>");
		}
		html(h, "</div>");
	}
}

static void
limit_row(struct html *h, const json_t *c, const json_t *l)
{
	const long long used = obj_num(l, "used"), max = obj_num(l, "max");
	const char *dimension = obj_str(l, "dimension");

	html(h,
	    "<tr><th scope=\"row\" data-label=\"Limit\">%s <span class=\"dim\">%s</span></th><td data-label=\"Used\" class=\"num\">",
	    obj_str(l, "limit"), obj_str(c, "policy"));
	page_amount(h, dimension, used);
	html(h, "</td><td data-label=\"Share\">");
	page_meter(h, used, max, "used");
	html(h,
	    " <span class=\"num\">%lld %%</span></td><td data-label=\"Left\" class=\"num\">",
	    obj_num(l, "percent"));
	page_amount(h, dimension, used < max ? max - used : 0);
	html(h, "</td><td data-label=\"Free again\">");
	if (json_is_object(json_object_get(c, "locked_until"))) {
		html(h, "<span class=\"tag bad\">locked</span> until ");
		page_time(h, c, "locked_until");
	} else if (used >= max) {
		html(h, "<span class=\"tag bad\">has to wait</span> until ");
		page_time(h, c, "next");
	} else {
		html(h, "<span class=\"dim\">–</span>");
	}
	html(h, "</td></tr>");
}

static void
limits(struct html *h, const json_t *counters)
{
	const json_t *c, *l;
	size_t i, j;

	if (json_array_size(counters) == 0) {
		html(h,
		    "<p class=\"none\">Nothing that counts was sent lately: all of it is left.</p>");
		return;
	}
	html(h,
	    "<div class=\"wide\"><table><caption class=\"away\">Limits</caption><thead><tr><th scope=\"col\">Limit</th><th scope=\"col\" class=\"num\">Used</th><th scope=\"col\">Share</th><th scope=\"col\" class=\"num\">Left</th><th scope=\"col\">Free again</th></tr></thead><tbody>");
	json_array_foreach (counters, i, c)
		json_array_foreach (json_object_get(c, "limits"), j, l)
			limit_row(h, c, l);
	html(h, "</tbody></table></div>");
}

static void
grants(struct page *pg, struct html *h, const char *who, const json_t *counters)
{
	const bool may = page_may(pg, "revoke");
	const json_t *c, *g;
	size_t i, j;

	json_array_foreach (counters, i, c) {
		const json_t *list = json_object_get(c, "grants");

		if (json_array_size(list) == 0)
			continue;
		html(h, "<ul class=\"grants\">");
		json_array_foreach (list, j, g) {
			html(h,
			    "<li><span class=\"tag good\">exception</span> +");
			page_amount(
			    h, obj_str(g, "dimension"), obj_num(g, "extra"));
			html(h, " %s under %s until ", obj_str(g, "dimension"),
			    obj_str(c, "policy"));
			page_time(h, g, "until");
			html(h, "</li>");
		}
		html(h, "</ul>");
		if (may) {
			page_form(pg, h, "revoke", who);
			html(h,
			    "<input type=\"hidden\" name=\"policy\" value=\"%s\"><button>Take back the exceptions under %s</button></form>",
			    obj_str(c, "policy"), obj_str(c, "policy"));
		}
	}
}

/* spans - "for" of a form, what was typed chosen again */
static void
spans(struct page *pg, struct html *h, const char *command)
{
	static const char *const span[][2] = { { "1h", "1 hour" },
		{ "8h", "8 hours" }, { "1d", "1 day" }, { "7d", "7 days" } };
	const char *typed = page_typed(pg, command, "for");

	html(h, "<label>For <select name=\"for\">");
	for (size_t i = 0; i < sizeof(span) / sizeof(span[0]); i++) {
		html(h, "<option value=\"%s\"", span[i][0]);
		if (strcmp(typed, span[i][0]) == 0)
			html(h, " selected");
		html(h, ">%s</option>", span[i][1]);
	}
	if (strcmp(command, "block") == 0)
		html(h, "<option value=\"\">until unblocked</option>");
	html(h, "</select></label>");
}

static void
grant_form(
    struct page *pg, struct html *h, const char *who, const json_t *counters)
{
	const char *typed = page_typed(pg, "grant", "what");
	const json_t *c, *l;
	size_t i, j;

	if (!page_may(pg, "grant") || json_array_size(counters) == 0)
		return;
	html(h, "<div class=\"card\"><h3>Give more</h3>");
	page_form(pg, h, "grant", who);
	html(h, "<label>Of <select name=\"what\">");
	json_array_foreach (counters, i, c)
		json_array_foreach (json_object_get(c, "limits"), j, l) {
			char what[200];

			snprintf(what, sizeof(what), "%s/%s",
			    obj_str(c, "policy"), obj_str(l, "dimension"));
			html(h, "<option value=\"%s\"", what);
			if (strcmp(typed, what) == 0)
				html(h, " selected");
			html(h, ">%s, %s</option>", obj_str(l, "dimension"),
			    obj_str(c, "policy"));
		}
	html(h,
	    "</select></label><label>How many more <input name=\"extra\" required inputmode=\"numeric\" placeholder=\"100\" value=\"%s\"></label>",
	    page_typed(pg, "grant", "extra"));
	spans(pg, h, "grant");
	html(h,
	    "<label>Why <input name=\"why\" maxlength=\"200\" value=\"%s\"></label><button>Give</button></form></div>",
	    page_typed(pg, "grant", "why"));
}

static void
forms(struct page *pg, struct html *h, const char *who, const json_t *counters)
{
	html(h, "<div class=\"cards\">");
	grant_form(pg, h, who, counters);
	if (page_may(pg, "block")) {
		html(h, "<div class=\"card\"><h3>Block</h3>");
		page_form(pg, h, "block", who);
		spans(pg, h, "block");
		html(h,
		    "<label>Why <input name=\"why\" maxlength=\"200\" value=\"%s\"></label><button class=\"bad\">Block</button></form></div>",
		    page_typed(pg, "block", "why"));
	}
	if (page_may(pg, "reset") && json_array_size(counters) > 0) {
		html(h,
		    "<div class=\"card\"><h3>Start again at nothing used</h3><p class=\"dim\">What was sent is forgotten; the provider does not forget it.</p>");
		page_form(pg, h, "reset", who);
		html(h,
		    "<label class=\"check\"><input type=\"checkbox\" name=\"sure\" value=\"yes\" required> I am sure</label><button class=\"bad\">Reset</button></form></div>");
	}
	html(h, "</div>");
}

static void
days(struct page *pg, struct html *h, const char *who)
{
	json_t *q = json_pack(
	    "{s:s, s:s, s:i}", "command", "history", "who", who, "n", DAYS);
	struct seen s;

	view_ask(pg->view, q, &s);
	html(h, "<section><h2>By day</h2>");
	page_trouble(h, &s, "The history cannot be read");
	if (s.answer != NULL)
		chart_days(h, json_object_get(s.answer, "days"));
	html(h, "</section>");
}

void
person(struct page *pg, const char *who, struct html *h)
{
	const json_t *counters, *events;
	struct seen s;

	view_ask(pg->view, page_question("show", "who", who), &s);
	html(h, "<p class=\"back\">");
	if (pg->reads)
		html(h, "<a href=\".\">← all senders</a>");
	html(h, "</p><h2 class=\"name\"><bdi>%s</bdi></h2>", who);
	if (s.away)
		page_trouble(h, &s, "Nothing new can be asked");
	else if (s.error != NULL)
		html(h, "<p class=\"note\">%s</p>", s.error);
	counters = json_object_get(s.answer, "counters");
	events = json_object_get(s.answer, "events");
	html(h, "<div class=\"%s\">", s.away ? "old" : "fresh");
	person_blocks(pg, h, json_object_get(s.answer, "blocks"));
	limits(h, counters);
	grants(pg, h, who, counters);
	html(h, "</div>");
	forms(pg, h, who, counters);
	days(pg, h, who);
	last_messages(pg, who, h);
	html(h, "<section><h2>Events</h2>");
	page_events(h, events, false);
	html(h, "</section>");
}
