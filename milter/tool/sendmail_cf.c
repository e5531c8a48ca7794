/*
 * sendmail_cf.c - options of a sendmail.cf, read the way Sendmail reads them.
 *
 * A line that begins with a blank goes on with the one before.  An option has
 * a name, which may be cut short and is the same in any case, or one letter.
 */
#include <ctype.h>
#include <string.h>
#include <strings.h>

#include "sendmail_mc.h"

/* One option: who can be mistaken for it begins with fewer letters. */
struct option {
	char letter;
	const char *name;
	size_t least;
};

static const struct option privacy = { 'p', "PrivacyOptions", 3 };
static const struct option verbose = { 'v', "Verbose", 2 };

static const char *
line_end(const char *line)
{
	const char *end = strchr(line, '\n');

	while (end != NULL && (end[1] == ' ' || end[1] == '\t'))
		end = strchr(end + 1, '\n');
	return end != NULL ? end : line + strlen(line);
}

/* value - what a line sets the option to, up to end; NULL: it does not */
static const char *
value(const char *line, const char *end, const struct option *o)
{
	const char *name = line + 2, *equals;
	size_t len;

	if (end - line < 2 || line[0] != 'O')
		return NULL;
	if (line[1] != ' ')
		return line[1] == o->letter ? name : NULL;
	equals = memchr(name, '=', (size_t)(end - name));
	len = (size_t)((equals != NULL ? equals : end) - name);
	while (len > 0 && strchr(" \r", name[len - 1]) != NULL)
		len--;
	if (len < o->least || len > strlen(o->name) ||
	    strncasecmp(name, o->name, len) != 0)
		return NULL;
	return equals != NULL ? equals + 1 : end;
}

static unsigned
flag(const char *word, size_t len)
{
	static const struct {
		const char *name;
		unsigned flag;
	} known[] = {
		{ "noverb", CF_NOVERB },
		{ "noexpn", CF_NOVERB },
		{ "goaway", CF_NOVERB },
		{ "restrictqrun", CF_RESTRICTQRUN },
		{ "restrictexpand", CF_RESTRICTEXPAND },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strlen(known[i].name) == len &&
		    strncasecmp(known[i].name, word, len) == 0)
			return known[i].flag;
	return 0;
}

/* flags - of the words of a list; whatever is no letter or digit parts them */
static unsigned
flags(const char *list, const char *end)
{
	unsigned found = 0;

	while (list < end) {
		const char *word = list;

		while (list < end && isalnum((unsigned char)*list))
			list++;
		found |= flag(word, (size_t)(list - word));
		list += list == word;
	}
	return found;
}

unsigned
cf_privacy(const char *cf)
{
	unsigned found = 0;

	while (*cf != '\0') {
		const char *end = line_end(cf), *v = value(cf, end, &privacy);

		/* What one line says no other takes back. */
		if (v != NULL)
			found |= flags(v, end);
		cf = end + (*end == '\n');
	}
	return found;
}

bool
cf_verbose(const char *cf)
{
	bool on = false;

	while (*cf != '\0') {
		const char *end = line_end(cf), *v = value(cf, end, &verbose);

		while (v != NULL && v < end && *v == ' ')
			v++;
		/* The last one counts; without a value it is on. */
		if (v != NULL)
			on = v == end || strchr("\rtTyY", *v) != NULL;
		cf = end + (*end == '\n');
	}
	return on;
}
