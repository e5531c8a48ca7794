/*
 * mail_message.c - a mail of postmeter's own: text, or text and HTML for
 * whoever shows which (RFC 2046 5.1.4), handed in by sendmail(1).
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "mail_message.h"
#include "run_program.h"

#define BOUNDARY "=_postmeter_part" /* "=_" is in no text of ours */
#define WORD_LONGEST 48 /* of an encoded word, and one character: 75 in all */

/*
 * put_subject - as encoded words (RFC 2047): whatever it is made of, it stays
 * one header
 */
static void
put_subject(FILE *out, const char *subject)
{
	size_t in_word = 0;

	fputs("Subject: =?UTF-8?Q?", out);
	for (const unsigned char *p = (const unsigned char *)subject;
	     *p != '\0'; p++) {
		/* Never between the bytes of one character. */
		if (in_word >= WORD_LONGEST && (*p & 0xc0) != 0x80) {
			fputs("?=\n =?UTF-8?Q?", out);
			in_word = 0;
		}
		if (*p == ' ')
			putc('_', out);
		else if (*p > ' ' && *p < 0x7f && strchr("=?_\"", *p) == NULL)
			putc(*p, out);
		else
			fprintf(out, "=%02X", *p);
		in_word += *p >= ' ' && *p < 0x7f ? 1 : 3;
	}
	fputs("?=\n", out);
}

static void
put_part(FILE *out, const char *type, const char *text)
{
	fprintf(out,
	    "Content-Type: text/%s; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n%s\n",
	    type, text);
}

void
mail_message_write(FILE *out, const struct mail_message *m)
{
	fprintf(out, "From: postmeter <postmeter>\nTo: <%s>\n", m->to);
	put_subject(out, m->subject);
	fputs(
	    "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\nMIME-Version: 1.0\n",
	    out);
	if (m->html == NULL) {
		put_part(out, "plain", m->text);
		return;
	}
	fputs("Content-Type: multipart/alternative; boundary=\"" BOUNDARY
	      "\"\n\n--" BOUNDARY "\n",
	    out);
	put_part(out, "plain", m->text);
	fputs("--" BOUNDARY "\n", out);
	put_part(out, "html", m->html);
	fputs("--" BOUNDARY "--\n", out);
}

/* as_input - the message becomes this process's standard input */
static int
as_input(const struct mail_message *m)
{
	const int fd = memfd_create("mail", MFD_CLOEXEC);
	const int other = fd == -1 ? -1 : dup(fd);
	FILE *out = other == -1 ? NULL : fdopen(other, "w");
	int rc = -1;

	if (out != NULL) {
		mail_message_write(out, m);
		rc = fclose(out);
	} else if (other != -1) {
		close(other);
	}
	if (rc == 0 &&
	    (lseek(fd, 0, SEEK_SET) == -1 || dup2(fd, STDIN_FILENO) == -1))
		rc = -1;
	if (fd != -1)
		close(fd);
	return rc;
}

int
mail_message_send(
    const struct mail_message *m, const char *directory, struct why *why)
{
	const char *argv[8] = { "sendmail", "-i", "-f", "<>" };
	size_t n = 4;
	int code;

	if (directory != NULL) {
		argv[n++] = "-C";
		argv[n++] = directory;
	}
	argv[n] = m->to;
	if (as_input(m) == -1) {
		why_set(why, "the mail cannot be written: %s", strerror(errno));
		return -1;
	}
	code = run_program(argv, true, NULL, why);
	if (code > 0)
		why_set(why, "sendmail ended with %d for %s", code, m->to);
	return code == 0 ? 0 : -1;
}
