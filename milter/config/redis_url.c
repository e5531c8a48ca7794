/*
 * redis_url.c - the address of a shared store, taken apart before anything
 * is connected, so that a mistake in it is told when the configuration is
 * checked.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "redis_url.h"

#define DB_LARGEST 65535

static const char usage[] =
    "want redis://[user@]host:port/db, rediss:// for TLS, redis+unix:///path?db=0 or redis+sentinel://host:port,.../master";

/* Copies n bytes of a part that may not be empty nor too long. */
static bool
redis_url_take(char *dst, size_t size, const char *src, size_t n)
{
	if (n == 0 || n >= size)
		return false;
	memcpy(dst, src, n);
	dst[n] = '\0';
	return true;
}

/* True if all of text is a number from 0 to largest. */
static bool
redis_url_number(const char *text, unsigned long largest, unsigned *n_r)
{
	unsigned long n;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return false;
	n = strtoul(text, &end, 10);
	*n_r = (unsigned)n;
	return *end == '\0' && n <= largest;
}

static bool
take_host(struct redis_host *h, const char *text, size_t len, const char *usual)
{
	const char *end = text + len, *colon;
	unsigned port;

	if (len > 0 && text[0] == '[') {
		colon = memchr(text, ']', len);
		if (colon == NULL || !redis_url_take(h->name, sizeof(h->name),
					 text + 1, (size_t)(colon - text) - 1))
			return false;
		colon++;
		if (colon < end && *colon != ':')
			return false;
	} else {
		colon = memchr(text, ':', len);
		if (colon == NULL)
			colon = end;
		if (!redis_url_take(
			h->name, sizeof(h->name), text, (size_t)(colon - text)))
			return false;
	}
	if (colon == end)
		return redis_url_take(
		    h->port, sizeof(h->port), usual, strlen(usual));
	return redis_url_take(h->port, sizeof(h->port), colon + 1,
		   (size_t)(end - colon) - 1) &&
	       redis_url_number(h->port, 65535, &port) && port > 0;
}

static bool
take_hosts(struct redis_url *w, const char *text, const char *end)
{
	const char *usual = w->sentinel ? "26379" : "6379";

	for (;;) {
		size_t n = (size_t)(end - text);
		const char *comma = memchr(text, ',', n);

		if (w->nhost == REDIS_HOSTS ||
		    !take_host(&w->host[w->nhost++], text,
			comma == NULL ? n : (size_t)(comma - text), usual))
			return false;
		if (comma == NULL)
			return w->sentinel || w->nhost == 1;
		text = comma + 1;
	}
}

static bool
take_options(struct redis_url *w, char *text, struct why *why)
{
	char *save = NULL;

	for (char *o = strtok_r(text, "&", &save); o != NULL;
	     o = strtok_r(NULL, "&", &save)) {
		if (strncmp(o, "db=", 3) == 0) {
			why_set(why, "db is a number");
			if (!redis_url_number(o + 3, DB_LARGEST, &w->db))
				return false;
		} else if (strncmp(o, "ca=", 3) == 0) {
			why_set(why,
			    "ca is the absolute path of a file of certificates, and only rediss:// needs it");
			if (!w->tls || o[3] != '/' ||
			    !redis_url_take(
				w->ca, sizeof(w->ca), o + 3, strlen(o + 3)))
				return false;
		} else {
			why_set(
			    why, "behind \"?\" there may be db=N and ca=/path");
			return false;
		}
	}
	return true;
}

/* "[user@]hosts[/what]" */
static bool
redis_url_take_place(struct redis_url *w, const char *text, struct why *why)
{
	const char *end = text + strcspn(text, "/");
	const char *at = memchr(text, '@', (size_t)(end - text));

	why_set(why, usage);
	if (at != NULL) {
		size_t n = (size_t)(at - text);

		if (memchr(text, ':', n) != NULL) {
			why_set(why,
			    "a password does not belong here: name its entry in the secrets file with store-secret");
			return false;
		}
		if (!redis_url_take(w->user, sizeof(w->user), text, n))
			return false;
		text = at + 1;
	}
	if (!take_hosts(w, text, end))
		return false;
	if (*end == '/')
		end++;
	if (w->sentinel) {
		why_set(why,
		    "want the name of the master behind the Sentinels: redis+sentinel://host:port,.../mymaster");
		return strchr(end, '/') == NULL &&
		       redis_url_take(
			   w->master, sizeof(w->master), end, strlen(end));
	}
	why_set(why, "behind the host comes the number of a database");
	return *end == '\0' || redis_url_number(end, DB_LARGEST, &w->db);
}

int
redis_url_parse(const char *text, struct redis_url *w_r, struct why *why)
{
	static const struct {
		const char *text;
		bool tls, sentinel, path;
	} schemes[] = {
		{ "redis://", false, false, false },
		{ "rediss://", true, false, false },
		{ "redis+unix://", false, false, true },
		{ "redis+sentinel://", false, true, false },
		{ "rediss+sentinel://", true, true, false },
	};
	char copy[1024], *options;
	size_t i = 0, n;

	memset(w_r, 0, sizeof(*w_r));
	why_set(why, usage);
	while (i < sizeof(schemes) / sizeof(schemes[0]) &&
	       strncmp(text, schemes[i].text, strlen(schemes[i].text)) != 0)
		i++;
	if (i == sizeof(schemes) / sizeof(schemes[0]))
		return -1;
	n = strlen(schemes[i].text);
	if (!redis_url_take(copy, sizeof(copy), text + n, strlen(text + n)))
		return -1;
	w_r->tls = schemes[i].tls;
	w_r->sentinel = schemes[i].sentinel;
	if ((options = strchr(copy, '?')) != NULL)
		*options++ = '\0';
	if (schemes[i].path
		? copy[0] != '/' || !redis_url_take(w_r->path,
					sizeof(w_r->path), copy, strlen(copy))
		: !redis_url_take_place(w_r, copy, why))
		return -1;
	return options == NULL || take_options(w_r, options, why) ? 0 : -1;
}
