/*
 * found.c - what was searched for: a message by its queue id, or a sender.
 */
#include <string.h>

#include "page.h"

/* found_message - was it a queue id?  Then it is shown. */
static bool
found_message(struct page *pg, const char *what, struct html *h)
{
	struct seen s;

	if (strpbrk(what, "@./:") != NULL || strlen(what) < 5)
		return false;
	view_ask(pg->view, page_question("trace", "id", what), &s);
	if (s.answer == NULL)
		return false;
	html(h,
	    "<p class=\"back\"><a href=\".\">← all senders</a></p><h2 class=\"name\">Message <bdi>%s</bdi></h2>",
	    what);
	page_trouble(h, &s, "Nothing new can be asked");
	messages(h, json_object_get(s.answer, "entries"));
	if (json_array_size(json_object_get(s.answer, "deliveries")) > 0) {
		html(h,
		    "<section><h2>Deliveries of its sender in the hour after</h2><p class=\"none\">The mail server does not tell of which message each is.</p>");
		messages(h, json_object_get(s.answer, "deliveries"));
		html(h, "</section>");
	}
	return true;
}

void
found(struct page *pg, const char *what, struct html *h)
{
	if (!found_message(pg, what, h))
		person(pg, what, h);
}
