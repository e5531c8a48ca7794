/*
 * chart.c - pictures, drawn here as SVG: they need no script, they can be
 * printed, and their numbers stand below them for whoever does not see.
 *
 * Geometry is in attributes, which a policy without inline styles allows.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "page.h"

#define HEIGHT 90
#define STEP 20
#define BAR 14

struct bar {
	const char *name;
	long long sent, refused, held;
};

/* What the bars of a chart stand for; held NULL: nothing. */
struct legend {
	const char *span, *refused, *held;
};

static long long
most_of(const struct bar *bars, size_t n)
{
	long long most = 1;

	for (size_t i = 0; i < n; i++) {
		const long long sum =
		    bars[i].sent + bars[i].refused + bars[i].held;

		if (sum > most)
			most = sum;
	}
	return most;
}

/* piece - one part of a bar, upon what is below it; the new top */
static long long
piece(struct html *h, const char *kind, size_t i, long long below, long long n,
    long long most)
{
	long long from, to;

	if (n <= 0 || most <= 0)
		return below;
	from = below * HEIGHT / most;
	to = (below + n) * HEIGHT / most;
	if (to == from) /* what is there at all is seen */
		to += 2;
	html(h,
	    "<rect class=\"%s\" x=\"%lld\" y=\"%lld\" width=\"%d\" height=\"%lld\"></rect>",
	    kind, (long long)i * STEP, HEIGHT - to, BAR, to - from);
	return below + n;
}

static void
table(struct html *h, const struct legend *l, const struct bar *bars, size_t n)
{
	html(h,
	    "<details><summary>as numbers</summary><table><thead><tr><th scope=\"col\">%s</th><th scope=\"col\" class=\"num\">sent</th><th scope=\"col\" class=\"num\">%s</th>",
	    l->span, l->refused);
	if (l->held != NULL)
		html(h, "<th scope=\"col\" class=\"num\">%s</th>", l->held);
	html(h, "</tr></thead><tbody>");
	for (size_t i = 0; i < n; i++) {
		html(h, "<tr><th scope=\"row\">%s</th><td class=\"num\">",
		    bars[i].name);
		html_number(h, bars[i].sent);
		html(h, "</td><td class=\"num\">");
		html_number(h, bars[i].refused);
		if (l->held != NULL) {
			html(h, "</td><td class=\"num\">");
			html_number(h, bars[i].held);
		}
		html(h, "</td></tr>");
	}
	html(h, "</tbody></table></details>");
}

/* bars_draw - and in words what they sum up to */
static void
bars_draw(
    struct html *h, const struct legend *l, const struct bar *bars, size_t n)
{
	const long long most = most_of(bars, n);
	struct bar sum = { .name = NULL };

	for (size_t i = 0; i < n; i++) {
		sum.sent += bars[i].sent;
		sum.refused += bars[i].refused;
		sum.held += bars[i].held;
	}
	html(h, "<figure><figcaption><b class=\"sent\"></b>");
	html_number(h, sum.sent);
	html(h, " sent <b class=\"refused\"></b>");
	html_number(h, sum.refused);
	html(h, " %s", l->refused);
	if (l->held != NULL) {
		html(h, " <b class=\"held\"></b>");
		html_number(h, sum.held);
		html(h, " %s", l->held);
	}
	html(h,
	    "</figcaption><svg viewBox=\"0 0 %lld %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\"><rect class=\"floor\" x=\"0\" y=\"%d\" width=\"%lld\" height=\"1\"></rect>",
	    (long long)n * STEP, HEIGHT + 1, HEIGHT, (long long)n * STEP);
	for (size_t i = 0; i < n; i++) {
		long long top = 0;

		html(h, "<g><title>%s: %lld sent, %lld %s", bars[i].name,
		    bars[i].sent, bars[i].refused, l->refused);
		if (l->held != NULL)
			html(h, ", %lld %s", bars[i].held, l->held);
		html(h, "</title>");
		top = piece(h, "sent", i, top, bars[i].sent, most);
		top = piece(h, "refused", i, top, bars[i].refused, most);
		piece(h, "held", i, top, bars[i].held, most);
		html(h, "</g>");
	}
	html(h, "</svg><p class=\"axis\"><span>%s</span><span>%s</span></p>",
	    bars[0].name, bars[n - 1].name);
	table(h, l, bars, n);
	html(h, "</figure>");
}

static struct bar
bar_of(const json_t *o, const char *name)
{
	return (struct bar){ .name = obj_str(o, name),
		.sent = obj_num(o, "sent"),
		.refused = obj_num(o, "refused"),
		.held = obj_num(o, "held") };
}

#define BARS 31
#define DATE 16

/* before - the day before "2026-03-01", in place; false if it is no day */
static bool
before(char *day)
{
	struct tm tm = { .tm_hour = 12 };
	time_t at;

	if (sscanf(day, "%4d-%2d-%2d", &tm.tm_year, &tm.tm_mon, &tm.tm_mday) !=
	    3)
		return false;
	tm.tm_year -= 1900;
	tm.tm_mon--;
	at = timegm(&tm) - 24 * 3600;
	return gmtime_r(&at, &tm) != NULL &&
	       strftime(day, DATE, "%Y-%m-%d", &tm) > 0;
}

void
chart_hours(struct html *h, const json_t *hours)
{
	static const struct legend legend = { "Hour", "not taken", NULL };
	struct bar bars[24];
	const json_t *hour;
	size_t i;

	if (json_array_size(hours) != 24) {
		html(h, "<p class=\"none\">By the hour: not known</p>");
		return;
	}
	json_array_foreach (hours, i, hour)
		bars[i] = (struct bar){ .name = obj_str(hour, "hour"),
			.sent = obj_num(hour, "sent"),
			.refused = obj_num(hour, "failed") };
	bars_draw(h, &legend, bars, 24);
}

void
chart_days(struct html *h, const json_t *days)
{
	static const struct legend legend = { "Day", "refused", "held" };
	char name[BARS][DATE] = { "" };
	struct bar bars[BARS];
	size_t row = 0, first = BARS;

	if (json_array_size(days) == 0) {
		html(h, "<p class=\"none\">Nothing was sent.</p>");
		return;
	}
	snprintf(name[BARS - 1], DATE, "%s",
	    obj_str(json_array_get(days, 0), "day"));
	/* From the newest back; a day on which nothing was sent has no row. */
	for (size_t i = BARS; i-- > 0;) {
		const json_t *day = json_array_get(days, row);

		bars[i] = (struct bar){ .name = name[i] };
		if (strcmp(obj_str(day, "day"), name[i]) == 0) {
			bars[i] = bar_of(day, "day");
			row++;
		}
		first = i;
		if (i == 0)
			break;
		memcpy(name[i - 1], name[i], DATE);
		if (!before(name[i - 1]))
			break;
	}
	bars_draw(h, &legend, bars + first, BARS - first);
}
