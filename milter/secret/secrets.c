/*
 * secrets.c - the passwords of the smarthosts, which go from a checked file
 * into locked memory and from there only into an auth reply.
 *
 * The text of the file is read into locked memory and scanned where it lies;
 * the library that reads the other files never sees it.  What is kept then
 * moves into one arena and the text is wiped.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <unistr.h>

#include "grammar.h"
#include "name.h"
#include "secrets.h"
#include "secure_mem.h"
#include "trusted_file.h"

#define FILE_LARGEST (1024 * 1024)
#define NAME_LONGEST 64
#define CREDENTIAL "credential:"

struct secret {
	char *name;
	const char *value; /* in the arena */
	size_t len;
};

struct secrets {
	struct secure_mem arena;
	size_t used; /* bytes of the arena */
	size_t n;
	struct secret *secret;
};

/* Names for the grammar; libconfuse itself does not read this file. */
static cfg_opt_t secret_options[] = {
	CFG_STR("password", NULL, CFGF_NODEFAULT),
	CFG_STR("file", NULL, CFGF_NODEFAULT),
	CFG_END(),
};

static cfg_opt_t options[] = {
	CFG_SEC("secret", secret_options, CFGF_MULTI | CFGF_TITLE),
	CFG_END(),
};

struct loading {
	struct secrets *s;
	struct trusted_file_owner owner;
	struct conf_items items;
	struct diag m;
};

/* A token as what it means; it lies in the locked text. */
struct value {
	char *p; /* terminated; NULL: it was not given */
	size_t len;
	unsigned line;
};

/* One section. */
struct given {
	struct value name, password, file;
};

/* --- files --------------------------------------------------------------- */

/*
 * read_locked - a checked file of at most largest bytes into locked memory.
 * Its length, or -1 and why.
 */
static ssize_t
read_locked(const char *path, const struct trusted_file_owner *owner,
    size_t largest, struct secure_mem *mem_r, struct why *why)
{
	const int fd = trusted_file_open(path, owner, why);
	struct stat st;
	ssize_t n = -1;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || st.st_size < 0 ||
	    (size_t)st.st_size > largest)
		why_set(why, "it is larger than %zu bytes", largest);
	else if (secure_mem_new(mem_r, (size_t)st.st_size + 1, why) == 0 &&
		 (n = trusted_file_read(
		      fd, mem_r->p, (size_t)st.st_size, why)) == -1)
		secure_mem_free(mem_r);
	close(fd);
	return n;
}

/* file_path - what file = "..." stands for; NULL and why if for nothing */
static char *
file_path(const char *file, struct why *why)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	const char *name = file + strlen(CREDENTIAL);
	char *path = NULL;

	if (strncmp(file, CREDENTIAL, strlen(CREDENTIAL)) != 0)
		path = strdup(file);
	else if (directory == NULL)
		why_set(why,
		    "there are no credentials: start it as a service with LoadCredential=");
	else if (name[0] == '\0' || name[0] == '.' || strchr(name, '/') != NULL)
		why_set(why,
		    "a credential's name has no \"/\" and does not begin with a dot");
	else if (asprintf(&path, "%s/%s", directory, name) == -1)
		path = NULL;
	if (path == NULL && why->text[0] == '\0')
		why_set(why, "out of memory");
	return path;
}

/* --- values -------------------------------------------------------------- */

const char *
secrets_value_unfit(const char *p, size_t len)
{
	if (len == 0)
		return "it is empty";
	if (len > SECRET_MAX)
		return "it is longer than 4096 bytes";
	if (memchr(p, '\n', len) != NULL)
		return "it has more than one line: write it on one";
	if (memchr(p, '\r', len) != NULL)
		return "it holds a carriage return: save the file with UNIX line ends";
	if (memchr(p, '\0', len) != NULL)
		return "it holds a NUL byte";
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
			return "it holds a control character: was it pasted with something else?";
	if (u8_check((const uint8_t *)p, len) != NULL)
		return "it is not valid UTF-8";
	/* Bytes that look like nothing, as web pages have between letters. */
	if (memmem(p, len, "\xc2\xa0", 2) != NULL)
		return "it holds a no-break space, as it was pasted: type the blanks, or leave them out";
	if (memmem(p, len, "\xef\xbb\xbf", 3) != NULL ||
	    memmem(p, len, "\xe2\x80\x8b", 3) != NULL)
		return "it holds a sign that is not to be seen, as it was pasted: type it instead";
	return NULL;
}

/* store_value - moves a value into the arena, whose capacity was counted */
static void
store_value(struct loading *l, struct secret *secret, unsigned line,
    const char *p, size_t len)
{
	const char *why = secrets_value_unfit(p, len);

	if (why != NULL) {
		diag_error(&l->m, line, "secret \"%s\": %s", secret->name, why);
		return;
	}
	secret->value = memcpy(l->s->arena.p + l->s->used, p, len);
	secret->len = len;
	l->s->used += len;
}

static void
take_file(struct loading *l, struct secret *secret, const struct value *v)
{
	struct why why = WHY_NONE;
	char *path = file_path(v->p, &why);
	struct secure_mem mem = { .p = NULL };
	ssize_t n = -1;

	if (path != NULL)
		n = read_locked(path, &l->owner, SECRET_MAX + 1, &mem, &why);
	if (n == -1)
		diag_error(&l->m, v->line, "secret \"%s\": its file: %s",
		    secret->name, why.text);
	else
		store_value(l, secret, v->line, mem.p,
		    (size_t)n - (n > 0 && mem.p[n - 1] == '\n'));
	secure_mem_free(&mem);
	free(path);
}

bool
secrets_name_good(const char *name)
{
	return name_is_good(name, false, NAME_LONGEST);
}

static const struct secret *
secrets_find(const struct secrets *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->secret[i].name, name) == 0)
			return &s->secret[i];
	return NULL;
}

static void
take_secret(struct loading *l, const struct given *g)
{
	struct secret *secret = &l->s->secret[l->s->n];
	const char *name = g->name.p;

	if (!secrets_name_good(name))
		diag_error(&l->m, g->name.line,
		    "a secret's name is made of " NAME_OF_ANY
		    ", the first not -");
	else if (secrets_find(l->s, name) != NULL)
		diag_error(&l->m, g->name.line,
		    "secret \"%s\" is there already: keep one", name);
	else if ((g->password.p == NULL) == (g->file.p == NULL))
		diag_error(&l->m, g->name.line,
		    "secret \"%s\": write either password = \"...\" or file = \"...\"",
		    name);
	else if ((secret->name = strdup(name)) == NULL)
		diag_error(&l->m, g->name.line, "out of memory");
	else
		l->s->n++;
	if (secret->name == NULL)
		return;
	if (g->password.p != NULL)
		store_value(l, secret, g->password.line, g->password.p,
		    g->password.len);
	else
		take_file(l, secret, &g->file);
}

/*
 * secrets_value_of - decoded where it lies.  The end mark overwrites the quote,
 * or what follows a word, which was scanned before.
 */
static struct value
secrets_value_of(char *text, const struct token *t)
{
	struct value v = { .p = text + (t->p - text), .line = t->line };

	v.len = token_value(t, v.p);
	/* NOLINTNEXTLINE(clang-analyzer-core*): it points into the text */
	v.p[v.len] = '\0';
	return v;
}

/* secrets_count - sections, and those that name a file */
static size_t
secrets_count(const struct conf_items *items, size_t *files_r)
{
	size_t n = 0;

	*files_r = 0;
	for (size_t i = 0; i < items->n; i++) {
		n += items->v[i].kind == CONF_SECTION_BEGINS;
		*files_r += items->v[i].kind == CONF_OPTION &&
			    token_is(&items->v[i].name, "file");
	}
	return n;
}

static void
take_sections(struct loading *l, char *text)
{
	struct given g = { .name = { NULL, 0, 0 } };
	struct value *to = &g.password;

	for (size_t i = 0; i < l->items.n; i++) {
		const struct conf_item *item = &l->items.v[i];

		switch (item->kind) {
		case CONF_SECTION_BEGINS:
			g = (struct given){ .name = secrets_value_of(
						text, &item->value) };
			break;
		case CONF_OPTION:
			to = token_is(&item->name, "file") ? &g.file
							   : &g.password;
			break;
		case CONF_VALUE:
			*to = secrets_value_of(text, &item->value);
			break;
		case CONF_SECTION_ENDS:
			if (g.name.p != NULL)
				take_secret(l, &g);
			break;
		}
	}
}

/* take_all - every section; the arena holds the largest they could be */
static void
take_all(struct loading *l, char *text, size_t len)
{
	struct why why;
	size_t files;
	const size_t n = secrets_count(&l->items, &files);

	l->s->secret = calloc(n + 1, sizeof(*l->s->secret));
	if (l->s->secret == NULL)
		diag_error(&l->m, 0, "out of memory");
	else if (secure_mem_new(&l->s->arena, len + files * SECRET_MAX, &why) ==
		 -1)
		diag_error(&l->m, 0, "%s", why.text);
	else
		take_sections(l, text);
}

/* --- the file ------------------------------------------------------------ */

struct secrets *
secrets_load(const char *file, uid_t uid, gid_t gid, FILE *errors)
{
	struct loading l = { .owner = { uid, gid },
		.m = { .file = file, .out = errors, .discreet = true } };
	struct secure_mem text = { .p = NULL };
	struct why why;
	const ssize_t n =
	    read_locked(file, &l.owner, FILE_LARGEST, &text, &why);

	if (n == -1) {
		diag_error(&l.m, 0, "%s", why.text);
		return NULL;
	}
	l.s = calloc(1, sizeof(*l.s));
	if (l.s == NULL)
		diag_error(&l.m, 0, "out of memory");
	else if (grammar_read(&l.items, text.p, (size_t)n, options, &l.m) == 0)
		take_all(&l, text.p, (size_t)n);
	grammar_free(&l.items);
	secure_mem_free(&text);
	if (l.m.n > 0)
		secrets_free(&l.s);
	return l.s;
}

void
secrets_free(struct secrets **sp)
{
	struct secrets *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		free(s->secret[i].name);
	free(s->secret);
	secure_mem_free(&s->arena);
	free(s);
}

ssize_t
secrets_get(const struct secrets *s, const char *name, char *dst, size_t size)
{
	const struct secret *secret = secrets_find(s, name);

	if (secret == NULL || secret->len >= size)
		return -1;
	memcpy(dst, secret->value, secret->len);
	dst[secret->len] = '\0';
	return (ssize_t)secret->len;
}

bool
secrets_has(const struct secrets *s, const char *name)
{
	return secrets_find(s, name) != NULL;
}
