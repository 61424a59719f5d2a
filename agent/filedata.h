/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_FILEDATA_H
#define AGENT_FILEDATA_H

/* The content of regular files. */

#include <sys/stat.h>

#include "agent/out.h"
#include "format/wire.h"
#include "util/cleanup.h"

/* A file as large that changes while it is read is not read again. */
#define FILEDATA_AGAIN_MAX (64 * 1024 * 1024)

/*
 * Send the content of the open regular file fd, whose fstat(2) was st, and a
 * FILE_END in any case. 0, or a negative errno that ends the program; what is
 * wrong with the file itself is told to the vault.
 */
must_check int filedata_send(
	struct out *out, struct wire_at at, int fd, const struct stat *st);

/* Say that a file could not be opened; err is positive. */
must_check int filedata_refuse(struct out *out, struct wire_at at, int err);

#endif
