/*
 * mail_words.h - the texts of postmeter's mails, in one language.
 */
#ifndef MAIL_WORDS_H
#define MAIL_WORDS_H

#include <stdbool.h>

#include <jansson.h>

#include "why.h"

/*
 * Those that are built in (English), replaced by those of the file at path (""
 * or NULL: none).  An object of strings, or NULL and why.
 */
json_t *mail_words_load(const char *path, struct why *why);

/*
 * The text of that name with {words} out of values (strings and integers; NULL:
 * none) filled in; what is not there stays.  To be freed; NULL if out of
 * memory.
 */
char *mail_words_fill(
    const json_t *words, const char *name, const json_t *values);

#endif
