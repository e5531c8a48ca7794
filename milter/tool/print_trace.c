/*
 * print_trace.c - `trace`, `history` and who is refused most, for people.
 */
#include <string.h>

#include "print.h"

/* fact - "  label     text", if there is a text */
static void
fact(const struct screen *sc, const char *label, const char *text)
{
	if (text[0] != '\0')
		fprintf(sc->out, "  %-11s%s\n", label, text);
}

static void
print_limit(const struct screen *sc, const json_t *e)
{
	const char *policy = obj_str(e, "policy"), *limit = obj_str(e, "limit");
	const char *again = print_time(e, "again");
	char text[1200];

	if (policy[0] == '\0')
		return;
	snprintf(text, sizeof(text),
	    "%s%s%s for %s, then %lld of %lld used%s%s", policy,
	    limit[0] != '\0' ? ": " : "", limit, obj_str(e, "key"),
	    obj_num(e, "used"), obj_num(e, "max"),
	    again[0] != '\0' ? ", next at " : "", again);
	fact(sc, "limit", text);
}

/* print_delivery - what became of a try at an account */
static void
print_delivery(const struct screen *sc, const json_t *e)
{
	char text[40];

	fprintf(sc->out, "%s  %s%sdelivery  %s\n", print_time(e, "when"),
	    obj_str(e, "queue_id"),
	    obj_str(e, "queue_id")[0] != '\0' ? "  " : "",
	    obj_str(e, "verdict"));
	fact(sc, "sender",
	    obj_str(e, "sender")[0] != '\0' ? obj_str(e, "sender") : "<>");
	snprintf(text, sizeof(text), "%lld", obj_num(e, "recipients"));
	fact(sc, "recipients", text);
	fact(sc, "smarthost", obj_str(e, "smarthost"));
	fact(sc, "answer", obj_str(e, "text"));
}

static void
print_entry(const struct screen *sc, const json_t *e)
{
	const bool one = strcmp(obj_str(e, "stage"), "rcpt") == 0;
	char text[400];

	if (strcmp(obj_str(e, "stage"), "delivery") == 0) {
		print_delivery(sc, e);
		return;
	}
	fprintf(sc->out, "%s  %s  %s%s\n", print_time(e, "when"),
	    obj_str(e, "queue_id")[0] != '\0' ? obj_str(e, "queue_id")
					      : "(no queue id yet)",
	    obj_str(e, "verdict"), one ? " at RCPT" : "");
	fact(sc, "sender",
	    obj_str(e, "sender")[0] != '\0' ? obj_str(e, "sender") : "<>");
	fact(sc, "login", obj_str(e, "login"));
	fact(sc, "client", obj_str(e, "client"));
	fact(sc, "recipient", obj_str(e, "rcpt"));
	snprintf(text, sizeof(text), "%lld, of which %lld external, %lld bytes",
	    obj_num(e, "recipients"), obj_num(e, "external"),
	    obj_num(e, "bytes"));
	if (!one)
		fact(sc, "recipients", text);
	fact(sc, "rule", obj_str(e, "rule"));
	print_limit(sc, e);
	fact(sc, "smarthost", obj_str(e, "smarthost"));
	fact(sc, "answer", obj_str(e, "text"));
}

void
print_entries(const struct screen *sc, const json_t *entries)
{
	const json_t *e;
	size_t i;

	json_array_foreach (entries, i, e)
		print_entry(sc, e);
}

void
text_trace(const struct screen *sc, const json_t *a)
{
	const json_t *deliveries = json_object_get(a, "deliveries");

	print_entries(sc, json_object_get(a, "entries"));
	if (json_array_size(deliveries) > 0)
		fprintf(sc->out,
		    "\nDeliveries of %s by %s in the hour after it; Postfix does not say of which message:\n\n",
		    obj_str(json_array_get(deliveries, 0), "sender"),
		    obj_str(json_array_get(deliveries, 0), "smarthost"));
	print_entries(sc, deliveries);
}

void
text_history(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 7, .bar = TABLE_COLUMNS };
	const json_t *d;
	char sent[32], rcpt[32], refused[32], held[32], bytes[32];
	size_t i;

	t.right = 1u << 2 | 1u << 3 | 1u << 4 | 1u << 5 | 1u << 6;
	json_array_foreach (json_object_get(a, "days"), i, d) {
		snprintf(sent, sizeof(sent), "%lld sent", obj_num(d, "sent"));
		snprintf(rcpt, sizeof(rcpt), "%lld recipients",
		    obj_num(d, "recipients"));
		snprintf(bytes, sizeof(bytes), "%lld kB",
		    obj_num(d, "bytes") / 1000);
		snprintf(refused, sizeof(refused), "%lld refused",
		    obj_num(d, "refused"));
		snprintf(held, sizeof(held), "%lld held", obj_num(d, "held"));
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){ obj_str(d, "day"), obj_str(d, "who"),
			sent, rcpt, bytes, refused, held });
	}
	if (t.rows == 0)
		fputs("nothing was sent and nothing refused\n", sc->out);
	text_table_print(&t, sc, "");
}

void
print_refused(const struct screen *sc, const json_t *rows)
{
	struct text_table t = {
		.columns = 5, .bar = TABLE_COLUMNS, .right = 1
	};
	const json_t *r;
	char times[32], last[100];
	size_t i;

	json_array_foreach (rows, i, r) {
		snprintf(times, sizeof(times), "%lld", obj_num(r, "refused"));
		snprintf(last, sizeof(last), "last %s", print_time(r, "last"));
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){ times, obj_str(r, "who"),
			obj_str(r, "policy"), last, obj_str(r, "text") });
	}
	if (t.rows == 0)
		fputs("nobody was refused in the last 24 hours\n", sc->out);
	text_table_print(&t, sc, "");
}
