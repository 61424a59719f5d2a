/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUSE_AHEAD_H
#define FUSE_AHEAD_H

/* Open files, and threads that decode what a sequential reader wants next. */

#include <stdint.h>

#include "util/cleanup.h"
#include "view/file.h"

struct ahead;
struct ahead_file;

/* -ENOMEM, -EAGAIN. */
must_check int ahead_create(struct ahead **ret);
/* All files are closed. NULL is fine. */
void ahead_free(struct ahead *a);

/* As file_open; -ENOMEM. */
must_check int ahead_open(struct ahead *a, struct view_snap *snap,
	const struct place *place, struct ahead_file **ret);
/* The threads may hold it a little longer. */
void ahead_close(struct ahead_file *file);

/* The file; lives until ahead_close. */
struct file *ahead_file_peek(struct ahead_file *file);

/* Tell that n bytes at offset are about to be read. Never blocks. */
void ahead_note(struct ahead_file *file, uint64_t offset, size_t n);

#endif
