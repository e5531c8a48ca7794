/*
 * why.h - why something failed, in a sentence for the log and for people.
 *
 * The one way to say it: whoever fails fills in a struct why that its caller
 * owns, and returns an enum, NULL or -1 beside it.  The size is in the type.
 * A callee writes it only where it fails; until then it holds what it held, so
 * a caller that reads it without a failure begins with WHY_NONE.
 */
#ifndef WHY_H
#define WHY_H

struct why {
	char text[320];	/* one sentence, UTF-8, no newline; never escaped yet */
};

#define WHY_NONE ((struct why){ "" })

/*
 * Formats the sentence, cut at a whole character if it does not fit.  Arguments
 * may point into why, which is never NULL.
 */
__attribute__((format(printf, 2, 3), nonnull))
void	why_set(struct why *why, const char *fmt, ...);

#endif
