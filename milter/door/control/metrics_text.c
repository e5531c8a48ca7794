/*
 * metrics_text.c - families of samples in the text formats of metrics.
 *
 * The two formats differ in three things: whether the family of a counter
 * bears "_total", whether a unit is told, and the end.
 */
#include <stdint.h>
#include <string.h>

#include "metrics_text.h"
#include "obj.h"

static bool
ends_with(const char *text, const char *end)
{
	const size_t n = strlen(text), m = strlen(end);

	return n >= m && strcmp(text + n - m, end) == 0;
}

/* escaped - a label's value or a help text */
static void
escaped(FILE *out, const char *text, bool quotes)
{
	for (; *text != '\0'; text++) {
		if (*text == '\\')
			fputs("\\\\", out);
		else if (*text == '\n')
			fputs("\\n", out);
		else if (*text == '"' && quotes)
			fputs("\\\"", out);
		else
			fputc(*text, out);
	}
}

static void
write_labels(FILE *out, const json_t *labels)
{
	const char *name;
	json_t *value;
	char open = '{';

	json_object_foreach ((json_t *)(uintptr_t)labels, name, value) {
		const char *text = json_string_value(value);

		fprintf(out, "%c%s=\"", open, name);
		escaped(out, text != NULL ? text : "", true);
		fputc('"', out);
		open = ',';
	}
	if (open == ',')
		fputc('}', out);
}

static void
write_family(FILE *out, const json_t *family, bool openmetrics)
{
	const char *name = obj_str(family, "name");
	const char *type = obj_str(family, "type");
	const bool counter = strcmp(type, "counter") == 0;
	const char *total = counter && !openmetrics ? "_total" : "";
	const json_t *samples = json_object_get(family, "samples"), *s;
	size_t i;

	if (json_array_size(samples) == 0)
		return;
	fprintf(out, "# HELP %s%s ", name, total);
	escaped(out, obj_str(family, "help"), openmetrics);
	fprintf(out, "\n# TYPE %s%s %s\n", name, total, type);
	if (openmetrics && ends_with(name, "_seconds"))
		fprintf(out, "# UNIT %s seconds\n", name);
	else if (openmetrics && ends_with(name, "_bytes"))
		fprintf(out, "# UNIT %s bytes\n", name);
	json_array_foreach (samples, i, s) {
		const json_t *value = json_object_get(s, "value");

		fprintf(out, "%s%s%s", name, counter ? "_total" : "",
		    obj_str(s, "suffix"));
		write_labels(out, json_object_get(s, "labels"));
		if (json_is_integer(value))
			fprintf(out, " %lld\n",
			    (long long)json_integer_value(value));
		else
			fprintf(out, " %.15g\n", json_real_value(value));
	}
}

void
metrics_text(FILE *out, const json_t *families, bool openmetrics)
{
	const json_t *family;
	size_t i;

	json_array_foreach (families, i, family)
		write_family(out, family, openmetrics);
	if (openmetrics)
		fputs("# EOF\n", out);
}
