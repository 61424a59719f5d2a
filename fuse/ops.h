/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FUSE_OPS_H
#define FUSE_OPS_H

/* The answers to the kernel. fuse_lowlevel.h is included here only. */

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "fuse/ahead.h"
#include "fuse/inode.h"
#include "util/fault.h"

/* What the operations work on: the user data of the FUSE session. */
struct mount {
	struct inodes *inodes;
	struct ahead *ahead;
	/* Told once per text, from any thread. */
	void (*complain)(const struct fault *f);
	bool no_opendir; /* the kernel can open directories by itself */
};

/* Every operation that changes something answers EROFS. */
extern const struct fuse_lowlevel_ops ops_table;

#endif
