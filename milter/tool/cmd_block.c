/*
 * cmd_block.c - `postmeterctl block`: stops somebody, and tells what of his
 * flood is in the queue already, where no block reaches it.
 */
#include <string.h>
#include <strings.h>

#include "command.h"
#include "postfix_queue.h"
#include "print.h"

/* Whose mail is looked for, and what was found. */
struct flood {
	const json_t *names, *senders;
	size_t messages, recipients, held;
	struct queue_ids ids; /* of those that are not held yet */
};

/* block_is_name - does a name of the block mean that sender? */
static bool
block_is_name(const char *name, const char *sender)
{
	const char *at = strrchr(sender, '@');

	if (strcmp(name, "*") == 0)
		return true;
	if (name[0] == '@')
		return at != NULL && strcasecmp(name, at) == 0;
	return sender[0] != '\0' && strcasecmp(name, sender) == 0;
}

static bool
block_is_among(const json_t *list, const char *sender)
{
	const json_t *name;
	size_t i;

	json_array_foreach (list, i, name)
		if (block_is_name(json_string_value(name), sender))
			return true;
	return false;
}

static void
block_look(void *arg, const struct queued *q)
{
	struct flood *f = arg;

	if (!block_is_among(f->names, q->sender) &&
	    !block_is_among(f->senders, q->sender))
		return;
	f->messages++;
	f->recipients += q->recipients;
	if (strcmp(q->queue, "hold") == 0)
		f->held++;
	else
		queue_ids_add(&f->ids, q->id);
}

/* tell_queue - "queued" of the answer, if there is a queue to look at */
static int
tell_queue(const struct ctl *ctl, json_t *answer)
{
	struct flood f = { .names = json_object_get(answer, "names"),
		.senders = json_object_get(answer, "senders") };
	struct why why = WHY_NONE;
	int code = 0;

	if (postfix_queue(ctl->postfix, block_look, &f, &why) == -1) {
		if (ctl->hold_queue)
			json_object_set_new(
			    answer, "queue_trouble", json_string(why.text));
		return ctl->hold_queue ? 1 : 0;
	}
	if (ctl->hold_queue && f.ids.n > 0) {
		if (postfix_super(ctl->postfix, "-h", &f.ids, &why) == 0) {
			f.held += f.ids.n;
		} else {
			json_object_set_new(
			    answer, "queue_trouble", json_string(why.text));
			code = 1;
		}
	}
	json_object_set_new(answer, "queued",
	    json_pack("{s:i, s:i, s:i}", "messages", (int)f.messages,
		"recipients", (int)f.recipients, "held", (int)f.held));
	queue_ids_free(&f.ids);
	return code;
}

int
ctl_block(const struct ctl *ctl, json_t **answer_r)
{
	json_t *request = command_request(ctl->command, ctl);
	const int code = ctl_ask_daemon(ctl, request, answer_r);

	json_decref(request);
	return code != 0 ? code : tell_queue(ctl, *answer_r);
}

void
text_block(const struct screen *sc, const json_t *a)
{
	const char *until = print_time(a, "until"), *who = obj_str(a, "who");
	const json_t *queued = json_object_get(a, "queued"), *name;
	size_t i;

	json_array_foreach (json_object_get(a, "names"), i, name)
		fprintf(sc->out, "blocked: %s until %s\n",
		    json_string_value(name),
		    until[0] != '\0' ? until : "it is unblocked");
	if (json_is_false(json_object_get(a, "known")))
		fprintf(sc->out,
		    "attention: nobody of that name has sent anything here yet; `postmeterctl top` lists who has\n");
	if (obj_num(queued, "messages") > obj_num(queued, "held"))
		fprintf(sc->out,
		    "attention: %lld messages to %lld recipients of %s are queued already and will leave, %lld are held\n  postmeterctl block '%s' --hold-queue\n",
		    obj_num(queued, "messages"), obj_num(queued, "recipients"),
		    who, obj_num(queued, "held"), who);
	else if (obj_num(queued, "messages") > 0)
		fprintf(sc->out,
		    "held: %lld queued messages to %lld recipients; postsuper -d deletes one, postsuper -H lets it go\n",
		    obj_num(queued, "held"), obj_num(queued, "recipients"));
	if (obj_str(a, "queue_trouble")[0] != '\0')
		fprintf(sc->out, "attention: the queue could not be held: %s\n",
		    obj_str(a, "queue_trouble"));
}
