/*
 * mail.c - who is told what by mail, and when.
 */
#include <ctype.h>
#include <string.h>

#include "mailaddr.h"
#include "reader.h"

#define MORNING (6 * 60) /* minutes of the day */

/* address_is_plain - "user@domain" that nothing could take for an option */
static bool
address_is_plain(const char *text, size_t len)
{
	struct mailaddr a;

	mailaddr_canon(&a, text, len, "");
	return len > 2 && text[0] != '-' && strlen(a.text) == len &&
	       mailaddr_domain(&a)[0] != '\0' && a.at > 0;
}

static void
read_report_to(struct reading *r, cfg_t *root)
{
	const size_t n = conftext_size(root, "report-to");
	struct names *to = &r->conf->report_to;
	char text[SHOWN];

	to->v = keep_array(r, n, sizeof(*to->v));
	for (size_t i = 0; i < n && to->v != NULL; i++) {
		const struct conf_value *v =
		    conftext_value(root, "report-to", i);

		if (!address_is_plain(v->text, v->len))
			diag_error(&r->m, v->line,
			    "report-to: \"%s\": write a mail address, such as \"it@office.example\"",
			    shown(text, v));
		to->v[to->n++] = keep(r, v->text);
	}
}

/* minutes_of - "06:30"; -1 if it is no time of day */
static int
minutes_of(const char *t)
{
	int hour, minute;

	if (strlen(t) != 5 || !isdigit((unsigned char)t[0]) ||
	    !isdigit((unsigned char)t[1]) || t[2] != ':' ||
	    !isdigit((unsigned char)t[3]) || !isdigit((unsigned char)t[4]))
		return -1;
	hour = (t[0] - '0') * 10 + t[1] - '0';
	minute = (t[3] - '0') * 10 + t[4] - '0';
	return hour < 24 && minute < 60 ? hour * 60 + minute : -1;
}

static void
read_report_at(struct reading *r, cfg_t *root)
{
	const struct conf_value *v = read_one(root, "report-at");
	char text[SHOWN];

	r->conf->report_at = v == NULL     ? MORNING
			     : v->len == 0 ? -1
					   : minutes_of(v->text);
	if (v != NULL && v->len > 0 && r->conf->report_at == -1)
		diag_error(&r->m, v->line,
		    "report-at = \"%s\": write a time of day such as \"06:00\", or \"\" for no reports",
		    shown(text, v));
}

/* read_path - an absolute path, or "" */
static char *
read_path(struct reading *r, cfg_t *root, const char *name)
{
	const struct conf_value *v = read_one(root, name);
	char text[SHOWN];

	if (v != NULL && v->len > 0 && v->text[0] != '/')
		diag_error(&r->m, v->line,
		    "%s = \"%s\": write an absolute path", name,
		    shown(text, v));
	return read_text(r, root, name, "");
}

void
read_mail(struct reading *r, cfg_t *root)
{
	read_report_to(r, root);
	read_report_at(r, root);
	r->conf->on_alert = read_path(r, root, "on-alert");
	r->conf->mail_texts = read_path(r, root, "mail-texts");
	r->conf->mail_state = beside_store(r, "mail.json");
}

char *
read_warn_to(struct reading *r, cfg_t *sec)
{
	const struct conf_value *v = read_one(sec, "warn-to");
	char text[SHOWN];

	if (v != NULL && v->len > 0 && strcmp(v->text, WARN_SENDER) != 0 &&
	    !address_is_plain(v->text, v->len))
		diag_error(&r->m, v->line,
		    "warn-to = \"%s\": write \"" WARN_SENDER
		    "\" or a mail address",
		    shown(text, v));
	return read_text(r, sec, "warn-to", "");
}
