/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/encode.h"

#include "util/le.h"

int
encode_data(struct buf *b, const struct wire_data *in)
{
	uint8_t head[WIRE_HEAD_SIZE + WIRE_DATA_HEAD];
	int err = wire_data_head(in->at, in->offset, in->bytes.n, head);

	if (err == 0)
		err = buf_reserve(b, sizeof(head) + in->bytes.n);
	if (err == 0)
		err = buf_append(b, head, sizeof(head));
	return err == 0 ? buf_append(b, in->bytes.p, in->bytes.n) : err;
}

int
encode_stop(struct buf *b)
{
	const struct wire_head head = {WIRE_STOP, 0};
	uint8_t bytes[WIRE_HEAD_SIZE];

	wire_head_encode(&head, bytes);
	return buf_append(b, bytes, sizeof(bytes));
}

void
encode_ended(const struct leaf_ended *in, uint8_t dst[LEAF_ENDED_SIZE])
{
	le64_put(dst, in->pull);
}
