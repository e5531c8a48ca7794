/*
 * fuzz_sendmail_key.c - any bytes as a key: the parts lie inside it, in order,
 * and put together again they are the key.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sendmail_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct sendmail_key k;
	struct bytes before;

	if (!sendmail_parse((struct bytes){ p, size }, &k))
		return 0;
	assert(k.id.p == p);
	assert(k.sender.p == p + k.id.len + 1);
	assert(k.about.p == k.sender.p + k.sender.len + 2);
	before = k.rcpt.p != NULL ? k.rcpt : k.about;
	assert(k.envid.p == before.p + before.len + 1);
	assert(k.envid.p + k.envid.len == p + size);
	assert(k.sender.p[-1] == '<' && k.sender.p[k.sender.len] == '>');
	assert(k.about.p[-1] == '<' && k.about.p[k.about.len] == '>');
	(void)sendmail_is_notice(k.sender);
	(void)sendmail_is_mark(k.envid);
	return 0;
}
