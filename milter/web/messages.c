/*
 * messages.c - what became of messages.
 */
#include <string.h>

#include "page.h"

#define LAST 10

static void
line(struct html *h, const char *word, const char *text)
{
	if (text[0] != '\0')
		html(h, "<dt>%s</dt><dd><bdi>%s</bdi></dd>", word, text);
}

/* is_good - was it taken, or did it go? */
static bool
is_good(const char *verdict)
{
	static const char *const good[] = { "pass", "sent", "let through",
		"released", "ignore" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strcmp(verdict, good[i]) == 0)
			return true;
	return false;
}

static const char *
colour_of(const char *verdict)
{
	if (strcmp(verdict, "hold") == 0)
		return "warn";
	return is_good(verdict) ? "good" : "bad";
}

static void
entry(struct html *h, const json_t *e)
{
	const char *verdict = obj_str(e, "verdict");
	const char *limit = obj_str(e, "limit");

	html(h,
	    "<article class=\"card trace\"><h3><span class=\"tag %s\">%s</span> %s ",
	    colour_of(verdict), verdict, obj_str(e, "stage"));
	page_time(h, e, "when");
	html(h, "</h3><dl>");
	line(h, "Queue id", obj_str(e, "queue_id"));
	html(h, "<dt>Account</dt><dd>");
	page_who(h, obj_str(e, "who"));
	html(h, "</dd>");
	line(h, "From", obj_str(e, "sender"));
	line(h, "Recipient", obj_str(e, "rcpt"));
	html(h, "<dt>Recipients</dt><dd>%lld, %lld external</dd>",
	    obj_num(e, "recipients"), obj_num(e, "external"));
	line(h, "Rule", obj_str(e, "rule"));
	if (limit[0] != '\0')
		html(h, "<dt>Limit</dt><dd>%s: %s, then %lld of %lld used</dd>",
		    obj_str(e, "policy"), limit, obj_num(e, "used"),
		    obj_num(e, "max"));
	line(h, "Account at provider", obj_str(e, "smarthost"));
	line(h, "Answer", obj_str(e, "text"));
	html(h, "</dl></article>");
}

void
messages(struct html *h, const json_t *list)
{
	const json_t *e;
	size_t i;

	html(h, "<div class=\"cards\">");
	json_array_foreach (list, i, e)
		entry(h, e);
	html(h, "</div>");
}

static void
row(struct html *h, const json_t *e)
{
	html(h, "<tr><td data-label=\"When\">");
	page_time(h, e, "when");
	html(h,
	    "</td><td data-label=\"What\"><span class=\"tag %s\">%s</span></td><td data-label=\"Message\">",
	    colour_of(obj_str(e, "verdict")), obj_str(e, "verdict"));
	if (obj_str(e, "queue_id")[0] != '\0') {
		html(h, "<a href=\"?q=");
		html_query(h, obj_str(e, "queue_id"));
		html(h, "\">%s</a>", obj_str(e, "queue_id"));
	}
	html(h,
	    "</td><td data-label=\"To\" class=\"num\">%lld</td><td data-label=\"By\">%s</td><td data-label=\"Answer\"><bdi>%s</bdi></td></tr>",
	    obj_num(e, "recipients"), obj_str(e, "smarthost"),
	    obj_str(e, "text"));
}

void
last_messages(struct page *pg, const char *who, struct html *h)
{
	json_t *q = json_pack(
	    "{s:s, s:s, s:i}", "command", "trace", "sender", who, "n", LAST);
	const json_t *list, *e;
	struct seen s;
	size_t i;

	view_ask(pg->view, q, &s);
	list = json_object_get(s.answer, "entries");
	html(h, "<section><h2>Last messages</h2>");
	if (s.away)
		page_trouble(h, &s, "They cannot be read");
	else if (s.error != NULL)
		html(h, "<p class=\"none\">%s</p>", s.error);
	if (json_array_size(list) > 0) {
		html(h,
		    "<div class=\"wide\"><table><caption class=\"away\">The last messages</caption><thead><tr><th scope=\"col\">When</th><th scope=\"col\">What</th><th scope=\"col\">Message</th><th scope=\"col\" class=\"num\">To</th><th scope=\"col\">By</th><th scope=\"col\">Answer</th></tr></thead><tbody>");
		json_array_foreach (list, i, e)
			row(h, e);
		html(h, "</tbody></table></div>");
	}
	html(h, "</section>");
}
