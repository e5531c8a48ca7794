/*
 * import_iredapd.c - the throttle table of iRedAPD, as its SQL client prints
 * it: a head line with the names of the columns, tabs between.
 *
 * There each row sets three limits; -1 means "look at a wider row", 0 means
 * none.  So each limit is a policy of its own, and an account's rule names,
 * for each of the three, that of the first row which speaks of it.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "import.h"

enum { RECIPIENTS, BYTES, AT_ONCE, LIMITS };

struct row {
	char account[256];
	long long period, limit[LIMITS];
	long priority;
	unsigned line;
};

static const char *const column_names[] = { "account", "kind", "priority",
	"period", "max_msgs", "max_quota", "max_rcpts", "msg_size" };
#define COLUMNS (sizeof(column_names) / sizeof(column_names[0]))

/* iredapd_split - the fields of a line, which is cut apart; how many */
static size_t
iredapd_split(char *line, char **field, size_t most)
{
	size_t n = 0;
	char *one;

	line[strcspn(line, "\r\n")] = '\0';
	while (n < most && (one = strsep(&line, "\t")) != NULL)
		field[n++] = one;
	return n;
}

/* pick - a column's field by its name; "" if the table has none */
static const char *
pick(char **field, size_t n, const int *place, size_t column)
{
	return place[column] >= 0 && (size_t)place[column] < n
		   ? field[place[column]]
		   : "";
}

static long long
iredapd_number(const char *text)
{
	return text[0] == '\0' ? -1 : strtoll(text, NULL, 10);
}

/* wider - does a row speak of all that the account names, and of more? */
static bool
wider(const struct row *w, const struct row *r)
{
	const char *at = strrchr(r->account, '@');

	return w == r || strcmp(w->account, "@.") == 0 ||
	       (at != NULL && at != r->account && strcmp(w->account, at) == 0);
}

/* the policy of one limit of a row, written when it is first asked for */
static void
policy(
    struct import *im, const struct row *r, int which, char *name, size_t size)
{
	static const char *const words[] = { "recipients", "bytes",
		"recipients-per-message" };

	snprintf(name, size, "line-%u-%s", r->line, words[which]);
	if (which == AT_ONCE)
		fprintf(im->policies,
		    "policy \"%s\" { %s = %lld count = \"all\" }\n", name,
		    words[which], r->limit[which]);
	else
		fprintf(im->policies,
		    "policy \"%s\" { %s = {\"%lld/%lld%s\"} when-over = \"reject\" }\n",
		    name, words[which], r->limit[which],
		    r->period % 3600 == 0 ? r->period / 3600 : r->period / 60,
		    r->period % 3600 == 0 ? "h" : "m");
}

static void
rule(struct import *im, const char *file, const struct row *row, size_t n,
    const struct row *r, json_t *made)
{
	char name[64], where[300];
	json_t *policies = json_array();
	const char *kind = strcmp(r->account, "@.") == 0     ? NULL
			   : strchr(r->account, '@') != NULL ? "sender"
							     : "client";

	for (int which = 0; which < LIMITS; which++) {
		const struct row *from = NULL;

		for (size_t i = 0; i < n && from == NULL; i++)
			if (wider(&row[i], r) &&
			    row[i].priority <= r->priority &&
			    row[i].limit[which] >= 0)
				from = &row[i];
		if (from == NULL || from->limit[which] == 0)
			continue;
		snprintf(name, sizeof(name), "%u %d", from->line, which);
		if (json_object_get(made, name) == NULL) {
			char policy_name[64];

			policy(
			    im, from, which, policy_name, sizeof(policy_name));
			json_object_set_new(
			    made, name, json_string(policy_name));
		}
		json_array_append(policies, json_object_get(made, name));
	}
	snprintf(where, sizeof(where), "%s:%u", file, r->line);
	import_rule(im, where,
	    kind != NULL ? json_pack("{s:[s]}", kind, r->account)
			 : json_object(),
	    policies, "");
}

/* understood - can we say that account?  Told if not. */
static bool
understood(struct import *im, const char *file, const struct row *r)
{
	char where[300];

	snprintf(where, sizeof(where), "%s:%u", file, r->line);
	if (strchr(r->account, '*') != NULL || strcmp(r->account, "@ip") == 0 ||
	    (strncmp(r->account, "@.", 2) == 0 && r->account[2] != '\0')) {
		import_left(im, where,
		    "%s: sub-domains and stars have no form here", r->account);
		return false;
	}
	if (r->period < 60 || r->period % 60 != 0) {
		import_left(im, where, "%s: a period of %lld s is no minute",
		    r->account, r->period);
		return false;
	}
	return true;
}

static int
by_priority(const void *a, const void *b)
{
	const long x = ((const struct row *)a)->priority;
	const long y = ((const struct row *)b)->priority;

	return (x < y) - (x > y);
}

void
import_iredapd(struct import *im, const char *file, FILE *in)
{
	int place[COLUMNS];
	struct row *row = NULL;
	char *line = NULL, *field[32];
	size_t size = 0, n = 0, nfield, inbound = 0;
	json_t *made = json_object();
	unsigned number_of = 0;

	memset(place, -1, sizeof(place));
	while (getline(&line, &size, in) != -1) {
		struct row r = { .line = ++number_of }, *more;

		nfield = iredapd_split(line, field, 32);
		for (size_t c = 0; number_of == 1 && c < COLUMNS; c++)
			for (size_t i = 0; i < nfield; i++)
				if (strcmp(field[i], column_names[c]) == 0)
					place[c] = (int)i;
		if (number_of == 1)
			continue;
		if (strcmp(pick(field, nfield, place, 1), "outbound") != 0) {
			inbound++;
			continue;
		}
		snprintf(r.account, sizeof(r.account), "%s",
		    pick(field, nfield, place, 0));
		r.priority =
		    (long)iredapd_number(pick(field, nfield, place, 2));
		r.period = iredapd_number(pick(field, nfield, place, 3));
		for (size_t i = 0; i < LIMITS; i++)
			r.limit[i] =
			    iredapd_number(pick(field, nfield, place, 4 + i));
		if (iredapd_number(pick(field, nfield, place, 7)) > 0)
			import_left(im, file,
			    "line %u: msg_size: set message_size_limit of Postfix",
			    r.line);
		if (!understood(im, file, &r))
			continue;
		more = realloc(row, (n + 1) * sizeof(*row));
		if (more == NULL)
			break;
		row = more;
		row[n++] = r;
	}
	free(line);
	if (place[0] == -1)
		import_left(im, file,
		    "its first line names no column \"account\": mysql -B -e 'SELECT * FROM iredapd.throttle' makes it");
	if (inbound > 0)
		import_left(
		    im, file, "%zu rows are not of outgoing mail", inbound);
	if (n > 0)
		qsort(row, n, sizeof(*row), by_priority);
	for (size_t i = 0; i < n; i++)
		rule(im, file, row, n, &row[i], made);
	fputs(
	    "# There a window begins with the first message; here it rolls.\n",
	    im->top);
	json_decref(made);
	free(row);
}
