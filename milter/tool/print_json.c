/*
 * print_json.c - answers for machines: the object as it is.
 *
 * On a terminal it is spread over lines for eyes, in a pipe it is one line
 * for one read.  Bytes outside ASCII are written as \u, so that no address
 * can steer a terminal.
 */
#include "tool.h"

static void
print(const struct screen *sc, const json_t *answer)
{
	size_t flags =
	    JSON_ENSURE_ASCII | (sc->pretty ? JSON_INDENT(2) : JSON_COMPACT);

	json_dumpf(answer, sc->out, flags);
	fputc('\n', sc->out);
}

static void
print_json_answer(
    const struct screen *sc, const struct command *c, const json_t *answer)
{
	(void)c;
	print(sc, answer);
}

static void
print_json_failure(
    const struct screen *sc, const struct command *c, const json_t *answer)
{
	(void)c;
	print(sc, answer);
}

const struct output output_json = {
	.answer = print_json_answer,
	.failure = print_json_failure,
};
