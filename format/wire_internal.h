/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FORMAT_WIRE_INTERNAL_H
#define FORMAT_WIRE_INTERNAL_H

/* What the files of the wire share. */

#include "format/field.h"
#include "format/wire.h"

/*
 * Open a frame of exactly n payload bytes at the end of b; its head is
 * written. -EINVAL when no frame is so long.
 */
must_check int wire_frame_open(
	struct buf *b, enum wire_type type, size_t n, struct wcur *w);

/* u32 batch, u16 entry, u16 zero. */
void wire_get_at(struct rcur *r, struct wire_at *ret);
void wire_put_at(struct wcur *w, struct wire_at at);

#endif
