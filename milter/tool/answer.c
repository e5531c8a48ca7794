/*
 * answer.c - what answers that postmeterctl makes itself are built of.
 *
 * Whatever goes wrong becomes an answer too, with the cause and the remedy: an
 * operator in trouble must not have to read errno.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tool.h"

static json_t *failure(const char *remedy, const char *error, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* failure - {"ok": false, ...} of a sentence that may hold any bytes */
static json_t *
failure(const char *remedy, const char *error, va_list ap)
{
	char text[1024];

	vsnprintf(text, sizeof(text), error, ap);
	return obj_failure(remedy, text);
}

json_t *
ctl_failure(const char *remedy, const char *error, ...)
{
	json_t *answer;
	va_list ap;

	va_start(ap, error);
	answer = failure(remedy, error, ap);
	va_end(ap);
	return answer;
}

json_t *
ctl_mistakes(char *lines, const char *error, ...)
{
	json_t *list = json_array(), *answer;
	char *rest = NULL, *line;
	va_list ap;

	va_start(ap, error);
	answer = failure("each line names what would be right", error, ap);
	va_end(ap);
	for (line = strtok_r(lines, "\n", &rest); line != NULL;
	     line = strtok_r(NULL, "\n", &rest))
		json_array_append_new(list, json_string(line));
	json_object_set_new(answer, "errors", list);
	return answer;
}

struct config *
ctl_config(const char *file, json_t **failure_r)
{
	struct config *conf = NULL;
	char *lines = NULL;
	size_t size;
	FILE *errors = open_memstream(&lines, &size);

	if (failure_r != NULL)
		*failure_r = NULL;
	if (errors != NULL) {
		conf = config_load(file, errors);
		fclose(errors);
	}
	if (conf == NULL && failure_r != NULL)
		*failure_r = errors == NULL
				 ? ctl_failure("", "memory is out")
				 : ctl_mistakes(lines, "%s is not good", file);
	free(lines);
	return conf;
}

void
ctl_finding(json_t *list, bool must, const char *remedy, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "text", text,
					"remedy", remedy, "must", must));
}

void
ctl_warn(json_t *list, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(list, json_string(text));
}
