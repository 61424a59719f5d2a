/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_LINKED_H
#define PULL_LINKED_H

#include "format/types.h"
#include "format/wire.h"
#include "pull/ordinals.h"
#include "util/cleanup.h"

#include <stdint.h>

/*
 * Files of many names: a few of these are read, in case that the first are
 * removed meanwhile, and the others take over what those gave. Else a user's
 * 65,000 links to one file would have it read as often.
 */

/* Names of a file that are read. */
#define LINKED_READS 3u

/* Readings of an inode that changes from name to name; the names after that
 * are not read, and told. */
#define LINKED_READS_MAX 16u

/* Inodes that are known at a time, the newest ones. */
#define LINKED_INODES 65536u

struct linked;
struct linked_file;

must_check int linked_new(struct linked **ret);
void linked_free(struct linked *t);

enum linked_role {
	LINKED_READ,   /* to be read */
	LINKED_FOLLOW, /* takes over what was read of an earlier name */
	LINKED_REFUSED /* changes too often to be read once more */
};

/*
 * Meet a name of a regular file, as it was listed, whose content is wanted: a
 * role or -ENOMEM. *ret is held by the caller; NULL where none is needed.
 */
must_check int linked_meet(
	struct linked *t, const struct listing *l, struct linked_file **ret);
void linked_drop(struct linked_file *file);

/* What reading a name gave. */
struct linked_content {
	uint8_t content; /* 0 or an object type */
	uint16_t flags;	 /* DIRENT_CHANGED or none */
	struct ref ref;
	uint64_t size;
	struct when mtime;
	struct when ctime;
	struct ordinals packs;
};

/* A name was read to its end; packs are copied. 0 or -ENOMEM. */
must_check int linked_keep(
	struct linked_file *file, const struct linked_content *c);

/* What the names before gave, valid as long as the file is held; NULL if none
 * of them could be read. */
const struct linked_content *linked_content(const struct linked_file *file);

#endif
