/*
 * cmd_providers.c - what is known about providers, before one is chosen.
 *
 * The file that the daemon reads is the one that is shown: who wrote numbers
 * of their own into it sees those.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "limit.h"
#include "print_table.h"
#include "provider.h"
#include "tool.h"

/* providers_limits - each limit of the account as people say it */
static json_t *
providers_limits(const struct provider *p)
{
	json_t *list = json_array();
	char text[LIMIT_TEXT], line[LIMIT_TEXT + 40];

	for (size_t i = 0; i < p->nlimit; i++) {
		const struct provider_limit *pl = &p->limit[i];

		for (size_t j = 0; j < pl->n; j++) {
			snprintf(line, sizeof(line), "%s%s%s",
			    limit_text(&pl->limit[j], text, sizeof(text)),
			    pl->count == SCOPE_ALL ? "" : ", external ones",
			    pl->per == PER_SENDER ? ", each sender" : "");
			json_array_append_new(list, json_string(line));
		}
	}
	return list;
}

static json_t *
providers_tell(const struct provider *p)
{
	return json_pack(
	    "{s:s, s:s, s:s, s:i, s:s, s:s, s:i, s:i, s:i, s:o, s:s, s:s, s:b, s:s}",
	    "name", p->name, "title", p->title, "host", p->host, "port",
	    (int)p->port, "username", p->username, "password", p->password,
	    "recipients_per_message", (int)p->recipients_per_message,
	    "recipient_limit", (int)p->recipient_limit, "concurrency",
	    (int)p->concurrency, "limits", providers_limits(p), "source",
	    p->source, "checked", p->checked, "certain", p->certain, "note",
	    p->note);
}

/* providers_list - all of file, or NULL and a failure with its lines in
 * *answer_r */
static json_t *
providers_list(const char *file, json_t **answer_r)
{
	char *said = NULL;
	size_t len;
	FILE *errors = open_memstream(&said, &len);
	struct providers *all =
	    errors != NULL ? providers_load(file, errors) : NULL;
	json_t *rows = json_array();

	if (errors != NULL)
		fclose(errors);
	for (size_t i = 0; all != NULL && i < all->n; i++)
		json_array_append_new(rows, providers_tell(&all->v[i]));
	if (all == NULL) {
		*answer_r = ctl_failure(
		    "name the providers.conf that came with postmeter: providers = \"/path\" in the configuration",
		    "%s", said != NULL ? said : "memory is out");
		json_decref(rows);
		rows = NULL;
	}
	free(said);
	providers_free(&all);
	return rows;
}

/* The configuration need not be good, nor be there, to choose a provider. */
int
ctl_providers(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, NULL);
	const char *file = conf != NULL ? conf->providers : PROVIDERS_DEFAULT;
	json_t *rows = providers_list(file, answer_r);

	if (rows != NULL)
		*answer_r = json_pack("{s:b, s:s, s:o}", "ok", 1, "file", file,
		    "providers", rows);
	config_free(&conf);
	return rows != NULL ? EX_OK : EX_CONFIG;
}

/* --- for people ---------------------------------------------------------- */

/* all_limits - "500 messages in 24h, 100 recipients in one message" */
static void
all_limits(const json_t *p, char *dst, size_t size)
{
	const json_t *limit;
	size_t i, used = 0;

	dst[0] = '\0';
	json_array_foreach (json_object_get(p, "limits"), i, limit) {
		used += (size_t)snprintf(dst + used, size - used, "%s%s",
		    i > 0 ? "; " : "", json_string_value(limit));
		if (used >= size)
			return;
	}
	if (obj_num(p, "recipients_per_message") > 0)
		snprintf(dst + used, size - used,
		    "%s%lld recipients in one message", used > 0 ? "; " : "",
		    obj_num(p, "recipients_per_message"));
	else if (used == 0)
		snprintf(dst, size, "none known");
}

void
text_providers(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 4 };
	const json_t *p;
	size_t i;

	json_array_foreach (json_object_get(a, "providers"), i, p) {
		char host[300], known[600], when[32];

		snprintf(host, sizeof(host), "%s:%lld",
		    obj_str(p, "host")[0] != '\0' ? obj_str(p, "host") : "HOST",
		    obj_num(p, "port"));
		all_limits(p, known, sizeof(known));
		snprintf(when, sizeof(when), "%s%s", obj_str(p, "checked"),
		    obj_yes(p, "certain") ? "" : " ?");
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){
			obj_str(p, "name"), host, when, known });
	}
	text_table_print(&t, sc, "");
	fprintf(sc->out,
	    "\n? not the provider's own word, or not for every account; the reasons are in\n%s\n",
	    obj_str(a, "file"));
}
