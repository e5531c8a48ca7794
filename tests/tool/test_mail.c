/*
 * test_mail.c - mails of postmeter's own: complete in each language, one header
 * whatever is in it, and what was told is told once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "tool/mail.h"
#include "tool/mail_message.h"
#include "tool/mail_words.h"

static json_t *
words_of(const char *text, struct why *why)
{
	char path[] = "/tmp/pm-words-XXXXXX";
	const int fd = mkstemp(path);
	json_t *words;

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	words = mail_words_load(path, why);
	unlink(path);
	return words;
}

static void
says(const json_t *words, const char *name, const json_t *values,
    const char *expected)
{
	char *text = mail_words_fill(words, name, values);

	assert_string_equal(text, expected);
	free(text);
}

static void
what_is_known_is_filled_in_and_the_rest_stays(void **state)
{
	struct why why;
	json_t *words = words_of("a comment\n[alert.subject]\n"
				 "{n} of {who} {what} {\n\n\n[word.day]\nTag\n",
	    &why);
	json_t *values = json_pack("{s:i, s:s}", "n", 7, "who", "{n}");

	says(words, "alert.subject", values, "7 of {n} {what} {");
	says(words, "word.day", NULL, "Tag");
	says(words, "word.who", NULL, "who"); /* English, as it is missing */
	json_decref(values);
	json_decref(words);
}

static void
a_mistake_in_a_language_is_told_with_its_line(void **state)
{
	struct why why;

	assert_null(words_of("#\n[word.dya]\nTag\n", &why));
	assert_non_null(strstr(why.text, "line 2: no mail has a text"));
	assert_null(words_of("[word.day\n", &why));
	assert_null(words_of("[word.day]\n\xff\xfe\n", &why));
	assert_null(mail_words_load("/nonexistent/file", &why));
}

static void
german_has_every_text_and_every_word_in_it(void **state)
{
	struct why why;
	json_t *english = mail_words_load("", &why);
	json_t *german = mail_words_load("conf/mail-de.conf", &why);
	const char *name;
	json_t *text;

	assert_non_null(german);
	json_object_foreach (english, name, text) {
		const char *from = json_string_value(text);
		const char *to =
		    json_string_value(json_object_get(german, name));

		for (const char *p = from; (p = strchr(p, '{')) != NULL;) {
			char word[40];

			snprintf(word, sizeof(word), "%.*s",
			    (int)strcspn(p, "}") + 1, p);
			assert_non_null(strstr(to, word));
			p++;
		}
		if (strlen(from) > 10 && strncmp(name, "alert.s", 7) != 0)
			assert_string_not_equal(from, to);
	}
	json_decref(english);
	json_decref(german);
}

/* The message, until the next is written. */
static char *
written(const struct mail_message *m)
{
	static char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	mail_message_write(out, m);
	fclose(out);
	return text;
}

static void
a_subject_is_one_header_whatever_it_is_made_of(void **state)
{
	char *text = written(&(struct mail_message){ .to = "it@x.test",
	    .subject = "a\r\nBcc: all@x.test =?\xc3\xa4",
	    .text = "t" });

	assert_null(strstr(text, "\nBcc:"));
	assert_null(strchr(text, '\r'));
	assert_non_null(strstr(text, "a=0D=0ABcc:_all@x.test_=3D=3F=C3=A4"));
	assert_non_null(strstr(text, "Auto-Submitted: auto-generated\n"));
}

static void
a_long_subject_is_cut_between_characters(void **state)
{
	char subject[400] = "", *text;

	for (int i = 0; i < 60; i++)
		strcat(subject, "\xe2\x82\xac");
	text = written(&(struct mail_message){
	    .to = "it@x.test", .subject = subject, .text = "t" });
	for (char *line = strtok(text, "\n"); line != NULL;
	     line = strtok(NULL, "\n")) {
		assert_true(strlen(line) <= 78 + 9);
		if (line[0] == ' ')
			assert_int_equal(
			    strncmp(line, " =?UTF-8?Q?=E2=82=AC", 20), 0);
	}
}

static void
text_and_html_are_two_parts_of_one_mail(void **state)
{
	char *text = written(&(struct mail_message){ .to = "it@x.test",
	    .subject = "s",
	    .text = "words",
	    .html = "<p>words</p>" });
	const char *plain = strstr(text, "text/plain; charset=utf-8");
	const char *html = strstr(text, "text/html; charset=utf-8");

	assert_non_null(strstr(text, "multipart/alternative"));
	assert_non_null(plain);
	assert_true(html > plain); /* the last is the best */
	assert_non_null(strstr(html, "<p>words</p>\n--=_postmeter_part--\n"));
}

static void
what_was_told_is_known_at_the_next_round(void **state)
{
	char path[] = "/tmp/pm-mail-XXXXXX";
	struct why why;
	json_t *told;

	assert_int_not_equal(close(mkstemp(path)), -1);
	told = mail_state_load(path, 1234); /* an empty file: the first time */
	assert_int_equal(obj_num(told, "event"), 1234);
	json_object_set_new(told, "event", json_integer(99));
	assert_int_equal(mail_state_save(path, told, &why), 0);
	json_decref(told);
	told = mail_state_load(path, 1234);
	assert_int_equal(obj_num(told, "event"), 99);
	json_decref(told);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_known_is_filled_in_and_the_rest_stays),
		cmocka_unit_test(a_mistake_in_a_language_is_told_with_its_line),
		cmocka_unit_test(german_has_every_text_and_every_word_in_it),
		cmocka_unit_test(
		    a_subject_is_one_header_whatever_it_is_made_of),
		cmocka_unit_test(a_long_subject_is_cut_between_characters),
		cmocka_unit_test(text_and_html_are_two_parts_of_one_mail),
		cmocka_unit_test(what_was_told_is_known_at_the_next_round),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
