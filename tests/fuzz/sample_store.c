/* SPDX-License-Identifier: Apache-2.0 */

/* Samples of what lies in files and of leaves. */

#include "format/checkpoint.h"
#include "format/conf.h"
#include "format/keyblob.h"
#include "format/leaf.h"
#include "format/manifest.h"
#include "format/pack.h"
#include "tests/fuzz/encode.h"
#include "tests/fuzz/trip.h"

static uint8_t *
room(struct buf *b, size_t n)
{
	TRIP_MUST(buf_reserve(b, n) == 0);
	b->n += n;
	return b->p + b->n - n;
}

void
sample_conf(unsigned int i, struct buf *b)
{
	uint8_t check[CONF_CHECK_SIZE];
	struct conf conf;

	trip_fill(&conf, sizeof(conf), i);
	trip_fill(check, sizeof(check), i + 1);
	TRIP_MUST(conf_encode(b, &conf) == 0);
	TRIP_MUST(conf_encode_check(b, check) == 0);
}

void
sample_checkpoint(unsigned int i, struct buf *b)
{
	static const uint64_t sizes[] = {0, 4711, UINT64_MAX};
	struct checkpoint c;

	trip_fill(&c, sizeof(c), i);
	c.size = sizes[i];
	TRIP_MUST(checkpoint_encode_text(b, &c) == 0);
	TRIP_MUST(checkpoint_encode_signature(b, &c) == 0);
}

void
sample_manifest(unsigned int i, struct buf *b)
{
	static const uint32_t rows[] = {0, 1, 7};
	struct manifest_row row;
	struct store_id store;

	trip_fill(&store, sizeof(store), i);
	TRIP_MUST(manifest_encode(b, &store, 12, rows[i]) == 0);
	for (uint32_t k = 0; k < rows[i]; k++) {
		trip_fill(&row.root, sizeof(row.root), k);
		row.ordinal = 1 + k * 3;
		TRIP_MUST(manifest_add(b, &row) == 0);
	}
}

void
sample_vault(unsigned int i, struct buf *b)
{
	uint8_t secret[4][32];
	struct keyblob_vault vault = {0};
	struct wcur w;

	trip_fill(secret, sizeof(secret), i);
	trip_fill(&vault.store, sizeof(vault.store), i);
	vault.log_key = secret[0];
	vault.ledger_seed = secret[1];
	vault.n = i + 1;
	for (uint32_t k = 0; k < vault.n; k++) {
		vault.compartment[k].compartment = 1 + 5 * k;
		vault.compartment[k].secret = secret[2 + k];
	}
	w = wcur_init(room(b, KEYBLOB_VAULT_SIZE(vault.n)),
		KEYBLOB_VAULT_SIZE(vault.n));
	TRIP_MUST(keyblob_vault_encode(&w, &vault) == 0);
	trip_fill(w.p + w.at, 32, i);
}

static void
fill_recipient(struct keyblob_recipient *recipient, unsigned int i)
{
	trip_fill(recipient, sizeof(*recipient), i);
	recipient->recipient = i + 1;
	recipient->kind = KEYBLOB_PASSPHRASE;
	recipient->memory = i ? KEYBLOB_ARGON_MEMORY_MAX : 64 << 20;
	recipient->passes = i ? KEYBLOB_ARGON_PASSES_MAX : 3;
}

void
sample_recipient(unsigned int i, struct buf *b)
{
	struct keyblob_recipient recipient;

	fill_recipient(&recipient, i);
	TRIP_MUST(keyblob_recipient_encode(b, &recipient) == 0);
}

static void
put_epoch(struct buf *b, const struct store_id *store, unsigned int wraps)
{
	uint8_t wrap[KEYBLOB_EPOCH_WRAP];
	struct keyblob_epoch_wrap row[4];
	struct keyblob_epoch epoch = {.compartment = 1, .epoch = 3};

	trip_fill(epoch.x25519, sizeof(epoch.x25519), wraps);
	trip_fill(wrap, sizeof(wrap), wraps);
	epoch.store = *store;
	for (unsigned int k = 0; k < wraps; k++) {
		row[k].recipient = 2 * k + 1;
		row[k].wrap = span_of(wrap, sizeof(wrap));
	}
	TRIP_MUST(keyblob_epoch_encode(b, &epoch, row, wraps) == 0);
}

void
sample_epoch(unsigned int i, struct buf *b)
{
	struct store_id store;

	trip_fill(&store, sizeof(store), i);
	put_epoch(b, &store, i + 1);
}

void
sample_payload(unsigned int i, struct buf *b)
{
	uint8_t secret[32];
	struct keyblob_payload payload = {secret, secret, secret};

	trip_fill(secret, sizeof(secret), i);
	keyblob_payload_encode(&payload, room(b, KEYBLOB_EPOCH_PAYLOAD));
}

void
sample_pack_header(unsigned int i, struct buf *b)
{
	struct pack_header header;

	trip_fill(&header, sizeof(header), i);
	header.kind = i ? PACK_META : PACK_DATA;
	header.compartment = 1;
	header.epoch = 2;
	header.ordinal = 77 + i;
	header.wraps = i + 1;
	pack_header_encode(&header, room(b, PACK_HEADER_SIZE));
}

void
sample_pack_ref(unsigned int i, struct buf *b)
{
	struct ref ref = {.addr = {9, 1000}};

	trip_fill(&ref.id, sizeof(ref.id), i);
	pack_ref_encode(&ref, room(b, PACK_REF_SIZE));
}

void
sample_pack_block(unsigned int i, struct buf *b)
{
	static const struct pack_block blocks[] = {
		{4096, 1016, 0, 1000, CODEC_RAW},
		{123456, 40016, 16 + 40 * 12, 131072, CODEC_LZ4},
		{1 << 29, FORMAT_BLOCK_MAX + SEAL_TAG, 0, FORMAT_BLOCK_MAX,
			CODEC_RAW},
	};

	pack_block_encode(&blocks[i], room(b, PACK_BLOCK_SIZE));
}

void
sample_pack_row(unsigned int i, struct buf *b)
{
	struct pack_row row = {.block = 3, .offset = 100, .length = 65536};

	trip_fill(&row.id, sizeof(row.id), i);
	row.type = OBJECT_CHUNK;
	if (i == 1) {
		trip_fill(row.digest, sizeof(row.digest), i);
		row.type = OBJECT_DIRPAGE;
		row.first_ref = 17;
		row.refs = 200;
	} else if (i == 2) {
		row.type = OBJECT_ATTRS;
		row.offset = 0;
		row.length = FORMAT_OBJECT_MAX;
	}
	pack_row_encode(&row, room(b, PACK_ROW_SIZE));
}

void
sample_pack_trailer(unsigned int i, struct buf *b)
{
	static const uint32_t blocks[] = {1, 512, 513};
	static const uint32_t rows[] = {1, 128, 70000};
	struct pack_trailer trailer;

	TRIP_MUST(pack_trailer_plan(blocks[i], rows[i], 4096 + i * 60000000,
			  &trailer) == 0);
	pack_trailer_encode(&trailer, room(b, PACK_TRAILER_SIZE));
}

void
sample_pack_tail(unsigned int i, struct buf *b)
{
	struct pack_tail tail = {.slices = 1, .file_slices = 2};

	if (i == 1)
		tail = (struct pack_tail){.slices = 3000, .file_slices = 3002};
	trip_fill(&tail.root, sizeof(tail.root), i);
	pack_tail_encode(&tail, room(b, PACK_TAIL_SIZE));
}

/* The clear part of a leaf of type i + 1. */
static void
put_clear(unsigned int i, const struct store_id *store, struct buf *b)
{
	struct leaf_pull pull = {1};
	struct leaf_pack pack = {.ordinal = 5, .compartment = 1, .pull = 3};
	struct leaf_snapshot snapshot = {
		.pull = 4, .compartment = 1, .flags = LEAF_COMPLETE};
	struct leaf_ended ended = {6};
	struct keyblob_recipient recipient;
	struct leaf_store made;

	switch ((enum leaf_type)(i + 1)) {
	case LEAF_STORE:
		trip_fill(&made, sizeof(made), i);
		leaf_store_encode(&made, room(b, LEAF_STORE_SIZE));
		break;
	case LEAF_RECIPIENT:
		fill_recipient(&recipient, 0);
		recipient.store = *store;
		TRIP_MUST(keyblob_recipient_encode(b, &recipient) == 0);
		break;
	case LEAF_EPOCH:
		put_epoch(b, store, 1);
		break;
	case LEAF_PULL:
		leaf_pull_encode(&pull, room(b, LEAF_PULL_SIZE));
		break;
	case LEAF_PACK:
		leaf_pack_encode(&pack, room(b, LEAF_PACK_SIZE));
		break;
	case LEAF_SNAPSHOT:
		leaf_snapshot_encode(&snapshot, room(b, LEAF_SNAPSHOT_SIZE));
		break;
	case LEAF_ENDED:
		encode_ended(&ended, room(b, LEAF_ENDED_SIZE));
		break;
	}
}

void
sample_leaf(unsigned int i, struct buf *b)
{
	_cleanup_buf_ struct buf clear = BUF_INIT;
	uint8_t sealed[SEAL_NONCE + 50];
	struct leaf leaf = {.type = (enum leaf_type)(i + 1), .number = 10 + i};

	trip_fill(sealed, sizeof(sealed), i);
	trip_fill(&leaf.store, sizeof(leaf.store), i);
	put_clear(i, &leaf.store, &clear);
	leaf.clear = buf_span(&clear);
	leaf.time = UINT64_C(1700000000000000000);
	leaf.prev = i;
	TRIP_MUST(leaf_encode(b, &leaf) == 0);
	TRIP_MUST(buf_append(b, sealed, i ? sizeof(sealed) : 40) == 0);
}

void
sample_leaf_body(unsigned int i, struct buf *b)
{
	struct leaf_body body = {
		.source = span_str("files.town-1"),
		.location = span_str("backup@files.example:/srv"),
		.clock = {1700000000, 999999999},
		.root.addr = {8, 3},
		.entries = 10,
		.files = 7,
		.directories = 2,
		.bytes = 12345,
		.bytes_read = 999,
		.bytes_added = 77,
		.problems = 1,
		.oldest_day = 19000,
		.duration = 60,
	};

	if (i == 1) {
		TRIP_MUST(buf_u8(b, LEAF_PULL) == 0);
		TRIP_MUST(leaf_pull_body_encode(b, span_str("a")) == 0);
		return;
	}
	TRIP_MUST(buf_u8(b, LEAF_SNAPSHOT) == 0);
	TRIP_MUST(leaf_body_encode(b, &body) == 0);
}

void
sample_leaf_frame(unsigned int i, struct buf *b)
{
	struct leaf_frame frame = {LEAF_FRAME_LEAF, 137, 42, {0}};

	if (i == 1)
		frame = (struct leaf_frame){LEAF_FRAME_PAD, 72, 1024 - 72, {0}};
	trip_fill(frame.hash, sizeof(frame.hash), i);
	TRIP_MUST(buf_u64(b, 1024) == 0);
	leaf_frame_encode(&frame, room(b, LEAF_FRAME_SIZE));
}
