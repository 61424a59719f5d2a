/* SPDX-License-Identifier: Apache-2.0 */

/* Samples of frames: one of each kind. */

#include "format/attrs.h"
#include "format/wire.h"
#include "tests/fuzz/encode.h"
#include "tests/fuzz/trip.h"

static int
put_start(struct buf *b)
{
	struct wire_start start = {
		.paths = 2,
		.excludes = 1,
		.options = WIRE_SKIP_CACHEDIRS,
		.credit = 4 << 20,
	};
	struct span path[2] = {span_str("/"), span_str("/srv")};
	struct span exclude[1] = {span_str("*.tmp")};

	return wire_start_encode(b, &start, path, exclude);
}

void
sample_wire_vault(unsigned int i, struct buf *b)
{
	static const uint8_t bits[] = {0, 1, 2, 3};
	struct wire_want want = {7, span_of(bits, sizeof(bits))};
	struct wire_hello hello = {0};
	int err = -EINVAL;

	switch ((enum wire_type)(i + 1)) {
	case WIRE_VAULT_HELLO:
		err = wire_hello_encode(b, WIRE_FROM_VAULT, &hello);
		break;
	case WIRE_START:
		err = put_start(b);
		break;
	case WIRE_WANT:
		err = wire_want_encode(b, &want);
		break;
	case WIRE_CREDIT:
		err = wire_credit_encode(b, 65536);
		break;
	case WIRE_STOP:
		err = encode_stop(b);
		break;
	case WIRE_AGENT_HELLO:
	case WIRE_OWNER:
	case WIRE_BATCH:
	case WIRE_ATTRS:
	case WIRE_LINK:
	case WIRE_DATA:
	case WIRE_HOLE:
	case WIRE_FILE_END:
	case WIRE_RESTART:
	case WIRE_PROBLEM:
	case WIRE_DONE:
	case WIRE_BATCH_DONE:
		break;
	}
	TRIP_MUST(err == 0);
}

static int
put_batch(struct buf *b)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	struct wire_batch batch = {
		.batch = 3,
		.parent = 1,
		.parent_entry = 9,
		.flags = WIRE_BATCH_LAST,
		.n = 3,
	};
	struct listing file = {
		.name = span_str("file"),
		.kind = FILE_REGULAR,
		.mode = 0640,
		.user = 1,
		.group = 2,
		.size = 4096,
		.mtime = {1700000000, 5},
		.ctime = {1700000000, 6},
		.inode = 99,
		.device = 2049,
		.links = 1,
	};
	struct listing folder = {
		.name = span_str("folder"),
		.kind = FILE_DIRECTORY,
		.flags = WIRE_ENTRY_FOLLOWS,
		.mode = 0755,
		.links = 2,
	};
	struct listing unknown = {
		.name = span_str("unknown"),
		.flags = WIRE_ENTRY_UNEXAMINED,
	};

	TRIP_MUST(wire_listing_encode(&entries, &file) == 0);
	TRIP_MUST(wire_listing_encode(&entries, &folder) == 0);
	TRIP_MUST(wire_listing_encode(&entries, &unknown) == 0);
	batch.entries = buf_span(&entries);
	return wire_batch_encode(b, &batch);
}

static int
put_attrs(struct buf *b)
{
	_cleanup_buf_ struct buf set = BUF_INIT;
	struct attr attr = {span_str("user.k"), span_str("v")};
	struct wire_attrs in = {.at = {3, 1}};

	TRIP_MUST(attrs_encode(&set, &attr, 1) == 0);
	in.set = buf_span(&set);
	return wire_attrs_encode(b, &in);
}

void
sample_wire_agent(unsigned int i, struct buf *b)
{
	struct wire_hello hello = {64, 1700000000};
	struct owner owner = {OWNER_USER, 1000, span_str("anna")};
	struct wire_at at = {3, 1};
	struct wire_link link = {at, span_str("../target")};
	struct wire_data data = {at, 65536, span_str("some bytes")};
	struct wire_hole hole = {at, 4096, 1 << 30};
	struct wire_file_end end = {
		at, WIRE_END_CHANGED, 75776, {1700000000, 5}, {-5, 6}};
	struct wire_problem problem = {at, PROBLEM_NOT_READ, 5};
	int err = -EINVAL;

	switch ((enum wire_type)(WIRE_AGENT_HELLO + i)) {
	case WIRE_AGENT_HELLO:
		err = wire_hello_encode(b, WIRE_FROM_AGENT, &hello);
		break;
	case WIRE_OWNER:
		err = wire_owner_encode(b, &owner);
		break;
	case WIRE_BATCH:
		err = put_batch(b);
		break;
	case WIRE_ATTRS:
		err = put_attrs(b);
		break;
	case WIRE_LINK:
		err = wire_link_encode(b, &link);
		break;
	case WIRE_DATA:
		err = encode_data(b, &data);
		break;
	case WIRE_HOLE:
		err = wire_hole_encode(b, &hole);
		break;
	case WIRE_FILE_END:
		err = wire_file_end_encode(b, &end);
		break;
	case WIRE_RESTART:
		err = wire_restart_encode(b, at);
		break;
	case WIRE_PROBLEM:
		err = wire_problem_encode(b, &problem);
		break;
	case WIRE_DONE:
		err = wire_done_encode(b, 12);
		break;
	case WIRE_BATCH_DONE:
		err = wire_batch_done_encode(b, 3);
		break;
	case WIRE_VAULT_HELLO:
	case WIRE_START:
	case WIRE_WANT:
	case WIRE_CREDIT:
	case WIRE_STOP:
		break;
	}
	TRIP_MUST(err == 0);
}
