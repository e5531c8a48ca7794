/*
 * print_status.c - `postmeterctl status` for people: is all well, and what of
 * each account is left?
 */
#include <stdio.h>
#include <string.h>

#include "print.h"

static void
print_store(const struct screen *sc, const json_t *st)
{
	const char *flushed = print_time(st, "flushed");
	const bool well = obj_yes(st, "healthy");
	char text[300];

	snprintf(text, sizeof(text), "%s, %s%s", obj_str(st, "kind"),
	    well ? "healthy" : "IN TROUBLE: ",
	    well ? "" : obj_str(st, "trouble"));
	print_line(sc, "store", text);
	/* What a shared store holds, its own tools tell. */
	if (json_is_integer(json_object_get(st, "counters"))) {
		snprintf(text, sizeof(text), "%lld counters in memory",
		    obj_num(st, "counters"));
		print_line(sc, "", text);
	}
	if (json_is_integer(json_object_get(st, "journal_bytes"))) {
		snprintf(text, sizeof(text),
		    "%lld bytes of journal, flushed %s",
		    obj_num(st, "journal_bytes"),
		    flushed[0] != '\0' ? flushed : "not yet");
		print_line(sc, "", text);
	}
	snprintf(text, sizeof(text),
	    "%lld charged, %lld declined, %lld not known",
	    obj_num(st, "charged"), obj_num(st, "declined"),
	    obj_num(st, "failed"));
	print_line(sc, "messages", text);
	if (obj_num(st, "events_dropped") > 0) {
		snprintf(text, sizeof(text), "%lld dropped, they came too fast",
		    obj_num(st, "events_dropped"));
		print_line(sc, "events", text);
	}
}

/* health_text - ", open until 14:05 +0200 (in 2m): connect: timed out" */
static void
health_text(const json_t *health, char *dst, size_t size)
{
	const char *trouble = obj_str(health, "trouble");
	const char *until = print_time(health, "until");
	const char *since = print_time(health, "since");

	if (trouble[0] == '\0')
		snprintf(dst, size, ", healthy");
	else
		snprintf(dst, size, ", UNHEALTHY%s%s, next try %s: %s",
		    since[0] != '\0' ? " since " : "", since,
		    until[0] != '\0' ? until : "now", trouble);
}

/* print_gate - of an account that takes no mail now */
static void
print_gate(const struct screen *sc, const json_t *gate)
{
	const char *until = print_time(gate, "until");
	char text[600];

	snprintf(text, sizeof(text), "  CLOSED until %s: %s",
	    until[0] != '\0' ? until : "a person opens it",
	    obj_str(gate, "why"));
	print_line(sc, "", text);
}

/* print_oauth - the smarthost's token: how it is had, and for how long */
static void
print_oauth(const struct screen *sc, const json_t *oauth)
{
	const bool valid = obj_yes(oauth, "valid");
	const char *error = obj_str(oauth, "error");
	const json_t *days = json_object_get(oauth, "secret_days");
	char text[800], secret[80] = "";

	if (json_is_integer(days))
		snprintf(secret, sizeof(secret),
		    ", client secret ends in %lld days",
		    (long long)json_integer_value(days));
	snprintf(text, sizeof(text), "  token by %s, %s%s, renewed %s%s%s%s",
	    obj_str(oauth, "grant"), valid ? "until " : "NOT VALID",
	    valid ? print_time(oauth, "expires") : "",
	    print_time(oauth, "renewed")[0] != '\0'
		? print_time(oauth, "renewed")
		: "never",
	    secret, error[0] != '\0' ? "; last try: " : "", error);
	print_line(sc, "", text);
}

/* print_account - what is used of each limit of it, promised and sent */
static void
print_account(const struct screen *sc, const json_t *limits)
{
	struct text_table t = { .columns = 5 };
	const json_t *row;
	size_t i;

	json_array_foreach (limits, i, row)
		print_usage_row(&t, row,
		    (const char *const[]){
			obj_str(row, "policy"), obj_str(row, "budget") },
		    2, "");
	text_table_print(&t, sc, "              ");
}

static void
print_smarthosts(const struct screen *sc, const json_t *list)
{
	const json_t *sh, *route;
	size_t i, j;

	json_array_foreach (list, i, sh) {
		char text[600];
		const char *link = ", for route ";
		int n = snprintf(text, sizeof(text), "%s [%s]:%lld, tls %s",
		    obj_str(sh, "name"), obj_str(sh, "host"),
		    obj_num(sh, "port"), obj_str(sh, "tls"));

		json_array_foreach (json_object_get(sh, "routes"), j, route) {
			if (n < 0 || n >= (int)sizeof(text))
				break;
			n += snprintf(text + n, sizeof(text) - (size_t)n,
			    "%s%s", link, json_string_value(route));
			link = ", ";
		}
		if (json_is_object(json_object_get(sh, "health")) && n >= 0 &&
		    n < (int)sizeof(text))
			health_text(json_object_get(sh, "health"), text + n,
			    sizeof(text) - (size_t)n);
		print_line(sc, i == 0 ? "smarthosts" : "", text);
		if (json_is_false(
			json_object_get(json_object_get(sh, "gate"), "open")))
			print_gate(sc, json_object_get(sh, "gate"));
		if (json_is_object(json_object_get(sh, "oauth")))
			print_oauth(sc, json_object_get(sh, "oauth"));
		print_account(sc, json_object_get(sh, "account"));
	}
}

void
print_blocks(const struct screen *sc, const json_t *list)
{
	const json_t *b;
	size_t i;

	json_array_foreach (list, i, b) {
		const char *until = print_time(b, "until");
		char text[700];

		snprintf(text, sizeof(text), "%s until %s%s%s",
		    obj_str(b, "who"),
		    until[0] != '\0' ? until : "it is unblocked",
		    obj_str(b, "text")[0] != '\0' ? ": " : "",
		    obj_str(b, "text"));
		print_line(sc, i == 0 ? "blocked" : "", text);
	}
}

static void
print_sockets(const struct screen *sc, const json_t *sockets)
{
	static const char *const names[] = { "milter", "map", "auth", "control",
		"view" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[200];

		if (obj_str(sockets, names[i])[0] == '\0')
			continue;
		snprintf(text, sizeof(text), "%-8s%s", names[i],
		    obj_str(sockets, names[i]));
		print_line(sc, i == 0 ? "sockets" : "", text);
	}
}

/* print_trace_state - said only if something is wrong with it */
static void
print_trace_state(const struct screen *sc, const json_t *trace)
{
	char text[400];

	if (obj_str(trace, "file")[0] == '\0')
		return;
	if (!obj_yes(trace, "open"))
		print_line(sc, "trace",
		    "NOT KEPT: it could not be opened, see the log");
	else if (obj_str(trace, "trouble")[0] != '\0') {
		snprintf(text, sizeof(text), "IN TROUBLE: %s",
		    obj_str(trace, "trouble"));
		print_line(sc, "trace", text);
	}
}

void
text_status(const struct screen *sc, const json_t *a)
{
	bool observe = strcmp(obj_str(a, "mode"), "observe") == 0;
	const char *failure = obj_str(a, "on_store_failure");
	char text[300];

	if (json_object_get(a, "plugin") != NULL) {
		fprintf(sc->out, "%s\n", obj_str(a, "plugin"));
		return;
	}
	snprintf(text, sizeof(text), "%s, pid %lld, since %s",
	    obj_str(a, "version"), obj_num(a, "pid"), print_time(a, "started"));
	print_line(sc, "postmeter", text);
	snprintf(text, sizeof(text), "%s%s",
	    observe ? "observe: counts and refuses nothing" : "enforce",
	    strcmp(failure, "accept") == 0
		? "; mail passes unmetered while the store fails"
	    : strcmp(failure, "local") == 0
		? "; a share of each limit while the store is out"
		: "");
	print_line(sc, "mode", text);
	print_store(sc, json_object_get(a, "store"));
	snprintf(text, sizeof(text), "%lld recipients, %lld messages",
	    obj_num(json_object_get(a, "refused"), "recipients"),
	    obj_num(json_object_get(a, "refused"), "messages"));
	print_line(sc, "refused", text);
	print_trace_state(sc, json_object_get(a, "trace"));
	snprintf(text, sizeof(text), "%lld, policies %lld", obj_num(a, "rules"),
	    obj_num(a, "policies"));
	print_line(sc, "rules", text);
	print_smarthosts(sc, json_object_get(a, "smarthosts"));
	print_blocks(sc, json_object_get(a, "blocks"));
	print_sockets(sc, json_object_get(a, "sockets"));
	print_line(sc, "config", obj_str(a, "config"));
}
