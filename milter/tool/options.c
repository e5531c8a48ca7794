/*
 * options.c - the options of commands: one row each says what it is called,
 * where it is noted and what the daemon calls it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"

#define AT(field) offsetof(struct ctl, field)

const struct ctl_option ctl_options[] = {
	{ "number", 'n', OPTION_NUMBER, AT(count), "n" },
	{ "sender", 0, OPTION_TEXT, AT(sender), "sender" },
	{ "login", 0, OPTION_TEXT, AT(login), "login" },
	{ "client", 0, OPTION_TEXT, AT(client), "client" },
	{ "size", 0, OPTION_NUMBER, AT(size), "size" },
	{ "rcpt", 0, OPTION_LIST, AT(rcpt), "rcpt" },
	{ "for", 0, OPTION_TEXT, AT(span), "for" },
	{ "why", 0, OPTION_TEXT, AT(why), "why" },
	{ "window", 0, OPTION_TEXT, AT(window), "window" },
	{ "since", 0, OPTION_TEXT, AT(since), "since" },
	{ "refused", 0, OPTION_FLAG, AT(refused), "refused" },
	{ "hold-queue", 0, OPTION_FLAG, AT(hold_queue), NULL },
	{ "suggest", 0, OPTION_FLAG, AT(suggest), NULL },
	{ "due", 0, OPTION_FLAG, AT(due), NULL },
	{ "now", 0, OPTION_FLAG, AT(now), NULL },
	{ "report", 0, OPTION_FLAG, AT(report), NULL },
	{ "week", 0, OPTION_FLAG, AT(week), NULL },
	{ "apply", 0, OPTION_FLAG, AT(apply), NULL },
	{ "prove", 0, OPTION_FLAG, AT(prove), NULL },
	{ "undo", 0, OPTION_FLAG, AT(undo), NULL },
	{ "check", 0, OPTION_FLAG, AT(check), NULL },
	{ "mta", 0, OPTION_FLAG, AT(mta), NULL },
	{ "openmetrics", 0, OPTION_FLAG, AT(openmetrics), NULL },
	{ "nagios", 0, OPTION_FLAG, AT(nagios), NULL },
	{ "warning", 'w', OPTION_TEXT, AT(warning), NULL },
	{ "critical", 0, OPTION_TEXT, AT(critical), NULL },
	{ "send", 0, OPTION_TEXT, AT(send), NULL },
	{ "postfix-config", 0, OPTION_TEXT, AT(postfix), NULL },
	{ "secrets", 0, OPTION_TEXT, AT(secrets), NULL },
	{ "sendmail-config", 0, OPTION_TEXT, AT(sendmail), NULL },
	{ NULL, 0, OPTION_FLAG, 0, NULL },
};

static const char *
text_at(const struct ctl_option *o, const struct ctl *ctl)
{
	const char *text;

	memcpy(&text, (const char *)ctl + o->at, sizeof(text));
	return text;
}

void
option_note(const struct ctl_option *o, struct ctl *ctl, const char *value)
{
	char *at = (char *)ctl + o->at;
	const bool yes = true;
	struct ctl_list *list;

	switch (o->kind) {
	case OPTION_FLAG:
		memcpy(at, &yes, sizeof(yes));
		break;
	case OPTION_TEXT:
	case OPTION_NUMBER:
		memcpy(at, &value, sizeof(value));
		break;
	case OPTION_LIST:
		list = (struct ctl_list *)(void *)at;
		list->v[list->n++] = value;
		break;
	}
}

long long
ctl_number(const char *text)
{
	char *end;
	long long n;

	if (text == NULL)
		return -1;
	errno = 0;
	n = strtoll(text, &end, 10);
	return errno != 0 || end == text || *end != '\0' || n < 1 ? -1 : n;
}

const char *
option_misfit(const struct ctl_option *o, const struct ctl *ctl)
{
	if (o->kind == OPTION_NUMBER && ctl_number(text_at(o, ctl)) == -1)
		return "wants a whole number, 1 or more";
	return NULL;
}

/* member_of - what an option said, for the daemon; NULL if it said nothing */
static json_t *
member_of(const struct ctl_option *o, const struct ctl *ctl)
{
	const char *at = (const char *)ctl + o->at;
	const struct ctl_list *list;
	json_t *array;
	bool yes;

	switch (o->kind) {
	case OPTION_FLAG:
		memcpy(&yes, at, sizeof(yes));
		return yes ? json_true() : NULL;
	case OPTION_TEXT:
		return json_string(text_at(o, ctl));
	case OPTION_NUMBER:
		return text_at(o, ctl) == NULL
			   ? NULL
			   : json_integer(ctl_number(text_at(o, ctl)));
	case OPTION_LIST:
		list = (const struct ctl_list *)(const void *)at;
		array = list->n > 0 ? json_array() : NULL;
		for (size_t i = 0; i < list->n; i++)
			json_array_append_new(array, json_string(list->v[i]));
		return array;
	}
	return NULL;
}

json_t *
command_request(const struct command *c, const struct ctl *ctl)
{
	json_t *request = json_pack("{s:s}", "command", c->name), *member;

	for (size_t i = 0; i < ctl->nword; i++)
		if (c->name_of[i] != NULL &&
		    (member = json_string(ctl->word[i])) != NULL)
			json_object_set_new(request, c->name_of[i], member);
	for (const struct ctl_option *o = ctl_options; o->name != NULL; o++)
		if (o->member != NULL && (member = member_of(o, ctl)) != NULL)
			json_object_set_new(request, o->member, member);
	return request;
}
