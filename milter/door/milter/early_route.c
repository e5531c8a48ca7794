/*
 * early_route.c - recipients whose route Sendmail asked for at RCPT.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "early_route.h"
#include "log.h"
#include "sendmail_key.h"

struct early_route {
	struct early_route *next;
	char *parameters; /* of RCPT, "" if there were none */
	char *route;      /* "pm587:[smtp.example.com]" */
	char address[];   /* as it was written; the others lie behind it */
};

/* length - of the words of argv from 1 on, a blank in front of each */
static size_t
length(char **argv)
{
	size_t n = 0;

	for (size_t i = 1; argv[i] != NULL; i++)
		n += strlen(argv[i]) + 1;
	return n;
}

int
early_route_note(struct early_route **list, char **argv, const char *mailer,
    const char *host)
{
	const size_t address = strlen(argv[0]) + 1, words = length(argv) + 1;
	struct early_route *r;
	size_t route, used = 0;

	if (mailer == NULL || host == NULL || strncmp(mailer, "pm", 2) != 0)
		return 0;
	route = strlen(mailer) + strlen(host) + 2;
	r = calloc(1, sizeof(*r) + address + words + route);
	if (r == NULL)
		return -1;
	memcpy(r->address, argv[0], address);
	r->parameters = r->address + address;
	for (size_t i = 1; argv[i] != NULL; i++)
		used += (size_t)snprintf(r->parameters + used, words - used,
		    "%s%s", i > 1 ? " " : "", argv[i]);
	r->route = r->parameters + words;
	snprintf(r->route, route, "%s:%s", mailer, host);
	r->next = *list;
	*list = r;
	return 0;
}

int
early_route_correct(
    SMFICTX *ctx, struct early_route *list, const struct smarthost *sh)
{
	char route[300];
	size_t n = 0;

	if (sendmail_route(sh, route, sizeof(route)) == -1)
		return 0; /* it has no way there: the message waits */
	for (struct early_route *r = list; r != NULL; r = r->next) {
		if (strcasecmp(r->route, route) == 0)
			continue;
		if (smfi_delrcpt(ctx, r->address) != MI_SUCCESS)
			return 0; /* as it was: it waits for a queue run */
		if (smfi_addrcpt_par(ctx, r->address,
			r->parameters[0] != '\0' ? r->parameters : NULL) !=
		    MI_SUCCESS)
			return -1;
		n++;
	}
	if (n > 0)
		log_debug("%zu recipients go to %s after all", n, route);
	return 0;
}

void
early_route_forget(struct early_route **list)
{
	struct early_route *r;

	while ((r = *list) != NULL) {
		*list = r->next;
		free(r);
	}
}
