/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_ENCODE_H
#define TESTS_FUZZ_ENCODE_H

/*
 * Encoders of what is decoded, but is never written by a program in one piece
 * (DATA: the agent sends its bytes from where they are) or not yet at all.
 */

#include "format/leaf.h"
#include "format/wire.h"
#include "util/buf.h"

/* Append a frame. -EINVAL for data that wire_data_head refuses. */
must_check int encode_data(struct buf *b, const struct wire_data *in);
must_check int encode_stop(struct buf *b);

/* The clear part of a leaf of type LEAF_ENDED. */
void encode_ended(const struct leaf_ended *in, uint8_t dst[LEAF_ENDED_SIZE]);

#endif
