/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/objects.h"

#include <stdlib.h>

#include "format/content.h"
#include "format/pack.h"
#include "store/manifests.h"
#include "tests/fuzz/tour.h"
#include "tests/fuzz/trip.h"
#include "view/object_internal.h"
#include "view/view_internal.h"

struct object *objects;
size_t objects_n;
const uint32_t *objects_manifest;
size_t objects_manifest_n;

static size_t objects_cap;
static struct view view;

int __wrap_view_object(struct view_snap *s, const struct ref *ref,
	unsigned int types, struct view_object *ret, struct fault *f);
int __wrap_manifests_load(int storefd, const struct store_id *store,
	const struct root *hash, struct manifest_file *ret, struct fault *f);

struct ref
objects_ref(size_t i)
{
	return (struct ref){
		objects[i].id, {1 + (uint32_t)i / OBJECTS_PER_PACK,
				       (uint32_t)i % OBJECTS_PER_PACK}};
}

/* Memory that ends where the bytes do. */
static struct buf
exactly(struct span bytes)
{
	struct buf b = {malloc(bytes.n > 0 ? bytes.n : 1), bytes.n, bytes.n};

	TRIP_MUST(b.p);
	if (bytes.n > 0)
		memcpy(b.p, bytes.p, bytes.n);
	return b;
}

struct ref
objects_add(enum object_type type, const struct id *id, struct span content,
	struct span rows)
{
	if (objects_n == objects_cap) {
		objects_cap = 2 * objects_cap + 64;
		objects = realloc(objects, objects_cap * sizeof(*objects));
		TRIP_MUST(objects);
	}
	objects[objects_n] =
		(struct object){type, *id, exactly(content), exactly(rows)};
	return objects_ref(objects_n++);
}

void
objects_clear(void)
{
	while (objects_n > 0) {
		objects_n--;
		buf_free(&objects[objects_n].content);
		buf_free(&objects[objects_n].rows);
	}
}

static bool
in_manifest(uint32_t ordinal)
{
	for (size_t i = 0; i < objects_manifest_n; i++) {
		if (objects_manifest[i] == ordinal)
			return true;
	}
	return !objects_manifest;
}

int
__wrap_view_object(struct view_snap *s, const struct ref *ref,
	unsigned int types, struct view_object *ret, struct fault *f)
{
	size_t i = (size_t)(ref->addr.ordinal - 1U) * OBJECTS_PER_PACK +
		   ref->addr.row;
	const struct object *o;

	TRIP_MUST(in_manifest(ref->addr.ordinal));
	if (ref->addr.row >= OBJECTS_PER_PACK || i >= objects_n)
		return view_object_bad(ref, f, "it is not there");
	o = &objects[i];
	if (!id_equal(&o->id, &ref->id) || !(types & VIEW_TYPE(o->type)))
		return view_object_bad(ref, f, "another lies there");
	*ret = (struct view_object){.type = o->type,
		.refs = (uint32_t)(o->rows.n / PACK_REF_SIZE),
		.content = buf_span(&o->content),
		.rows = buf_span(&o->rows),
		.view = s->view};
	return 0;
}

int
__wrap_manifests_load(int storefd, const struct store_id *store,
	const struct root *hash, struct manifest_file *ret, struct fault *f)
{
	(void)storefd;
	(void)store;
	(void)hash;
	(void)f;
	*ret = (struct manifest_file){BUF_INIT, {.n = 0}};
	return 0;
}

/* ---- a file's content ---- */

struct reading {
	uint64_t size, sum;
	unsigned int *left;
};

static enum objects_read
find(const struct ref *ref, enum object_type type, const struct object **ret)
{
	size_t i = (size_t)(ref->addr.ordinal - 1U) * OBJECTS_PER_PACK +
		   ref->addr.row;

	if (ref->addr.row >= OBJECTS_PER_PACK || i >= objects_n ||
		!id_equal(&objects[i].id, &ref->id) || objects[i].type != type)
		return OBJECTS_WRONG;
	*ret = &objects[i];
	return OBJECTS_READ;
}

/* A chunk that stands from at on, once or several times, up to end. */
static enum objects_read
read_chunk(struct reading *r, const struct ref *ref, uint64_t piece,
	uint64_t at, uint64_t end)
{
	const struct object *o;

	if (find(ref, OBJECT_CHUNK, &o) != OBJECTS_READ ||
		o->content.n != piece || piece == 0)
		return OBJECTS_WRONG;
	for (; at < end && at < r->size; at += piece) {
		uint64_t n = r->size - at < piece ? r->size - at : piece;

		if (*r->left == 0)
			return OBJECTS_MANY;
		(*r->left)--;
		r->sum += tour_content(at, span_of(o->content.p, (size_t)n));
	}
	return OBJECTS_READ;
}

/* level and length as the node above has them; -1 and 0: there is none. */
static enum objects_read
read_node(struct reading *r, const struct ref *ref, int level, uint64_t length,
	uint64_t from)
{
	enum objects_read done = OBJECTS_READ;
	const struct object *o;
	struct content node;

	if (find(ref, OBJECT_CONTENT, &o) != OBJECTS_READ ||
		content_open(buf_span(&o->content), &node) != 0 ||
		node.slots != o->rows.n / PACK_REF_SIZE || node.length == 0 ||
		node.level >= 8 || (level >= 0 && node.level != level) ||
		(length > 0 ? node.length != length : node.length < r->size))
		return OBJECTS_WRONG;
	for (uint32_t i = 0; i < node.n && done == OBJECTS_READ; i++) {
		struct content_entry e = content_at(&node, i);
		struct ref child;

		if (from + e.start >= r->size)
			break;
		if (e.kind == CONTENT_HOLE)
			continue;
		if (*r->left == 0)
			return OBJECTS_MANY;
		(*r->left)--;
		if (pack_ref_decode(span_of(o->rows.p + e.slot * PACK_REF_SIZE,
					    PACK_REF_SIZE),
			    &child) != 0)
			return OBJECTS_WRONG;
		done = node.level == 0
			       ? read_chunk(r, &child, e.piece, from + e.start,
					 from + e.end)
			       : read_node(r, &child, node.level - 1,
					 e.end - e.start, from + e.start);
	}
	return done;
}

enum objects_read
objects_content(const struct dirent_rec *e, const struct ref *ref,
	unsigned int *left, uint64_t *sum)
{
	struct reading r = {.size = e->size, .left = left};
	enum objects_read done = OBJECTS_READ;

	if (e->content == OBJECT_CHUNK && e->size > 0)
		done = read_chunk(&r, ref, e->size, 0, e->size);
	if (e->content == OBJECT_CONTENT && e->size > 0)
		done = read_node(&r, ref, -1, 0, 0);
	*sum = r.sum;
	return done;
}

int
objects_open(const struct ref *root, struct view_snap **ret, struct fault *f)
{
	const struct snapshot snapshot = {.body = {.root = *root}};

	return view_snap_open(&view, &snapshot, ret, f);
}
