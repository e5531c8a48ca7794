/*
 * cmd_secret.c - the passwords in the administrator's hands.
 *
 * A password comes from the terminal, unseen, or from standard input; never
 * from the command line, which everybody on the machine can read.  What is told
 * about one is its name, where it comes from and how long it is.
 */
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <termios.h>
#include <unistd.h>

#include "credentials.h"
#include "print_table.h"
#include "name.h"
#include "secrets.h"
#include "secrets_write.h"
#include "secure_mem.h"
#include "tool.h"
#include "trusted_file.h"

#define INTERRUPT '\003' /* ^C */
#define LINE_ROOM (SECRET_MAX + 16)

struct secret_task {
	const struct config *conf;
	uid_t uid;
	gid_t gid;
	json_t **answer_r;
};

static int
secret_failed(const struct secret_task *k, int code, json_t *answer)
{
	*k->answer_r = answer;
	return code;
}

/* --- reading a password -------------------------------------------------- */

/*
 * secret_read_line - one line without its end.  -1 if it is none: too long,
 * taken back, or at the end of the input there was nothing.
 */
static ssize_t
secret_read_line(int fd, char *dst)
{
	size_t n = 0;
	ssize_t got;
	char c = '\0';

	while ((got = read(fd, &c, 1)) == 1 && c != '\n') {
		if (n == LINE_ROOM - 1 || c == INTERRUPT)
			return -1;
		dst[n++] = c;
	}
	explicit_bzero(&c, 1);
	dst[n] = '\0';
	return got == -1 || (got == 0 && n == 0) ? -1 : (ssize_t)n;
}

/*
 * ask_unseen - without echo.  Neither does the terminal make signals then: ^C
 * ends the line like any other end, so the echo always comes back.
 */
static ssize_t
ask_unseen(const char *question, char *dst)
{
	struct termios was, unseen;
	ssize_t n;

	if (tcgetattr(STDIN_FILENO, &was) == -1)
		return -1;
	unseen = was;
	unseen.c_cc[VEOL] = INTERRUPT;
	unseen.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	fputs(question, stderr);
	if (tcsetattr(STDIN_FILENO, TCSAFLUSH, &unseen) == -1)
		return -1;
	n = secret_read_line(STDIN_FILENO, dst);
	tcsetattr(STDIN_FILENO, TCSAFLUSH, &was);
	fputc('\n', stderr);
	return n;
}

/* read_password - from whoever is there to give it; NULL or why not */
static const char *
read_password(char *dst, char *again)
{
	ssize_t n;

	if (!isatty(STDIN_FILENO)) {
		n = secret_read_line(STDIN_FILENO, dst);
		if (n != -1 && secret_read_line(STDIN_FILENO, again) != -1)
			return "standard input has more than one line";
	} else {
		n = ask_unseen("secret (not shown): ", dst);
		if (n > 0 && secrets_value_unfit(dst, (size_t)n) == NULL &&
		    (ask_unseen("once more: ", again) == -1 ||
			strcmp(dst, again) != 0))
			return "the two are not the same";
	}
	if (n == -1)
		return "nothing was given, or more than 4096 bytes";
	return secrets_value_unfit(dst, (size_t)n);
}

/* --- the commands -------------------------------------------------------- */

/* secret_reload - the running daemon, if there is one, reads it at once */
static int
secret_reload(const struct secret_task *k, const char *done, const char *name)
{
	json_t *request = json_pack("{s:s}", "command", "reload");
	json_t *said = NULL, *good;
	const int code = ctl_ask(&k->conf->control_socket, request, &said);

	good = json_pack("{s:b, s:s, s:s, s:s, s:b}", "ok", 1, "name", name,
	    "done", done, "file", k->conf->secrets, "reloaded", code == EX_OK);
	json_decref(request);
	if (code == EX_OK || code == EX_UNAVAILABLE) {
		json_decref(said);
		return secret_failed(k, EX_OK, good);
	}
	json_decref(good);
	good = ctl_failure("correct what it says, then `postmeterctl reload`",
	    "secret %s is %s, but the daemon did not reload and keeps the old ones: %s",
	    name, done, json_string_value(json_object_get(said, "error")));
	json_decref(said);
	return secret_failed(k, 1, good);
}

/* secret_change - writes, then tells the daemon */
static int
secret_change(const struct secret_task *k, const char *name, const char *value,
    const char *done)
{
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	int rc = -1;

	if (errors != NULL) {
		rc = secrets_write(
		    k->conf->secrets, k->uid, k->gid, name, value, errors);
		fclose(errors);
	}
	rc = rc == 0 ? secret_reload(k, done, name)
		     : secret_failed(k, 1,
			   ctl_mistakes(text, "the secrets stay as they are"));
	free(text);
	return rc;
}

static int
secret_set(const struct secret_task *k, const char *name)
{
	struct secure_mem password = { .p = NULL }, again = { .p = NULL };
	struct why why;
	const char *unfit = why.text;
	int rc;

	if (secure_mem_new(&password, LINE_ROOM, &why) == 0 &&
	    secure_mem_new(&again, LINE_ROOM, &why) == 0)
		unfit = read_password(password.p, again.p);
	if (unfit == NULL)
		rc = secret_change(k, name, password.p, "set");
	else
		rc = secret_failed(k, 1,
		    ctl_failure(
			"nothing was changed; type it again, or give it in one line on standard input",
			"secret %s: %s", name, unfit));
	secure_mem_free(&password);
	secure_mem_free(&again);
	return rc;
}

/* take_away - not while something needs it */
static int
take_away(const struct secret_task *k, const char *name)
{
	if (strcmp(k->conf->store_secret, name) == 0)
		return secret_failed(k, 1,
		    ctl_failure(
			"take store-secret out of the configuration first; to change the password, set it anew",
			"the store needs secret %s", name));
	for (size_t i = 0; i < k->conf->nsmarthost; i++)
		if (strcmp(k->conf->smarthost[i].secret, name) == 0)
			return secret_failed(k, 1,
			    ctl_failure(
				"take the smarthost out of the configuration first; to change the password, set it anew",
				"smarthost %s needs secret %s",
				k->conf->smarthost[i].name, name));
	return secret_change(k, name, NULL, "removed");
}

/* secret_row - what may be told of one; NULL if memory is out */
static json_t *
secret_row(
    const struct secret_section *s, const struct secrets *loaded, char *buf)
{
	const bool inline_ = s->option_name.len == strlen("password");
	json_t *name = json_stringn(s->name.p, s->name.len);
	const ssize_t len =
	    secrets_get(loaded, json_string_value(name), buf, SECRET_MAX + 1);

	/* The file's path without its quotes; a password is never shown. */
	return json_pack("{s:o, s:o, s:i}", "name", name, "source",
	    inline_ || s->value.len < 2
		? json_string("in the file")
		: json_stringn(s->value.p + 1, s->value.len - 2),
	    "length", (int)len);
}

static json_t *
rows(const char *text, size_t len, const struct secrets *loaded, char *buf)
{
	const char *p = text;
	struct secret_section s;
	json_t *list = json_array();

	while (secret_section_next(&p, text + len, &s) == 0)
		json_array_append_new(list, secret_row(&s, loaded, buf));
	return list;
}

/* show - names, sources and lengths of a file that was found good */
static int
show(const struct secret_task *k, const struct secrets *loaded)
{
	const struct trusted_file_owner owner = { k->uid, k->gid };
	struct secure_mem text = { .p = NULL }, buf = { .p = NULL };
	struct why why = WHY_NONE;
	const size_t most = (size_t)1024 * 1024;
	const int fd = trusted_file_open(k->conf->secrets, &owner, &why);
	ssize_t n = -1;
	int code = 1;

	if (fd != -1 && secure_mem_new(&text, most, &why) == 0 &&
	    secure_mem_new(&buf, SECRET_MAX + 1, &why) == 0)
		n = trusted_file_read(fd, text.p, most, &why);
	if (n == -1)
		*k->answer_r =
		    ctl_failure("", "%s: %s", k->conf->secrets, why.text);
	else {
		*k->answer_r = json_pack("{s:b, s:s, s:o}", "ok", 1, "file",
		    k->conf->secrets, "secrets",
		    rows(text.p, (size_t)n, loaded, buf.p));
		code = EX_OK;
	}
	if (fd != -1)
		close(fd);
	secure_mem_free(&text);
	secure_mem_free(&buf);
	return code;
}

static int
secret_list(const struct secret_task *k)
{
	char *text = NULL;
	size_t size;
	FILE *errors = open_memstream(&text, &size);
	struct secrets *loaded;
	int rc;

	if (errors == NULL)
		return EX_OSERR;
	loaded = secrets_load(k->conf->secrets, k->uid, k->gid, errors);
	fclose(errors);
	rc = loaded != NULL
		 ? show(k, loaded)
		 : secret_failed(k, EX_CONFIG,
		       ctl_mistakes(text, "the secrets file is not good"));
	secrets_free(&loaded);
	free(text);
	return rc;
}

/* find_user - whose the file is to be; -1 and the answer */
static int
find_user(struct secret_task *k)
{
	char *lines = NULL;
	size_t size;
	FILE *errors = open_memstream(&lines, &size);
	int rc = -1;

	if (errors != NULL) {
		rc = credentials_user(k->conf, &k->uid, &k->gid, errors);
		fclose(errors);
	}
	if (rc == -1)
		*k->answer_r = ctl_mistakes(lines, "the secrets have no owner");
	free(lines);
	return rc;
}

static int
secret_run(const struct ctl *ctl, struct secret_task *k)
{
	const char *verb = ctl->word[0], *name = ctl->word[1];

	if (find_user(k) == -1)
		return EX_CONFIG;
	if (k->conf->secrets[0] == '\0')
		return secret_failed(k, EX_CONFIG,
		    ctl_failure(
			"write secrets = \"/etc/postmeter/secrets.conf\" there",
			"%s names no file for secrets", k->conf->file));
	if (strcmp(verb, "list") == 0)
		return secret_list(k);
	if (!secrets_name_good(name))
		return secret_failed(k, EX_USAGE,
		    ctl_failure("a name is made of " NAME_OF_ANY
				", the first not -",
			"that is no name for a secret"));
	return strcmp(verb, "set") == 0 ? secret_set(k, name)
					: take_away(k, name);
}

bool
ctl_secret_words(const struct ctl *ctl)
{
	const char *verb = ctl->nword > 0 ? ctl->word[0] : "";

	if (strcmp(verb, "list") == 0)
		return ctl->nword == 1;
	return ctl->nword == 2 &&
	       (strcmp(verb, "set") == 0 || strcmp(verb, "remove") == 0);
}

int
ctl_secret(const struct ctl *ctl, json_t **answer_r)
{
	struct config *conf = ctl_config(ctl->config, answer_r);
	struct secret_task k = { .conf = conf, .answer_r = answer_r };
	int rc = EX_CONFIG;

	if (conf != NULL)
		rc = secret_run(ctl, &k);
	config_free(&conf);
	return rc;
}

void
text_secret(const struct screen *sc, const json_t *a)
{
	struct text_table t = { .columns = 3, .bar = TABLE_COLUMNS };
	const json_t *all = json_object_get(a, "secrets"), *s;
	size_t i;

	if (!json_is_array(all)) {
		fprintf(sc->out, "secret %s is %s in %s; %s\n",
		    obj_str(a, "name"), obj_str(a, "done"), obj_str(a, "file"),
		    obj_yes(a, "reloaded")
			? "the daemon has read it"
			: "no daemon answers, it will read it when it starts");
		return;
	}
	json_array_foreach (all, i, s) {
		char len[32];

		snprintf(len, sizeof(len), "%lld bytes",
		    (long long)obj_num(s, "length"));
		text_table_add(&t, COLOUR_NONE,
		    (const char *const[]){
			obj_str(s, "name"), len, obj_str(s, "source") });
	}
	if (t.rows == 0)
		fprintf(sc->out, "no secrets in %s\n", obj_str(a, "file"));
	text_table_print(&t, sc, "");
}
