/*
 * import_layers.c - limits that all apply, as rules of which the first speaks.
 *
 * Each set of conditions becomes one rule, and it names whatever applies to
 * who matches it: its own limits, and those of wider conditions.
 */
#include <string.h>

#include "import.h"
#include "obj.h"

void
import_layer(struct import *im, const char *where, json_t *conditions,
    const char *policy, bool last)
{
	json_t *layer = json_pack("{s:s, s:O?, s:s*, s:b}", "where", where,
	    "conditions", conditions, "policy", policy, "last", last);

	if (conditions == NULL || layer == NULL ||
	    json_array_append(im->layers, layer) == -1)
		import_left(im, where, "it is no UTF-8: write it by hand");
	json_decref(layer);
	json_decref(conditions);
}

/* has_value - is it, or its domain, one of the list? */
static bool
has_value(const json_t *list, const char *value)
{
	const char *domain = strrchr(value, '@');
	const json_t *s;
	size_t i;

	json_array_foreach (list, i, s)
		if (strcmp(json_string_value(s), value) == 0 ||
		    (domain != NULL &&
			strcmp(json_string_value(s), domain) == 0))
			return true;
	return false;
}

/* covers - does wide match whatever narrow matches? */
static bool
covers(json_t *wide, const json_t *narrow)
{
	const char *kind;
	const json_t *list, *s;
	size_t i;

	json_object_foreach (wide, kind, list) {
		const json_t *other = json_object_get(narrow, kind);

		if (json_array_size(other) == 0)
			return false;
		json_array_foreach (other, i, s)
			if (!has_value(list, json_string_value(s)))
				return false;
	}
	return true;
}

/* rule_of - all that applies to who matches these conditions */
static void
rule_of(struct import *im, const char *where, const json_t *conditions)
{
	json_t *policies = json_array();
	const json_t *layer;
	size_t i;

	json_array_foreach (im->layers, i, layer) {
		json_t *policy = json_object_get(layer, "policy");

		if (!covers(json_object_get(layer, "conditions"), conditions))
			continue;
		if (policy != NULL &&
		    !has_value(policies, json_string_value(policy)))
			json_array_append(policies, policy);
		if (obj_yes(layer, "last"))
			break;
	}
	import_rule(im, where, json_deep_copy(conditions), policies, "");
}

/* wideness - rules of people stand before rules of domains and networks */
static int
wideness(const json_t *conditions)
{
	const json_t *s;
	size_t i;

	if (json_object_size(conditions) == 0)
		return 2;
	if (json_object_get(conditions, "login") != NULL)
		return 0;
	json_array_foreach (json_object_get(conditions, "sender"), i, s)
		if (json_string_value(s)[0] != '@')
			return 0;
	return 1;
}

/* overlaps - two rules of other kinds can both match: the first speaks */
static bool
overlaps(const json_t *a, const json_t *b)
{
	return json_object_size(a) > 0 && json_object_size(b) > 0 &&
	       (json_object_get(a, "sender") == NULL) !=
		   (json_object_get(b, "sender") == NULL);
}

void
import_layers_end(struct import *im)
{
	json_t *done = json_array(), *none = json_object();
	const json_t *layer, *other;
	bool mixed = false, everybody = false;
	size_t i, j;

	for (int wide = 0; wide < 3; wide++)
		json_array_foreach (im->layers, i, layer) {
			json_t *c = json_object_get(layer, "conditions");
			bool known = wideness(c) != wide;

			json_array_foreach (done, j, other) {
				known = known || json_equal(c, other);
				mixed = mixed || overlaps(c, other);
			}
			if (known)
				continue;
			rule_of(im,
			    json_string_value(json_object_get(layer, "where")),
			    c);
			json_array_append(done, c);
			everybody = everybody || json_object_size(c) == 0;
		}
	if (mixed)
		import_left(im, "rules",
		    "some ask for a sender and some for a login or client: who matches both gets the limits of the first");
	/* Whom nothing limited, nothing refused. */
	if (json_array_size(im->layers) > 0 && !everybody)
		rule_of(im, "everybody else", none);
	json_decref(none);
	json_decref(done);
	json_array_clear(im->layers);
}
