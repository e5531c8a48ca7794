/*
 * fuzz_secrets.c - any bytes as secrets.conf, from the first one on or from
 * the middle of a password: no value is ever quoted, and what is given is
 * what the rules allow.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "secrets.h"

#define CANARY "cAnArY"
#define BEGIN "secret \"a\" { password = \"" CANARY

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static char dir[] = "/tmp/pm-fuzz-XXXXXX", path[64];

static void
remove_dir(void)
{
	unlink(path);
	rmdir(dir);
}

static void
write_file(bool inside, const uint8_t *data, size_t len)
{
	FILE *f;

	if (path[0] == '\0') {
		if (mkdtemp(dir) == NULL)
			abort();
		snprintf(path, sizeof(path), "%s/secrets.conf", dir);
		atexit(remove_dir);
	}
	f = fopen(path, "w");
	if (f != NULL && inside)
		fputs(BEGIN, f);
	if (f == NULL || fwrite(data, 1, len, f) != len || fclose(f) != 0 ||
	    chmod(path, 0600) == -1)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	char *said = NULL, value[SECRET_MAX + 1];
	size_t size = 0;
	struct secrets *s;
	FILE *f;
	ssize_t n;

	if (memmem(data, len, CANARY, strlen(CANARY)) != NULL)
		return 0; /* as a name it may be said */
	f = open_memstream(&said, &size);
	if (f == NULL)
		abort();
	write_file(len % 2 == 0, data, len);
	s = secrets_load(path, getuid(), getgid(), f);
	fclose(f);
	if ((s == NULL) != (size > 0) || strstr(said, CANARY) != NULL)
		abort();
	if (s != NULL && (n = secrets_get(s, "a", value, sizeof(value))) != -1)
		for (ssize_t i = 0; i < n; i++)
			if (value[i] == '\n' || value[i] == '\r' ||
			    value[i] == '\0')
				abort();
	secrets_free(&s);
	free(said);
	return 0;
}
