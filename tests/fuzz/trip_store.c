/* SPDX-License-Identifier: Apache-2.0 */

/* Codecs of what lies in files: conf, keys, packs, manifests, checkpoint. */

#include <stdlib.h>

#include "format/checkpoint.h"
#include "format/conf.h"
#include "format/keyblob.h"
#include "format/manifest.h"
#include "format/pack.h"
#include "tests/fuzz/rules.h"

int
trip_conf(struct span in, struct buf *again)
{
	struct covered check;
	struct conf conf;
	int err = conf_decode(in, &conf, &check);

	if (err)
		return err;
	TRIP_MUST(conf_encode(again, &conf) == 0);
	TRIP_MUST(span_eq(buf_span(again), check.bytes));
	TRIP_MUST(check.n == CONF_CHECK_SIZE);
	TRIP_MUST(conf_encode_check(again, check.value) == 0);
	return TRIP_EXACT;
}

int
trip_checkpoint(struct span in, struct buf *again)
{
	struct checkpoint c;
	int err = checkpoint_decode(in, &c);

	if (err)
		return err;
	TRIP_MUST(checkpoint_encode_text(again, &c) == 0);
	TRIP_MUST(span_eq(buf_span(again), c.text));
	TRIP_MUST(checkpoint_encode_signature(again, &c) == 0);
	TRIP_MUST(again->n <= CHECKPOINT_SIZE_MAX);
	return TRIP_EXACT;
}

int
trip_manifest(struct span in, struct buf *again)
{
	struct manifest m;
	struct root root;
	uint32_t last = 0;
	int err = manifest_open(in, &m);

	if (err)
		return err;
	TRIP_MUST(manifest_encode(again, &m.store, m.pull, m.n) == 0);
	for (uint32_t i = 0; i < m.n; i++) {
		struct manifest_row row = manifest_at(&m, i);

		TRIP_MUST(row.ordinal > last);
		last = row.ordinal;
		TRIP_MUST(manifest_find(&m, row.ordinal, &root) == 0);
		TRIP_MUST(root_equal(&root, &row.root));
		TRIP_MUST(manifest_add(again, &row) == 0);
	}
	TRIP_MUST(manifest_find(&m, 0, &root) == -ENOENT);
	return TRIP_EXACT;
}

int
trip_vault(struct span in, struct buf *again)
{
	struct keyblob_vault vault;
	struct covered check;
	struct wcur w;
	int err = keyblob_vault_decode(in, &vault, &check);

	if (err)
		return err;
	TRIP_MUST(vault.n >= 1 && vault.n <= 64);
	for (uint32_t i = 0; i < vault.n; i++)
		TRIP_MUST(vault.compartment[i].compartment >
			  (i > 0 ? vault.compartment[i - 1].compartment : 0));
	TRIP_MUST(buf_reserve(again, in.n) == 0);
	w = wcur_init(again->p, in.n);
	TRIP_MUST(keyblob_vault_encode(&w, &vault) == 0);
	TRIP_MUST(span_eq(span_of(w.p, w.at), check.bytes));
	wcur_bytes(&w, check.value, check.n);
	TRIP_MUST(!w.bad && w.at == KEYBLOB_VAULT_SIZE(vault.n));
	again->n = w.at;
	return TRIP_EXACT;
}

int
trip_recipient(struct span in, struct buf *again)
{
	uint8_t ad[KEYBLOB_RECIPIENT_AD];
	struct keyblob_recipient recipient;
	int err = keyblob_recipient_decode(in, &recipient);

	if (err)
		return err;
	TRIP_MUST(recipient.recipient > 0 && recipient.kind == 1);
	TRIP_MUST(recipient.memory >= 8 << 10 && recipient.memory <= 1 << 30);
	TRIP_MUST(recipient.passes >= 1 && recipient.passes <= 16);
	keyblob_recipient_ad(&recipient, ad);
	TRIP_MUST(memcmp(ad, in.p, sizeof(ad)) == 0);
	TRIP_MUST(keyblob_recipient_encode(again, &recipient) == 0);
	return TRIP_EXACT;
}

int
trip_epoch(struct span in, struct buf *again)
{
	struct keyblob_epoch_wrap row[KEYBLOB_EPOCH_WRAPS_MAX];
	uint8_t context[KEYBLOB_EPOCH_HEAD];
	struct keyblob_epoch epoch;
	int err = keyblob_epoch_decode(in, &epoch);

	if (err)
		return err;
	TRIP_MUST(epoch.n >= 1 && epoch.n <= 64);
	TRIP_MUST(epoch.compartment > 0 && epoch.epoch > 0);
	for (uint32_t i = 0; i < epoch.n; i++) {
		struct span wrap;

		row[i] = keyblob_epoch_wrap(&epoch, i);
		TRIP_MUST(
			row[i].recipient > (i > 0 ? row[i - 1].recipient : 0));
		TRIP_MUST(keyblob_epoch_find(&epoch, row[i].recipient, &wrap) ==
			  0);
		TRIP_MUST(wrap.p == row[i].wrap.p);
		TRIP_MUST(wrap.n == KEYBLOB_EPOCH_WRAP);
	}
	keyblob_epoch_context(&epoch, row[0].recipient, context);
	TRIP_MUST(memcmp(context, in.p, 12) == 0);
	TRIP_MUST(memcmp(context + 12, in.p + 16, 48) == 0);
	TRIP_MUST(memcmp(context + 60, in.p + 64, 4) == 0);
	TRIP_MUST(keyblob_epoch_encode(again, &epoch, row, epoch.n) == 0);
	return TRIP_EXACT;
}

/* Make room for n bytes, counted, and return where they are. */
static uint8_t *
room(struct buf *b, size_t n)
{
	TRIP_MUST(buf_reserve(b, n) == 0);
	b->n += n;
	return b->p + b->n - n;
}

int
trip_payload(struct span in, struct buf *again)
{
	struct keyblob_payload payload;
	int err = keyblob_payload_decode(in, &payload);

	if (err)
		return err;
	keyblob_payload_encode(&payload, room(again, KEYBLOB_EPOCH_PAYLOAD));
	return TRIP_EXACT;
}

int
trip_pack_header(struct span in, struct buf *again)
{
	uint8_t context[PACK_CONTEXT_SIZE];
	struct pack_header header;
	int err = pack_header_decode(in, &header);

	if (err)
		return err;
	rule_header(&header);
	pack_context(&header, context);
	TRIP_MUST(memcmp(context, in.p, sizeof(context)) == 0);
	pack_header_encode(&header, room(again, PACK_HEADER_SIZE));
	return TRIP_EXACT;
}

int
trip_pack_ref(struct span in, struct buf *again)
{
	struct ref ref;
	int err = pack_ref_decode(in, &ref);

	if (err)
		return err;
	rule_ref(&ref);
	pack_ref_encode(&ref, room(again, PACK_REF_SIZE));
	return TRIP_EXACT;
}

int
trip_pack_block(struct span in, struct buf *again)
{
	struct pack_block block;
	int err = pack_block_decode(in, &block);

	if (err)
		return err;
	rule_block(&block);
	pack_block_encode(&block, room(again, PACK_BLOCK_SIZE));
	return TRIP_EXACT;
}

int
trip_pack_row(struct span in, struct buf *again)
{
	struct pack_block block = {0};
	struct pack_row row;
	int err = pack_row_decode(in, &row);

	if (err)
		return err;
	rule_row(&row);
	block.plain = row.offset + row.length;
	TRIP_MUST(row.refs > 0 || pack_row_within(&row, &block) == 0);
	pack_row_encode(&row, room(again, PACK_ROW_SIZE));
	return TRIP_EXACT;
}

int
trip_pack_trailer(struct span in, struct buf *again)
{
	struct pack_trailer trailer;
	struct pack_shape shape;
	uint64_t at;
	uint32_t rows = 0;
	int err = pack_trailer_decode(in, &trailer);

	if (err)
		return err;
	at = trailer.map_at;
	for (uint32_t i = 0; i < pack_map_slices(&trailer); i++) {
		struct pack_slice s = pack_map_slice(&trailer, i);

		TRIP_MUST(s.at == at && s.first == rows);
		at += s.sealed;
		rows += s.rows;
	}
	TRIP_MUST(at == trailer.table_at && rows == trailer.blocks);
	rows = 0;
	for (uint32_t i = 0; i < pack_table_slices(&trailer); i++) {
		struct pack_slice s = pack_table_slice(&trailer, i);

		TRIP_MUST(s.at == at && s.first == rows);
		at += s.sealed;
		rows += s.rows;
	}
	TRIP_MUST(at == trailer.padding_at && rows == trailer.rows);
	pack_shape_plan(&trailer, &shape);
	TRIP_MUST(trailer.blocks <= 1U << 18 && trailer.rows <= 1U << 20);
	TRIP_MUST(trailer.map_at >= 4096 && shape.file_size <= 1U << 30);
	TRIP_MUST(at <= shape.trailer_at);
	TRIP_MUST(pack_shape_check(&shape, &trailer) == 0);
	pack_trailer_encode(&trailer, room(again, PACK_TRAILER_SIZE));
	return TRIP_EXACT;
}

int
trip_pack_tail(struct span in, struct buf *again)
{
	struct pack_shape shape;
	struct pack_tail tail;
	uint64_t at;
	int err = pack_tail_decode(in, &tail);

	if (err)
		return err;
	TRIP_MUST(pack_shape_of((uint64_t)tail.file_slices * SLICE, &tail,
			  &shape) == 0);
	TRIP_MUST(pack_tail_at(shape.file_size, &at) == 0);
	TRIP_MUST(at == shape.tail_at && shape.zero_at <= at);
	TRIP_MUST(shape.file_size - shape.zero_at <= SLICE + PACK_TAIL_SIZE);
	pack_tail_encode(&tail, room(again, PACK_TAIL_SIZE));
	return TRIP_EXACT;
}
