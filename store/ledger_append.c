/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Order: leaf, tiles, sync of both, checkpoint.
 *
 * I8. No two checkpoints of one size differ. A leaf that was made durable is
 * the only one that can ever have its number: it is signed, or taken over by
 * the next writer (ledger_recover.c); a checkpoint is a function of its leaves,
 * and none is signed twice for one size by one writer.
 * I9. After a failed write or sync nothing is tried again: the handle is dead,
 * and the next writer looks at what the disk really holds.
 */
#include "store/ledger_append_internal.h"

#include "format/checkpoint.h"
#include "keys/digest.h"
#include "keys/log.h"
#include "keys/sign.h"
#include "store/layout.h"
#include "store/trouble.h"
#include "util/buf.h"
#include "util/clock.h"
#include "util/io.h"
#include "util/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

#define NANO 1000000000U

static int
die(struct append *a, struct fault *f, int err, const char *what)
{
	a->dead = true;
	return trouble_io(f, err, LAYOUT_LEDGER, what);
}

static int
refuse_dead(struct fault *f)
{
	return fault_set(f, FAULT_IO, LAYOUT_LEDGER,
		"an earlier write failed; nothing more is written");
}

int
append_new(int storefd, const struct append_keys *keys, struct append **ret,
	struct fault *f)
{
	_cleanup_append_ struct append *a = mem_zalloc(sizeof(*a));

	if (!a)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
	a->fd = -1;
	a->keys = *keys;
	sign_public(a->pk, keys->ledger_seed);
	a->dirfd = io_openat(storefd, LAYOUT_LEDGER, O_RDONLY | O_DIRECTORY, 0);
	if (a->dirfd < 0)
		return trouble_folder(f, a->dirfd, LAYOUT_LEDGER);
	*ret = take_ptr(&a);
	return 0;
}

int
append_create(int storefd, const struct append_keys *keys, struct append **ret,
	struct fault *f)
{
	return append_new(storefd, keys, ret, f);
}

void
append_close(struct append *a)
{
	if (!a)
		return;
	cleanup_close(&a->fd);
	cleanup_close(&a->dirfd);
	mem_free(a);
}

uint64_t
append_size(const struct append *a)
{
	return a->tree.n;
}

uint64_t
append_signed(const struct append *a, struct root *last)
{
	*last = a->signed_last;
	return a->signed_size;
}

/* Put a level's newest top, the last of count, into its file. */
static int
write_top(struct append *a, unsigned int level, uint64_t count,
	const struct root *top)
{
	_cleanup_close_ int fd = -1;
	char name[LAYOUT_NAME];

	layout_hashes(name, level);
	fd = io_open_regular(a->dirfd, name, O_WRONLY | O_CREAT, 0644);
	if (fd < 0)
		return fd;
	a->tiles |= 1U << level;
	if (count == 1)
		a->new_file = true;
	return io_pwrite_full(
		fd, top, sizeof(*top), (count - 1) * sizeof(*top));
}

unsigned int
append_count(struct append *a, const struct leaf *leaf, const struct root *hash,
	struct root tops[TREE_LEVELS])
{
	unsigned int n = tree_add(&a->tree, hash, tops);

	assert(leaf->type < APPEND_TYPES && leaf->number + 1 == a->tree.n);
	a->heads[leaf->type] = leaf->number + 1;
	a->time = leaf->time;
	a->last = *hash;
	return n;
}

static int
add_leaf(struct append *a, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	struct root tops[TREE_LEVELS];
	unsigned int n = append_count(a, leaf, hash, tops);

	for (unsigned int level = 0; level < n; level++) {
		int err = write_top(
			a, level, a->tree.n >> (8 * level), &tops[level]);

		if (err < 0)
			return die(a, f, err, "writing hash tiles");
	}
	return 0;
}

/* Vault time: the wall clock, but never less than that of the leaf before. */
static uint64_t
next_time(const struct append *a)
{
	struct clock_time now = clock_wall();
	uint64_t ns = 0;

	if (now.sec > 0 && (uint64_t)now.sec < UINT64_MAX / NANO - 1)
		ns = (uint64_t)now.sec * NANO + now.nsec;
	return ns > a->time ? ns : a->time;
}

/* The next frame, whole, and its leaf within it. */
static int
make_frame(const struct append *a, struct leaf *leaf, struct span body,
	struct buf *out)
{
	struct leaf_frame frame = {.kind = LEAF_FRAME_LEAF};
	struct span whole;
	uint8_t head[LEAF_FRAME_SIZE] = {0};
	int err;

	err = buf_append(out, head, sizeof(head));
	if (err == 0)
		err = leaf_encode(out, leaf);
	if (err < 0)
		return err;
	whole = span_of(out->p + sizeof(head), out->n - sizeof(head));
	/* The clear part must not move while it is sealed over. */
	err = buf_reserve(out, AEAD_NONCE + body.n + AEAD_TAG + 8);
	if (err < 0)
		return err;
	whole.p = out->p + sizeof(head);
	err = log_seal(out, a->keys.log_key, whole, body);
	if (err < 0)
		return err;
	whole = span_of(out->p + sizeof(head), out->n - sizeof(head));
	if (whole.n > FORMAT_LEAF_MAX)
		return -E2BIG;
	frame.length = (uint32_t)whole.n;
	frame.value = leaf->number;
	digest_blake2b(frame.hash, sizeof(frame.hash), &whole, 1);
	leaf_frame_encode(&frame, out->p);
	while (out->n < leaf_frame_span(&frame)) {
		err = buf_u8(out, 0);
		if (err < 0)
			return err;
	}
	return (int)frame.length;
}

/* The leaves file into which the next leaf goes. */
static int
open_leaves(struct append *a)
{
	char name[LAYOUT_NAME];
	uint64_t size;
	int err;

	if (a->fd >= 0 && a->file == a->tree.n / LEAF_FILE_LEAVES)
		return 0;
	/* Leaves of the file before are durable: they were signed. */
	assert(a->fd < 0 || a->signed_size == a->tree.n);
	cleanup_close(&a->fd);
	a->file = a->tree.n / LEAF_FILE_LEAVES;
	layout_leaves(name, a->file);
	a->fd = io_open_regular(a->dirfd, name, O_RDWR | O_CREAT, 0644);
	if (a->fd < 0)
		return a->fd;
	err = io_file_size(a->fd, &size);
	if (err < 0)
		return err;
	/* What stood in this file was dealt with at the opening. */
	if (size != 0)
		return -EEXIST;
	a->end = 0;
	a->new_file = true;
	return 0;
}

int
append_put(struct append *a, enum leaf_type type, struct span clear,
	struct span body, uint64_t *number, struct root *hash, struct fault *f)
{
	_cleanup_buf_ struct buf frame = BUF_INIT;
	struct leaf leaf = {.type = type,
		.number = a->tree.n,
		.prev = a->heads[type],
		.store = a->keys.store,
		.clear = clear};
	struct root h;
	int len, err;

	if (a->dead)
		return refuse_dead(f);
	leaf.time = next_time(a);
	len = make_frame(a, &leaf, body, &frame);
	if (len == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
	if (len < 0)
		return fault_set(f, FAULT_INTERNAL, LAYOUT_LEDGER,
			"a leaf of type %d does not encode", (int)type);
	err = open_leaves(a);
	if (err == 0)
		err = io_pwrite_full(a->fd, frame.p, frame.n, a->end);
	if (err < 0)
		return die(a, f, err, "writing a leaf");
	a->end += frame.n;
	digest_leaf(&h, span_of(frame.p + LEAF_FRAME_SIZE, (size_t)len));
	err = add_leaf(a, &leaf, &h, f);
	if (err < 0)
		return err;
	if (number)
		*number = leaf.number;
	if (hash)
		*hash = h;
	return 0;
}

/* ---- sign ---- */

static int
sync_all(struct append *a)
{
	int err = a->fd >= 0 ? io_fsync(a->fd) : 0;

	for (unsigned int level = 0; level < TREE_LEVELS && err == 0; level++) {
		_cleanup_close_ int fd = -1;
		char name[LAYOUT_NAME];

		if (!(a->tiles & 1U << level))
			continue;
		layout_hashes(name, level);
		fd = io_open_regular(a->dirfd, name, O_RDONLY, 0);
		err = fd < 0 ? fd : io_fsync(fd);
	}
	if (err == 0 && a->new_file)
		err = io_fsync_dirfd(a->dirfd);
	if (err < 0)
		return err;
	a->tiles = 0;
	a->new_file = false;
	return 0;
}

static int
make_checkpoint(const struct append *a, struct buf *out)
{
	struct checkpoint cp = {.store = a->keys.store, .size = a->tree.n};
	uint8_t input[CHECKPOINT_KEY_INPUT], hash[32];
	struct span part = span_of(input, sizeof(input));
	struct root root;
	int err;

	tree_root(&a->tree, &root);
	memcpy(cp.root, root.b, sizeof(cp.root));
	err = checkpoint_encode_text(out, &cp);
	if (err < 0)
		return err;
	sign_message(cp.signature, a->keys.ledger_seed, buf_span(out));
	checkpoint_key_input(&a->keys.store, a->pk, input);
	digest_sha256(hash, &part, 1);
	memcpy(cp.key_hash, hash, sizeof(cp.key_hash));
	return checkpoint_encode_signature(out, &cp);
}

int
append_sign(struct append *a, struct fault *f)
{
	_cleanup_buf_ struct buf note = BUF_INIT;
	int err;

	if (a->dead)
		return refuse_dead(f);
	/* I8 */
	if (a->signed_size == a->tree.n)
		return 0;
	assert(a->signed_size < a->tree.n);
	err = sync_all(a);
	if (err < 0)
		return die(a, f, err, "making leaves durable");
	err = make_checkpoint(a, &note);
	if (err == 0)
		err = io_replace(
			a->dirfd, LAYOUT_CHECKPOINT, buf_span(&note), 0644);
	if (err < 0)
		return die(a, f, err, "replacing the checkpoint");
	a->signed_size = a->tree.n;
	a->signed_last = a->last;
	return 0;
}
