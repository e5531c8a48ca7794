/*
 * cmd_metrics.c - `postmeterctl metrics`: numbers for a monitoring system.
 */
#include "metrics_text.h"
#include "tool.h"

int
ctl_metrics(const struct ctl *ctl, json_t **answer_r)
{
	json_t *request = json_pack("{s:s}", "command", "metrics");
	const int code = ctl_ask_daemon(ctl, request, answer_r);

	json_decref(request);
	if (code == 0 && ctl->openmetrics)
		json_object_set_new(*answer_r, "openmetrics", json_true());
	return code;
}

void
text_metrics(const struct screen *sc, const json_t *answer)
{
	metrics_text(sc->out, json_object_get(answer, "families"),
	    obj_yes(answer, "openmetrics"));
}
