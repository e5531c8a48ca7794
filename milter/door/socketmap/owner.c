/*
 * owner.c - the processes that deliver, told apart: by machine, number and the
 * time of their start.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "owner.h"
#include "socketmap.h"

/* start_time - of a process, in the kernel's ticks (proc(5) stat); "" unseen */
static void
start_time(long pid, char *dst, size_t size)
{
	char path[64], line[1024], *p;
	FILE *f;

	dst[0] = '\0';
	snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
	f = fopen(path, "re");
	if (f == NULL)
		return;
	/* Field 22; the second, a name in brackets, may hold anything. */
	if (fgets(line, sizeof(line), f) != NULL &&
	    (p = strrchr(line, ')')) != NULL) {
		char *rest, *field = strtok_r(p + 1, " ", &rest);

		for (int n = 3; n < 22 && field != NULL; n++)
			field = strtok_r(NULL, " ", &rest);
		snprintf(dst, size, "%s", field != NULL ? field : "");
	}
	fclose(f);
}

/*
 * here - this machine and its process numbers, for a store may be shared and
 * two containers may have one name
 */
static void
here(char *dst, size_t size)
{
	char host[25] = "", space[64] = "";
	ssize_t n = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);

	(void)gethostname(host, sizeof(host) - 1);
	snprintf(dst, size, "%s-%lx:", host,
	    n > 5 ? strtoul(space + 5, NULL, 10) : 0); /* "pid:[NUMBER]" */
}

void
owner_name(pid_t pid, char dst[LEASE_OWNER])
{
	char place[32], started[16];

	here(place, sizeof(place));
	start_time(pid, started, sizeof(started));
	snprintf(dst, LEASE_OWNER, "%s%ld.%s", place, (long)pid, started);
}

enum gate_owner
socketmap_owner(const char *owner)
{
	char place[48], started[32];
	const char *dot;

	here(place, sizeof(place));
	if (strncmp(owner, place, strlen(place)) != 0)
		return OWNER_ELSEWHERE;
	owner += strlen(place);
	dot = strchr(owner, '.');
	if (dot == NULL || dot[1] == '\0')
		return OWNER_THERE;
	start_time(strtol(owner, NULL, 10), started, sizeof(started));
	return strcmp(started, dot + 1) == 0 ? OWNER_THERE : OWNER_GONE;
}
