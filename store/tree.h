/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_TREE_H
#define STORE_TREE_H

/*
 * The ledger's tree (RFC 6962) as its right edge: of each tile level the tops
 * that are not yet part of a whole tile. From them the tree grows and its root
 * is computed. Internal to store/.
 */

#include "format/types.h"

#include <stdint.h>

#define TREE_LEVELS 8U
#define TREE_TILE 256U

/*
 * n leaves; edge[L] holds the last (n >> 8L) % 256 tops of complete trees of
 * 256^L leaves. 64 KiB: not for the stack.
 */
struct tree {
	uint64_t n;
	struct root edge[TREE_LEVELS][TREE_TILE];
};

/*
 * Add a leaf hash. tops[0] is the leaf hash, tops[L] the top that level L
 * gained; the number of levels that gained one is returned (1 or more).
 */
unsigned int tree_add(
	struct tree *t, const struct root *leaf, struct root tops[TREE_LEVELS]);

/* The root over all n leaves; n is not 0. */
void tree_root(const struct tree *t, struct root *ret);

/* The top of a whole tile. */
void tree_tile_top(const struct root tile[TREE_TILE], struct root *ret);

#endif
