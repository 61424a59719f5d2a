/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEYS_DIGEST_H
#define KEYS_DIGEST_H

#include "format/types.h"
#include "util/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Hashes without a key, and comparing and drawing bytes. */

/* BLAKE2b (RFC 7693) of n parts joined; outlen 16 to 32 bytes. */
void digest_blake2b(
	uint8_t *out, size_t outlen, const struct span *parts, size_t n);

/* SHA-256 (FIPS 180-4) of n parts joined. */
void digest_sha256(uint8_t out[32], const struct span *parts, size_t n);

/* Leaf and inner node of a pack's slice tree, and the pack root over n
 * slices (docs/format.md 6.8). */
void digest_slice(struct root *out, struct span slice);
void digest_slice_root(struct root *out, const struct root *leaves, size_t n);

/* Leaf and node of the ledger's tree (RFC 6962, section 2.1). */
void digest_leaf(struct root *out, struct span leaf);
void digest_node(
	struct root *out, const struct root *left, const struct root *right);

/* Equal, in time that does not depend on the bytes. */
bool digest_equal(const void *a, const void *b, size_t n);

/* Bytes from the kernel's generator. */
void random_bytes(void *p, size_t n);

#endif
