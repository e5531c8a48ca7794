/*
 * obj.h - members of a JSON object as whoever reads an answer wants them: what
 * is missing, or of another type, is "", 0 or false.
 *
 * o may be NULL.  Texts belong to the object.
 */
#ifndef OBJ_H
#define OBJ_H

#include <jansson.h>
#include <stdbool.h>

const char *obj_str(const json_t *o, const char *name);
long long obj_num(const json_t *o, const char *name);
bool	obj_yes(const json_t *o, const char *name);

#endif
