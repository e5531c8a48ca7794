/*
 * keyed_hash.c - SipHash-1-3: one round for each word, three at the end.
 */
#include <sys/random.h>

#include "keyed_hash.h"

int
keyed_hash_secret(uint64_t secret_r[2])
{
	const size_t size = 2 * sizeof(secret_r[0]);

	return getrandom(secret_r, size, 0) == (ssize_t)size ? 0 : -1;
}

static uint64_t
rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void
keyed_hash_round(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = rotate(v[1], 13) ^ v[0];
	v[0] = rotate(v[0], 32);
	v[2] += v[3];
	v[3] = rotate(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotate(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotate(v[1], 17) ^ v[2];
	v[2] = rotate(v[2], 32);
}

static void
keyed_hash_word(struct keyed_hash *h, uint64_t word)
{
	h->v[3] ^= word;
	keyed_hash_round(h->v);
	h->v[0] ^= word;
}

void
keyed_hash_begin(struct keyed_hash *h, const uint64_t secret[2])
{
	*h = (struct keyed_hash){
		.v = { secret[0] ^ UINT64_C(0x736f6d6570736575),
		    secret[1] ^ UINT64_C(0x646f72616e646f6d),
		    secret[0] ^ UINT64_C(0x6c7967656e657261),
		    secret[1] ^ UINT64_C(0x7465646279746573) }
	};
}

void
keyed_hash_text(struct keyed_hash *h, const char *text)
{
	size_t i = 0;

	do {
		h->word |= (uint64_t)(unsigned char)text[i] << (8 * (h->n % 8));
		if (++h->n % 8 == 0) {
			keyed_hash_word(h, h->word);
			h->word = 0;
		}
	} while (text[i++] != '\0');
}

uint64_t
keyed_hash_end(struct keyed_hash *h)
{
	keyed_hash_word(h, h->word | (uint64_t)h->n << 56);
	h->v[2] ^= 255;
	for (int i = 0; i < 3; i++)
		keyed_hash_round(h->v);
	return h->v[0] ^ h->v[1] ^ h->v[2] ^ h->v[3];
}
