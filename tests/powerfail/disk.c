/*
 * disk.c - a disk that loses its power.
 *
 * The harshest disk that POSIX allows: each file is on its own, a name is safe
 * only when its directory was synced, and sectors of 512 bytes come in any
 * order. One thing is not taken back: bytes beside those that were written.
 */
#include "disk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "random.h"

#define SECTOR 512
#define OPS 65536
#define BYTES ((size_t)256 << 20)
#define NAME 64
#define FILES 128

enum kind { CREATE, WRITE, TRUNCATE, SYNC, UNLINK, ASKED, ANSWERED };

struct op {
	enum kind kind;
	char name[NAME]; /* "" is the directory itself */
	off_t at;        /* WRITE: where; TRUNCATE: the new length */
	size_t len;
	size_t data;
	size_t upto; /* SYNC: what was done before it began */
};

/* In memory that all processes share. */
static struct tape {
	size_t nop, used;
	struct op op[OPS];
	uint8_t data[BYTES];
} * tape;

static char directory[PATH_MAX];
static bool recording;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const char *const disk_loss_name[DISK_LOSSES] = {
	[LOSE_ALL] = "all",
	[LOSE_NOTHING] = "nothing",
	[LOSE_EARLY] = "the early ones",
	[LOSE_SECTORS] = "some sectors",
	[LOSE_END] = "the end",
	[LOSE_CONTENTS] = "the contents",
};

/* --- the record ----------------------------------------------------------- */

static void
too_much(const char *what)
{
	fprintf(stderr, "disk: too many %s\n", what);
	abort();
}

static void
record(enum kind kind, const char *name, off_t at, const void *p, size_t len,
    size_t upto)
{
	struct op *op = &tape->op[tape->nop];

	if (tape->nop == OPS)
		too_much("operations");
	if (p != NULL && len > BYTES - tape->used)
		too_much("bytes");
	*op = (struct op){ .kind = kind,
		.at = at,
		.len = len,
		.data = tape->used,
		.upto = upto };
	snprintf(op->name, sizeof(op->name), "%s", name);
	if (p != NULL) {
		memcpy(tape->data + tape->used, p, len);
		tape->used += len;
	}
	tape->nop++;
}

/* The name in the directory, "" for itself, NULL if the path is elsewhere. */
static const char *
name_of_path(const char *path)
{
	size_t n = strlen(directory);

	if (!recording || strncmp(path, directory, n) != 0)
		return NULL;
	if (path[n] == '\0')
		return "";
	/* Nobody but processes that are alive shares memory through it. */
	if (path[n] != '/' || strstr(path, "-shm") != NULL ||
	    strstr(path, " (deleted)") != NULL)
		return NULL;
	return path + n + 1;
}

static const char *
name_of(int fd, char path[PATH_MAX])
{
	char link[64];
	ssize_t n;

	if (!recording)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, PATH_MAX - 1);
	if (n == -1)
		return NULL;
	path[n] = '\0';
	return name_of_path(path);
}

void
disk_record(const char *where)
{
	if (tape != NULL)
		munmap(tape, sizeof(*tape));
	tape = mmap(NULL, sizeof(*tape), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (tape == MAP_FAILED)
		abort();
	snprintf(directory, sizeof(directory), "%s", where);
	recording = true;
}

size_t
disk_stop(void)
{
	recording = false;
	return tape->nop;
}

void
disk_die(void)
{
	pthread_mutex_lock(&lock);
	_exit(0);
}

static void
mark(enum kind kind)
{
	pthread_mutex_lock(&lock);
	record(kind, "", 0, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
}

void
disk_asked(void)
{
	mark(ASKED);
}

void
disk_answered(void)
{
	mark(ANSWERED);
}

/* --- in front of libc ----------------------------------------------------- */

static int
open_it(const char *path, int flags, mode_t mode)
{
	const char *name;
	struct stat st;
	int fd;

	pthread_mutex_lock(&lock);
	name = (flags & O_CREAT) != 0 && stat(path, &st) == -1
		   ? name_of_path(path)
		   : NULL;
	fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	if (fd != -1 && name != NULL)
		record(CREATE, name, 0, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
	return fd;
}

#define OPEN(name)                                                             \
	int name(const char *path, int flags, ...)                             \
	{                                                                      \
		mode_t mode;                                                   \
		va_list ap;                                                    \
                                                                               \
		va_start(ap, flags);                                           \
		mode = flags & O_CREAT ? va_arg(ap, mode_t) : 0;               \
		va_end(ap);                                                    \
		return open_it(path, flags, mode);                             \
	}

OPEN(open)
OPEN(open64)

static ssize_t
write_it(int fd, const void *p, size_t len, off_t at)
{
	char path[PATH_MAX];
	const char *name;
	ssize_t n;

	pthread_mutex_lock(&lock);
	name = name_of(fd, path);
	n = syscall(SYS_pwrite64, fd, p, len, at);
	if (n > 0 && name != NULL)
		record(WRITE, name, at, p, (size_t)n, 0);
	pthread_mutex_unlock(&lock);
	return n;
}

ssize_t
pwrite(int fd, const void *p, size_t len, off_t at)
{
	return write_it(fd, p, len, at);
}

ssize_t
pwrite64(int fd, const void *p, size_t len, off64_t at)
{
	return write_it(fd, p, len, at);
}

ssize_t
write(int fd, const void *p, size_t len)
{
	char path[PATH_MAX];
	off_t at;

	if (name_of(fd, path) == NULL)
		return syscall(SYS_write, fd, p, len);
	at = lseek(fd, (off_t)len, SEEK_CUR);
	return write_it(fd, p, len, at - (off_t)len);
}

static int
truncate_it(int fd, off_t len)
{
	char path[PATH_MAX];
	const char *name;
	int rc;

	pthread_mutex_lock(&lock);
	name = name_of(fd, path);
	rc = (int)syscall(SYS_ftruncate, fd, len);
	if (rc == 0 && name != NULL)
		record(TRUNCATE, name, len, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
ftruncate(int fd, off_t len)
{
	return truncate_it(fd, len);
}

int
ftruncate64(int fd, off64_t len)
{
	return truncate_it(fd, len);
}

/* Others go on meanwhile; what they write is not part of it. */
static int
sync_it(int fd)
{
	char path[PATH_MAX];
	const char *name;
	size_t upto;
	int rc;

	pthread_mutex_lock(&lock);
	name = name_of(fd, path);
	upto = recording ? tape->nop : 0;
	pthread_mutex_unlock(&lock);
	if (name == NULL)
		return 0;
	rc = (int)syscall(SYS_fdatasync, fd);
	pthread_mutex_lock(&lock);
	record(SYNC, name, 0, NULL, 0, upto);
	pthread_mutex_unlock(&lock);
	return rc;
}

int
fdatasync(int fd)
{
	return sync_it(fd);
}

int
fsync(int fd)
{
	return sync_it(fd);
}

int
unlink(const char *path)
{
	const char *name;
	int rc;

	pthread_mutex_lock(&lock);
	name = name_of_path(path);
	rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);
	if (rc == 0 && name != NULL)
		record(UNLINK, name, 0, NULL, 0, 0);
	pthread_mutex_unlock(&lock);
	return rc;
}

/* --- a disk --------------------------------------------------------------- */

struct pending {
	size_t *op;
	size_t n, capacity;
};

struct file {
	const char *name;
	bool there; /* for the processes */
	bool named; /* on the disk */
	uint8_t *bytes;
	size_t len, capacity;
	struct pending pending;
};

/* A name that comes or goes. */
struct naming {
	size_t op;
	struct file *file;
};

struct disk {
	size_t nfile, nnaming;
	struct file file[FILES];
	struct naming naming[FILES * 2]; /* pending ones */
};

static void
pend(struct pending *list, size_t op)
{
	if (list->n == list->capacity) {
		list->capacity = list->capacity * 2 + 16;
		list->op =
		    realloc(list->op, list->capacity * sizeof(*list->op));
		if (list->op == NULL)
			abort();
	}
	list->op[list->n++] = op;
}

/* The file that processes see by this name, made if there is none. */
static struct file *
file_of(struct disk *d, const char *name)
{
	for (size_t i = 0; i < d->nfile; i++)
		if (d->file[i].there && strcmp(d->file[i].name, name) == 0)
			return &d->file[i];
	if (d->nfile == FILES)
		too_much("files");
	d->file[d->nfile] = (struct file){ .name = name, .there = true };
	return &d->file[d->nfile++];
}

/* The file grows or shrinks to len; new bytes are zeros. */
static void
resize(struct file *f, size_t len)
{
	if (len > f->capacity) {
		f->capacity = len * 2;
		f->bytes = realloc(f->bytes, f->capacity);
		if (f->bytes == NULL)
			abort();
	}
	if (len > f->len)
		memset(f->bytes + f->len, 0, len - f->len);
	f->len = len;
}

static void
put(struct file *f, const uint8_t *p, size_t at, size_t len)
{
	if (at + len > f->len)
		resize(f, at + len);
	memcpy(f->bytes + at, p, len);
}

static void
apply(struct file *f, const struct op *op)
{
	if (op->kind == TRUNCATE)
		resize(f, (size_t)op->at);
	else
		put(f, tape->data + op->data, (size_t)op->at, op->len);
}

static void
pend_name(struct disk *d, size_t op)
{
	struct file *f = file_of(d, tape->op[op].name);

	f->there = tape->op[op].kind == CREATE;
	d->naming[d->nnaming++] = (struct naming){ op, f };
}

static void
apply_name(struct disk *d, const struct naming *to)
{
	bool made = tape->op[to->op].kind == CREATE;

	for (size_t i = 0; made && i < d->nfile; i++)
		if (strcmp(d->file[i].name, to->file->name) == 0)
			d->file[i].named = false;
	to->file->named = made;
}

/* What was done to the file before op upto is safe. */
static void
settle(struct file *f, size_t upto)
{
	struct pending *list = &f->pending;
	size_t kept = 0;

	for (size_t i = 0; i < list->n; i++) {
		if (list->op[i] >= upto)
			list->op[kept++] = list->op[i];
		else
			apply(f, &tape->op[list->op[i]]);
	}
	list->n = kept;
}

static void
settle_names(struct disk *d, size_t upto)
{
	size_t kept = 0;

	for (size_t i = 0; i < d->nnaming; i++) {
		if (d->naming[i].op >= upto)
			d->naming[kept++] = d->naming[i];
		else
			apply_name(d, &d->naming[i]);
	}
	d->nnaming = kept;
}

static void
play(struct disk *d, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct op *op = &tape->op[i];

		switch (op->kind) {
		case CREATE:
		case UNLINK:
			pend_name(d, i);
			break;
		case WRITE:
		case TRUNCATE:
			pend(&file_of(d, op->name)->pending, i);
			break;
		case SYNC:
			if (op->name[0] == '\0')
				settle_names(d, op->upto);
			else
				settle(file_of(d, op->name), op->upto);
			break;
		case ASKED:
		case ANSWERED:
			break;
		}
	}
}

/* --- what may be left of it ----------------------------------------------- */

/* Is the i-th of n things that were not synced there, as a whole? */
static bool
survives(enum disk_loss loss, size_t i, size_t cut, uint64_t *chance)
{
	if (loss == LOSE_EARLY)
		return i >= cut;
	if (loss == LOSE_SECTORS)
		return random_percent(chance, 50);
	return loss == LOSE_NOTHING || loss == LOSE_END;
}

static void
put_sectors(struct file *f, const struct op *op, unsigned percent, size_t end,
    uint64_t *chance)
{
	size_t at = (size_t)op->at, stop = at + op->len;

	while (at < stop) {
		size_t next = (at / SECTOR + 1) * SECTOR;

		if (next > stop)
			next = stop;
		if (at < end && random_percent(chance, percent))
			put(f, tape->data + op->data + (at - (size_t)op->at),
			    at, next - at);
		at = next;
	}
}

/* A multiple of 512 within what was written. */
static size_t
torn_at(const struct op *op, uint64_t *chance)
{
	size_t first = (size_t)op->at / SECTOR;
	size_t last = ((size_t)op->at + op->len) / SECTOR;

	return (first + random_below(chance, last - first + 1)) * SECTOR;
}

static void
lose(struct file *f, enum disk_loss loss, uint64_t *chance)
{
	const struct pending *list = &f->pending;
	size_t cut = list->n == 0 ? 0 : random_below(chance, list->n + 1);
	unsigned percent = (unsigned)random_below(chance, 101);

	for (size_t i = 0; i < list->n; i++) {
		const struct op *op = &tape->op[list->op[i]];
		size_t end = (size_t)op->at + op->len;

		if (op->kind == TRUNCATE || loss < LOSE_SECTORS) {
			if (survives(loss, i, cut, chance))
				apply(f, op);
		} else if (loss == LOSE_CONTENTS) {
			resize(f, end > f->len ? end : f->len);
		} else if (loss == LOSE_SECTORS) {
			put_sectors(f, op, percent, end, chance);
		} else {
			if (i + 1 == list->n)
				end = torn_at(op, chance);
			put_sectors(f, op, 100, end, chance);
		}
	}
}

static void
lose_names(struct disk *d, enum disk_loss loss, uint64_t *chance)
{
	size_t cut = random_below(chance, d->nnaming + 1);

	if (loss == LOSE_CONTENTS)
		loss = LOSE_SECTORS;
	for (size_t i = 0; i < d->nnaming; i++)
		if (survives(loss, i, cut, chance))
			apply_name(d, &d->naming[i]);
}

enum disk_loss
disk_any_loss(uint64_t *chance)
{
	return (enum disk_loss)random_below(chance, DISK_LOSSES);
}

static void
empty_directory(void)
{
	DIR *dir = opendir(directory);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		unlinkat(dirfd(dir), e->d_name, 0);
	closedir(dir);
}

static void
make_file(const struct file *f)
{
	char path[PATH_MAX + NAME + 1];
	FILE *to;

	snprintf(path, sizeof(path), "%s/%s", directory, f->name);
	to = fopen(path, "w");
	if (to == NULL ||
	    (f->len > 0 && fwrite(f->bytes, f->len, 1, to) != 1) ||
	    fclose(to) != 0)
		abort();
}

/* --- promises ------------------------------------------------------------- */

static bool
is_pending(const struct disk *d, size_t op)
{
	const char *name = tape->op[op].name;

	for (size_t i = 0; i < d->nfile; i++) {
		const struct pending *list = &d->file[i].pending;

		if (!d->file[i].there || strcmp(d->file[i].name, name) != 0)
			continue;
		for (size_t k = 0; k < list->n; k++)
			if (list->op[k] == op)
				return true;
	}
	return false;
}

static struct disk_promises
promises(const struct disk *d, size_t n, const char *stem)
{
	struct disk_promises p = { 0 };
	bool all = true;

	for (size_t i = 0; i < n; i++) {
		const struct op *op = &tape->op[i];

		p.asked += op->kind == ASKED;
		p.answered += op->kind == ANSWERED;
		/* What is written at the front of a file is its header. */
		if (op->kind != WRITE || op->at == 0 ||
		    strstr(op->name, stem) == NULL)
			continue;
		all = all && !is_pending(d, i);
		p.kept += all;
	}
	return p;
}

struct disk_promises
disk_image(size_t n, enum disk_loss loss, const char *stem, uint64_t *chance)
{
	struct disk d = { 0 };
	struct disk_promises p;
	/* Half of them lose in every file in a way of its own. */
	bool same = random_percent(chance, 50);

	play(&d, n);
	p = promises(&d, n, stem);
	lose_names(&d, loss, chance);
	empty_directory();
	for (size_t i = 0; i < d.nfile; i++) {
		struct file *f = &d.file[i];

		lose(f, same ? loss : disk_any_loss(chance), chance);
		if (f->named)
			make_file(f);
	}
	for (size_t i = 0; i < d.nfile; i++) {
		free(d.file[i].bytes);
		free(d.file[i].pending.op);
	}
	return p;
}
