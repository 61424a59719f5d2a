/* SPDX-License-Identifier: Apache-2.0 */
#include "store/tree.h"

#include "keys/digest.h"

#include <assert.h>
#include <string.h>

void
tree_tile_top(const struct root tile[TREE_TILE], struct root *ret)
{
	struct root row[TREE_TILE / 2];
	size_t n = TREE_TILE / 2;

	for (size_t i = 0; i < n; i++)
		digest_node(&row[i], &tile[2 * i], &tile[2 * i + 1]);
	for (; n > 1; n /= 2) {
		for (size_t i = 0; i < n / 2; i++)
			digest_node(&row[i], &row[2 * i], &row[2 * i + 1]);
	}
	*ret = row[0];
}

unsigned int
tree_add(struct tree *t, const struct root *leaf, struct root tops[TREE_LEVELS])
{
	unsigned int level = 0;

	tops[0] = *leaf;
	for (;;) {
		size_t at = (t->n >> (8 * level)) % TREE_TILE;

		t->edge[level][at] = tops[level];
		if (at < TREE_TILE - 1 || level == TREE_LEVELS - 1)
			break;
		tree_tile_top(t->edge[level], &tops[level + 1]);
		level++;
	}
	t->n++;
	return level + 1;
}

void
tree_root(const struct tree *t, struct root *ret)
{
	struct root stack[64];
	unsigned int height[64];
	size_t depth = 0;

	assert(t->n > 0);
	/* From the left: the largest complete trees come first. Two of one
	 * height that meet are one of the next. */
	for (unsigned int level = TREE_LEVELS; level-- > 0;) {
		size_t count = (t->n >> (8 * level)) % TREE_TILE;

		for (size_t i = 0; i < count; i++) {
			stack[depth] = t->edge[level][i];
			height[depth++] = 8 * level;
			while (depth > 1 &&
				height[depth - 2] == height[depth - 1]) {
				depth--;
				digest_node(&stack[depth - 1],
					&stack[depth - 1], &stack[depth]);
				height[depth - 1]++;
			}
		}
	}
	/* What is left is joined from the right. */
	for (; depth > 1; depth--)
		digest_node(&stack[depth - 2], &stack[depth - 2],
			&stack[depth - 1]);
	*ret = stack[0];
}
