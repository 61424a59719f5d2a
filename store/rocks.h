/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_ROCKS_H
#define STORE_ROCKS_H

/*
 * A RocksDB as a map of bytes to bytes, for caches only: what is written may be
 * lost with a power cut, and what is read may be wrong. Internal to store/;
 * the only user of rocksdb/c.h is rocks.c. Not thread-safe.
 */

#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdbool.h>
#include <stddef.h>

struct rocks;

/* Bounds of its memory. */
struct rocks_sizes {
	size_t write_buffer; /* twice at most */
	size_t cache;	     /* blocks, filters and indexes */
};

/*
 * Open or make. why (n bytes) gets RocksDB's reason as text. -ENOSPC when it
 * says so, -ENOMEM, else -EIO.
 */
must_check int rocks_open(const char *path, const struct rocks_sizes *sizes,
	struct rocks **ret, char *why, size_t n);
void rocks_close(struct rocks *r);

static inline void
rocks_closep(struct rocks **r)
{
	rocks_close(*r);
}
#define _cleanup_rocks_ _cleanup_(rocks_closep)

/* out is cleared first. -ENOENT; -EIO for any fault of the database. */
must_check int rocks_get(struct rocks *r, struct span key, struct buf *out);

/* Collect; then write all that was collected, or nothing of it. A write that
 * failed was the last: all after it are -EIO. */
void rocks_put(struct rocks *r, struct span key, struct span value);
must_check int rocks_write(struct rocks *r);

/* Forget what was collected. */
void rocks_forget(struct rocks *r);

/*
 * false when RocksDB might never come back from opening a closed database:
 * anything but a regular file is in its folder, or the folder is none (it waits
 * for ever at a FIFO); its manifest has a record of the wrong kind (see
 * rocks_log.h). A missing folder is fine.
 */
bool rocks_plain(int at, const char *name);

/* Remove a closed database's files and folder. The folder may be missing. */
int rocks_destroy(int dirfd, const char *name);

#endif
