/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The leaf hashes are read once and their root compared with the root by which
 * the pack was asked for; from then on a slice is believed when it has its
 * leaf's hash. Table, block map and trailer go through such slices and then
 * through their tags. Blocks and their references go through their tags
 * alone: a slice would make a reader of 4 KiB read and hash 64 KiB.
 *
 * A pack's own lock guards what is kept of it: the slice that was proven last
 * (neighbouring table slices share one) and opened slices of table and block
 * map. Reading, hashing and opening are done outside the lock; of two threads
 * that open the same slice, the later throws its copy away.
 */
#include "store/packs.h"

#include "keys/aead.h"
#include "keys/digest.h"
#include "keys/secmem.h"
#include "store/immut.h"
#include "store/layout.h"
#include "store/trouble.h"
#include "util/io.h"
#include "util/mem.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

/* Slices that a scrub reads at once. */
#define SCRUB_SLICES 16U

struct packs_file {
	int fd;
	struct store_id store;
	char name[LAYOUT_NAME];
	struct pack_shape shape;
	struct root *leaves; /* shape.slices of them */
	uint8_t header_bytes[PACK_HEADER_SIZE];
	struct pack_header header;

	pthread_mutex_t lock;
	/* All below protected by lock; key, trailer and the two arrays do
	 * not change once unlocked is set. */
	bool unlocked;
	struct key *key; /* pack reference key, in secmem */
	struct pack_trailer trailer;
	uint8_t **table; /* opened slices, or NULL */
	uint8_t **map;
	uint8_t *proven; /* one slice */
	uint32_t proven_no;
};

static int
damaged(const struct packs_file *p, struct fault *f, const char *what)
{
	return fault_set(f, FAULT_PACK_DAMAGED, p->name, "%s", what);
}

static int
read_at(const struct packs_file *p, void *dst, size_t n, uint64_t at,
	struct fault *f)
{
	int err = io_pread_full(p->fd, dst, n, at);

	if (err == -ENODATA)
		return damaged(p, f, "it ends too early");
	return err < 0 ? trouble_io(f, err, p->name, "reading") : 0;
}

static int
check_slice(const struct packs_file *p, uint32_t no, const uint8_t *bytes,
	struct fault *f)
{
	struct root hash;

	digest_slice(&hash, span_of(bytes, SLICE));
	if (!root_equal(&hash, &p->leaves[no]))
		return fault_set(f, FAULT_PACK_DAMAGED, p->name,
			"slice %" PRIu32 " (64 KiB at %" PRIu64
			") is not what was sealed",
			no, (uint64_t)no * SLICE);
	return 0;
}

/* Copy from the slice that was proven last; false when it is another. */
static bool
copy_proven(
	struct packs_file *p, uint32_t no, size_t from, uint8_t *dst, size_t n)
{
	bool hit;

	pthread_mutex_lock(&p->lock);
	hit = p->proven && p->proven_no == no;
	if (hit)
		memcpy(dst, p->proven + from, n);
	pthread_mutex_unlock(&p->lock);
	return hit;
}

/* Bytes of the hashed region, through their slices. */
static int
read_proven(struct packs_file *p, uint8_t *dst, size_t n, uint64_t at,
	struct fault *f)
{
	assert(at <= p->shape.tree_at && n <= p->shape.tree_at - at);
	while (n > 0) {
		_cleanup_free_ uint8_t *bytes = NULL;
		uint32_t no = (uint32_t)(at / SLICE);
		size_t from = at % SLICE;
		size_t len = n < SLICE - from ? n : SLICE - from;
		uint8_t *old;
		int err;

		if (!copy_proven(p, no, from, dst, len)) {
			bytes = mem_alloc(SLICE);
			if (!bytes)
				return fault_set(
					f, FAULT_NO_MEMORY, p->name, NULL);
			err = read_at(p, bytes, SLICE, (uint64_t)no * SLICE, f);
			if (err == 0)
				err = check_slice(p, no, bytes, f);
			if (err < 0)
				return err;
			memcpy(dst, bytes + from, len);
			pthread_mutex_lock(&p->lock);
			old = p->proven;
			p->proven = bytes;
			p->proven_no = no;
			pthread_mutex_unlock(&p->lock);
			bytes = old;
		}
		dst += len;
		at += len;
		n -= len;
	}
	return 0;
}

/* ---- open and close ---- */

static int
open_file(int storefd, struct packs_file *p, uint64_t *size, struct fault *f)
{
	int err;

	p->fd = io_open_regular(storefd, p->name, O_RDONLY, 0);
	if (p->fd == -ENOENT)
		return fault_set(f, FAULT_PACK_MISSING, p->name, NULL);
	if (trouble_no_file(p->fd))
		return damaged(p, f, "it is not a regular file");
	if (p->fd < 0)
		return trouble_io(f, p->fd, p->name, "opening");
	err = io_file_size(p->fd, size);
	return err < 0 ? trouble_io(f, err, p->name, "opening") : 0;
}

/* Tail, leaf hashes, root. */
static int
load_tree(struct packs_file *p, uint64_t size, const struct root *want,
	struct fault *f)
{
	uint8_t bytes[PACK_TAIL_SIZE];
	struct pack_tail tail;
	struct root root;
	uint64_t at;
	int err;

	if (pack_tail_at(size, &at) != 0)
		return damaged(p, f, "no pack has its size");
	err = read_at(p, bytes, sizeof(bytes), at, f);
	if (err < 0)
		return err;
	if (pack_tail_decode(span_of(bytes, sizeof(bytes)), &tail) != 0 ||
		pack_shape_of(size, &tail, &p->shape) != 0)
		return damaged(p, f, "its tail does not read");
	p->leaves = mem_array(p->shape.slices, sizeof(*p->leaves));
	if (!p->leaves)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	err = read_at(p, p->leaves, p->shape.slices * sizeof(*p->leaves),
		p->shape.tree_at, f);
	if (err < 0)
		return err;
	digest_slice_root(&root, p->leaves, p->shape.slices);
	if (!root_equal(&root, &tail.root))
		return damaged(p, f, "its slice tree does not give its root");
	if (!root_equal(&root, want))
		return damaged(p, f, "another pack lies under this name");
	return 0;
}

static int
load_header(struct packs_file *p, uint32_t ordinal, struct fault *f)
{
	int err;

	err = read_proven(p, p->header_bytes, sizeof(p->header_bytes), 0, f);
	if (err < 0)
		return err;
	err = pack_header_decode(packs_header_bytes_peek(p), &p->header);
	if (err == -EPROTONOSUPPORT)
		return fault_set(f, FAULT_STORE_NEWER, p->name,
			"it is of a later format");
	if (err < 0)
		return damaged(p, f, "its header does not read");
	if (!store_id_equal(&p->header.store, &p->store))
		return fault_set(f, FAULT_PACK_FOREIGN, p->name,
			"it is of another store");
	if (ordinal != 0 && p->header.ordinal != ordinal)
		return fault_set(f, FAULT_PACK_DAMAGED, p->name,
			"it is pack %" PRIu32 " and not %" PRIu32,
			p->header.ordinal, ordinal);
	return 0;
}

int
packs_look(int storefd, const struct root *root, struct fault *f)
{
	char name[LAYOUT_NAME];
	struct stat sb;
	uint64_t at;

	layout_pack(name, root);
	if (fstatat(storefd, name, &sb, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT)
			return fault_set(f, FAULT_PACK_MISSING, name, NULL);
		return trouble_io(f, -errno, name, "looking at");
	}
	if (!S_ISREG(sb.st_mode))
		return fault_set(f, FAULT_PACK_DAMAGED, name,
			"it is not a regular file");
	if (pack_tail_at((uint64_t)sb.st_size, &at) != 0)
		return fault_set(f, FAULT_PACK_DAMAGED, name,
			"its size is that of no pack");
	return 0;
}

int
packs_open(int storefd, const struct store_id *store, uint32_t ordinal,
	const struct root *root, struct packs_file **ret, struct fault *f)
{
	_cleanup_pack_ struct packs_file *p = mem_zalloc(sizeof(*p));
	uint64_t size;
	int err;

	if (!p)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_PACKS, NULL);
	p->fd = -1;
	/* With default attributes this cannot fail on Linux. */
	pthread_mutex_init(&p->lock, NULL);
	p->store = *store;
	layout_pack(p->name, root);
	err = open_file(storefd, p, &size, f);
	if (err == 0)
		err = load_tree(p, size, root, f);
	if (err == 0)
		err = load_header(p, ordinal, f);
	if (err < 0)
		return err;
	*ret = take_ptr(&p);
	return 0;
}

static void
free_slices(uint8_t **v, uint32_t n)
{
	for (uint32_t i = 0; v && i < n; i++)
		mem_free(v[i]);
	mem_free(v);
}

void
packs_close(struct packs_file *p)
{
	if (!p)
		return;
	cleanup_close(&p->fd);
	if (p->unlocked) {
		free_slices(p->table, pack_table_slices(&p->trailer));
		free_slices(p->map, pack_map_slices(&p->trailer));
	}
	secmem_free(p->key);
	mem_free(p->proven);
	mem_free(p->leaves);
	pthread_mutex_destroy(&p->lock);
	mem_free(p);
}

struct span
packs_header_bytes_peek(const struct packs_file *p)
{
	return span_of(p->header_bytes, sizeof(p->header_bytes));
}

const struct pack_header *
packs_header_peek(const struct packs_file *p)
{
	return &p->header;
}

/* ---- what the reference key opens ---- */

static int
open_part(const struct packs_file *p, const struct key *key,
	const struct pack_part *part, struct span sealed, uint8_t *dst)
{
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE];

	pack_part_ad(p->header_bytes, part, ad);
	pack_part_nonce(part, nonce);
	return aead_open(dst, key, nonce, span_of(ad, sizeof(ad)), sealed);
}

static int
load_trailer(struct packs_file *p, const struct key *key,
	struct pack_trailer *ret, struct fault *f)
{
	static const struct pack_part part = {
		.domain = PACK_TRAILER, .plain_len = PACK_TRAILER_SIZE};
	uint8_t sealed[PACK_TRAILER_SEALED], plain[PACK_TRAILER_SIZE];
	int err;

	err = read_proven(p, sealed, sizeof(sealed), p->shape.trailer_at, f);
	if (err < 0)
		return err;
	if (open_part(p, key, &part, span_of(sealed, sizeof(sealed)), plain) !=
		0)
		return damaged(p, f, "its trailer does not open");
	if (pack_trailer_decode(span_of(plain, sizeof(plain)), ret) != 0 ||
		pack_shape_check(&p->shape, ret) != 0)
		return damaged(p, f, "its trailer does not fit the file");
	return 0;
}

int
packs_unlock(struct packs_file *p, const struct ref_keys *keys, struct fault *f)
{
	_cleanup_secret_ struct key *key = NULL;
	_cleanup_free_ uint8_t **table = NULL, **map = NULL;
	struct pack_trailer trailer;
	bool done;
	int err;

	pthread_mutex_lock(&p->lock);
	done = p->unlocked;
	pthread_mutex_unlock(&p->lock);
	if (done)
		return 0;
	key = secmem_alloc(sizeof(*key));
	if (!key)
		return fault_set(f, FAULT_NO_MEMORY, p->name,
			"there is no locked memory left");
	ref_pack_key(key, keys, &p->store, &p->header.pack);
	err = load_trailer(p, key, &trailer, f);
	if (err < 0)
		return err;
	table = mem_array(pack_table_slices(&trailer), sizeof(*table));
	map = mem_array(pack_map_slices(&trailer), sizeof(*map));
	if (!table || !map)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	pthread_mutex_lock(&p->lock);
	if (!p->unlocked) {
		p->key = take_ptr(&key);
		p->trailer = trailer;
		p->table = take_ptr(&table);
		p->map = take_ptr(&map);
		p->unlocked = true;
	}
	pthread_mutex_unlock(&p->lock);
	return 0;
}

uint32_t
packs_rows(const struct packs_file *p)
{
	return p->trailer.rows;
}

uint32_t
packs_blocks(const struct packs_file *p)
{
	return p->trailer.blocks;
}

/* Opened bytes of a sealed slice, kept in *place; live as long as p. */
static int
load_slice(struct packs_file *p, uint8_t **place, enum pack_domain domain,
	uint32_t number, struct pack_slice slice, const uint8_t **ret,
	struct fault *f)
{
	const struct pack_part part = {
		.domain = domain, .number = number, .plain_len = slice.plain};
	_cleanup_free_ uint8_t *sealed = NULL, *plain = NULL;
	int err;

	pthread_mutex_lock(&p->lock);
	*ret = *place;
	pthread_mutex_unlock(&p->lock);
	if (*ret)
		return 0;
	sealed = mem_alloc(slice.sealed);
	plain = mem_alloc(slice.plain);
	if (!sealed || !plain)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	err = read_proven(p, sealed, slice.sealed, slice.at, f);
	if (err < 0)
		return err;
	if (open_part(p, p->key, &part, span_of(sealed, slice.sealed), plain) !=
		0)
		return damaged(p, f,
			domain == PACK_TABLE
				? "a slice of its table does not open"
				: "its block map does not open");
	pthread_mutex_lock(&p->lock);
	if (!*place)
		*place = take_ptr(&plain);
	*ret = *place;
	pthread_mutex_unlock(&p->lock);
	return 0;
}

int
packs_row(struct packs_file *p, uint32_t row, struct pack_row *ret,
	struct fault *f)
{
	uint32_t no = row / TABLE_SLICE_ROWS;
	const uint8_t *bytes;
	struct pack_row r;
	int err;

	if (row >= p->trailer.rows) {
		(void)fault_set(f, FAULT_OBJECT_MISSING, p->name,
			"its table has no row %" PRIu32, row);
		return -ERANGE;
	}
	err = load_slice(p, &p->table[no], PACK_TABLE, no,
		pack_table_slice(&p->trailer, no), &bytes, f);
	if (err < 0)
		return err;
	bytes += (size_t)(row % TABLE_SLICE_ROWS) * PACK_ROW_SIZE;
	if (pack_row_decode(span_of(bytes, PACK_ROW_SIZE), &r) != 0 ||
		r.block >= p->trailer.blocks)
		return damaged(p, f, "a row of its table does not read");
	*ret = r;
	return 0;
}

int
packs_block(struct packs_file *p, uint32_t block, struct pack_block *ret,
	struct fault *f)
{
	uint32_t no = block / BLOCKMAP_SLICE_ROWS;
	const uint8_t *bytes;
	struct pack_block b;
	int err;

	if (block >= p->trailer.blocks) {
		(void)fault_set(f, FAULT_OBJECT_MISSING, p->name,
			"it has no block %" PRIu32, block);
		return -ERANGE;
	}
	err = load_slice(p, &p->map[no], PACK_MAP, no,
		pack_map_slice(&p->trailer, no), &bytes, f);
	if (err < 0)
		return err;
	bytes += (size_t)(block % BLOCKMAP_SLICE_ROWS) * PACK_BLOCK_SIZE;
	if (pack_block_decode(span_of(bytes, PACK_BLOCK_SIZE), &b) != 0 ||
		pack_block_within(&b, &p->trailer) != 0)
		return damaged(p, f, "a row of its block map does not read");
	*ret = b;
	return 0;
}

int
packs_block_bytes(struct packs_file *p, const struct pack_block *row,
	struct buf *out, struct fault *f)
{
	int err;

	if (buf_reserve(out, row->sealed) != 0)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	err = read_at(p, out->p + out->n, row->sealed, row->offset, f);
	if (err < 0)
		return err;
	out->n += row->sealed;
	return 0;
}

int
packs_block_refs(struct packs_file *p, uint32_t block,
	const struct pack_block *row, struct buf *out, struct fault *f)
{
	struct pack_part part = {.domain = PACK_REFS, .number = block};
	_cleanup_free_ uint8_t *sealed = NULL;
	int err;

	if (row->refs_sealed == 0)
		return 0;
	if (row->refs_sealed < SEAL_TAG)
		return damaged(p, f, "a row of its block map does not read");
	part.plain_len = row->refs_sealed - SEAL_TAG;
	sealed = mem_alloc(row->refs_sealed);
	if (!sealed || buf_reserve(out, part.plain_len) != 0)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	err = read_at(p, sealed, row->refs_sealed,
		(uint64_t)row->offset + row->sealed, f);
	if (err < 0)
		return err;
	if (open_part(p, p->key, &part, span_of(sealed, row->refs_sealed),
		    out->p + out->n) != 0)
		return fault_set(f, FAULT_PACK_DAMAGED, p->name,
			"the references of block %" PRIu32 " do not open",
			block);
	out->n += part.plain_len;
	return 0;
}

/* ---- scrub ---- */

/* The bytes from the tree on, again: what the opening read may have changed,
 * and the zero bytes were not looked at. */
static int
scrub_end(struct packs_file *p, struct fault *f)
{
	size_t n = (size_t)(p->shape.file_size - p->shape.tree_at);
	size_t zero_at = (size_t)(p->shape.zero_at - p->shape.tree_at);
	size_t tail_at = (size_t)(p->shape.tail_at - p->shape.tree_at);
	_cleanup_free_ uint8_t *bytes = mem_alloc(n);
	uint8_t tail[PACK_TAIL_SIZE];
	struct pack_tail want = {
		.slices = p->shape.slices, .file_slices = p->shape.file_slices};
	int err;

	if (!bytes)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	err = read_at(p, bytes, n, p->shape.tree_at, f);
	if (err < 0)
		return err;
	if (memcmp(bytes, p->leaves, zero_at) != 0)
		return damaged(p, f, "its slice tree changed");
	for (size_t i = zero_at; i < tail_at; i++) {
		if (bytes[i] != 0)
			return damaged(p, f,
				"bytes between tree and tail are not zero");
	}
	digest_slice_root(&want.root, p->leaves, p->shape.slices);
	pack_tail_encode(&want, tail);
	if (memcmp(bytes + tail_at, tail, sizeof(tail)) != 0)
		return damaged(p, f, "its tail changed");
	return 0;
}

int
packs_scrub(struct packs_file *p, void (*on_slice)(void *ctx, uint64_t bytes),
	void *ctx, struct fault *f)
{
	_cleanup_free_ uint8_t *bytes = mem_alloc(SCRUB_SLICES * SLICE);
	uint32_t n;
	int err;

	if (!bytes)
		return fault_set(f, FAULT_NO_MEMORY, p->name, NULL);
	for (uint32_t no = 0; no < p->shape.slices; no += n) {
		n = p->shape.slices - no;
		if (n > SCRUB_SLICES)
			n = SCRUB_SLICES;
		err = read_at(
			p, bytes, (size_t)n * SLICE, (uint64_t)no * SLICE, f);
		for (uint32_t i = 0; i < n && err == 0; i++)
			err = check_slice(
				p, no + i, bytes + (size_t)i * SLICE, f);
		if (err < 0)
			return err;
		if (on_slice)
			on_slice(ctx, (uint64_t)n * SLICE);
	}
	err = scrub_end(p, f);
	if (err == 0 && on_slice)
		on_slice(ctx, p->shape.file_size - p->shape.tree_at);
	return err;
}

int
packs_protection(int storefd, const struct root *root)
{
	_cleanup_close_ int fd = -1;
	char name[LAYOUT_NAME];
	struct stat sb;
	bool set;
	int err;

	layout_pack(name, root);
	fd = io_open_regular(storefd, name, O_RDONLY, 0);
	if (fd < 0)
		return fd;
	err = immut_get(fd, &set);
	/* A filesystem without such flags: the mode is all there is. */
	if (err == -ENOTTY || err == -EOPNOTSUPP)
		set = false;
	else if (err < 0)
		return err;
	if (set)
		return 1;
	if (fstat(fd, &sb) < 0)
		return -errno;
	return (sb.st_mode & 0222) == 0 ? 0 : -EACCES;
}
