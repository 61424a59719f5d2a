/* SPDX-License-Identifier: Apache-2.0 */
#include "format/snaproot.h"

#include <assert.h>

#include "format/field.h"

enum part_kind {
	PART_PROBLEMS = 4,
	PART_TREE = 0x8001,
};

#define PART_CRITICAL 0x8000U
#define PART_HEAD 8U
#define PATH_MAX_BYTES 4095U

/* An absolute path of 1 to 4095 bytes. */
static bool
path_ok(struct span path)
{
	return path.n > 0 && path.n <= PATH_MAX_BYTES && path.p[0] == '/' &&
	       field_no_nul(path);
}

/* The tree part; *ret_slots is what its entries use. */
static int
tree_open(struct span bytes, struct snaproot *root, uint32_t *ret_slots)
{
	struct rcur r = rcur_init(bytes);
	uint32_t slots = 0;
	uint16_t owners;

	root->paths = rcur_u16(&r);
	owners = rcur_u16(&r);
	directory_owners_get(&r, owners, &root->owners);
	if (!rcur_ok(&r) || root->paths == 0)
		return -EBADMSG;
	root->rows = span_of(r.p, rcur_left(&r));
	for (uint32_t i = 0; i < root->paths; i++) {
		struct span path = field_get_bytes16(&r);
		struct dirent_rec e;
		int err;

		if (!path_ok(path))
			return -EBADMSG;
		err = directory_entry_decode(field_get_bytes16(&r), true, &e);
		if (err)
			return err;
		slots += directory_entry_slots(&e);
	}
	*ret_slots = slots;
	return rcur_end(&r);
}

static int
part_open(
	uint16_t kind, uint16_t slots, struct span bytes, struct snaproot *root)
{
	struct rcur r = rcur_init(bytes);
	uint32_t used;
	int err;

	switch (kind) {
	case PART_TREE:
		root->tree_slot = root->slots;
		err = tree_open(bytes, root, &used);
		if (err)
			return err;
		return used == slots ? 0 : -EBADMSG;
	case PART_PROBLEMS:
		root->problems_slot = root->slots;
		root->problems = rcur_u64(&r);
		if (rcur_end(&r) != 0 || root->problems == 0 || slots != 1)
			return -EBADMSG;
		return 0;
	default:
		return kind & PART_CRITICAL ? -EPROTONOSUPPORT : 0;
	}
}

int
snaproot_open(struct span bytes, struct snaproot *ret)
{
	struct rcur r = rcur_init(bytes);
	struct snaproot root = {0};
	uint32_t next = 0;
	uint16_t parts;

	if (bytes.n > FORMAT_OBJECT_MAX)
		return -EBADMSG;
	parts = rcur_u16(&r);
	rcur_zero(&r, 2);
	for (uint32_t i = 0; i < parts; i++) {
		uint16_t kind = rcur_u16(&r);
		uint16_t slots = rcur_u16(&r);
		struct span part = rcur_span(&r, rcur_u32(&r));
		int err;

		if (!rcur_ok(&r) || kind < next)
			return -EBADMSG;
		err = part_open(kind, slots, part, &root);
		if (err)
			return err;
		next = kind + 1U;
		root.slots += slots;
	}
	if (rcur_end(&r) != 0 || root.paths == 0 ||
		root.slots > FORMAT_REFS_MAX)
		return -EBADMSG;
	*ret = root;
	return 0;
}

static int
put_path(struct buf *b, const struct snaproot_path *path)
{
	int err;

	if (!path_ok(path->path) || path->entry.name.n > 0)
		return -EINVAL;
	err = buf_u16(b, (uint16_t)path->path.n);
	if (!err)
		err = buf_append(b, path->path.p, path->path.n);
	if (!err)
		err = directory_entry_encode(b, &path->entry);
	return err;
}

static int
put_problems(struct buf *b, uint64_t problems)
{
	struct wcur w;
	int err = field_open(b, PART_HEAD + 8, &w);

	if (err)
		return err;
	wcur_u16(&w, PART_PROBLEMS);
	wcur_u16(&w, 1);
	wcur_u32(&w, 8);
	wcur_u64(&w, problems);
	field_commit(b, &w);
	return 0;
}

/* The tree part; its head is filled in when its length is known. */
static int
put_tree(struct buf *b, const struct snaproot_parts *parts)
{
	size_t at = b->n;
	uint32_t slots = 0;
	struct wcur w;
	int err = field_open(b, PART_HEAD + 4, &w);

	if (err)
		return err;
	wcur_zero(&w, PART_HEAD);
	wcur_u16(&w, (uint16_t)parts->paths);
	wcur_u16(&w, (uint16_t)parts->owners);
	field_commit(b, &w);
	err = directory_owners_put(b, parts->owner, parts->owners);
	for (size_t i = 0; i < parts->paths && !err; i++) {
		err = put_path(b, &parts->path[i]);
		slots += directory_entry_slots(&parts->path[i].entry);
	}
	if (err)
		return err;
	if (b->n - at > FORMAT_OBJECT_MAX || slots > FORMAT_REFS_MAX)
		return -EINVAL;
	w = wcur_init(b->p + at, PART_HEAD);
	wcur_u16(&w, PART_TREE);
	wcur_u16(&w, (uint16_t)slots);
	wcur_u32(&w, (uint32_t)(b->n - at - PART_HEAD));
	return 0;
}

int
snaproot_encode(struct buf *b, const struct snaproot_parts *parts)
{
	size_t before = b->n;
	struct snaproot check;
	int err;

	if (parts->paths > UINT16_MAX || parts->owners > UINT16_MAX)
		return -EINVAL;
	err = buf_u32(b, parts->problems > 0 ? 2 : 1);
	if (!err && parts->problems > 0)
		err = put_problems(b, parts->problems);
	if (!err)
		err = put_tree(b, parts);
	if (!err && snaproot_open(
			    span_of(b->p + before, b->n - before), &check) != 0)
		err = -EINVAL;
	if (err)
		b->n = before;
	return err;
}

struct directory_at
snaproot_start(const struct snaproot *root)
{
	return (struct directory_at){rcur_init(root->rows), root->tree_slot};
}

bool
snaproot_next(struct directory_at *at, struct snaproot_path *ret)
{
	int err;

	if (rcur_left(&at->r) == 0)
		return false;
	ret->path = field_get_bytes16(&at->r);
	err = directory_entry_decode(
		field_get_bytes16(&at->r), true, &ret->entry);
	assert(err == 0);
	directory_entry_number(&ret->entry, &at->slot);
	return true;
}
