/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/digest.h"

#include "util/le.h"

#include <sodium.h>
#include <string.h>

void
digest_blake2b(uint8_t *out, size_t outlen, const struct span *parts, size_t n)
{
	crypto_generichash_state st;
	size_t i;

	crypto_generichash_init(&st, NULL, 0, outlen);
	for (i = 0; i < n; i++)
		crypto_generichash_update(&st, parts[i].p, parts[i].n);
	crypto_generichash_final(&st, out, outlen);
}

void
digest_sha256(uint8_t out[32], const struct span *parts, size_t n)
{
	crypto_hash_sha256_state st;
	size_t i;

	crypto_hash_sha256_init(&st);
	for (i = 0; i < n; i++)
		crypto_hash_sha256_update(&st, parts[i].p, parts[i].n);
	crypto_hash_sha256_final(&st, out);
}

static void
tagged(uint8_t out[32], uint8_t tag, struct span a, struct span b)
{
	const struct span parts[] = {{&tag, 1}, a, b};

	digest_blake2b(out, 32, parts, 3);
}

void
digest_slice(struct root *out, struct span slice)
{
	tagged(out->b, 0, slice, (struct span){NULL, 0});
}

/* RFC 6962's tree without recursion: a stack of complete subtrees, one a set
 * bit of the count so far; joined from the right at the end. */
void
digest_slice_root(struct root *out, const struct root *leaves, size_t n)
{
	struct root stack[64];
	size_t depth = 0, i, bits;
	uint8_t count[4];

	for (i = 0; i < n; i++) {
		stack[depth++] = leaves[i];
		for (bits = i + 1; (bits & 1) == 0; bits >>= 1) {
			depth--;
			tagged(stack[depth - 1].b, 1,
				(struct span){stack[depth - 1].b, 32},
				(struct span){stack[depth].b, 32});
		}
	}
	if (n == 0)
		memset(&stack[0], 0, sizeof(stack[0]));
	for (; depth > 1; depth--)
		tagged(stack[depth - 2].b, 1,
			(struct span){stack[depth - 2].b, 32},
			(struct span){stack[depth - 1].b, 32});
	le32_put(count, (uint32_t)n);
	tagged(out->b, 2, (struct span){count, 4},
		(struct span){stack[0].b, 32});
}

void
digest_leaf(struct root *out, struct span leaf)
{
	static const uint8_t tag = 0;
	const struct span parts[] = {{&tag, 1}, leaf};

	digest_sha256(out->b, parts, 2);
}

void
digest_node(struct root *out, const struct root *left, const struct root *right)
{
	static const uint8_t tag = 1;
	const struct span parts[] = {{&tag, 1}, {left->b, 32}, {right->b, 32}};

	digest_sha256(out->b, parts, 3);
}

bool
digest_equal(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void
random_bytes(void *p, size_t n)
{
	randombytes_buf(p, n);
}
