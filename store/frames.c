/* SPDX-License-Identifier: Apache-2.0 */
#include "store/frames.h"

#include "keys/digest.h"
#include "store/layout.h"
#include "util/io.h"
#include "util/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* Four of the longest leaves; a usual one has 200 bytes. */
#define WINDOW (256U * 1024U)

int
frames_open(int ledgerfd, uint64_t file, int flags, struct frames *ret)
{
	char name[LAYOUT_NAME];
	_cleanup_close_ int fd = -1;
	uint64_t size;
	int err;

	layout_leaves(name, file);
	fd = io_open_regular(ledgerfd, name, flags, 0644);
	if (fd < 0)
		return fd;
	err = io_file_size(fd, &size);
	if (err < 0)
		return err;
	*ret = FRAMES_INIT;
	ret->fd = take_fd(&fd);
	ret->size = size;
	return 0;
}

void
frames_close(struct frames *fr)
{
	cleanup_close(&fr->fd);
	buf_free(&fr->window);
	*fr = FRAMES_INIT;
}

/* n bytes at an offset, which the file has; live until the next call. */
static int
look(struct frames *fr, uint64_t at, size_t n, struct span *ret)
{
	uint64_t left = fr->size - at;
	size_t len = left < WINDOW ? (size_t)left : WINDOW;
	int err;

	if (at < fr->window_at || at + n > fr->window_at + fr->window.n) {
		buf_clear(&fr->window);
		err = buf_reserve(&fr->window, WINDOW);
		if (err < 0)
			return err;
		err = io_pread_full(fr->fd, fr->window.p, len, at);
		if (err < 0)
			return err;
		fr->window.n = len;
		fr->window_at = at;
	}
	*ret = span_of(fr->window.p + (at - fr->window_at), n);
	return 0;
}

static int
leaf_at(struct frames *fr, uint64_t at, const struct leaf_frame *frame,
	struct frames_item *ret)
{
	uint64_t whole = leaf_frame_span(frame);
	struct span all, leaf;
	uint8_t hash[16];
	int err;

	if (whole > fr->size - at)
		return 0;
	err = look(fr, at, (size_t)whole, &all);
	if (err < 0)
		return err;
	leaf = span_of(all.p + LEAF_FRAME_SIZE, frame->length);
	for (size_t i = LEAF_FRAME_SIZE + frame->length; i < all.n; i++) {
		if (all.p[i] != 0)
			return 0;
	}
	digest_blake2b(hash, sizeof(hash), &leaf, 1);
	if (memcmp(hash, frame->hash, sizeof(hash)) != 0)
		return 0;
	ret->kind = FRAMES_LEAF;
	ret->number = frame->value;
	ret->next = at + whole;
	ret->leaf = leaf;
	return 0;
}

static int
pad_at(struct frames *fr, uint64_t at, const struct leaf_frame *frame,
	struct frames_item *ret)
{
	uint8_t hash[16];
	int err;

	if (frame->value >= at || at - frame->value != frame->length ||
		frame->length > FRAMES_TORN_MAX)
		return 0;
	err = frames_hash(fr, frame->value, at, hash);
	if (err < 0)
		return err;
	if (memcmp(hash, frame->hash, sizeof(hash)) != 0)
		return 0;
	ret->kind = FRAMES_PAD;
	ret->begin = frame->value;
	ret->next = at + LEAF_FRAME_SIZE;
	return 0;
}

int
frames_at(struct frames *fr, uint64_t at, struct frames_item *ret)
{
	struct frames_item item = {.kind = FRAMES_NONE};
	struct leaf_frame frame;
	struct span head;
	int err = 0;

	if (at <= fr->size && fr->size - at >= LEAF_FRAME_SIZE) {
		err = look(fr, at, LEAF_FRAME_SIZE, &head);
		if (err < 0)
			return err;
		if (leaf_frame_decode(head, at, &frame) == 0) {
			if (frame.kind == LEAF_FRAME_LEAF)
				err = leaf_at(fr, at, &frame, &item);
			else
				err = pad_at(fr, at, &frame, &item);
		}
	}
	if (err < 0)
		return err;
	*ret = item;
	return 0;
}

int
frames_hash(struct frames *fr, uint64_t from, uint64_t to, uint8_t ret[16])
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	struct span all;
	int err;

	if (to < from || to - from > FRAMES_TORN_MAX)
		return -EFBIG;
	err = buf_reserve(&b, (size_t)(to - from));
	if (err < 0)
		return err;
	err = io_pread_full(fr->fd, b.p, (size_t)(to - from), from);
	if (err < 0)
		return err;
	all = span_of(b.p, (size_t)(to - from));
	digest_blake2b(ret, 16, &all, 1);
	return 0;
}

/* The pad that passes over the bytes from an offset on: *ret is the offset
 * behind it, or 0 when there is none. */
static int
find_pad(struct frames *fr, uint64_t from, uint64_t *ret)
{
	struct frames_item item;
	int err;

	*ret = 0;
	for (uint64_t at = from + 8;
		at < fr->size && at - from <= FRAMES_TORN_MAX; at += 8) {
		struct leaf_frame frame;
		struct span head;

		if (fr->size - at < LEAF_FRAME_SIZE)
			break;
		err = look(fr, at, LEAF_FRAME_SIZE, &head);
		if (err < 0)
			return err;
		if (leaf_frame_decode(head, at, &frame) != 0 ||
			frame.kind != LEAF_FRAME_PAD || frame.value != from)
			continue;
		err = frames_at(fr, at, &item);
		if (err < 0)
			return err;
		if (item.kind == FRAMES_PAD) {
			*ret = item.next;
			return 0;
		}
	}
	return 0;
}

static int
push(struct frames_walk *walk, size_t *cap, struct frames_place place)
{
	struct frames_place *v;

	if (walk->n == *cap) {
		*cap = *cap > 0 ? 2 * *cap : 64;
		v = mem_realloc_array(walk->v, *cap, sizeof(*v));
		if (!v)
			return -ENOMEM;
		walk->v = v;
	}
	walk->v[walk->n++] = place;
	return 0;
}

/* A pad right behind whole frames passes over them: false when it does not
 * begin at one of them. */
static bool
take_back(struct frames_walk *walk, uint64_t begin)
{
	size_t n = walk->n;

	while (n > 0 && walk->v[n - 1].at > begin)
		n--;
	if (n == 0 || walk->v[n - 1].at != begin)
		return false;
	walk->n = n - 1;
	return true;
}

int
frames_walk(struct frames *fr, uint64_t first, struct frames_walk *ret)
{
	_cleanup_(frames_walk_free) struct frames_walk walk = {NULL, 0, 0};
	size_t cap = 0;

	while (walk.end < fr->size) {
		struct frames_item item;
		uint64_t next;
		int err = frames_at(fr, walk.end, &item);

		if (err < 0)
			return err;
		if (item.kind == FRAMES_LEAF && item.number == first + walk.n) {
			err = push(&walk, &cap,
				(struct frames_place){walk.end, item.next,
					(uint32_t)item.leaf.n});
			next = item.next;
		} else if (item.kind == FRAMES_PAD &&
			   take_back(&walk, item.begin)) {
			next = item.next;
		} else {
			err = find_pad(fr, walk.end, &next);
		}
		if (err < 0)
			return err;
		if (next == 0)
			break;
		walk.end = next;
	}
	*ret = walk;
	walk.v = NULL;
	return 0;
}

void
frames_walk_free(struct frames_walk *walk)
{
	mem_free(walk->v);
	*walk = (struct frames_walk){NULL, 0, 0};
}
