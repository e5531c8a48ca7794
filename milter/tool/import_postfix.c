/*
 * import_postfix.c - relayhost, sender_dependent_relayhost_maps and the
 * passwords beside them.
 *
 * Postfix looks up a password by sender (if that is switched on), then by the
 * next hop as it is written; so an account is a next hop and a login, and one
 * next hop with two logins is two smarthosts.
 */
#include <stdlib.h>
#include <string.h>

#include "import.h"
#include "postfix.h"

struct source {
	struct import *im;
	struct postfix pf;
	json_t *passwords; /* name as written to "user:password" */
	bool by_sender;    /* they may be kept by sender */
};

static const char *
import_postfix_setting(const struct source *s, const char *name)
{
	const char *v = json_string_value(json_object_get(s->pf.main, name));

	return v != NULL ? v : "";
}

/* import_postfix_table - what all tables of a setting hold; the first to have a
 * name wins */
static json_t *
import_postfix_table(struct source *s, const char *name)
{
	const char *list = import_postfix_setting(s, name), *item;
	json_t *map = json_object();
	size_t len;

	while ((item = postfix_next_item(&list, &len)) != NULL) {
		char type[400], *text, *rest = NULL, *line;

		snprintf(type, sizeof(type), "%.*s", (int)len, item);
		text = postfix_map_list(s->pf.dir, type);
		if (text == NULL) {
			import_left(s->im, name,
			    "%s cannot be listed: write its accounts by hand",
			    type);
			continue;
		}
		for (line = strtok_r(text, "\n", &rest); line != NULL;
		     line = strtok_r(NULL, "\n", &rest)) {
			char *value = line + strcspn(line, "\t");

			if (*value == '\0')
				continue;
			*value++ = '\0';
			if (json_object_get(map, line) == NULL)
				json_object_set_new(
				    map, line, json_string(value));
			explicit_bzero(value, strlen(value));
		}
		free(text);
	}
	return map;
}

/* login_for - "user:password" for mail of a sender to a next hop; or NULL */
static const char *
login_for(const struct source *s, const char *sender, const char *hop,
    const char *host)
{
	const char *found = NULL, *at = strrchr(sender, '@');

	if (s->by_sender && sender[0] != '\0')
		found =
		    json_string_value(json_object_get(s->passwords, sender));
	if (found == NULL && s->by_sender && at != NULL)
		found = json_string_value(json_object_get(s->passwords, at));
	if (found == NULL)
		found = json_string_value(json_object_get(s->passwords, host));
	return found != NULL
		   ? found
		   : json_string_value(json_object_get(s->passwords, hop));
}

/* import_postfix_smarthost - of one next hop; NULL if it is none (told) */
static const char *
import_postfix_smarthost(
    struct source *s, const char *where, const char *sender, const char *hop)
{
	const bool wrapped =
	    strcmp(import_postfix_setting(s, "smtp_tls_wrappermode"), "yes") ==
	    0;
	char host[256], user[256];
	const char *login, *colon;
	unsigned port;

	if (import_nexthop(
		hop, wrapped ? 465 : 25, host, sizeof(host), &port) == -1) {
		import_left(s->im, where, "%s is no host and port", hop);
		return NULL;
	}
	login = login_for(s, sender, hop, host);
	colon = login != NULL ? strchr(login, ':') : NULL;
	if (hop[0] != '[')
		import_left(s->im, where,
		    "%s has no brackets: its MX was asked for; ours is the host itself",
		    hop);
	if (port == 25)
		import_left(s->im, where,
		    "%s: port 25; most providers take a login on 587 only",
		    hop);
	snprintf(user, sizeof(user), "%.*s",
	    colon != NULL ? (int)(colon - login) : 0,
	    login != NULL ? login : "");
	return import_smarthost(
	    s->im, host, port, user, colon != NULL ? colon + 1 : NULL);
}

/* relay - a rule for a sender ("": all others) by a list of next hops */
static void
relay(struct source *s, const char *where, const char *sender, const char *hops)
{
	const char *name[16], *item, *list = hops;
	size_t n = 0, len;

	while (n < 16 && (item = postfix_next_item(&list, &len)) != NULL) {
		char hop[300];

		snprintf(hop, sizeof(hop), "%.*s", (int)len, item);
		name[n] = import_postfix_smarthost(s, where, sender, hop);
		n += name[n] != NULL;
	}
	import_rule(s->im, where,
	    sender[0] != '\0' ? json_pack("{s:[s]}", "sender", sender)
			      : json_object(),
	    json_array(), n > 0 ? import_route(s->im, name, n) : "");
}

/* domains - those that are at home here; a table cannot be told apart */
static void
domains(struct source *s, const char *name, bool *first)
{
	char *expanded = strdup(import_postfix_setting(s, name));
	const char *list = expanded, *item;
	size_t len;

	while (
	    list != NULL && (item = postfix_next_item(&list, &len)) != NULL) {
		if (memchr(item, ':', len) != NULL ||
		    memchr(item, '/', len) != NULL ||
		    memchr(item, '$', len) != NULL ||
		    memchr(item, '.', len) == NULL) {
			import_left(s->im, name,
			    "%.*s: name its domains in local-domains", (int)len,
			    item);
			continue;
		}
		fprintf(s->im->top, "%s\"%.*s\"", *first ? "" : ", ", (int)len,
		    item);
		*first = false;
	}
	free(expanded);
}

static void
senders(struct source *s)
{
	const char *name = "sender_dependent_relayhost_maps", *key;
	json_t *map = import_postfix_table(s, name), *value;

	/* Addresses first: the first rule that matches speaks. */
	for (int pass = 0; pass < 2; pass++)
		json_object_foreach (map, key, value)
			if ((key[0] == '@') == (pass == 1))
				relay(s, name, key, json_string_value(value));
	json_decref(map);
}

static void
odd_settings(struct source *s)
{
	static const char *const odd[] = {
		"sender_dependent_default_transport_maps", "transport_maps",
		"smtp_tls_policy_maps", "default_transport"
	};
	const char *level =
	    import_postfix_setting(s, "smtp_tls_security_level");

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		if (import_postfix_setting(s, odd[i])[0] != '\0')
			import_left(s->im, odd[i],
			    "%s is not read: look whether it names smarthosts",
			    import_postfix_setting(s, odd[i]));
	if (import_postfix_setting(s, "smtp_sasl_password_maps")[0] != '\0' &&
	    (strcmp(level, "may") == 0 || level[0] == '\0'))
		import_left(s->im, "smtp_tls_security_level",
		    "\"%s\" let a password go to anybody; ours is \"verify\": a certificate that does not bear the host's name keeps mail waiting",
		    level);
}

/* old_passwords - the clear text that stays behind */
static void
old_passwords(struct source *s)
{
	const char *list = import_postfix_setting(s, "smtp_sasl_password_maps"),
		   *item;
	size_t len;

	while ((item = postfix_next_item(&list, &len)) != NULL) {
		const char *path = memchr(item, ':', len);

		if (path != NULL)
			import_left(s->im, "smtp_sasl_password_maps",
			    "the old passwords stay in clear in %.*s: when mail leaves by the smarthosts, `postconf -X smtp_sasl_password_maps relayhost`, then remove it and its .db",
			    (int)(len - (size_t)(path + 1 - item)), path + 1);
	}
}

void
import_postfix(struct import *im, const char *dir)
{
	struct source s = { .im = im };
	json_t *failure = NULL;
	bool first = true;

	if (postfix_read(&s.pf, dir, &failure) == -1) {
		import_left(im, dir != NULL ? dir : "Postfix",
		    "its configuration cannot be read");
		json_decref(failure);
		return;
	}
	s.by_sender = strcmp(import_postfix_setting(
				 &s, "smtp_sender_dependent_authentication"),
			  "yes") == 0;
	s.passwords = import_postfix_table(&s, "smtp_sasl_password_maps");
	fputs("local-domains = {", im->top);
	domains(&s, "mydestination", &first);
	domains(&s, "virtual_mailbox_domains", &first);
	domains(&s, "virtual_alias_domains", &first);
	fputs("}\n", im->top);
	senders(&s);
	relay(&s, "relayhost", "", import_postfix_setting(&s, "relayhost"));
	odd_settings(&s);
	old_passwords(&s);
	json_decref(s.passwords);
	postfix_free(&s.pf);
}
