/*
 * held.c - mail that is held: whose, why, and until when at most.
 *
 * Addresses of recipients are shown to nobody here, not even to who may let
 * the mail go: how many there are is enough.
 */
#include "page.h"

#define SHOWN 100

static void
held_page_row(const struct page *pg, struct html *h, const json_t *m, bool may)
{
	html(h, "<tr><th scope=\"row\" data-label=\"Message\"><a href=\"?q=");
	html_query(h, obj_str(m, "queue_id"));
	html(h, "\">%s</a></th><td data-label=\"From\">",
	    obj_str(m, "queue_id"));
	page_who(h, obj_str(m, "who"));
	html(h, "</td><td data-label=\"To\" class=\"num\">");
	html_number(h, obj_num(m, "recipients"));
	html(h, "</td><td data-label=\"Since\">");
	page_time(h, m, "when");
	html(h, "</td><td data-label=\"Why\"><bdi>%s</bdi></td><td>",
	    obj_str(m, "text"));
	if (may) {
		page_form(pg, h, "release", obj_str(m, "who"));
		html(h,
		    "<input type=\"hidden\" name=\"id\" value=\"%s\"><button>Release</button></form>",
		    obj_str(m, "queue_id"));
	}
	html(h, "</td></tr>");
}

void
held(struct page *pg, const struct seen *s, struct html *h)
{
	const json_t *list = json_object_get(s->answer, "held");
	const size_t n = json_array_size(list);
	const bool may = page_may(pg, "release");

	if (n == 0)
		return;
	html(h,
	    "<section id=\"held\"><h2>Held mail</h2><p class=\"dim\">It leaves by itself as its limits have room.");
	if (may)
		html(h,
		    " What is released leaves at the next round, past its limit if need be.");
	html(h,
	    "</p><div class=\"wide\"><table><caption class=\"away\">Held mail, the newest first</caption><thead><tr><th scope=\"col\">Message</th><th scope=\"col\">From</th><th scope=\"col\" class=\"num\">To</th><th scope=\"col\">Since</th><th scope=\"col\">Why</th><th scope=\"col\"><span class=\"away\">Commands</span></th></tr></thead><tbody>");
	for (size_t i = 0; i < n && i < SHOWN; i++)
		held_page_row(pg, h, json_array_get(list, i), may);
	html(h, "</tbody></table></div>");
	if (n > SHOWN)
		html(h, "<p class=\"dim\">%d of %lld are shown.</p>", SHOWN,
		    (long long)n);
	html(h, "</section>");
}
