/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_FIELD_H
#define FORMAT_FIELD_H

/*
 * Fields that several tables share. The get half reads from a cursor and
 * fails it for a value that docs/format.md refuses.
 */

#include "format/types.h"
#include "util/buf.h"

#define FIELD_REF_SIZE 40U

/* Longest name of a source; it matches [a-z0-9][a-z0-9._-]{0,62}. */
#define FIELD_SOURCE_MAX 63U

void field_get_id(struct rcur *r, struct id *ret);
void field_get_root(struct rcur *r, struct root *ret);
void field_get_store(struct rcur *r, struct store_id *ret);
void field_get_when(struct rcur *r, struct when *ret);

/* bytes[32] id, u32 ordinal, u32 row; as field_addr_ok wants them. */
void field_get_ref(struct rcur *r, struct ref *ret);

/* u8 or u16 length, and as many bytes. */
struct span field_get_bytes8(struct rcur *r);
struct span field_get_bytes16(struct rcur *r);

void field_put_id(struct wcur *w, const struct id *id);
void field_put_when(struct wcur *w, struct when t);
void field_put_ref(struct wcur *w, const struct ref *ref);

/* s.n fits the length field. */
void field_put_bytes8(struct wcur *w, struct span s);
void field_put_bytes16(struct wcur *w, struct span s);

/*
 * 0 for the format version, -EPROTONOSUPPORT for a later one, -EBADMSG for
 * 0. The same for a suite.
 */
must_check int field_version(uint16_t version);
must_check int field_suite(uint16_t suite);

/* Version, then suite; -EBADMSG also for a cursor that has failed. */
must_check int field_get_version_suite(struct rcur *r);

/* A name in a directory: 1 to 255 bytes, no slash, no NUL, not . or .. */
bool field_name_ok(struct span name);

bool field_source_ok(struct span name);

/* True when s has no NUL in it. */
bool field_no_nul(struct span s);

bool field_when_ok(struct when t);

/* Ordinal from 1, row within the limit of a pack. */
bool field_addr_ok(struct addr a);

/* True for 1 to 7. */
bool field_kind_ok(uint8_t kind);

/*
 * True when an entry of this kind may have content of this object type (0:
 * none).
 */
bool field_content_ok(enum file_kind kind, uint8_t content);

/* True for reasons that 7.6 lists. */
bool field_reason_ok(uint16_t reason);

/* Ascending order of bytes: below 0, 0, above 0. */
int field_cmp(struct span a, struct span b);

/*
 * Open n bytes at the end of b for writing with *w, without counting them
 * yet; field_commit counts what was written. A field_open that fails leaves
 * b as it was, and so does not calling field_commit.
 */
must_check int field_open(struct buf *b, size_t n, struct wcur *w);
void field_commit(struct buf *b, const struct wcur *w);

/* What was written so far. */
static inline struct span
field_written(const struct wcur *w)
{
	return span_of(w->p, w->at);
}

#endif
