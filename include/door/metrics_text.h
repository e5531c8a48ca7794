/*
 * metrics_text.h - the text formats of metrics: Prometheus 0.0.4 and
 * OpenMetrics 1.0, one writer for the tool and the page.
 */
#ifndef METRICS_TEXT_H
#define METRICS_TEXT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define METRICS_TYPE_OPEN                                                      \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

/* What the daemon answered to "metrics", its "families" (NULL: none). */
void	metrics_text(FILE *out, const json_t *families, bool openmetrics);

#endif
