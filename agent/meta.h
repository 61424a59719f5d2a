/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_META_H
#define AGENT_META_H

/* What the source knows of an inode, as the wire says it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/out.h"
#include "format/attrs.h"
#include "format/wire.h"
#include "util/buf.h"
#include "util/cleanup.h"

enum meta_how {
	META_FRESH,  /* as stat(2) tells: a file server is asked */
	META_FOLLOW, /* that, of what a last symbolic link leads to */
	META_CACHED  /* what the kernel knows: nobody is waited for */
};

/*
 * Examine name in the directory at; fills in all of *ret but name and flags.
 * *ret_mount: something is mounted there or will be when it is entered.
 */
must_check int meta_stat(int at, const char *name, enum meta_how how,
	struct listing *ret, bool *ret_mount);

/* The same as *ret_mount, without a wait for who answers there: 1 or 0, or a
 * negative errno. */
must_check int meta_is_mount(int at, const char *name);

/*
 * True when the directory name in at, of this owner, holds a CACHEDIR.TAG with
 * its signature. The owner's or root's: what somebody else puts into a shared
 * folder must not hide it.
 */
bool meta_is_cachedir(int at, const char *name, uint32_t owner);

/* Room for reading extended attributes; all zero to begin with. */
struct meta_attrs {
	struct buf names, values, set;
	struct meta_row *row;
	struct attr *attr;
	size_t cap;
};

/*
 * Read the attributes of an open file (fd), or where fd is negative of name
 * in the current directory. Always leaves a set in m->set, of what could be
 * read; *ret_reason and *ret_err (positive) say what could not, or are 0.
 * 0 or -ENOMEM.
 */
must_check int meta_attrs_read(struct meta_attrs *m, int fd, const char *name,
	enum problem_reason *ret_reason, int *ret_err);

/* True when the last set read has attributes. */
bool meta_attrs_any(const struct meta_attrs *m);

void meta_attrs_free(struct meta_attrs *m);

#endif
