/* SPDX-License-Identifier: Apache-2.0 */
#ifndef AGENT_NAMES_H
#define AGENT_NAMES_H

/*
 * The names of one directory in ascending order of their bytes, in memory
 * that does not grow with the directory: beyond a limit a pass over it keeps
 * the smallest names above those of the pass before.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

/* The usual number that a pass keeps; twice as many while it goes on. */
#define NAMES_KEEP 262144U

struct name {
	uint64_t key; /* the first eight bytes, for a fast comparison */
	uint64_t ino;
	uint32_t at; /* offset in text; a NUL follows */
	uint8_t n;
	uint8_t type; /* DT_... */
};

struct names {
	struct name *name;
	size_t n, cap;
	size_t next; /* the caller's place: before it all is done with */
	struct buf text;
	bool more;     /* names above the last one were left for a next pass */
	bool too_long; /* a name was left out that is above LIMIT_NAME */
};

/*
 * Read the names above last (empty: all, from a descriptor that has not been
 * read yet) of an open directory, at least the keep (1 or more) smallest of
 * them, and set next to 0. After a failure, a negative errno, what was read
 * until then is there and in order.
 */
must_check int names_read(
	struct names *names, int fd, struct span last, size_t keep);

static inline struct span
names_span(const struct names *names, const struct name *name)
{
	return span_of(names->text.p + name->at, name->n);
}

/* Whether an open directory has a name now: 1, 0, or a negative errno. It is
 * read anew. */
must_check int names_has(int fd, struct span name);

/* Bytes of memory that it holds. */
size_t names_size(const struct names *names);

void names_free(struct names *names);

#endif
