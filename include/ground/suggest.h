/*
 * nearest.h - the known name that was probably meant.
 *
 * Offer every name that would have been right; the best one is near enough
 * to be a slip of the keyboard, or NULL.
 */
#ifndef NEAREST_H
#define NEAREST_H

struct nearest {
	const char *word, *best;
	unsigned distance;
};

void	nearest_init(struct nearest *n, const char *word);

/* known must live as long as the answer is used. */
void	nearest_offer(struct nearest *n, const char *known);

/* NULL if nothing that was offered resembles the word. */
const char *nearest_best(const struct nearest *n);

#endif
