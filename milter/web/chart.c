/*
 * chart.c - pictures, drawn here as SVG: they need no script, they can be
 * printed, and their numbers stand below them for whoever does not see.
 *
 * Geometry is in attributes, which a policy without inline styles allows.
 */
#include <string.h>

#include "page.h"

#define HEIGHT 90
#define STEP 20
#define BAR 14

struct bar {
	const char *name;
	long long sent, refused, held;
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
	const long long from = below * HEIGHT / most;
	const long long to = (below + n) * HEIGHT / most;

	/* What is there at all is seen. */
	if (n > 0)
		html(h,
		    "<rect class=\"%s\" x=\"%lld\" y=\"%lld\" width=\"%d\" height=\"%lld\"></rect>",
		    kind, (long long)i * STEP,
		    to > from ? HEIGHT - to : HEIGHT - to - 2, BAR,
		    to > from ? to - from : 2);
	return below + n;
}

static void
table(struct html *h, const char *word, const struct bar *bars, size_t n)
{
	html(h,
	    "<details><summary>as numbers</summary><table><thead><tr><th scope=\"col\">%s</th><th scope=\"col\" class=\"num\">sent</th><th scope=\"col\" class=\"num\">refused</th><th scope=\"col\" class=\"num\">held</th></tr></thead><tbody>",
	    word);
	for (size_t i = 0; i < n; i++) {
		html(h, "<tr><th scope=\"row\">%s</th><td class=\"num\">",
		    bars[i].name);
		html_number(h, bars[i].sent);
		html(h, "</td><td class=\"num\">");
		html_number(h, bars[i].refused);
		html(h, "</td><td class=\"num\">");
		html_number(h, bars[i].held);
		html(h, "</td></tr>");
	}
	html(h, "</tbody></table></details>");
}

/* bars_draw - and in words what they sum up to */
static void
bars_draw(struct html *h, const char *word, const struct bar *bars, size_t n)
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
	html(h, " refused <b class=\"held\"></b>");
	html_number(h, sum.held);
	html(h,
	    " held</figcaption><svg viewBox=\"0 0 %lld %d\" preserveAspectRatio=\"none\" aria-hidden=\"true\" focusable=\"false\"><rect class=\"floor\" x=\"0\" y=\"%d\" width=\"%lld\" height=\"1\"></rect>",
	    (long long)n * STEP, HEIGHT + 1, HEIGHT, (long long)n * STEP);
	for (size_t i = 0; i < n; i++) {
		long long top = 0;

		html(h,
		    "<g><title>%s: %lld sent, %lld refused, %lld held</title>",
		    bars[i].name, bars[i].sent, bars[i].refused, bars[i].held);
		top = piece(h, "sent", i, top, bars[i].sent, most);
		top = piece(h, "refused", i, top, bars[i].refused, most);
		piece(h, "held", i, top, bars[i].held, most);
		html(h, "</g>");
	}
	html(h, "</svg><p class=\"axis\"><span>%s</span><span>%s</span></p>",
	    bars[0].name, bars[n - 1].name);
	table(h, word, bars, n);
	html(h, "</figure>");
}

static struct bar
bar_of(const json_t *o, const char *name)
{
	return (struct bar){ .name = page_str(o, name),
		.sent = page_num(o, "sent"),
		.refused = page_num(o, "refused"),
		.held = page_num(o, "held") };
}

#define BARS 64

/* draw - rows, the newest of which is first */
static void
draw(struct html *h, const char *word, const json_t *rows, const char *name)
{
	struct bar bars[BARS];
	size_t n = json_array_size(rows);

	if (n > BARS)
		n = BARS;
	if (n == 0) {
		html(h, "<p class=\"none\">Nothing was sent.</p>");
		return;
	}
	for (size_t i = 0; i < n; i++)
		bars[i] = bar_of(json_array_get(rows, n - 1 - i), name);
	bars_draw(h, word, bars, n);
}

void
chart_days(struct html *h, const json_t *days)
{
	draw(h, "Day", days, "day");
}

void
chart_hours(struct html *h, const json_t *hours)
{
	draw(h, "Hour", hours, "hour");
}
