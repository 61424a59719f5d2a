/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESTORE_INODE_H
#define RESTORE_INODE_H

/* One inode that is no directory: content and metadata, under the name that
 * its making tells. */

#include "restore/making.h"

/* Make it, whole, and count it in *did. It is dropped when that fails. */
must_check int inode_make(
	const struct making *m, struct restore_report *did, struct fault *f);

/* The steps of a regular file, for one that is written in parts. */

/* A new empty one, open to be written: a descriptor. */
must_check int inode_create(const struct making *m, struct fault *f);
/* Length first where there may be holes: nothing is written into them. */
must_check int inode_set_length(
	int fd, const struct item *item, struct fault *f);
/* Bytes from..to of file; what was written is added to *bytes. */
must_check int inode_write(struct file *file, int fd, uint64_t from,
	uint64_t to, uint64_t *bytes, struct fault *f);
/* Metadata. fd: -1 where it is not open. */
void inode_set_meta(const struct making *m, int fd, struct restore_report *did);

#endif
