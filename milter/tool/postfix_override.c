/*
 * postfix_override.c - services with a list of milters of their own.
 *
 * Where `setup` names the postconf line that puts us there, an administrator
 * has typed it; who takes the wiring out takes that out, too, or the service
 * answers 451 for ever.
 */
#include <stdlib.h>
#include <string.h>

#include "postfix.h"

/* same_item - blanks aside: in master.cf there are none */
static bool
same_item(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t i = 0, j = 0;

	for (;;) {
		while (i < alen && a[i] == ' ')
			i++;
		while (j < blen && b[j] == ' ')
			j++;
		if (i == alen || j == blen)
			return i == alen && j == blen;
		if (a[i++] != b[j++])
			return false;
	}
}

/* postfix_override_is_ours - did setup write that milter into main.cf? */
static bool
postfix_override_is_ours(const json_t *made, const char *item, size_t len)
{
	const json_t *m;
	size_t i, n;

	json_array_foreach (made, i, m) {
		const char *name =
		    json_string_value(json_object_get(m, "name"));
		const char *list =
		    json_string_value(json_object_get(m, "value"));
		const char *other;

		if (name == NULL || strstr(name, "smtpd_milters") == NULL)
			continue;
		while (list != NULL &&
		       (other = postfix_next_item(&list, &n)) != NULL)
			/* What stood there before is not ours. */
			if (other[0] == '{' && same_item(item, len, other, n))
				return true;
	}
	return false;
}

/* rest - value without what is ours; false if nothing is */
static bool
rest(const json_t *made, const char *value, char *dst, size_t size)
{
	bool ours = false;
	const char *item;
	size_t len, n = 0;

	dst[0] = '\0';
	while ((item = postfix_next_item(&value, &len)) != NULL) {
		if (postfix_override_is_ours(made, item, len)) {
			ours = true;
			continue;
		}
		if (n + len + 2 < size)
			n += (size_t)snprintf(dst + n, size - n, "%s%.*s",
			    n > 0 ? "," : "", (int)len, item);
	}
	return ours;
}

json_t *
postfix_overrides_back(const struct postfix *pf, const json_t *made)
{
	static const char parameter[] = "/smtpd_milters";
	json_t *changes = json_array(), *value;
	const char *name;

	json_object_foreach (pf->override, name, value) {
		const size_t n = strlen(name), p = strlen(parameter);
		const char *now = json_string_value(value), *entry, *at;
		char service[200], set[1200], left[1000], after[4400];

		if (n <= p || n - p >= sizeof(service) ||
		    strcmp(name + n - p, parameter) != 0 ||
		    !rest(made, now, left, sizeof(left)))
			continue;
		snprintf(service, sizeof(service), "%.*s", (int)(n - p), name);
		snprintf(set, sizeof(set), "smtpd_milters=%s", now);
		entry = json_string_value(json_object_get(pf->master, service));
		at = entry != NULL ? strstr(entry, set) : NULL;
		if (at == NULL || strlen(entry) >= sizeof(after) - 200)
			continue;
		snprintf(after, sizeof(after), "%.*ssmtpd_milters=%s%s",
		    (int)(at - entry), entry, left, at + strlen(set));
		json_array_append_new(changes,
		    json_pack("{s:s, s:s, s:s, s:s, s:s}", "file", "master",
			"name", service, "value", after, "before", entry, "why",
			"the milter that it names is gone"));
	}
	return changes;
}
