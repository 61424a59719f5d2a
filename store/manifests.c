/* SPDX-License-Identifier: Apache-2.0 */
#include "store/manifests.h"

#include "keys/digest.h"
#include "store/layout.h"
#include "store/trouble.h"
#include "util/io.h"

#include <errno.h>

#define MANIFEST_MAX                                                           \
	(MANIFEST_HEAD_SIZE + (size_t)FORMAT_PACKS_MAX * MANIFEST_ROW_SIZE)

int
manifests_load(int storefd, const struct store_id *store,
	const struct root *hash, struct manifest_file *ret, struct fault *f)
{
	_cleanup_buf_ struct buf b = BUF_INIT;
	char name[LAYOUT_NAME];
	struct manifest m;
	struct root have;
	struct span all;
	int err;

	layout_manifest(name, hash);
	err = io_read_file(storefd, name, MANIFEST_MAX, &b);
	if (err == -ENOENT)
		return fault_set(f, FAULT_MANIFEST_MISSING, name, NULL);
	if (err == -EFBIG)
		return fault_set(
			f, FAULT_MANIFEST_DAMAGED, name, "it is too long");
	if (err < 0)
		return trouble_file(
			f, FAULT_MANIFEST_DAMAGED, err, name, "reading");
	all = buf_span(&b);
	digest_blake2b(have.b, sizeof(have.b), &all, 1);
	if (!root_equal(&have, hash))
		return fault_set(f, FAULT_MANIFEST_DAMAGED, name,
			"it does not have the hash by which it is named");
	if (manifest_open(all, &m) != 0)
		return fault_set(
			f, FAULT_MANIFEST_DAMAGED, name, "it does not read");
	if (!store_id_equal(&m.store, store))
		return fault_set(f, FAULT_MANIFEST_FOREIGN, name,
			"it is of another store");
	ret->bytes = b;
	ret->m = m;
	b = BUF_INIT;
	return 0;
}

void
manifests_free(struct manifest_file *m)
{
	if (!m)
		return;
	buf_free(&m->bytes);
	m->m = (struct manifest){.n = 0};
}

int
manifests_root(
	const struct manifest_file *m, uint32_t ordinal, struct root *ret)
{
	return manifest_find(&m->m, ordinal, ret);
}
