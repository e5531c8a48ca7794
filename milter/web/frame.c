/*
 * frame.c - the document around what is shown: the head of the page, who is
 * logged in, and whether what is seen is of now.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "page.h"
#include "version.h"

static void
frame_begin(struct html *h, const char *title)
{
	html(h,
	    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>%s</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\"><link rel=\"icon\" href=\"icon.svg?v=%s\"><link rel=\"stylesheet\" href=\"style.css?v=%s\">",
	    title, POSTMETER_VERSION, POSTMETER_VERSION);
}

static void
logo(struct html *h)
{
	html(h,
	    "<svg class=\"logo\" viewBox=\"0 0 32 32\" aria-hidden=\"true\" focusable=\"false\"><rect x=\"2\" y=\"6\" width=\"28\" height=\"20\" rx=\"4\"></rect><path d=\"M8 20a8 8 0 0 1 16 0M16 20l4-6\"></path></svg>");
}

/* badges - how the meter is set and whether it runs */
static void
badges(const struct page *pg, struct html *h)
{
	const json_t *st = pg->status.answer;
	const json_t *store = json_object_get(st, "store");
	const bool observes = strcmp(obj_str(st, "mode"), "observe") == 0;

	if (pg->status.away) {
		html(h, "<span class=\"tag bad\">daemon not reached</span>");
		return;
	}
	html(h,
	    "<span class=\"tag %s\">%s</span> <span class=\"tag %s\">store %s</span>",
	    observes ? "warn" : "good", observes ? "observing" : "enforcing",
	    obj_yes(store, "healthy") ? "good" : "bad",
	    obj_yes(store, "healthy") ? "ok" : "out");
}

static void
top(const struct page *pg, struct html *h)
{
	const char *what = form_get(pg->query, "q");
	char host[256] = "";

	(void)gethostname(host, sizeof(host) - 1);
	html(h,
	    "<a class=\"skip\" href=\"#main\">to the content</a><header><div class=\"title\">");
	logo(h);
	html(h,
	    "<h1><a href=\".\">postmeter</a></h1><span class=\"host\">%s</span></div>",
	    host);
	if (pg->reads)
		html(h,
		    "<form class=\"search\" role=\"search\" method=\"get\" action=\".\"><label class=\"away\" for=\"q\">Search</label><input id=\"q\" name=\"q\" type=\"search\" maxlength=\"320\" placeholder=\"address, @domain, IP, queue id\" value=\"%s\"><button>Search</button></form>",
		    what != NULL ? what : "");
	html(h, "<p class=\"badges\">");
	badges(pg, h);
	html(h, " <span id=\"clock\" data-now=\"%lld\">",
	    obj_num(json_object_get(pg->status.answer, "now"), "ms"));
	page_time(h, pg->status.answer, "now");
	html(h,
	    "</span> <span id=\"live\" role=\"status\"></span> <a class=\"me\" href=\"?me\"><bdi>%s</bdi></a></p></header>",
	    pg->who);
}

/* away - the daemon's silence, and what mail does meanwhile */
static void
away(const struct page *pg, struct html *h)
{
	if (pg->status.error == NULL)
		return;
	html(h,
	    "<div class=\"note bad\" role=\"alert\"><strong>%s</strong> The mail server answers &ldquo;try again later&rdquo; to outgoing mail while it is away. Look: <code>%s</code>",
	    pg->status.error, pg->status.remedy);
	if (pg->status.answer != NULL)
		html(h, " <em>What is shown was known %lld s ago.</em>",
		    (long long)(pg->status.age / 1000));
	html(h, "</div>");
}

void
frame(const struct page *pg, const char *title, const struct html *main,
    struct html *h)
{
	frame_begin(h, title);
	html(h,
	    "<noscript><meta http-equiv=\"refresh\" content=\"30\"></noscript><script src=\"page.js?v=%s\" defer></script></head><body>",
	    POSTMETER_VERSION);
	top(pg, h);
	html(h, "<main id=\"main\">");
	away(pg, h);
	if (pg->error != NULL)
		html(h,
		    "<p class=\"note bad\" role=\"alert\"><strong>Not done:</strong> %s <span>%s</span></p>",
		    pg->error, pg->remedy != NULL ? pg->remedy : "");
	html_append(h, main);
	html(h,
	    "</main><footer><p>postmeter %s · %s</p></footer></body></html>",
	    POSTMETER_VERSION,
	    pg->is_admin ? "what is done here is noted with your name"
			 : "to look at only");
}

void
frame_refusal(unsigned status, const char *why, struct html *h)
{
	frame_begin(h, "postmeter");
	html(h, "</head><body><header><div class=\"title\">");
	logo(h);
	html(h,
	    "<h1>postmeter</h1></div></header><main id=\"main\"><h2>%d</h2><p class=\"note bad\">%s</p></main></body></html>",
	    (int)status, why);
}
