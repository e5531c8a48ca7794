/*
 * sighting.c - a message is about to come: does it reach the milter?
 *
 * With "expect" it is waited for; without, how often it has come.
 */
#include <string.h>

#include "mailaddr.h"
#include "request.h"
#include "sighting.h"

json_t *
control_sighting(const struct request *rq)
{
	const char *sender = control_arg(rq, "sender");
	struct mailaddr a;

	if (sender == NULL)
		return control_failure("say who: sender", "sender is missing");
	mailaddr_canon(&a, sender, strlen(sender), "");
	if (obj_yes(rq->args, "expect"))
		sighting_expect(a.text);
	return json_pack(
	    "{s:b, s:i}", "ok", 1, "seen", (int)sighting_count(a.text));
}
