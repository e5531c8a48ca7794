/*
 * cmd_report.c - `postmeterctl report`: a page for whoever looks once a day or
 * once a week: who sent what, who was refused, what is near its end.
 */
#include "print.h"

#define ROWS 15

/* report_part - one question; its answer becomes a member of the report */
static int
report_part(
    const struct ctl *ctl, json_t *report, const char *name, json_t *request)
{
	json_t *answer;
	const int code = ctl_ask_daemon(ctl, request, &answer);

	json_decref(request);
	json_object_set_new(report, name, answer);
	return code;
}

int
ctl_report(const struct ctl *ctl, json_t **answer_r)
{
	json_t *report =
	    json_pack("{s:b, s:i}", "ok", 1, "days", ctl->week ? 7 : 1);
	const char *last = "status";
	int code = report_part(
	    ctl, report, "status", json_pack("{s:s}", "command", "status"));

	/* An unhealthy smarthost is for the report, not against it. */
	if (code <= 1)
		code = report_part(ctl, report, last = "history",
		    json_pack("{s:s, s:i}", "command", "history", "n",
			ctl->week ? 7 : 1));
	if (code == 0)
		code = report_part(ctl, report, last = "refused",
		    json_pack("{s:s, s:b, s:i}", "command", "top", "refused", 1,
			"n", ROWS));
	if (code == 0)
		code = report_part(ctl, report, last = "top",
		    json_pack("{s:s, s:i}", "command", "top", "n", ROWS));
	if (code == 0) {
		*answer_r = report;
		return 0;
	}
	*answer_r = json_incref(json_object_get(report, last));
	json_decref(report);
	return code;
}

void
text_report(const struct screen *sc, const json_t *a)
{
	const json_t *status = json_object_get(a, "status");

	fprintf(sc->out, "postmeter, %s: %s\n\nSent and refused by day\n",
	    print_time(status, "now"),
	    obj_num(a, "days") == 7 ? "the last seven days" : "today");
	text_history(sc, json_object_get(a, "history"));
	fputs("\nRefused most in the last 24 hours\n", sc->out);
	print_refused(
	    sc, json_object_get(json_object_get(a, "refused"), "refused"));
	fputs("\nThe fullest limits\n", sc->out);
	text_top(sc, json_object_get(a, "top"));
	fputs("\nState\n", sc->out);
	text_status(sc, status);
}
