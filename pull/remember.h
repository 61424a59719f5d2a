/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_REMEMBER_H
#define PULL_REMEMBER_H

#include "format/statrec.h"
#include "format/types.h"
#include "keys/stat.h"
#include "pull/ingest.h"
#include "pull/ordinals.h"
#include "store/store_write.h"
#include "util/buf.h"
#include "util/cleanup.h"
#include "util/span.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * What the last pull of a source saw, one record a directory (docs/format.md
 * section 11): read to skip what is unchanged, written anew as packs are
 * sealed. It is a cache: no failure here is one of the pull, but for -ENOMEM.
 */
struct remember;

struct remember_opts {
	struct writer *writer;
	struct ingest *ingest;
	uint32_t compartment;
	const char *source;
	uint32_t today; /* days since 1970 */
};

must_check int remember_open(
	const struct remember_opts *o, struct remember **ret);
void remember_close(struct remember *r);
const struct stat_keys *remember_keys(const struct remember *r);

/* Write the records whose packs are sealed by now. */
void remember_sealed(struct remember *r);

/* So many bytes of records wait for packs that the packs should be sealed. What
 * is alike is stored once, so directories without end may fill no pack. */
#define REMEMBER_WAIT_MAX (32u * 1024u * 1024u)
bool remember_full(const struct remember *r);

/* Where a directory is, without names: a chain up to the path's root. */
struct remember_place {
	const struct remember_place *parent; /* NULL for the root */
	uint32_t depth;			     /* 0 for the root */
	uint16_t path;
	uint8_t hash[8];
};
void remember_place_root(struct remember_place *p, uint16_t path);
void remember_place_below(struct remember_place *p, const struct remember *r,
	const struct remember_place *parent, struct span name);

/* The memory of one directory, old and new. */
struct memory;
must_check int memory_open(struct remember *r,
	const struct remember_place *place, struct memory **ret);
void memory_free(struct memory *m);

/*
 * The entry of a name as the last pull left it, or NULL; to be asked in the
 * order of names. Only while every pack that it names is open to hits. Valid
 * until the next call.
 */
const struct statrec_entry *memory_find(struct memory *m, struct span name);

/* Has the unchanged file not been read whole for so long that it is due? The
 * day is drawn from the name's hash, 20 to 40 days after the last reading. A
 * last reading that lies ahead of today is not believed: due now. */
bool memory_due(const struct memory *m, const struct statrec_entry *e);

/* Add the next entry of the new record: hash and packs are filled in here.
 * listing is what the digest covers. */
must_check int memory_add(struct memory *m, struct span name,
	const struct statrec_entry *e, const struct ordinals *packs,
	struct span listing);

/* The entry is not to be remembered (it may change unseen, or was not read), but
 * its listing counts. */
must_check int memory_skip(
	struct memory *m, struct span name, struct span listing);

/*
 * The directory's object as it was, if the whole listing and every entry's
 * reference are the same as then and its packs are open to hits; else NULL.
 * For a directory of one range, after all entries were added or skipped.
 */
const struct statrec_directory *memory_unchanged(struct memory *m);

/* The directory is done: its record will be written once all packs that it
 * names are sealed. m is freed. */
must_check int memory_end(struct memory *m, const struct statrec_directory *d);

#endif
