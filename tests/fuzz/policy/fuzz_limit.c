/* fuzz_limit.c - whatever is taken for a limit must be written back as one. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limit.h"

static void
expect(bool truth)
{
	if (!truth)
		abort();
}

static void
limit_and_back(const char *text)
{
	char window[32], words[LIMIT_TEXT], again[64];
	struct limit l, m;
	struct why why = WHY_NONE;

	if (limit_parse(text, DIM_BYTES, &l, &why) == -1) {
		expect(why.text[0] != '\0');
		return;
	}
	expect(l.window.calendar || (l.window.length >= WINDOW_MIN &&
					l.window.length <= WINDOW_MAX));
	limit_text(&l, words, sizeof(words));
	expect(strlen(words) + 1 < sizeof(words));
	window_spec_text(&l.window, window, sizeof(window));
	snprintf(
	    again, sizeof(again), "%llu/%s", (unsigned long long)l.max, window);
	expect(limit_parse(again, DIM_BYTES, &m, &why) == 0);
	expect(l.max == m.max && window_spec_equal(&l.window, &m.window));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256];
	struct why why;
	int64_t ms;

	if (size >= sizeof(text))
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	limit_and_back(text);
	if (duration_parse(text, &ms, &why) == 0)
		expect(ms >= 0);
	return 0;
}
