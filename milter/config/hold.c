/*
 * hold.c - mail that is held: how long, how much, what then, how fast it goes.
 */
#include "limit.h"
#include "reader.h"

#define USUAL (3 * DAY)
#define LONGEST (30 * DAY)

void
read_hold(struct reading *r, cfg_t *root)
{
	static const char *const end[] = { "return", "keep", NULL };
	const struct conf_value *span = read_one(root, "hold-for");
	struct config *conf = r->conf;
	char text[SHOWN];
	struct why why;

	conf->hold_for = USUAL;
	if (span != NULL &&
	    (duration_parse(span->text, &conf->hold_for, &why) == -1 ||
		conf->hold_for < HOUR || conf->hold_for > LONGEST))
		diag_error(&r->m, span->line,
		    "hold-for = \"%s\": write a span such as 3d, from 1h to 30d",
		    shown(text, span));
	conf->hold_max = read_number(r, root, "hold-max", 1, 10000, 100);
	conf->hold_keeps = read_choice(r, root, "hold-end", end, 0) == 1;
	conf->release_rate = read_number(r, root, "release-rate", 0, 10000, 10);
}
