/*
 * cmd_import.c - `import KIND FILE...`: what another program was told, as a
 * configuration of ours.
 *
 * It goes to standard output, never into place.  Passwords go to the file of
 * --secrets and nowhere else.
 */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "import.h"
#include "secrets_write.h"
#include "tool.h"

static const struct kind {
	const char *name;
	void (*read)(struct import *im, const char *file, FILE *in);
} kinds[] = {
	{ "sendmail", import_sendmail },
	{ "msmtp", import_msmtp },
	{ "ssmtp", import_ssmtp },
	{ "nullmailer", import_nullmailer },
	{ "dma", import_dma },
	{ "iredapd", import_iredapd },
	{ "policyd-rate-limit", import_policyd_rate_limit },
	{ "policyd", import_policyd },
	{ "postfwd", import_postfwd },
	{ "rspamd", import_rspamd },
	{ NULL, NULL },
};

const char *
ctl_import_misfit(const struct ctl *ctl)
{
	const struct kind *k = kinds;

	if (strcmp(ctl->word[0], "postfix") == 0)
		return ctl->nwords > 1
			   ? "postfix takes no file: --postfix-config names its directory"
			   : NULL;
	while (k->name != NULL && strcmp(k->name, ctl->word[0]) != 0)
		k++;
	if (k->name == NULL)
		return "the kinds are postfix, sendmail, msmtp, ssmtp, nullmailer, dma, iredapd, policyd-rate-limit, policyd, postfwd and rspamd";
	return ctl->nwords > 1 ? NULL : "an argument is missing: the file";
}

/* read_files - 0, or -1 and a failure */
static int
read_files(const struct ctl *ctl, struct import *im, json_t **failure_r)
{
	const struct kind *k = kinds;

	if (strcmp(ctl->word[0], "postfix") == 0) {
		import_postfix(im, ctl->postfix);
		return 0;
	}
	while (strcmp(k->name, ctl->word[0]) != 0)
		k++;
	for (size_t i = 1; i < ctl->nwords; i++) {
		FILE *in = fopen(ctl->words[i], "re");

		if (in == NULL) {
			*failure_r = ctl_failure("name a file that can be read",
			    "%s: %s", ctl->words[i], strerror(errno));
			return -1;
		}
		k->read(im, ctl->words[i], in);
		fclose(in);
	}
	return 0;
}

/* put_passwords - into the file of --secrets.  How many; -1 and a failure. */
static int
put_passwords(const struct ctl *ctl, struct import *im, json_t **failure_r)
{
	const struct passwd *pw = getpwnam("postmeter");
	char *lines = NULL;
	size_t size;
	FILE *errors;
	const char *name;
	json_t *password;
	int n = 0;

	json_object_foreach (im->passwords, name, password) {
		if (ctl->secrets == NULL) {
			import_left(im, name,
			    "its password was found: --secrets /etc/postmeter/secrets.conf puts it there, or postmeterctl secret set %s",
			    name);
			continue;
		}
		if ((errors = open_memstream(&lines, &size)) == NULL)
			return -1;
		if (secrets_write(ctl->secrets, pw != NULL ? pw->pw_uid : 0,
			pw != NULL ? pw->pw_gid : 0, name,
			json_string_value(password), errors) != 0)
			n = -1;
		fclose(errors);
		if (n == -1) {
			*failure_r = ctl_mistakes(
			    lines, "the passwords cannot be put there");
			free(lines);
			return -1;
		}
		free(lines);
		lines = NULL;
		n++;
	}
	return n;
}

int
ctl_import(const struct ctl *ctl, json_t **answer_r)
{
	struct import im;
	char *text;
	int code = EX_OK, n = -1;

	*answer_r = NULL;
	if (import_begin(&im) == -1)
		return EX_OSERR;
	fprintf(im.top, "# Made by postmeterctl import %s.\n", ctl->word[0]);
	if (ctl->secrets != NULL)
		fprintf(im.top, "secrets = %s\n", import_quoted(ctl->secrets));
	if (read_files(ctl, &im, answer_r) == 0)
		n = put_passwords(ctl, &im, answer_r);
	text = import_end(&im);
	if (n >= 0) {
		*answer_r = json_pack("{s:b, s:s?, s:i, s:O}", "ok", 1, "text",
		    text, "passwords", n, "left", im.left);
		code = json_array_size(im.left) > 0 ? 1 : EX_OK;
	} else {
		code = 1;
	}
	json_decref(im.left);
	free(text);
	return code;
}

/* print_raw - text that was made harmless, as it was: it has no other bytes
 * than those of a configuration */
static void
print_raw(FILE *out, const char *s)
{
	unsigned byte;

	for (; *s != '\0'; s++)
		if (sscanf(s, "\\x%2x", &byte) == 1) {
			fputc((int)byte, out);
			s += 3;
		} else {
			fputc(*s, out);
		}
}

void
text_import(const struct screen *sc, const json_t *a)
{
	const json_t *left = json_object_get(a, "left"), *s;
	size_t i;

	print_raw(sc->out, obj_str(a, "text"));
	fflush(sc->out);
	if (obj_num(a, "passwords") > 0)
		fprintf(sc->err, "passwords put away: %lld\n",
		    obj_num(a, "passwords"));
	if (json_array_size(left) > 0)
		fputs("not carried over, or to be looked at:\n", sc->err);
	json_array_foreach (left, i, s)
		fprintf(sc->err, "%3zu. %s\n", i + 1, json_string_value(s));
}
