/* SPDX-License-Identifier: Apache-2.0 */
#ifndef STORE_TROUBLE_H
#define STORE_TROUBLE_H

/* A failed system call as a fault of the store. */

#include "util/fault.h"

#include <stdbool.h>

/*
 * Note that doing something to object failed with err (negative): store-full
 * for a full disk or quota, store-denied for rights that are missing and for a
 * read-only disk, no-memory, else io. Returns err.
 */
int trouble_io(struct fault *f, int err, const char *object, const char *doing);

/* The same for opening a file: code when what stands there is not a regular
 * file. */
int trouble_file(struct fault *f, enum fault_code code, int err,
	const char *object, const char *doing);

/* The same for opening a folder of the store: one that is not there is named
 * for what it holds, as nothing is wrong with the disk. */
int trouble_folder(struct fault *f, int err, const char *folder);

/*
 * What a folder without store.conf is: what is left of a store, made to the end
 * or not, or what it is otherwise called.
 */
const char *trouble_no_store(int dirfd, const char *otherwise);

/* io_open_regular or io_read_file met something that is no regular file. */
bool trouble_no_file(int err);

#endif
