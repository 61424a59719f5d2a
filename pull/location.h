/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_LOCATION_H
#define PULL_LOCATION_H

#include "util/buf.h"
#include "util/cleanup.h"
#include "util/fault.h"

/* Where a source is. */
struct location {
	char *host; /* user@host, or NULL: this machine */
	char *path; /* absolute; of this machine: resolved */
};

/* Parse /path or [user@]host:/path. Faults: usage, source-missing. */
must_check int location_parse(
	struct location *l, const char *text, struct fault *f);
void location_free(struct location *l);

/*
 * If the store lies below the path, append the exclude pattern that keeps the
 * pull from reading what it writes: anchored, with the pattern's own
 * characters escaped. Else out stays empty.
 */
must_check int location_exclude(
	const struct location *l, const char *store, struct buf *out);

/* Refuse a path of this machine that is the store or lies in it: usage. */
must_check int location_outside(
	const struct location *l, const char *store, struct fault *f);

#endif
