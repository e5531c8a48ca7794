/*
 * random.c - chance that can be had again.
 */
#include <stdio.h>
#include <stdlib.h>

#include "random.h"

uint64_t
random_seed(const char *what, uint64_t usual)
{
	const char *s = getenv("PM_TEST_SEED");
	uint64_t seed = s != NULL ? strtoull(s, NULL, 0) : usual;

	printf("%s: seed %llu\n", what, (unsigned long long)seed);
	return seed;
}

size_t
random_rounds(size_t usual)
{
	const char *s = getenv("PM_TEST_ROUNDS");
	size_t n = s != NULL ? strtoull(s, NULL, 0) : usual;

	return n < usual ? n : usual;
}

uint64_t
random_next(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
random_below(uint64_t *state, uint64_t n)
{
	return random_next(state) % n;
}

bool
random_percent(uint64_t *state, unsigned percent)
{
	return random_below(state, 100) < percent;
}
