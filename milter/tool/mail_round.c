/*
 * mail_round.c - what the mails of one round share: their words, and whom they
 * go to.
 */
#include <stdlib.h>
#include <string.h>

#include "mail.h"
#include "mail_message.h"
#include "mail_words.h"

char *
mail_text(const struct mail_round *m, const char *name, const json_t *values)
{
	json_t *all = values != NULL ? json_deep_copy(values) : json_object();
	char *text;

	json_object_set_new(all, "host", json_string(m->host));
	text = mail_words_fill(m->words, name, all);
	json_decref(all);
	return text != NULL ? text : strdup("");
}

int
mail_to_all(const struct mail_round *m, const char *subject, const char *text,
    const char *html, struct why *why)
{
	struct mail_message msg = {
		.subject = subject, .text = text, .html = html
	};

	for (size_t i = 0; i < m->conf->report_to.n; i++) {
		msg.to = m->conf->report_to.v[i];
		if (mail_message_send(&msg, m->ctl->postfix, why) == -1)
			return -1;
	}
	return 0;
}
