/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/walls/resign.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "format/keyblob.h"
#include "format/leaf.h"
#include "format/manifest.h"
#include "format/pack.h"
#include "keys/digest.h"
#include "keys/log.h"
#include "keys/recipient.h"
#include "keys/secmem.h"
#include "store/layout.h"
#include "store/ledger_append.h"
#include "store/store_read.h"
#include "store/vault_keys.h"
#include "tests/unit/store/lib.h"

/* A pack that got another root. */
struct renamed {
	struct root old, now;
};

struct resign {
	const char *src, *dst;
	struct store *st;
	struct vault_keys *keys;
	struct append *ledger;
	struct renamed *packs;
	size_t n;
};

static void
must(int err, const struct fault *f, const char *what)
{
	char text[FAULT_TEXT_SIZE] = "";

	if (err == 0)
		return;
	fault_text(f, text, sizeof(text));
	fprintf(stderr, "resign: %s: %d %s\n", what, err, text);
	exit(2);
}

#define MUST(call)                                                             \
	do {                                                                   \
		struct fault f = {.code = FAULT_NONE};                         \
		must((call), &f, #call);                                       \
	} while (0)

/* ---- files ---- */

static void
make_folder(const char *dir, const char *name)
{
	char path[LIB_PATH];

	lib_path(path, dir, name);
	(void)!mkdir(path, 0700);
}

static void
copy_file(const struct resign *r, const char *name)
{
	_cleanup_buf_ struct buf b = BUF_INIT;

	lib_read(r->src, name, &b);
	lib_write(r->dst, name, buf_span(&b));
}

static void
copy_keys(const struct resign *r)
{
	char path[LIB_PATH], name[LIB_PATH];
	struct dirent *e;
	DIR *dir;

	lib_path(path, r->src, LAYOUT_KEYS);
	dir = opendir(path);
	must(dir ? 0 : -errno, &(struct fault){0}, path);
	while ((e = readdir(dir))) {
		if (e->d_name[0] == '.')
			continue;
		lib_path(name, LAYOUT_KEYS, e->d_name);
		copy_file(r, name);
	}
	closedir(dir);
}

static void
make_folders(const struct resign *r)
{
	static const char *const folders[] = {"", LAYOUT_KEYS, LAYOUT_PACKS,
		LAYOUT_MANIFESTS, LAYOUT_LEDGER, LAYOUT_INCOMING};

	for (size_t i = 0; i < array_len(folders); i++)
		make_folder(r->dst, folders[i]);
	copy_file(r, LAYOUT_CONF);
	copy_keys(r);
}

/* ---- packs and manifests ---- */

void
resign_pack(struct buf *file, struct root *ret)
{
	struct pack_shape shape;
	struct pack_tail tail;
	struct root *leaves;
	uint64_t at;

	MUST(pack_tail_at(file->n, &at));
	MUST(pack_tail_decode(span_of(file->p + at, PACK_TAIL_SIZE), &tail));
	MUST(pack_shape_of(file->n, &tail, &shape));
	leaves = (struct root *)(file->p + shape.tree_at);
	for (uint32_t i = 0; i < shape.slices; i++)
		digest_slice(&leaves[i],
			span_of(file->p + (size_t)i * SLICE, SLICE));
	digest_slice_root(&tail.root, leaves, shape.slices);
	pack_tail_encode(&tail, file->p + at);
	*ret = tail.root;
}

static void
take_pack(struct resign *r, struct root *root)
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	struct renamed *pack = &r->packs[r->n++];
	char name[LAYOUT_NAME];

	layout_pack(name, root);
	lib_read(r->src, name, &file);
	pack->old = *root;
	resign_pack(&file, &pack->now);
	layout_pack_folder(name, &pack->now);
	make_folder(r->dst, name);
	layout_pack(name, &pack->now);
	lib_write(r->dst, name, buf_span(&file));
	*root = pack->now;
}

static void
rename_row(const struct resign *r, uint8_t root[32])
{
	for (size_t i = 0; i < r->n; i++) {
		if (memcmp(r->packs[i].old.b, root, 32) == 0) {
			memcpy(root, r->packs[i].now.b, 32);
			return;
		}
	}
}

static void
take_manifest(const struct resign *r, uint8_t hash[32])
{
	_cleanup_buf_ struct buf file = BUF_INIT;
	char name[LAYOUT_NAME];
	struct span bytes;
	struct root root;

	memcpy(root.b, hash, sizeof(root.b));
	layout_manifest(name, &root);
	lib_read(r->src, name, &file);
	for (size_t at = MANIFEST_HEAD_SIZE + 4; at + 32 <= file.n;
		at += MANIFEST_ROW_SIZE)
		rename_row(r, file.p + at);
	bytes = buf_span(&file);
	digest_blake2b(hash, 32, &bytes, 1);
	memcpy(root.b, hash, sizeof(root.b));
	layout_manifest(name, &root);
	lib_write(r->dst, name, bytes);
}

/* ---- the ledger ---- */

static void
take_leaf(struct resign *r, uint64_t n)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT, body = BUF_INIT;
	struct leaf_snapshot snapshot;
	struct leaf_pack pack;
	struct leaf leaf;

	MUST(store_leaf(r->st, n, &bytes, &leaf, NULL, &f));
	MUST(log_open(&body, &r->keys->log_key, leaf.ad,
		span_of(leaf.nonce.p, leaf.nonce.n + leaf.sealed.n)));
	if (leaf.type == LEAF_PACK) {
		MUST(leaf_pack_decode(leaf.clear, &pack));
		take_pack(r, &pack.root);
		leaf_pack_encode(&pack, bytes.p + LEAF_HEAD_SIZE);
	} else if (leaf.type == LEAF_SNAPSHOT) {
		MUST(leaf_snapshot_decode(leaf.clear, &snapshot));
		take_manifest(r, snapshot.manifest);
		leaf_snapshot_encode(&snapshot, bytes.p + LEAF_HEAD_SIZE);
	}
	MUST(append_put(r->ledger, leaf.type, leaf.clear, buf_span(&body), NULL,
		NULL, &f));
}

static struct append_keys
append_keys(const struct vault_keys *keys)
{
	return (struct append_keys){.store = keys->store,
		.log_key = &keys->log_key,
		.ledger_seed = &keys->ledger_seed};
}

void
resign_store(const char *src, const char *dst)
{
	struct resign r = {.src = src, .dst = dst};
	struct append_keys keys;
	int fd;

	MUST(store_open(src, &r.st, &f));
	MUST(vault_keys_load(
		store_dirfd(r.st), store_id_peek(r.st), &r.keys, &f));
	r.packs = calloc((size_t)store_leaves(r.st), sizeof(*r.packs));
	make_folders(&r);
	keys = append_keys(r.keys);
	fd = open(dst, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	MUST(append_create(fd, &keys, &r.ledger, &f));
	for (uint64_t n = 0; n < store_leaves(r.st); n++)
		take_leaf(&r, n);
	MUST(append_sign(r.ledger, &f));
	append_close(r.ledger);
	close(fd);
	free(r.packs);
	secmem_free(r.keys);
	store_close(r.st);
}

/* ---- another epoch ---- */

/* The first recipient's blob, as the ledger has it. */
static void
first_recipient(struct store *st, struct epoch_recipient *to)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct keyblob_recipient blob;
	struct leaf leaf;

	MUST(store_leaf(st, 1, &bytes, &leaf, NULL, &f));
	MUST(keyblob_recipient_decode(leaf.clear, &blob));
	to->number = blob.recipient;
	memcpy(to->pk.b, blob.x25519, sizeof(to->pk.b));
}

static int
newest_epoch(void *ctx, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	uint32_t *newest = ctx;
	struct keyblob_epoch epoch;

	(void)hash;
	(void)f;
	if (leaf->type == LEAF_EPOCH &&
		keyblob_epoch_decode(leaf->clear, &epoch) == 0)
		*newest = epoch.epoch;
	return 0;
}

void
resign_add_epoch(const char *dir)
{
	_cleanup_buf_ struct buf record = BUF_INIT;
	struct epoch_recipient to;
	struct vault_keys *keys = NULL;
	struct append *ledger = NULL;
	struct store *st = NULL;
	struct append_keys in;
	char name[LAYOUT_NAME], path[LIB_PATH];
	uint32_t epoch = 0;

	MUST(store_open(dir, &st, &f));
	MUST(vault_keys_load(store_dirfd(st), store_id_peek(st), &keys, &f));
	in = append_keys(keys);
	MUST(append_open(st, &in, newest_epoch, &epoch, &ledger, &f));
	first_recipient(st, &to);
	epoch++;
	MUST(epoch_make(&record, 1, epoch, &keys->store, &keys->secret[0],
		&keys->log_key, &to, 1));
	MUST(append_put(ledger, LEAF_EPOCH, buf_span(&record), span_of(NULL, 0),
		NULL, NULL, &f));
	MUST(append_sign(ledger, &f));
	append_close(ledger);
	layout_epoch(name, 1, epoch);
	lib_path(path, LAYOUT_KEYS, name);
	lib_write(dir, path, buf_span(&record));
	secmem_free(keys);
	store_close(st);
}
