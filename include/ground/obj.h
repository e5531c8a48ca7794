/*
 * obj.h - members of a JSON object as whoever reads an answer wants them: what
 * is missing, or of another type, is "", 0 or false.
 *
 * o may be NULL.  Texts belong to the object.
 *
 * And what every answer is made of that says no.
 */
#ifndef OBJ_H
#define OBJ_H

#include <jansson.h>
#include <stdbool.h>

const char *obj_str(const json_t *o, const char *name);
long long obj_num(const json_t *o, const char *name);
bool	obj_yes(const json_t *o, const char *name);

/* A string; bytes that are no UTF-8 are escaped.  NULL if out of memory. */
json_t	*obj_text(const char *s);

/* {"ok": false, "error": ..., "remedy": ...}; NULL if out of memory. */
json_t	*obj_failure(const char *remedy, const char *error);

#endif
