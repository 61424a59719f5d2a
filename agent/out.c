/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "agent/out.h"
#include "util/io.h"

/*
 * Nothing is added to the buffer while it is written: the wait for room only
 * takes input.
 */
int
out_flush(struct out *o)
{
	size_t at = 0;
	int err;

	while (at < o->b.n) {
		ssize_t put = io_send_some(o->fd, o->b.p + at, o->b.n - at);

		if (put > 0) {
			at += (size_t)put;
			continue;
		}
		/* When the vault does not read. */
		if (put != -EAGAIN)
			return (int)put;
		err = o->wait(o->ctx, OUT_NEED_ROOM);
		if (err < 0)
			return err;
	}
	buf_clear(&o->b);
	return 0;
}

int
out_push(struct out *o)
{
	return o->b.n >= OUT_FULL ? out_flush(o) : 0;
}

int
out_charge(struct out *o, size_t n)
{
	size_t used;

	return out_charge_some(o, n, n, &used);
}

int
out_charge_some(struct out *o, size_t least, size_t n, size_t *ret)
{
	int err;

	while (o->credit < least) {
		err = o->wait(o->ctx, OUT_NEED_CREDIT);
		if (err < 0)
			return err;
	}
	*ret = o->credit < n ? (size_t)o->credit : n;
	o->credit -= *ret;
	return 0;
}
