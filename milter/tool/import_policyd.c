/*
 * import_policyd.c - the database of policyd v2 (cluebringer), as Zimbra keeps
 * it in SQLite.
 *
 * A policy has members (who) and quotas (how much); of all policies that match
 * a message each quota applies, the one with the lowest priority first.  The
 * types of its columns are loose: all is read as text.
 */
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "import.h"

#define GROUP_DEPTH 5

struct policyd {
	struct import *im;
	const char *file;
	sqlite3 *db;
	json_t *local; /* domains that a destination called internal */
};

/* --- rows ------------------------------------------------------------------
 */

/* policyd_ask - the rows of a query with one argument; NULL (told) if there is
 * no such table */
static sqlite3_stmt *
policyd_ask(const struct policyd *c, const char *query, const char *argument)
{
	sqlite3_stmt *rows = NULL;

	if (sqlite3_prepare_v2(c->db, query, -1, &rows, NULL) != SQLITE_OK) {
		import_left(c->im, c->file, "%s", sqlite3_errmsg(c->db));
		return NULL;
	}
	if (argument != NULL)
		sqlite3_bind_text(rows, 1, argument, -1, SQLITE_TRANSIENT);
	return rows;
}

static bool
policyd_next(sqlite3_stmt *rows)
{
	return rows != NULL && sqlite3_step(rows) == SQLITE_ROW;
}

/* get - a column by its name; "" if it is missing, or NULL in any spelling */
static const char *
get(sqlite3_stmt *row, const char *name)
{
	for (int i = 0; i < sqlite3_column_count(row); i++) {
		const char *text;

		if (strcasecmp(sqlite3_column_name(row, i), name) != 0)
			continue;
		text = (const char *)sqlite3_column_text(row, i);
		return text != NULL && strcmp(text, "NULL") != 0 ? text : "";
	}
	return "";
}

/* --- members ---------------------------------------------------------------
 */

/* atom - adds one name to kinds; -1 if it has no form here */
static int
atom(json_t *kinds, const char *name)
{
	const char *kind = import_is_client(name)      ? "client"
			   : name[0] == '$'            ? "login"
			   : strchr(name, '@') != NULL ? "sender"
						       : NULL;
	json_t *list;

	name += name[0] == '$';
	if (kind == NULL || name[0] == '\0' || strpbrk(name, "*[]!") != NULL)
		return -1;
	list = json_object_get(kinds, kind);
	if (list == NULL) {
		list = json_array();
		json_object_set_new(kinds, kind, list);
	}
	return json_array_append_new(list, json_string(name));
}

/* expand - an item, or all of a group, into kinds.  0 or -1. */
static int
expand(const struct policyd *c, json_t *kinds, const char *item, unsigned depth)
{
	sqlite3_stmt *rows;
	int r = 0;

	if (item[0] != '%')
		return atom(kinds, item);
	if (depth > GROUP_DEPTH)
		return -1;
	rows = policyd_ask(c,
	    "SELECT m.Member FROM policy_group_members m JOIN policy_groups g ON g.ID + 0 = m.PolicyGroupID + 0"
	    " WHERE g.Name = ?1 AND coalesce(g.Disabled, 0) + 0 = 0 AND coalesce(m.Disabled, 0) + 0 = 0 ORDER BY m.ID + 0",
	    item + 1);
	while (r == 0 && policyd_next(rows))
		r = expand(c, kinds, get(rows, "Member"), depth + 1);
	sqlite3_finalize(rows);
	return r;
}

static bool
is_any(const char *text)
{
	return text[0] == '\0' || strcasecmp(text, "any") == 0;
}

/*
 * sources - alternatives: an array of conditions.  All items of a list must
 * hold; those of a group are alternatives.  NULL if it cannot be said here.
 */
static json_t *
sources(const struct policyd *c, const char *source)
{
	char *text = strdup(source), *rest = text, *item;
	json_t *all = json_object(), *made = json_array(), *list;
	size_t items = 0, kinds = 0;
	const char *kind;
	int r = text != NULL ? 0 : -1;

	while (
	    r == 0 && !is_any(source) && (item = strsep(&rest, ", ")) != NULL) {
		if (item[0] == '\0')
			continue;
		items++;
		r = expand(c, all, item, 0);
		/* An item of two kinds is "one or the other", which a list of
		 * conditions is not. */
		if (items > 1 && json_object_size(all) != kinds + 1)
			r = -1;
		kinds = json_object_size(all);
	}
	if (items == 1)
		json_object_foreach (all, kind, list)
			json_array_append_new(
			    made, json_pack("{s:O}", kind, list));
	else
		json_array_append(made, all);
	if (items > 1 && kinds != items)
		r = -1;
	json_decref(all);
	free(text);
	if (r == 0 && json_array_size(made) > 0)
		return made;
	json_decref(made);
	return NULL;
}

/* scope - "all", "external", or NULL if it cannot be said here */
static const char *
scope(struct policyd *c, const char *destination)
{
	json_t *kinds, *domain;
	size_t i;

	if (is_any(destination))
		return "all";
	if (strncmp(destination, "!%", 2) != 0 ||
	    strchr(destination, ',') != NULL)
		return NULL;
	kinds = json_object();
	if (expand(c, kinds, destination + 1, 0) == 0)
		json_array_foreach (json_object_get(kinds, "sender"), i, domain)
			if (json_string_value(domain)[0] == '@')
				json_object_set_new(c->local,
				    json_string_value(domain) + 1, json_true());
	json_decref(kinds);
	return "external";
}

/* --- quotas ----------------------------------------------------------------
 */

/* per_of - whose counter a Track is, as an option; NULL if there is none */
static const char *
per_of(const char *track, char *dst, size_t size)
{
	static const char *const known[][2] = {
		{ "Sender:user@domain", "sender" },
		{ "Sender:@domain", "domain" }, { "Sender", "sender" },
		{ "SASLUsername", "login" },
		{ "SASLUsername:username", "login" }, { "Policy", "everyone" }
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strcasecmp(track, known[i][0]) == 0) {
			snprintf(dst, size, "per = \"%s\"", known[i][1]);
			return dst;
		}
	if (strncasecmp(track, "SenderIP:/", 10) == 0) {
		snprintf(dst, size, "per = \"client\" client-prefix-ipv4 = %lu",
		    strtoul(track + 10, NULL, 10));
		return dst;
	}
	return NULL;
}

/* limits_text - recipients and bytes of a quota's rows; false if it has none */
static bool
limits_text(const struct policyd *c, const char *where, sqlite3_stmt *quota,
    char *dst, size_t size)
{
	sqlite3_stmt *rows = policyd_ask(c,
	    "SELECT * FROM quotas_limits WHERE QuotasID + 0 = ?1 + 0 AND coalesce(Disabled, 0) + 0 = 0 ORDER BY ID + 0",
	    get(quota, "ID"));
	const double span = strtod(get(quota, "Period"), NULL);
	char limit[48];

	dst[0] = '\0';
	while (policyd_next(rows)) {
		const bool bytes =
		    strcasecmp(get(rows, "Type"), "MessageCumulativeSize") == 0;
		const long long count =
		    strtoll(get(rows, "CounterLimit"), NULL, 10);

		if (import_limit(
			c->im, where, count, span, limit, sizeof(limit)) == -1)
			continue;
		if (bytes)
			import_left(c->im, where,
			    "its size was added for each recipient; bytes count a message once");
		snprintf(dst + strlen(dst), size - strlen(dst),
		    " %s = {\"%s\"}", bytes ? "bytes" : "recipients", limit);
	}
	sqlite3_finalize(rows);
	return dst[0] != '\0';
}

/* accounting_text - the same of a row of accounting: by the calendar */
static bool
accounting_text(sqlite3_stmt *row, char *dst, size_t size)
{
	static const char *const period[] = { "day", "week", "month" };
	const unsigned long which =
	    strtoul(get(row, "AccountingPeriod"), NULL, 10);
	const char *count = get(row, "MessageCountLimit");
	const char *kib = get(row, "MessageCumulativeSizeLimit");

	dst[0] = '\0';
	if (which > 2)
		return false;
	if (count[0] != '\0')
		snprintf(dst, size, " recipients = {\"%lld/%s\"}",
		    strtoll(count, NULL, 10), period[which]);
	if (kib[0] != '\0')
		snprintf(dst + strlen(dst), size - strlen(dst),
		    " bytes = {\"%lld/%s\"}", strtoll(kib, NULL, 10) * 1024,
		    period[which]);
	return dst[0] != '\0';
}

/* layer - one quota or accounting for all of a member's alternatives */
static void
layer(const struct policyd *c, sqlite3_stmt *row, bool calendar,
    const char *count, const json_t *who)
{
	char where[400], per[64], limits[200], action[300], body[900];
	const char *last = get(row, calendar ? "LastAccounting" : "LastQuota");
	const json_t *one;
	size_t i;

	snprintf(where, sizeof(where), "%s: %s %s \"%s\"", c->file,
	    calendar ? "accounting" : "quota", get(row, "ID"),
	    get(row, "Name"));
	if (per_of(get(row, "Track"), per, sizeof(per)) == NULL) {
		import_left(c->im, where,
		    "it tracks %s: there is no such counter here",
		    get(row, "Track"));
		return;
	}
	if (!(calendar ? accounting_text(row, limits, sizeof(limits))
		       : limits_text(c, where, row, limits, sizeof(limits)))) {
		import_left(c->im, where, "it sets no limit");
		return;
	}
	snprintf(action, sizeof(action), "%s %s", get(row, "Verdict"),
	    get(row, "Data"));
	snprintf(body, sizeof(body), "%s count = \"%s\"%s %s", per, count,
	    limits, import_action(c->im, where, action));
	json_array_foreach (who, i, one)
		import_layer(c->im, where, json_deep_copy(one),
		    import_policy(c->im, get(row, "Name"), body),
		    strtol(last, NULL, 10) > 0);
}

static void
member(struct policyd *c, sqlite3_stmt *row)
{
	static const char *const query[] = {
		"SELECT * FROM quotas WHERE PolicyID + 0 = ?1 + 0 AND coalesce(Disabled, 0) + 0 = 0 ORDER BY ID + 0",
		"SELECT * FROM accounting WHERE PolicyID + 0 = ?1 + 0 AND coalesce(Disabled, 0) + 0 = 0 ORDER BY ID + 0"
	};
	char where[300];
	json_t *who;
	const char *count;
	bool any = false;

	snprintf(where, sizeof(where), "%s: policy \"%s\"", c->file,
	    get(row, "Name"));
	who = sources(c, get(row, "Source"));
	count = scope(c, get(row, "Destination"));
	for (int calendar = 0; calendar < 2; calendar++) {
		sqlite3_stmt *rows;

		/* An older database has no accounting. */
		if (calendar &&
		    sqlite3_table_column_metadata(c->db, NULL, "accounting",
			NULL, NULL, NULL, NULL, NULL, NULL) != SQLITE_OK)
			continue;
		rows = policyd_ask(c, query[calendar], get(row, "ID"));
		while (policyd_next(rows)) {
			any = true;
			if (who != NULL && count != NULL)
				layer(c, rows, calendar == 1, count, who);
		}
		sqlite3_finalize(rows);
	}
	if (any && (who == NULL || count == NULL))
		import_left(c->im, where,
		    "%s %s has no form here: write its rule by hand",
		    who == NULL ? "source" : "destination",
		    get(row, who == NULL ? "Source" : "Destination"));
	json_decref(who);
}

void
import_policyd(struct import *im, const char *file, FILE *in)
{
	struct policyd c = { .im = im, .file = file, .local = json_object() };
	sqlite3_stmt *rows = NULL;
	const char *domain;
	const json_t *v;
	bool first = true;

	(void)in;
	if (sqlite3_open_v2(file, &c.db, SQLITE_OPEN_READONLY, NULL) ==
	    SQLITE_OK)
		rows = policyd_ask(&c,
		    "SELECT p.ID, p.Name, m.Source, m.Destination FROM policies p JOIN policy_members m ON m.PolicyID + 0 = p.ID + 0"
		    " WHERE coalesce(p.Disabled, 0) + 0 = 0 AND coalesce(m.Disabled, 0) + 0 = 0 ORDER BY p.Priority + 0, p.ID + 0, m.ID + 0",
		    NULL);
	if (rows == NULL)
		import_left(im, file,
		    "it is no SQLite database of policyd; of MySQL make one, table by table: mysql -B -e 'SELECT * FROM policies' policyd >policies.tsv && sqlite3 policyd.db -cmd '.mode tabs' '.import policies.tsv policies' (then policy_members, policy_groups, policy_group_members, quotas, quotas_limits, accounting)");
	while (policyd_next(rows))
		member(&c, rows);
	sqlite3_finalize(rows);
	import_layers_end(im);
	if (json_object_size(c.local) > 0)
		fputs("local-domains = {", im->top);
	json_object_foreach (c.local, domain, v) {
		fprintf(
		    im->top, "%s%s", first ? "" : ", ", import_quoted(domain));
		first = false;
	}
	fputs(first ? "" : "}\n", im->top);
	sqlite3_close(c.db);
	json_decref(c.local);
}
