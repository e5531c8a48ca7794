/*
 * suggest.c - the known name that was probably meant.
 *
 * "recipient" for "recipients" costs an administrator minutes; a suggestion
 * costs one line.  The distance is Damerau's with neighbours swapped
 * (optimal string alignment), for those are the slips of real keyboards.
 */
#include <string.h>

#include "suggest.h"

#define LONGEST 40 /* no option or sensible name is longer */
#define SLIPS 3    /* more of them make another word */

static unsigned
least(unsigned a, unsigned b, unsigned c)
{
	unsigned ab = a < b ? a : b;

	return ab < c ? ab : c;
}

static unsigned
distance(const char *a, const char *b)
{
	unsigned d[LONGEST + 1][LONGEST + 1];
	size_t n = strlen(a), m = strlen(b);

	if (n > LONGEST || m > LONGEST)
		return LONGEST;
	for (size_t i = 0; i <= n; i++) {
		for (size_t j = 0; j <= m; j++) {
			if (i == 0 || j == 0) {
				d[i][j] = (unsigned)(i + j);
				continue;
			}
			d[i][j] = least(d[i - 1][j] + 1, d[i][j - 1] + 1,
			    d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1] && d[i - 2][j - 2] < d[i][j])
				d[i][j] = d[i - 2][j - 2] + 1;
		}
	}
	return d[n][m];
}

void
suggest_init(struct suggest *n, const char *word)
{
	n->word = word;
	n->best = NULL;
	n->distance = least(SLIPS, 1 + (unsigned)(strlen(word) / 3), SLIPS);
}

void
suggest_add(struct suggest *n, const char *known)
{
	unsigned d = distance(n->word, known);

	if (d < n->distance || (d == n->distance && n->best == NULL)) {
		n->best = known;
		n->distance = d;
	}
}

const char *
suggest_best(const struct suggest *n)
{
	return n->best;
}
