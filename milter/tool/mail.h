/*
 * mail.h - what the mails of postmeter share: whom they speak to, in which
 * words, about which answers of the daemon.
 */
#ifndef MAIL_H
#define MAIL_H

#include "tool.h"

struct mail_round {
	const struct ctl *ctl;
	const struct config *conf;
	json_t *words;
	char host[256];
	int64_t now;
	size_t alerts, warnings, reports; /* sent */
};

/*
 * What was told already, a file: {"event": ms of the newest event that alerts
 * told of, "warning": likewise of warnings, "report": the day of the last
 * (20261125), "warned": {"POLICY KEY PERCENT": ms}}.
 */
json_t *mail_state_load(const char *path, int64_t now);
int mail_state_save(const char *path, const json_t *state, struct why *why);

/* The text of that name; "" if memory is out. */
char *mail_text(
    const struct mail_round *m, const char *name, const json_t *values);

/* To each of report-to.  0, or -1 and why. */
int mail_to_all(const struct mail_round *m, const char *subject,
    const char *text, const char *html, struct why *why);

/*
 * What happened since the event in state: to report-to what needs a person, to
 * the senders (or warn-to) that they come near a limit.  0, or -1 and why.
 */
int mail_events(struct mail_round *m, json_t *state, struct why *why);

/* The mail about a day or a week that has ended.  0, or -1 and why. */
int mail_report(struct mail_round *m, bool week, struct why *why);

#endif
