/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/objects.h"

#include <stdlib.h>

#include "format/pack.h"
#include "store/manifests.h"
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

int
objects_open(const struct ref *root, struct view_snap **ret, struct fault *f)
{
	const struct snapshot snapshot = {.body = {.root = *root}};

	return view_snap_open(&view, &snapshot, ret, f);
}
