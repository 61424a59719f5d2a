/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_OBJECTS_H
#define TESTS_FUZZ_OBJECTS_H

/*
 * Objects in memory in place of packs: view_object finds them here, each a
 * piece of the heap of its own. Their addresses go on to a new pack after
 * some of them, as they do in a store.
 */

#include "format/directory.h"
#include "format/types.h"
#include "view/view.h"

#define OBJECTS_PER_PACK 4U

struct object {
	enum object_type type;
	struct id id;
	struct buf content;
	struct buf rows;
};

extern struct object *objects;
extern size_t objects_n;

/* Ordinals of a manifest; NULL: all packs are in it. */
extern const uint32_t *objects_manifest;
extern size_t objects_manifest_n;

struct ref objects_ref(size_t i);
/* rows are the 40-byte references. */
struct ref objects_add(enum object_type type, const struct id *id,
	struct span content, struct span rows);
void objects_clear(void);

/*
 * The bytes below size of a file's content, read by docs/format.md 7.1 and not
 * by view/: pieces are added up with tour_content. left is lowered by each
 * object; at 0 there were too many.
 */
enum objects_read {
	OBJECTS_READ,
	OBJECTS_WRONG, /* no content is like that */
	OBJECTS_MANY,
};
enum objects_read objects_content(const struct dirent_rec *e,
	const struct ref *ref, unsigned int *left, uint64_t *sum);

/* An open snapshot with this root; nothing else about it is true. */
must_check int objects_open(
	const struct ref *root, struct view_snap **ret, struct fault *f);

#endif
