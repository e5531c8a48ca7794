/*
 * postfix_list.c - lists of main.cf: items between commas or blanks, braces
 * around what has either; and what a setting is, and a service goes by.
 */
#include <stdio.h>
#include <string.h>

#include "postfix.h"

const char *
postfix_next_item(const char **rest, size_t *len_r)
{
	const char *start = *rest + strspn(*rest, ", \t\r\n"), *end;
	int depth = 0;

	for (end = start; *end != '\0'; end++) {
		if (*end == '{')
			depth++;
		else if (*end == '}')
			depth--;
		else if (depth <= 0 && strchr(", \t\r\n", *end) != NULL)
			break;
	}
	*rest = end;
	*len_r = (size_t)(end - start);
	return end > start ? start : NULL;
}

bool
postfix_names_socket(const char *item, size_t len, const char *path)
{
	size_t n = strlen(path);

	if (len > 0 && item[0] == '{') {
		size_t skip = 1 + strspn(item + 1, " \t");

		item += skip;
		len = strcspn(item, ", \t}");
	}
	return len > n && strncmp(item, "unix:", 5) == 0 && len == n + 5 &&
	       memcmp(item + 5, path, n) == 0;
}

bool
postfix_has_word(const char *list, const char *word)
{
	const char *item;
	size_t len;

	while ((item = postfix_next_item(&list, &len)) != NULL)
		if (len == strlen(word) && memcmp(item, word, len) == 0)
			return true;
	return false;
}

const char *
postfix_setting(const struct postfix *pf, const char *name)
{
	const char *v = json_string_value(json_object_get(pf->main, name));

	return v != NULL ? v : "";
}

const char *
postfix_effective(
    const struct postfix *pf, const char *service, const char *name)
{
	char key[400];
	const char *v;

	snprintf(key, sizeof(key), "%s/%s", service, name);
	v = json_string_value(json_object_get(pf->override, key));
	return v != NULL ? v : postfix_setting(pf, name);
}

const char *
postfix_program(const char *entry)
{
	for (int i = 0; i < 7 && entry != NULL; i++) {
		entry = strchr(entry, ' ');
		entry += entry != NULL;
	}
	return entry != NULL ? entry : "";
}

bool
postfix_runs(const char *entry, const char *program)
{
	const size_t n = strlen(program);
	const char *c = postfix_program(entry);

	return strncmp(c, program, n) == 0 && (c[n] == ' ' || c[n] == '\0');
}

bool
postfix_is_inner(const char *service)
{
	return strncmp(service, "127.0.0.1:", 10) == 0 ||
	       strncmp(service, "localhost:", 10) == 0;
}
