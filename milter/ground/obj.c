/*
 * obj.c - members of a JSON object (of another type they are as good as none),
 * and answers that say no.
 */
#include "escape.h"
#include "obj.h"

const char *
obj_str(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s != NULL ? s : "";
}

long long
obj_num(const json_t *o, const char *name)
{
	return json_integer_value(json_object_get(o, name));
}

bool
obj_yes(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

json_t *
obj_text(const char *s)
{
	json_t *text = json_string(s);
	char safe[1024];

	return text != NULL ? text
			    : json_string(escape_str(safe, sizeof(safe), s));
}

json_t *
obj_failure(const char *remedy, const char *error)
{
	return json_pack("{s:b, s:o, s:s}", "ok", 0, "error", obj_text(error),
	    "remedy", remedy);
}
