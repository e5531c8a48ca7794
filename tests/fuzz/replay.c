/*
 * replay.c - runs a fuzz target over files, with any compiler.
 *
 * Seeds are what once broke a parser, or nearly so: they belong to the suite
 * on every machine, not only where libFuzzer is.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int seeds;

/* replay - one file, in a buffer of exactly its size: sanitizers see its end */
static int
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size;
	int rc = -1;

	if (f == NULL)
		return -1;
	if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 &&
	    fseek(f, 0, SEEK_SET) == 0 &&
	    (data = malloc((size_t)size + (size == 0))) != NULL &&
	    fread(data, 1, (size_t)size, f) == (size_t)size) {
		(void)LLVMFuzzerTestOneInput(data, (size_t)size);
		printf("ok %d - %s\n", ++seeds, path);
		rc = 0;
	}
	free(data);
	fclose(f);
	return rc;
}

int
main(int argc, char **argv)
{
	struct dirent *entry;
	char path[4096];
	DIR *dir;
	int rc = 0;

	if (argc != 2 || (dir = opendir(argv[1])) == NULL) {
		fprintf(stderr, "usage: %s FOLDER of seeds\n", argv[0]);
		return 64;
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		fflush(stdout);
		if (replay(path) == -1) {
			printf("not ok - %s cannot be read\n", path);
			rc = 1;
		}
	}
	closedir(dir);
	return rc;
}
