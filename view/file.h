/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIEW_FILE_H
#define VIEW_FILE_H

/*
 * The bytes of a regular file: searched through its content nodes, never
 * scanned. All calls may come from any number of threads.
 */

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "format/content.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"
#include "view/place.h"
#include "view/view.h"

/* Levels of content nodes: 256^8 chunks at the least. */
#define FILE_LEVELS 8U

struct file_node;

/* An open file. It holds the node last used on each level. */
struct file {
	struct view_snap *snap;
	struct place place;
	pthread_mutex_t lock;
	struct file_node *hot[FILE_LEVELS]; /* protected by lock */
};

/*
 * *file is the caller's memory, uninitialised; nothing is read yet. -EISDIR
 * for a directory, -EINVAL for other kinds; then it needs no close.
 */
must_check int file_open(
	struct view_snap *s, const struct place *place, struct file *file);
void file_close(struct file *file);

/*
 * True when the source could not be read and nothing at all is there of a
 * file that was not empty: its bytes are unknown, and reading gives an error.
 */
bool file_is_lost(const struct place *place);

/* True when a part of the file is there, as far as the source could read it. */
bool file_is_cut(const struct place *place);

/* A piece of a file, in order: bytes, or (bytes.p is NULL) a hole. */
struct file_piece {
	uint64_t offset;
	uint64_t length;
	struct span bytes;
};

/* Another value than 0 ends the walk and is returned. */
typedef int file_piece_fn(void *ctx, const struct file_piece *piece);

/*
 * Tell fn the pieces of from to to (cut at the file's size), each valid
 * during the call. Pieces before a failure have been told. Faults: those of
 * view_object; object-damaged where the content ends before the file does;
 * source-unreadable for a lost file.
 */
must_check int file_walk(struct file *file, uint64_t from, uint64_t to,
	file_piece_fn *fn, void *ctx, struct fault *f);

/*
 * Read up to n bytes at an offset: how many were there, 0 at the end. All or
 * nothing: a failure, as of file_walk, says that some of them are damaged.
 */
must_check ssize_t file_pread(struct file *file, void *dst, size_t n,
	uint64_t offset, struct fault *f);

/* Decode what lies there into the cache; errors show up when it is read. */
void file_prefetch(struct file *file, uint64_t offset, size_t n);

/*
 * The run that begins at offset < size: data or hole, and where it ends at
 * the least; the next run may be of the same kind. Reads nodes, no chunks.
 */
must_check int file_run(struct file *file, uint64_t offset, bool *ret_data,
	uint64_t *ret_end, struct fault *f);

/*
 * As lseek(2): the first offset from offset on that is data (or a hole; the
 * end of the file counts as one). -ENXIO when there is none or offset is at
 * or beyond the end.
 */
must_check int file_seek(struct file *file, uint64_t offset, bool data,
	uint64_t *ret, struct fault *f);

/*
 * Bytes that are data, as du counts: at most nodes (at least 1) content
 * nodes are read, and what lies below others counts as data.
 */
must_check int file_allocated(
	struct file *file, unsigned int nodes, uint64_t *ret, struct fault *f);

#endif
