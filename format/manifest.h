/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_MANIFEST_H
#define FORMAT_MANIFEST_H

/* Manifests, docs/format.md section 8. */

#include "format/types.h"
#include "util/buf.h"

#define MANIFEST_HEAD_SIZE 40U
#define MANIFEST_ROW_SIZE 36U

struct manifest {
	struct store_id store;
	uint64_t pull; /* number of its pull-open leaf */
	uint32_t n;
	struct span rows;
};

struct manifest_row {
	uint32_t ordinal; /* from 1 */
	struct root root;
};

/* Append the head of a manifest of n rows, which must follow. */
must_check int manifest_encode(
	struct buf *b, const struct store_id *store, uint64_t pull, uint32_t n);

/* Append a row; the caller adds n of them, ascending by ordinal. */
must_check int manifest_add(struct buf *b, const struct manifest_row *row);

/* Checks every row: O(n). */
must_check int manifest_open(struct span bytes, struct manifest *ret);

/* Row i < n. */
struct manifest_row manifest_at(const struct manifest *manifest, uint32_t i);

/* Binary search; -ENOENT for an ordinal that is not listed. */
must_check int manifest_find(
	const struct manifest *manifest, uint32_t ordinal, struct root *ret);

#endif
