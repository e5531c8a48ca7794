/*
 * secrets_write.c - a changed secrets file takes the place of the old one
 * whole.
 *
 * Whoever reads it at any time, be it after a power cut, finds the old file
 * or the new one; and the new one was read back before.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "replace_file.h"
#include "secrets.h"
#include "secrets_write.h"
#include "secure_mem.h"
#include "trusted_file.h"

struct change {
	const char *file;
	struct trusted_file_owner owner;
	struct stat was; /* the old file, if exists */
	int exists;
	struct secure_mem text, changed;
	size_t text_len, changed_len;
	FILE *errors;
};

static int
secrets_write_wrong(const struct change *c, const char *what, const char *why)
{
	fprintf(c->errors, "%s: %s%s\n", c->file, what, why);
	return -1;
}

/* read_old - the text as it is; no file is an empty one */
static int
read_old(struct change *c)
{
	struct why why;
	ssize_t n = 0;
	int fd;

	c->exists = lstat(c->file, &c->was) == 0;
	if (!c->exists && errno != ENOENT)
		return secrets_write_wrong(c, "", strerror(errno));
	if (!c->exists)
		return secure_mem_new(&c->text, 1, &why) == -1
			   ? secrets_write_wrong(c, "", why.text)
			   : 0;
	fd = trusted_file_open(c->file, &c->owner, &why);
	if (fd == -1)
		return secrets_write_wrong(c, "", why.text);
	if (fstat(fd, &c->was) == -1)
		n = secrets_write_wrong(c, "", strerror(errno));
	else if (secure_mem_new(&c->text, (size_t)c->was.st_size + 1, &why) ==
		     -1 ||
		 (n = trusted_file_read(
		      fd, c->text.p, (size_t)c->was.st_size, &why)) == -1)
		n = secrets_write_wrong(c, "", why.text);
	close(fd);
	c->text_len = n == -1 ? 0 : (size_t)n;
	return n == -1 ? -1 : 0;
}

static int
change_text(struct change *c, const char *name, const char *value)
{
	struct why why;
	ssize_t n;

	if (secure_mem_new(
		&c->changed, secrets_edit_capacity(c->text_len), &why) == -1)
		return secrets_write_wrong(c, "", why.text);
	n = secrets_edit_change(
	    c->changed.p, c->text.p, c->text_len, name, value);
	if (n == -1) {
		fprintf(c->errors,
		    "%s: it has no secret \"%s\": `postmeterctl secret list` shows those there are\n",
		    c->file, name);
		return -1;
	}
	c->changed_len = (size_t)n;
	return 0;
}

/* secrets_write_tell - what is wrong with the file at path, as it would be in
 * its place */
static void
secrets_write_tell(const struct change *c, const char *path, char *text)
{
	char *rest = NULL;

	for (char *l = strtok_r(text, "\n", &rest); l != NULL;
	     l = strtok_r(NULL, "\n", &rest)) {
		if (strncmp(l, path, strlen(path)) == 0) {
			fputs(c->file, c->errors);
			l += strlen(path);
		}
		fprintf(c->errors, "%s\n", l);
	}
}

/* read_back - would the file at path be read as it stands? */
static int
read_back(void *arg, const char *path)
{
	const struct change *c = arg;
	struct secrets *s;
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	int rc;

	if (errors == NULL)
		return secrets_write_wrong(c, "", "out of memory");
	s = secrets_load(path, c->owner.uid, c->owner.gid, errors);
	fclose(errors);
	rc = s == NULL ? -1 : 0;
	if (rc == -1)
		secrets_write_tell(c, path, text);
	secrets_free(&s);
	free(text);
	return rc;
}

/* secrets_write_replace - owner and mode of the old file; or the daemon's alone
 */
static int
secrets_write_replace(struct change *c)
{
	struct replacement r = { .p = c->changed.p,
		.len = c->changed_len,
		.uid = c->owner.uid,
		.gid = c->owner.gid,
		.mode = 0600,
		.check = read_back,
		.arg = c };
	struct why why;

	if (c->exists) {
		r.uid = c->was.st_uid;
		r.gid = c->was.st_gid;
		r.mode = c->was.st_mode & 07777;
	} else if (geteuid() != 0) {
		r.uid = (uid_t)-1;
		r.gid = (gid_t)-1;
	}
	if (replace_file(c->file, &r, &why) == 0)
		return 0;
	return why.text[0] == '\0'
		   ? -1
		   : secrets_write_wrong(c, why.text, " (run as root?)");
}

/* lock_directory - one change at a time; the lock goes with the descriptor */
static int
lock_directory(const struct change *c)
{
	const char *slash = strrchr(c->file, '/');
	char *dir;
	int fd = -1;

	if (slash == NULL)
		return secrets_write_wrong(c, "", "want an absolute path");
	dir = strndup(c->file, (size_t)(slash - c->file) + 1);
	if (dir != NULL)
		fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(dir);
	if (fd == -1 || flock(fd, LOCK_EX) == -1) {
		secrets_write_wrong(c,
		    "its directory cannot be opened (make it, or run as root): ",
		    strerror(errno));
		if (fd != -1)
			close(fd);
		return -1;
	}
	return fd;
}

int
secrets_write(const char *file, uid_t uid, gid_t gid, const char *name,
    const char *value, FILE *errors)
{
	struct change c = {
		.file = file, .owner = { uid, gid }, .errors = errors
	};
	const int lock = lock_directory(&c);
	int rc = -1;

	if (lock == -1)
		return -1;
	if (read_old(&c) == 0 && change_text(&c, name, value) == 0)
		rc = secrets_write_replace(&c);
	secure_mem_free(&c.text);
	secure_mem_free(&c.changed);
	close(lock);
	return rc;
}
