/*
 * fuzz_refusal.c - whatever a provider says, it is read within bounds, and an
 * address in it never becomes its words.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "refusal_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const providers[] = { "", "google-workspace",
		"microsoft-365", "mailgun" };
	static struct refusals *all;
	static struct refusal_reply reply;
	struct refusal means;
	char *text;

	if (all == NULL && (all = refusals_load("", stderr)) == NULL)
		abort();
	text = malloc(size + 1);
	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	for (size_t i = 0; i < 4; i++) {
		if (!refusal_read_postfix(text, &reply) &&
		    !refusal_read(text, SAID_DATA, &reply))
			break;
		if (strlen(reply.text) >= sizeof(reply.text) ||
		    strchr(reply.text, '@') != NULL)
			abort();
		refusal_match(all, providers[i], &reply, DAY, &means);
		if (means.until != 0 &&
		    (means.until < DAY + REFUSAL_SHORTEST ||
			means.until > DAY + REFUSAL_LONGEST))
			abort();
	}
	free(text);
	return 0;
}
