/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What a crash, or someone with the disk, left behind the last signed leaf:
 * u8 (bit 0: hashes in frames are made right first; bit 1: the tiles are
 * lost), then the bytes. A writer either refuses and changes nothing, or goes
 * on so that every leaf reads, also by a reader who has no tiles.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/conf.h"
#include "keys/digest.h"
#include "keys/sign.h"
#include "store/ledger_append.h"
#include "store/store_read.h"
#include "tests/fuzz/entry.h"
#include "tests/lib/check.h"
#include "util/clock.h"
#include "util/io.h"

#define LEAVES "ledger/leaves-00000000"
#define SIGNED 2U

static const struct key log_key = {{1}}, ledger_seed = {{2}};
static const struct append_keys keys = {{{3}}, &log_key, &ledger_seed};
static const char *dir;
static int storefd = -1;
static struct buf leaves, tiles, checkpoint; /* of the signed ledger */

struct clock_time __wrap_clock_wall(void);

struct clock_time
__wrap_clock_wall(void)
{
	return (struct clock_time){.sec = 1800000000};
}

/* ---- files ---- */

static void
put(const char *name, struct span bytes)
{
	_cleanup_close_ int fd = openat(
		storefd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	TRIP_MUST(fd >= 0 && io_write_full(fd, bytes.p, bytes.n) == 0);
}

static bool
holds(const char *name, struct span bytes)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	return io_read_file(storefd, name, bytes.n, &b) == 0 &&
	       span_eq(buf_span(&b), bytes);
}

static void
put_conf(void)
{
	_cleanup_buf_ struct buf text = BUF_INIT;
	struct conf conf = {.store = keys.store};
	uint8_t check[CONF_CHECK_SIZE];
	struct span lines;

	sign_public(conf.ledger_key, &ledger_seed);
	TRIP_MUST(conf_encode(&text, &conf) == 0);
	lines = buf_span(&text);
	digest_blake2b(check, sizeof(check), &lines, 1);
	TRIP_MUST(conf_encode_check(&text, check) == 0);
	put("store.conf", buf_span(&text));
}

static void
add_pull(struct append *a)
{
	static const uint8_t clear[LEAF_PULL_SIZE] = {1};

	TRIP_MUST(append_put(a, LEAF_PULL, span_of(clear, sizeof(clear)),
			  span_of(NULL, 0), NULL, NULL, NULL) == 0);
	TRIP_MUST(append_sign(a, NULL) == 0);
}

static void
make_store(void)
{
	_cleanup_append_ struct append *a = NULL;
	uint8_t clear[LEAF_STORE_SIZE];
	struct leaf_store first;

	dir = check_scratch();
	atexit(check_remove_scratch_);
	storefd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	TRIP_MUST(storefd >= 0 && mkdirat(storefd, "ledger", 0700) == 0);
	put_conf();
	sign_public(first.ledger_key, &ledger_seed);
	leaf_store_encode(&first, clear);
	TRIP_MUST(append_create(storefd, &keys, &a, NULL) == 0);
	TRIP_MUST(append_put(a, LEAF_STORE, span_of(clear, sizeof(clear)),
			  span_of(NULL, 0), NULL, NULL, NULL) == 0);
	add_pull(a);
	TRIP_MUST(io_read_file(storefd, LEAVES, 65536, &leaves) == 0);
	TRIP_MUST(io_read_file(storefd, "ledger/hash-0", 4096, &tiles) == 0);
	TRIP_MUST(io_read_file(storefd, "ledger/checkpoint", 4096,
			  &checkpoint) == 0);
}

/* Hashes of frames behind the signed leaves, as if someone had made them. */
static void
make_right(struct buf *b, size_t from)
{
	for (size_t at = from; at + LEAF_FRAME_SIZE <= b->n; at += 8) {
		struct leaf_frame frame;
		struct span covered;

		if (leaf_frame_decode(span_of(b->p + at, LEAF_FRAME_SIZE), at,
			    &frame) != 0)
			continue;
		covered = span_of(b->p + at + LEAF_FRAME_SIZE, frame.length);
		if (frame.kind == LEAF_FRAME_PAD)
			covered.p = b->p + frame.value;
		if (frame.kind == LEAF_FRAME_PAD
				? frame.value + frame.length != at
				: leaf_frame_span(&frame) > b->n - at)
			continue;
		digest_blake2b(frame.hash, sizeof(frame.hash), &covered, 1);
		leaf_frame_encode(&frame, b->p + at);
	}
}

/* ---- what must hold ---- */

static int
pass_over(void *ctx, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	uint64_t *n = ctx;

	(void)hash;
	(void)f;
	TRIP_MUST(leaf->number == (*n)++);
	return 0;
}

/* The result of a recovery; leaves afterwards in *n, and one more appended. */
static int
recover(uint64_t *n, struct fault *f)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_append_ struct append *a = NULL;
	uint64_t told = 0;
	int err;

	TRIP_MUST(store_open(dir, &st, f) == 0);
	err = append_open(st, &keys, pass_over, &told, &a, f);
	if (err != 0)
		return err;
	*n = append_size(a);
	TRIP_MUST(told == *n);
	add_pull(a);
	return 0;
}

/* All leaves, each with its place in the chain of its type. */
static void
read_all(uint64_t n)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint64_t prev[8] = {0}, time = 0;
	struct leaf leaf;

	TRIP_MUST(store_open(dir, &st, NULL) == 0);
	TRIP_MUST(store_leaves(st) == n);
	for (uint64_t i = 0; i < n; i++) {
		TRIP_MUST(store_leaf(st, i, &b, &leaf, NULL, NULL) == 0);
		TRIP_MUST(leaf.number == i && leaf.time >= time);
		TRIP_MUST(leaf.type < array_len(prev) &&
			  leaf.prev == prev[leaf.type]);
		prev[leaf.type] = i + 1;
		time = leaf.time;
	}
}

/* Does a pad that holds stand behind offset from and name it? Then *next is
 * where it ends. */
static bool
is_passed_over(struct span file, size_t from, size_t *next)
{
	for (size_t at = from + 8; at + LEAF_FRAME_SIZE <= file.n; at += 8) {
		struct span torn = span_of(file.p + from, at - from);
		struct leaf_frame frame;
		uint8_t hash[16];

		if (leaf_frame_decode(span_of(file.p + at, LEAF_FRAME_SIZE), at,
			    &frame) != 0 ||
			frame.kind != LEAF_FRAME_PAD || frame.value != from)
			continue;
		digest_blake2b(hash, sizeof(hash), &torn, 1);
		if (memcmp(hash, frame.hash, sizeof(hash)) != 0)
			continue;
		*next = at + LEAF_FRAME_SIZE;
		return true;
	}
	return false;
}

/* The whole frame of leaf number n at an offset. */
static bool
is_leaf(struct span file, size_t at, uint64_t n, size_t *next)
{
	struct leaf_frame frame;
	struct span leaf;
	uint8_t hash[16];

	if (at + LEAF_FRAME_SIZE > file.n ||
		leaf_frame_decode(span_of(file.p + at, LEAF_FRAME_SIZE), at,
			&frame) != 0 ||
		frame.kind != LEAF_FRAME_LEAF || frame.value != n ||
		leaf_frame_span(&frame) > file.n - at)
		return false;
	leaf = span_of(file.p + at + LEAF_FRAME_SIZE, frame.length);
	digest_blake2b(hash, sizeof(hash), &leaf, 1);
	*next = at + (size_t)leaf_frame_span(&frame);
	return memcmp(hash, frame.hash, sizeof(hash)) == 0;
}

/* Leaves and pads explain every byte, as docs/format.md 9.4 reads them. */
static void
explain(uint64_t n)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	uint64_t found = 0;
	size_t at = 0;

	TRIP_MUST(io_read_file(storefd, LEAVES, 1U << 20, &b) == 0);
	while (at < b.n) {
		struct span file = buf_span(&b);

		if (is_passed_over(file, at, &at))
			continue;
		TRIP_MUST(is_leaf(file, at, found, &at));
		found++;
	}
	TRIP_MUST(found == n);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct fault f = {0};
	uint64_t n = 0, more = 0;

	if (size == 0)
		return 0;
	if (!dir)
		make_store();
	TRIP_MUST(buf_append(&file, leaves.p, leaves.n) == 0);
	TRIP_MUST(buf_append(&file, data + 1, size - 1) == 0);
	if (data[0] & 1)
		make_right(&file, leaves.n);
	put(LEAVES, buf_span(&file));
	put("ledger/hash-0", data[0] & 2 ? span_of("", 0) : buf_span(&tiles));
	put("ledger/checkpoint", buf_span(&checkpoint));
	if (recover(&n, &f) != 0) {
		TRIP_MUST(f.code == FAULT_LEDGER_DAMAGED);
		TRIP_MUST(holds(LEAVES, buf_span(&file)));
		TRIP_MUST(holds("ledger/checkpoint", buf_span(&checkpoint)));
		return 0;
	}
	TRIP_MUST(n >= SIGNED);
	read_all(n + 1);
	explain(n + 1);
	put("ledger/hash-0", span_of("", 0));
	read_all(n + 1);
	TRIP_MUST(recover(&more, &f) == 0 && more == n + 1);
	read_all(n + 2);
	return 0;
}
