/*
 * count.h - what the desk tells those who watch: how much was asked of it and
 * how it decided.
 */
#ifndef COUNT_H
#define COUNT_H

#include "config.h"
#include "transaction.h"
#include "verdict.h"

/* A recipient that was refused at RCPT; one that was taken counts nothing. */
void	count_rcpt(const struct outcome *o);

/* A use that passed a percentage of warn-at. */
void	count_warning(unsigned percent, const struct policy *policy);

/* A message at its end. */
void	count_message(const struct config *conf, const struct txn *t,
	    const struct outcome *o);

#endif
