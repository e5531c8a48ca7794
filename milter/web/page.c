/*
 * page.c - the pieces that the page is made of.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "account_key.h"
#include "meter.h"
#include "page.h"

void
page_time(struct html *h, const json_t *o, const char *name)
{
	const json_t *m = json_object_get(o, name);
	const time_t at = (time_t)(obj_num(m, "ms") / 1000);
	char utc[40];
	struct tm tm;

	if (!json_is_object(m) || gmtime_r(&at, &tm) == NULL) {
		html(h, "<span class=\"dim\">–</span>");
		return;
	}
	strftime(utc, sizeof(utc), "%Y-%m-%dT%H:%M:%SZ", &tm);
	html(h, "<time datetime=\"%s\">%s</time>", utc, obj_str(m, "text"));
}

void
page_meter(struct html *h, long long used, long long max, const char *label)
{
	const long long most = max > 0 ? max : 1;
	const long long part = used >= most ? 1000 : used * 1000 / most;

	html(h,
	    "<meter min=\"0\" max=\"1000\" low=\"800\" high=\"999\" optimum=\"0\" value=\"%lld\" aria-label=\"%s\"></meter>",
	    part, label);
}

void
page_amount(struct html *h, const char *dimension, long long n)
{
	static const char *const units[] = { "B", "K", "M", "G", "T" };
	size_t unit = 0;
	long long whole = n, tenth = 0;

	if (strcmp(dimension, "bytes") != 0) {
		html_number(h, n);
		return;
	}
	while (whole >= 1000 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		tenth = whole % 1000 / 100;
		whole /= 1000;
		unit++;
	}
	if (whole < 10 && unit > 0)
		html(h, "%lld.%lld %s", whole, tenth, units[unit]);
	else
		html(h, "%lld %s", whole, units[unit]);
}

bool
page_is_account(const char *key)
{
	enum account_budget budget;

	return account_key_name(key, &budget) != NULL ||
	       strncmp(key, BLOCK_ACCOUNT, strlen(BLOCK_ACCOUNT)) == 0;
}

void
page_who(struct html *h, const char *key)
{
	if (strcmp(key, "*") == 0) {
		html(h, "<a href=\"?who=%%2A\">everyone together</a>");
		return;
	}
	if (page_is_account(key)) {
		html(h, "<bdi>%s</bdi>", key);
		return;
	}
	html(h, "<a href=\"?who=");
	html_query(h, key);
	html(h, "\"><bdi>%s</bdi></a>", key);
}

bool
page_may(const struct page *pg, const char *command)
{
	const json_t *may = json_object_get(pg->status.answer, "may"), *name;
	size_t i;

	if (!pg->is_admin || pg->status.away)
		return false;
	json_array_foreach (may, i, name)
		if (strcmp(json_string_value(name), command) == 0)
			return true;
	return false;
}

void
page_form(
    const struct page *pg, struct html *h, const char *command, const char *who)
{
	html(h,
	    "<form method=\"post\" action=\"act\" class=\"act\"><input type=\"hidden\" name=\"token\" value=\"%s\"><input type=\"hidden\" name=\"act\" value=\"%s\"><input type=\"hidden\" name=\"who\" value=\"%s\">",
	    pg->token, command, who);
}

const char *
page_typed(const struct page *pg, const char *command, const char *name)
{
	const char *was = pg->typed != NULL ? form_get(pg->typed, "act") : NULL;
	const char *typed;

	if (was == NULL || strcmp(was, command) != 0)
		return "";
	typed = form_get(pg->typed, name);
	return typed != NULL ? typed : "";
}

json_t *
page_question(const char *command, const char *name, const char *value)
{
	json_t *q = json_pack("{s:s}", "command", command);

	if (q != NULL && name != NULL)
		json_object_set_new(q, name, json_string(value));
	return q;
}

void
page_trouble(struct html *h, const struct seen *s, const char *what)
{
	if (s->error == NULL)
		return;
	html(h, "<p class=\"note bad\"><strong>%s:</strong> %s <span>%s</span>",
	    what, s->error, s->remedy);
	if (s->answer != NULL)
		html(h, " <em>Shown is what was known %lld s ago.</em>",
		    (long long)(s->age / 1000));
	html(h, "</p>");
}

void
page_events(struct html *h, const json_t *events, bool whose)
{
	const json_t *e;
	size_t i;

	if (json_array_size(events) == 0) {
		html(h, "<p class=\"none\">Nothing has happened yet.</p>");
		return;
	}
	html(h,
	    "<div class=\"wide\"><table><caption class=\"away\">Events, the newest first</caption><thead><tr><th scope=\"col\">When</th><th scope=\"col\">What</th><th scope=\"col\">Policy</th><th scope=\"col\">By</th><th scope=\"col\">In words</th></tr></thead><tbody>");
	json_array_foreach (events, i, e) {
		const char *key = obj_str(e, "key");

		html(h, "<tr><td data-label=\"When\">");
		page_time(h, e, "when");
		html(h,
		    "</td><td data-label=\"What\"><span class=\"tag %s\">%s</span>",
		    obj_str(e, "kind"), obj_str(e, "kind"));
		if (whose && key[0] != '\0') {
			html(h, " ");
			page_who(h, key);
		}
		html(h,
		    "</td><td data-label=\"Policy\">%s</td><td data-label=\"By\"><bdi>%s</bdi></td><td data-label=\"In words\"><bdi>%s</bdi></td></tr>",
		    obj_str(e, "policy"), obj_str(e, "actor"),
		    obj_str(e, "text"));
	}
	html(h, "</tbody></table></div>");
}
