/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_DIRECTORY_H
#define FORMAT_DIRECTORY_H

/*
 * Directory pages, nodes and entries, docs/format.md 7.2 and 7.3. An opened
 * page or node was checked whole: iterating it cannot fail.
 */

#include "format/types.h"
#include "util/buf.h"

enum owner_kind {
	OWNER_USER = 1,
	OWNER_GROUP = 2,
};

/* name: 1 to 255 bytes, no NUL. */
struct owner {
	enum owner_kind kind;
	uint32_t number;
	struct span name;
};

/* Flags of an entry. */
enum dirent_flag {
	DIRENT_ATTRS = 1,
	DIRENT_LINK_GROUP = 2,
	DIRENT_CHANGED = 4,
	DIRENT_UNREAD = 8,
	DIRENT_NOT_ENTERED = 16,
	DIRENT_ATTRS_UNREAD = 32, /* or not all of them */
};

/*
 * An entry. name and tags are borrowed. Fields that its kind and flags leave
 * out are 0 when decoded and not looked at when encoded.
 */
struct dirent_rec {
	struct span name; /* empty only in a snapshot root */
	enum file_kind kind;
	uint8_t content; /* 0, or an enum object_type */
	uint16_t flags;	 /* of enum dirent_flag */
	uint16_t mode;	 /* the 12 permission bits */
	uint32_t user;
	uint32_t group;
	struct when mtime;
	struct when ctime;
	uint64_t size;
	uint64_t below; /* directories: entries below, at all depths */
	uint32_t major; /* devices */
	uint32_t minor;
	uint8_t link_group[16]; /* with DIRENT_LINK_GROUP */
	uint32_t links;
	struct span tags; /* as stored, in their order */
	/* Set by iteration, valid where the entry has the thing. */
	uint32_t content_slot;
	uint32_t attrs_slot;
};

/* Most bytes of an encoded entry without its tags, its length included. */
#define DIRENT_SIZE_MAX (2U + 256U + 46U + 8U + 20U)

/*
 * Append u16 length and entry, as it stands in a page. Each of these may be
 * called on a buffer that already holds others; the order of names is the
 * page's matter.
 */
must_check int directory_entry_encode(
	struct buf *b, const struct dirent_rec *entry);

/*
 * One entry without the length before it. root: the name must be empty, else
 * it must not be. Slot fields are 0. -EPROTONOSUPPORT for an unknown critical
 * tag.
 */
must_check int directory_entry_decode(
	struct span bytes, bool root, struct dirent_rec *ret);

/* Number of slots that an entry uses: 0 to 2. */
uint32_t directory_entry_slots(const struct dirent_rec *entry);

/* Give the entry its slots, *slot being the next that is free. */
void directory_entry_number(struct dirent_rec *entry, uint32_t *slot);

/* Owner names as they stand in a page or in a snapshot root. */
struct directory_owners {
	struct span bytes;
	uint32_t n;
};

/* Read n rows from r, which fails when they are not as 7.2 says. */
void directory_owners_get(
	struct rcur *r, uint32_t n, struct directory_owners *ret);

/* Append n rows; -EINVAL when they do not ascend by kind and number. */
must_check int directory_owners_put(
	struct buf *b, const struct owner *owner, size_t n);

/*
 * Iterate: start from rcur_init(owners.bytes), false at the end.
 */
bool directory_owners_next(struct rcur *at, struct owner *ret);

/* The name of a number; -ENOENT when there is none. */
must_check int directory_owners_find(const struct directory_owners *owners,
	enum owner_kind kind, uint32_t number, struct span *ret_name);

/* Page. */
struct directory_page {
	struct directory_owners owners;
	struct span entries;
	uint32_t n;
	uint32_t slots;
};

/* Where an iteration stands. */
struct directory_at {
	struct rcur r;
	uint32_t slot;
};

/*
 * Append a page: entries are the n bytes that directory_entry_encode made,
 * in ascending order of names. -EINVAL when they or the owners are not as a
 * reader wants them (the page is opened again to find out).
 */
must_check int directory_page_encode(struct buf *b, const struct owner *owner,
	size_t owners, struct span entries, size_t n);

must_check int directory_page_open(
	struct span bytes, struct directory_page *ret);

/* From the first entry on; false at the end. */
struct directory_at directory_page_start(const struct directory_page *page);
bool directory_page_next(struct directory_at *at, struct dirent_rec *ret);

/* Node. Sums are over all children and do not overflow. */
#define DIRECTORY_CHILDREN_MAX FORMAT_REFS_MAX
#define DIRECTORY_WRITE_MAX 1024U

struct directory_node {
	uint8_t level;
	uint32_t n;
	struct span children;
	uint64_t direct;
	uint64_t below;
	uint64_t bytes;
};

/* The slot of a child is its index. */
struct directory_child {
	uint32_t index;
	uint64_t direct;  /* entries of this directory in it */
	uint64_t below;	  /* the same at all depths */
	uint64_t bytes;	  /* of files */
	struct span name; /* its first */
};

/* n: 1 to DIRECTORY_WRITE_MAX; index is not looked at. */
must_check int directory_node_encode(struct buf *b, uint8_t level,
	const struct directory_child *child, size_t n);

must_check int directory_node_open(
	struct span bytes, struct directory_node *ret);

/* Start from directory_node_start; false at the end. */
struct directory_at directory_node_start(const struct directory_node *node);
bool directory_node_next(struct directory_at *at, struct directory_child *ret);

#endif
