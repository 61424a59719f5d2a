/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A snapshot made by someone who held the keys: 16 bytes of a path to look for,
 * then objects, the last one the root: u8 type, u16 length of the rest, u8 how
 * much of that is references, u8 how many there are; the content; for each
 * reference u8 how far back it refers (0 where that ends). Ids are hashes, so no
 * object can refer to itself or a later one.
 */

#include "format/pack.h"
#include "restore/list.h"
#include "tests/fuzz/entry.h"
#include "tests/fuzz/objects.h"
#include "tests/fuzz/tour.h"
#include "tests/fuzz/units.h"

#define STEPS 2000U
#define PATH 16U

const struct units units = {.skip = PATH, .head = 5, .at = 1, .width = 2};

static bool
add_object(struct rcur *r)
{
	_cleanup_buf_ struct buf rows = BUF_INIT;
	enum object_type type = 1U + (rcur_u8(r) - 1U) % OBJECT_PROBLEMS;
	size_t length = rcur_u16(r), room = rcur_u8(r), refs = rcur_u8(r);
	struct span content = rcur_span(r, length - room);
	struct span backs = rcur_span(r, room);
	uint8_t row[PACK_REF_SIZE];
	struct id id = {{0}};

	if (!rcur_ok(r))
		return false;
	for (size_t i = 0; i < refs; i++) {
		size_t back = 1U + (i < room ? backs.p[i] : 0);
		struct ref ref;

		if (back > objects_n)
			return false;
		ref = objects_ref(objects_n - back);
		pack_ref_encode(&ref, row);
		TRIP_MUST(buf_append(&rows, row, sizeof(row)) == 0);
	}
	le32_put(id.b, (uint32_t)objects_n);
	(void)objects_add(type, &id, content, buf_span(&rows));
	return true;
}

static int
listed(void *ctx, const struct list_entry *e)
{
	unsigned int *left = ctx;

	TRIP_MUST(tour_hash(e->name) != 0 || e->name.n == 0);
	return --*left == 0 ? 1 : 0;
}

static void
look(struct view_snap *snap, struct span path)
{
	struct tour t = {.snap = snap, .steps = STEPS};
	unsigned int left = STEPS;
	struct span name = {NULL, 0};
	struct place p;

	if (place_resolve(snap, path, &p, &name, NULL) == 0)
		TRIP_MUST(name.n <= path.n);
	(void)!list_path(snap, path, listed, &left, NULL);
	tour_all(&t);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rcur r = rcur_init(span_of(data, size));
	struct view_snap *snap = NULL;
	struct span path;
	struct ref root;

	path = rcur_span(&r, PATH);
	path.n = path.n > 0 ? strnlen((const char *)path.p, PATH) : 0;
	objects_clear();
	while (rcur_left(&r) > 0 && add_object(&r))
		;
	if (objects_n == 0)
		return 0;
	root = objects_ref(objects_n - 1);
	if (objects_open(&root, &snap, NULL) == 0)
		look(snap, path);
	view_snap_close(snap);
	objects_clear();
	return 0;
}
