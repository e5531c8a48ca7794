/*
 * suggest.h - the known name that was probably meant.
 *
 * Offer every name that would have been right; the best one is near enough
 * to be a slip of the keyboard, or NULL.
 */
#ifndef SUGGEST_H
#define SUGGEST_H

struct suggest {
	const char *word, *best;
	unsigned distance;
};

void	suggest_init(struct suggest *n, const char *word);

/* known must live as long as the answer is used. */
void	suggest_add(struct suggest *n, const char *known);

/* NULL if nothing that was offered resembles the word. */
const char *suggest_best(const struct suggest *n);

#endif
