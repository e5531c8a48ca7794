/*
 * random.h - chance that can be had again: a seed, printed, and a count of
 * rounds that valgrind can make smaller.
 */
#ifndef RANDOM_H
#define RANDOM_H

#include <stdbool.h>
#include <stdint.h>

/* PM_TEST_SEED repeats a run. */
uint64_t random_seed(const char *what, uint64_t usual);

/* PM_TEST_ROUNDS, if set, is the most that any test runs. */
size_t	random_rounds(size_t usual);

/* splitmix64 */
uint64_t random_next(uint64_t *state);

/* 0 to n - 1 */
uint64_t random_below(uint64_t *state, uint64_t n);

bool	random_percent(uint64_t *state, unsigned percent);

#endif
