/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PULL_FILE_H
#define PULL_FILE_H

#include "chunker/cut.h"
#include "format/types.h"
#include "pull/ingest.h"
#include "pull/ordinals.h"
#include "util/cleanup.h"
#include "util/fault.h"
#include "util/span.h"

#include <stdint.h>

/*
 * The content of one file at a time: bytes and holes in order -> chunks and
 * the tree of nodes above them (docs/format.md 7.1). Memory: two chunks and a
 * node a level.
 */
struct file_builder;

must_check int file_builder_new(
	struct ingest *in, struct file_builder **ret, struct fault *f);
void file_builder_free(struct file_builder *b);

/* Begin a file, forgetting any before it. */
void file_begin(struct file_builder *b, enum cutter cutter);

/* What comes next in the file. A hole has length above 0. */
must_check int file_data(
	struct file_builder *b, struct span bytes, struct fault *f);
must_check int file_hole(
	struct file_builder *b, uint64_t length, struct fault *f);

/* Bytes and holes so far. */
uint64_t file_length(const struct file_builder *b);

/* The content of a file: content is 0, OBJECT_CHUNK or OBJECT_CONTENT. packs
 * are all that it needs, valid until the next file_begin. */
struct file_content {
	uint8_t content;
	struct ref ref;
	const struct ordinals *packs;
};

must_check int file_end(
	struct file_builder *b, struct file_content *ret, struct fault *f);

/* The cutter of a file. Of one with several names it must not depend on the
 * name: readers take for one file only what has one content. */
enum cutter file_cutter(struct span name, uint64_t size, uint32_t links);

#endif
