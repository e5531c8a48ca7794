/*
 * fuzz_mailaddr.c - any bytes make a key that is its own key, and that may
 * stand in a log.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include "mailaddr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(bool ok)
{
	if (!ok)
		abort();
}

static void
check_printable(const char *text)
{
	check(u8_check((const uint8_t *)text, strlen(text)) == NULL);
	for (const char *p = text; *p != '\0'; p++)
		check((unsigned char)*p > ' ' && *p != 0x7f &&
		      strchr("\"\\()<>,;", *p) == NULL);
}

static void
check_address(const char *raw, size_t len, const char *delimiters)
{
	struct mailaddr once, twice;

	mailaddr_canon(&once, raw, len, delimiters);
	check_printable(once.text);
	check(once.at == strlen(once.text) || once.text[once.at] == '@');
	mailaddr_canon(&twice, once.text, strlen(once.text), delimiters);
	check(strcmp(once.text, twice.text) == 0 && once.at == twice.at);
}

static void
check_login(const char *raw, size_t len)
{
	char once[MAILADDR_MAX + 1], twice[MAILADDR_MAX + 1];
	char *text = strndup(raw, len);

	if (text == NULL)
		return;
	mailaddr_canon_login(once, sizeof(once), text, "");
	free(text);
	check_printable(once);
	mailaddr_canon_login(twice, sizeof(twice), once, "");
	check(strcmp(once, twice) == 0);
}

static void
check_domain(const char *raw, size_t len)
{
	char once[MAILADDR_MAX + 1], twice[MAILADDR_MAX + 1];
	bool ok = mailaddr_canon_domain(once, sizeof(once), raw, len);

	check_printable(once);
	check(mailaddr_canon_domain(twice, sizeof(twice), once, strlen(once)) ==
		  ok ||
	      once[0] == '#');
	check(strcmp(once, twice) == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *raw = (const char *)data;

	check_address(raw, size, "");
	check_address(raw, size, "+");
	check_address(raw, size, "=-");
	check_login(raw, size);
	check_domain(raw, size);
	return 0;
}
