/*
 * fuzz_redis_reply.c - the server of a shared store may say anything; what is
 * taken for the decision on a bill must be about that bill.
 */
#include <hiredis/hiredis.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "store/redis/call.h"

static void
expect(bool truth)
{
	if (!truth)
		abort();
}

static void
expect_about(const struct bill *b, size_t line, size_t limit)
{
	expect(line < b->nline);
	expect(limit < b->line[line].policy->nlimit);
}

static void
expect_shortfall(const struct bill *b, const struct shortfall *s)
{
	expect(s->what <= SHORT_NEVER);
	expect_about(b, s->line, s->limit);
}

static void
judge(const struct bill *b, const redisReply *r)
{
	struct decision d;

	if (!redis_decision(b, r, &d))
		return;
	expect(d.choice < b->nchoice);
	expect_shortfall(b, &d.shortfall);
	expect_shortfall(b, &d.observed);
	expect(d.nwarning <= BILL_WARNINGS);
	for (size_t i = 0; i < d.nwarning; i++)
		expect_about(b, d.warning[i].line, d.warning[i].limit);
}

/* Nine bytes are an element: an integer, a text of as many bytes, or nil. */
#define ELEMENT 9
#define ELEMENTS 128

static void
read_element(redisReply *r, const uint8_t *data)
{
	memcpy(&r->integer, data + 1, 8);
	r->type = data[0] == 0   ? REDIS_REPLY_INTEGER
		  : data[0] == 1 ? REDIS_REPLY_STRING
				 : REDIS_REPLY_NIL;
	if (r->type != REDIS_REPLY_STRING)
		return;
	r->str = strndup((const char *)data + 1, 8);
	expect(r->str != NULL);
	r->len = strlen(r->str);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct policy staff = { .nlimit = 2 },
				   account = { .nlimit = 1 };
	const struct bill b = {
		.nline = 3,
		.ncommon = 1,
		.nchoice = 2,
		.line = { { .policy = &staff }, { .policy = &account },
		    { .policy = &account } },
		.choice = { { .first = 1, .n = 1 }, { .first = 2, .n = 1 } },
	};
	redisReply element[ELEMENTS] = { 0 }, *list[ELEMENTS];
	redisReply r = { .type = REDIS_REPLY_ARRAY, .element = list };

	for (; size >= ELEMENT && r.elements < ELEMENTS; r.elements++) {
		list[r.elements] = &element[r.elements];
		read_element(&element[r.elements], data);
		data += ELEMENT;
		size -= ELEMENT;
	}
	judge(&b, &r);
	for (size_t i = 0; i < r.elements; i++)
		free(element[i].str);
	return 0;
}
