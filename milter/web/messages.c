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
	static const char *const good[] = { "pass", "sent", "released",
		"ignore" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (strcmp(verdict, good[i]) == 0)
			return true;
	return false;
}

static void
entry(struct html *h, const json_t *e)
{
	const char *verdict = page_str(e, "verdict");
	const char *limit = page_str(e, "limit");

	html(h,
	    "<article class=\"card trace\"><h3><span class=\"tag %s\">%s</span> %s ",
	    is_good(verdict)               ? "good"
	    : strcmp(verdict, "hold") == 0 ? "warn"
					   : "bad",
	    verdict, page_str(e, "stage"));
	page_moment(h, e, "when");
	html(h, "</h3><dl>");
	line(h, "Queue id", page_str(e, "queue_id"));
	html(h, "<dt>Account</dt><dd>");
	page_who(h, page_str(e, "who"));
	html(h, "</dd>");
	line(h, "From", page_str(e, "sender"));
	line(h, "Recipient", page_str(e, "rcpt"));
	html(h, "<dt>Recipients</dt><dd>%lld, %lld external</dd>",
	    page_num(e, "recipients"), page_num(e, "external"));
	line(h, "Rule", page_str(e, "rule"));
	if (limit[0] != '\0')
		html(h, "<dt>Limit</dt><dd>%s: %s, then %lld of %lld used</dd>",
		    page_str(e, "policy"), limit, page_num(e, "used"),
		    page_num(e, "max"));
	line(h, "Account at provider", page_str(e, "smarthost"));
	line(h, "Answer", page_str(e, "text"));
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

void
last_messages(struct page *pg, const char *who, struct html *h)
{
	json_t *q = json_pack(
	    "{s:s, s:s, s:i}", "command", "trace", "sender", who, "n", LAST);
	struct seen s;

	view_ask(pg->view, q, &s);
	html(h, "<section><h2>Last messages</h2>");
	if (s.away)
		page_trouble(h, &s, "They cannot be read");
	else if (s.error != NULL)
		html(h, "<p class=\"none\">%s</p>", s.error);
	messages(h, json_object_get(s.answer, "entries"));
	html(h, "</section>");
}
