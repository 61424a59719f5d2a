/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_INGEST_H
#define PULL_INGEST_H

#include "format/types.h"
#include "keys/id.h"
#include "store/store_write.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * Where objects go: named, looked up, gathered into blocks, and the blocks
 * compressed, sealed, compared and written by worker threads, in order. Two
 * packs are open at a time, one for data and one for metadata.
 *
 * Invariants:
 *  1 A metadata pack is sealed after the data pack that is open beside it, so no
 *    sealed pack points into one that may be lost.
 *  2 Objects of an unsealed pack are known to this pull alone.
 *  3 Which object goes where does not depend on the timing of the workers.
 */
struct ingest;

struct ingest_opts {
	struct writer *writer;
	uint32_t compartment;
	const char *source; /* outlives ingest */
	unsigned int workers;
};

must_check int ingest_open(
	const struct ingest_opts *opts, struct ingest **ret, struct fault *f);

/* Drops what is not sealed. NULL is fine. */
void ingest_close(struct ingest *in);

static inline void
ingest_closep(struct ingest **in)
{
	ingest_close(*in);
}
#define _cleanup_ingest_ _cleanup_(ingest_closep)

/* The compartment's keys for naming, cutting and paging; live as long as in. */
const struct id_keys *ingest_id_keys(const struct ingest *in);

/* The number of this pull. It is opened (writer_pull) by the first thing that
 * is stored, so that a pull that comes to nothing leaves no trace. */
must_check int ingest_pull(struct ingest *in, uint64_t *pull, struct fault *f);

/*
 * Store an object, unless it is known with the same references. *ret is its
 * reference. Objects go to data or metadata packs by their type. After a
 * failure in only takes ingest_close.
 */
must_check int ingest_put(struct ingest *in, enum object_type type,
	struct span content, const struct ref *refs, uint32_t nrefs,
	struct ref *ret, struct fault *f);

/* Seal the open packs as they are: data, then metadata. */
must_check int ingest_seal(struct ingest *in, struct fault *f);

/* Is the pack sealed? (One of this pull, or any before it.) */
bool ingest_sealed(const struct ingest *in, uint32_t ordinal);

/* Counts packs sealed; when it has changed, more records may be written. */
uint32_t ingest_seals(const struct ingest *in);

/* Bytes of the pack files sealed by this pull. */
uint64_t ingest_stored(const struct ingest *in);

#endif
