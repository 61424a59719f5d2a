/* SPDX-License-Identifier: Apache-2.0 */
/*
 * I4. A manifest lists only packs whose *pack sealed* leaf is signed and whose
 *     file exists.
 * I5. The snapshot's leaf follows the sync of its manifest and of the folder
 *     that names it.
 */
#include "store/writer_internal.h"

#include "format/manifest.h"
#include "keys/digest.h"
#include "store/immut.h"
#include "store/layout.h"
#include "store/packs.h"
#include "store/trouble.h"
#include "util/io.h"

#include <errno.h>
#include <fcntl.h>

static int
check_pack(
	struct writer *w, uint32_t ordinal, struct root *root, struct fault *f)
{
	const struct writer_pack *p = state_pack(&w->state, ordinal);

	if (!p) {
		(void)fault_set(f, FAULT_INTERNAL, LAYOUT_MANIFESTS,
			"pack %u is not sealed", ordinal);
		return -EINVAL;
	}
	*root = p->root;
	return packs_look(writer_dirfd(w), root, f);
}

static int
make_manifest(struct writer *w, uint64_t pull, const uint32_t *ordinals,
	size_t n, struct buf *out, struct fault *f)
{
	int err;

	if (n > FORMAT_PACKS_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, LAYOUT_MANIFESTS,
			"a snapshot needs at most %u packs", FORMAT_PACKS_MAX);
	err = manifest_encode(out, writer_store_peek(w), pull, (uint32_t)n);
	for (size_t i = 0; i < n && err == 0; i++) {
		struct manifest_row row = {.ordinal = ordinals[i]};

		if (i > 0 && ordinals[i] <= ordinals[i - 1]) {
			(void)fault_set(f, FAULT_INTERNAL, LAYOUT_MANIFESTS,
				"ordinals do not ascend");
			return -EINVAL;
		}
		err = check_pack(w, row.ordinal, &row.root, f);
		if (err < 0)
			return err;
		err = manifest_add(out, &row);
	}
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_MANIFESTS, NULL);
	return err;
}

/* The file of a commit whose leaf was not written: flagged, so it was synced,
 * and cannot be replaced. */
static bool
is_there(int fd, const char *name, struct span bytes)
{
	_cleanup_buf_ struct buf have = BUF_INIT;
	_cleanup_close_ int file = -1;
	bool set;

	file = io_open_regular(fd, name, O_RDONLY, 0);
	return file >= 0 && immut_get(file, &set) == 0 && set &&
	       io_read_file(fd, name, bytes.n, &have) == 0 &&
	       span_eq(buf_span(&have), bytes);
}

static int
write_manifest(
	struct writer *w, struct span bytes, struct root *hash, struct fault *f)
{
	_cleanup_close_ int folder = -1, file = -1;
	char name[LAYOUT_NAME];
	int err;

	digest_blake2b(hash->b, sizeof(hash->b), &bytes, 1);
	layout_manifest(name, hash);
	folder = io_openat(
		writer_dirfd(w), LAYOUT_MANIFESTS, O_RDONLY | O_DIRECTORY, 0);
	if (folder < 0)
		return trouble_folder(f, folder, LAYOUT_MANIFESTS);
	if (is_there(folder, layout_base(name), bytes))
		return 0;
	err = io_replace(folder, layout_base(name), bytes, 0444);
	if (err < 0) {
		/* I9 */
		w->dead = true;
		return trouble_io(f, err, name, "writing");
	}
	file = io_open_regular(folder, layout_base(name), O_RDONLY, 0);
	/* As for packs: the mode is what there is without it. */
	if (file >= 0)
		(void)immut_set(file);
	return 0;
}

static int
write_leaf(struct writer *w, const struct leaf_snapshot *in,
	const struct leaf_body *body, uint64_t *number, struct root *id,
	struct fault *f)
{
	_cleanup_buf_ struct buf plain = BUF_INIT;
	uint8_t clear[LEAF_SNAPSHOT_SIZE];
	int err;

	err = leaf_body_encode(&plain, body);
	if (err == -ENOMEM)
		return fault_set(f, FAULT_NO_MEMORY, LAYOUT_LEDGER, NULL);
	if (err < 0)
		return fault_set(f, FAULT_INTERNAL, LAYOUT_LEDGER,
			"the snapshot's record does not encode");
	leaf_snapshot_encode(in, clear);
	err = append_put(w->ledger, LEAF_SNAPSHOT,
		span_of(clear, sizeof(clear)), buf_span(&plain), number, id, f);
	if (err == 0)
		err = append_sign(w->ledger, f);
	if (err < 0)
		w->dead = true;
	return err;
}

/* The pull has ended: its packs are open to hits only as far as they are
 * listed. */
static void
close_pull(struct writer *w, uint64_t pull, const uint32_t *ordinals, size_t n)
{
	for (size_t i = 0; i < n; i++)
		state_pack(&w->state, ordinals[i])->listed = true;
	state_close_pull(&w->state, pull);
	for (uint32_t i = 0; i < w->state.npacks; i++) {
		if (!state_open_to_hits(&w->state, i))
			locality_remove(w->locality, i);
	}
}

int
writer_commit(struct writer *w, uint64_t pull, uint32_t compartment,
	uint32_t flags, const uint32_t *ordinals, size_t n,
	const struct leaf_body *body, uint64_t *number, struct root *id,
	struct fault *f)
{
	_cleanup_buf_ struct buf manifest = BUF_INIT;
	struct leaf_snapshot in = {
		.pull = pull, .compartment = compartment, .flags = flags};
	struct root hash;
	int err;

	err = writer_alive(w, f);
	if (err < 0)
		return err;
	if (!state_pull(&w->state, pull)) {
		(void)fault_set(f, FAULT_INTERNAL, LAYOUT_LEDGER,
			"the pull is not open");
		return -EINVAL;
	}
	err = make_manifest(w, pull, ordinals, n, &manifest, f);
	if (err == 0)
		err = write_manifest(w, buf_span(&manifest), &hash, f);
	if (err < 0)
		return err;
	memcpy(in.manifest, hash.b, sizeof(in.manifest));
	err = write_leaf(w, &in, body, number, id, f);
	if (err < 0)
		return err;
	close_pull(w, pull, ordinals, n);
	return 0;
}
