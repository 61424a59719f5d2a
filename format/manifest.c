/* SPDX-License-Identifier: Apache-2.0 */
#include "format/manifest.h"

#include <assert.h>

#include "format/field.h"

static const char magic[8] = {'M', 'U', 'N', 'I', 'M', 'A', 'N', 'I'};

int
manifest_encode(
	struct buf *b, const struct store_id *store, uint64_t pull, uint32_t n)
{
	struct wcur w;
	int err;

	if (n > FORMAT_PACKS_MAX)
		return -EINVAL;
	err = field_open(b, MANIFEST_HEAD_SIZE, &w);
	if (err)
		return err;
	wcur_bytes(&w, magic, sizeof(magic));
	wcur_u16(&w, FORMAT_VERSION);
	wcur_u16(&w, SUITE_1);
	wcur_u32(&w, n);
	wcur_bytes(&w, store->b, sizeof(store->b));
	wcur_u64(&w, pull);
	field_commit(b, &w);
	return 0;
}

int
manifest_add(struct buf *b, const struct manifest_row *row)
{
	struct wcur w;
	int err;

	if (row->ordinal == 0)
		return -EINVAL;
	err = field_open(b, MANIFEST_ROW_SIZE, &w);
	if (err)
		return err;
	wcur_u32(&w, row->ordinal);
	wcur_bytes(&w, row->root.b, sizeof(row->root.b));
	field_commit(b, &w);
	return 0;
}

static uint32_t
ordinal_at(const struct manifest *manifest, uint32_t i)
{
	return le32_get(manifest->rows.p + (size_t)i * MANIFEST_ROW_SIZE);
}

int
manifest_open(struct span bytes, struct manifest *ret)
{
	struct rcur r = rcur_init(bytes);
	struct manifest m;
	uint32_t last = 0;
	int err;

	if (!span_eq(rcur_span(&r, 8), span_of(magic, 8)))
		return -EBADMSG;
	err = field_get_version_suite(&r);
	if (err)
		return err;
	m.n = rcur_u32(&r);
	field_get_store(&r, &m.store);
	m.pull = rcur_u64(&r);
	if (m.n > FORMAT_PACKS_MAX)
		return -EBADMSG;
	m.rows = rcur_span(&r, (size_t)m.n * MANIFEST_ROW_SIZE);
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	for (uint32_t i = 0; i < m.n; i++) {
		if (ordinal_at(&m, i) <= last)
			return -EBADMSG;
		last = ordinal_at(&m, i);
	}
	*ret = m;
	return 0;
}

struct manifest_row
manifest_at(const struct manifest *manifest, uint32_t i)
{
	struct manifest_row row;

	assert(i < manifest->n);
	row.ordinal = ordinal_at(manifest, i);
	memcpy(row.root.b, manifest->rows.p + (size_t)i * MANIFEST_ROW_SIZE + 4,
		sizeof(row.root.b));
	return row;
}

int
manifest_find(
	const struct manifest *manifest, uint32_t ordinal, struct root *ret)
{
	uint32_t low = 0, high = manifest->n;

	/* The first row whose ordinal is not below the one sought. */
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (ordinal_at(manifest, mid) < ordinal)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == manifest->n || ordinal_at(manifest, low) != ordinal)
		return -ENOENT;
	*ret = manifest_at(manifest, low).root;
	return 0;
}
