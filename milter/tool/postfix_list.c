/*
 * postfix_list.c - lists of main.cf: items between commas or blanks, braces
 * around what has either.
 */
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
