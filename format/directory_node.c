/* SPDX-License-Identifier: Apache-2.0 */
#include "format/directory.h"

#include <assert.h>

#include "format/field.h"

#define NODE_HEAD 8U
#define CHILD_MAX (3U * 8U + 1U + LIMIT_NAME)

static void
child_get(struct rcur *r, struct directory_child *ret)
{
	ret->direct = rcur_u64(r);
	ret->below = rcur_u64(r);
	ret->bytes = rcur_u64(r);
	ret->name = field_get_bytes8(r);
}

/*
 * Each page below has an entry: a page without entries stands alone. The sums
 * of entries must not overflow, so that pre-order numbers can be counted on
 * them; holes make files of any size, and three of the largest overflow.
 */
static bool
child_add(struct directory_node *node, const struct directory_child *c)
{
	node->bytes = add64_max(node->bytes, c->bytes);
	return field_name_ok(c->name) && c->direct > 0 &&
	       c->below >= c->direct &&
	       add64_ok(node->direct, c->direct, &node->direct) &&
	       add64_ok(node->below, c->below, &node->below);
}

int
directory_node_open(struct span bytes, struct directory_node *ret)
{
	struct rcur r = rcur_init(bytes);
	struct directory_node node = {0};
	struct span last = {NULL, 0};

	if (bytes.n > FORMAT_OBJECT_MAX)
		return -EBADMSG;
	node.n = rcur_u16(&r);
	node.level = rcur_u8(&r);
	rcur_zero(&r, 5);
	if (node.n == 0 || node.n > DIRECTORY_CHILDREN_MAX || node.level == 0)
		return -EBADMSG;
	node.children = span_of(r.p, rcur_left(&r));
	for (uint32_t i = 0; i < node.n; i++) {
		struct directory_child c;

		child_get(&r, &c);
		if (!rcur_ok(&r) || !child_add(&node, &c))
			return -EBADMSG;
		if (i > 0 && field_cmp(last, c.name) >= 0)
			return -EBADMSG;
		last = c.name;
	}
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = node;
	return 0;
}

int
directory_node_encode(struct buf *b, uint8_t level,
	const struct directory_child *child, size_t n)
{
	struct directory_node check;
	struct wcur w;
	int err;

	if (n == 0 || n > DIRECTORY_WRITE_MAX)
		return -EINVAL;
	err = field_open(b, NODE_HEAD + n * CHILD_MAX, &w);
	if (err)
		return err;
	wcur_u16(&w, (uint16_t)n);
	wcur_u8(&w, level);
	wcur_zero(&w, 5);
	for (size_t i = 0; i < n; i++) {
		if (child[i].name.n > LIMIT_NAME)
			return -EINVAL;
		wcur_u64(&w, child[i].direct);
		wcur_u64(&w, child[i].below);
		wcur_u64(&w, child[i].bytes);
		field_put_bytes8(&w, child[i].name);
	}
	if (directory_node_open(field_written(&w), &check) != 0)
		return -EINVAL;
	field_commit(b, &w);
	return 0;
}

struct directory_at
directory_node_start(const struct directory_node *node)
{
	return (struct directory_at){rcur_init(node->children), 0};
}

bool
directory_node_next(struct directory_at *at, struct directory_child *ret)
{
	if (rcur_left(&at->r) == 0)
		return false;
	child_get(&at->r, ret);
	assert(rcur_ok(&at->r));
	ret->index = at->slot++;
	return true;
}
