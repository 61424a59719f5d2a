/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_RULES_H
#define TESTS_FUZZ_RULES_H

/*
 * What docs/format.md says of values, in its own numbers and without a line
 * of format/: encoder and decoder share their judgement, so that bytes come
 * back the same is no proof that they were allowed. Each aborts for what is
 * not.
 */

#include "format/content.h"
#include "format/directory.h"
#include "format/leaf.h"
#include "format/pack.h"
#include "format/problem.h"
#include "format/statrec.h"
#include "format/wire.h"
#include "tests/fuzz/trip.h"

/* 1 to max bytes without NUL. */
void rule_text(struct span s, size_t max);
/* An entry's name; a path or link target. */
void rule_name(struct span s);
/* b stands behind a. */
void rule_ascends(struct span a, struct span b);
void rule_when(struct when t);
void rule_ref(const struct ref *ref);
void rule_owner(const struct owner *o);

void rule_listing(const struct listing *l, bool root);
void rule_batch(const struct wire_batch *b);
void rule_entry(const struct dirent_rec *e, bool root);
void rule_remembered(const struct statrec_entry *e);
void rule_ordinals(const struct statrec_ordinals *o);
void rule_content(const struct content *node, const struct content_entry *e);
void rule_block(const struct pack_block *b);
void rule_row(const struct pack_row *row);
void rule_header(const struct pack_header *h);
void rule_source(struct span name);

#endif
