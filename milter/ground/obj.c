/*
 * obj.c - members of a JSON object; of another type they are as good as none.
 */
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
