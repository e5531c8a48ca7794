/*
 * replay.c - feeds files to a fuzz target, for compilers that have no fuzzer.
 *
 * usage: replay FOLDER...  Every file of every folder, once.  Ends with 1 if
 * there was none: an empty run proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FILE_MAX (1 << 20)

static size_t fed;

static void
feed(const char *path)
{
	FILE *f = fopen(path, "r");
	uint8_t *data = malloc(FILE_MAX);
	size_t n;

	if (f == NULL || data == NULL) {
		perror(path);
		exit(1);
	}
	n = fread(data, 1, FILE_MAX, f);
	fclose(f);
	/* In memory of just its size, so that a byte too far is seen. */
	if (n > 0) {
		uint8_t *exact = realloc(data, n);

		data = exact != NULL ? exact : data;
	}
	(void)LLVMFuzzerTestOneInput(data, n);
	free(data);
	fed++;
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		DIR *d = opendir(argv[i]);
		struct dirent *e;
		char path[4096];

		if (d == NULL) {
			perror(argv[i]);
			return 1;
		}
		while ((e = readdir(d)) != NULL) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(
			    path, sizeof(path), "%s/%s", argv[i], e->d_name);
			feed(path);
		}
		closedir(d);
	}
	printf("%zu files\n", fed);
	return fed > 0 ? 0 : 1;
}
