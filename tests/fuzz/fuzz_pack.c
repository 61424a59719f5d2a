/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A pack sealed by someone who held the keys: u32 of a bit to flip (0: none),
 * the plain trailer, and what lies behind the header. Its slices, tree and tail are
 * right, its tags are believed (sealing.c). Every object that it offers lies
 * where it says; and with the bit flipped it is no pack any more.
 */

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "keys/digest.h"
#include "store/manifests.h"
#include "store/packs.h"
#include "tests/fuzz/entry.h"
#include "util/io.h"
#include "view/object_internal.h"
#include "view/view_internal.h"

#define FILE_SIZE (2U * SLICE)
#define ROWS 64U

static const struct store_id store = {{1}};
static uint8_t image[FILE_SIZE];
static struct packset_pack pack;

int __wrap_io_open_regular(int dirfd, const char *name, int flags, mode_t mode);
int __wrap_packset_get(struct packset *set, const struct packset_want *want,
	struct packset_pack **ret, struct fault *f);
void __wrap_packset_put(struct packset *set, struct packset_pack *p);
void __wrap_packset_fail(struct packset *set, struct packset_pack *p);
int __wrap_manifests_root(
	const struct manifest_file *m, uint32_t ordinal, struct root *ret);
void __wrap_id_compute(struct id *out, const struct id_keys *keys,
	enum object_type type, const struct ref *refs, size_t nrefs,
	struct span content);

int
__wrap_io_open_regular(int dirfd, const char *name, int flags, mode_t mode)
{
	int fd = memfd_create("pack", MFD_CLOEXEC);

	(void)dirfd;
	(void)name;
	(void)flags;
	(void)mode;
	TRIP_MUST(fd >= 0 && io_pwrite_full(fd, image, FILE_SIZE, 0) == 0);
	return fd;
}

int
__wrap_packset_get(struct packset *set, const struct packset_want *want,
	struct packset_pack **ret, struct fault *f)
{
	(void)set;
	(void)want;
	(void)f;
	*ret = &pack;
	return 0;
}

void
__wrap_packset_put(struct packset *set, struct packset_pack *p)
{
	(void)set;
	(void)p;
}

void
__wrap_packset_fail(struct packset *set, struct packset_pack *p)
{
	(void)set;
	(void)p;
}

int
__wrap_manifests_root(
	const struct manifest_file *m, uint32_t ordinal, struct root *ret)
{
	(void)m;
	(void)ret;
	return ordinal == 1 ? 0 : -ENOENT;
}

/* All ids are right. */
void
__wrap_id_compute(struct id *out, const struct id_keys *keys,
	enum object_type type, const struct ref *refs, size_t nrefs,
	struct span content)
{
	(void)keys;
	(void)type;
	(void)refs;
	(void)nrefs;
	(void)content;
	memset(out, 0, sizeof(*out));
}

static void
make_image(struct span trailer, struct span rest, struct root *root)
{
	const struct pack_header header = {.kind = PACK_DATA,
		.store = store,
		.compartment = 1,
		.epoch = 1,
		.ordinal = 1,
		.wraps = 1};
	struct pack_tail tail = {.slices = 1, .file_slices = 2};
	struct root leaf;

	memset(image, 0, sizeof(image));
	pack_header_encode(&header, image);
	memcpy(image + PACK_HEADER_SIZE, rest.p, rest.n);
	memcpy(image + SLICE - PACK_TRAILER_SEALED, trailer.p, trailer.n);
	digest_slice(&leaf, span_of(image, SLICE));
	digest_slice_root(root, &leaf, 1);
	memcpy(image + SLICE, &leaf, sizeof(leaf));
	tail.root = *root;
	pack_tail_encode(&tail, image + FILE_SIZE - PACK_TAIL_SIZE);
}

/* A raw block's object is a part of the file. */
static void
check_object(const struct view_object *o, uint32_t row)
{
	struct pack_row at;
	struct pack_block block;

	TRIP_MUST(packs_row(pack.file, row, &at, NULL) == 0);
	TRIP_MUST(packs_block(pack.file, at.block, &block, NULL) == 0);
	TRIP_MUST(o->content.n == at.length && o->refs == at.refs);
	TRIP_MUST((uint64_t)block.offset + block.sealed + block.refs_sealed <=
		  le64_get(image + SLICE - PACK_TRAILER_SEALED + 8));
	if (block.codec == CODEC_RAW)
		TRIP_MUST(span_eq(o->content,
			span_of(image + block.offset + at.offset, at.length)));
	for (uint32_t i = 0; i < o->refs; i++) {
		struct ref ref = view_object_ref(o, i);
		uint8_t again[PACK_REF_SIZE];

		pack_ref_encode(&ref, again);
		TRIP_MUST(memcmp(again,
				  image + block.offset + block.sealed +
					  (at.first_ref + i) * PACK_REF_SIZE,
				  sizeof(again)) == 0);
	}
}

static void
read_objects(void)
{
	struct view view = {.lock = PTHREAD_MUTEX_INITIALIZER};
	struct view_snap snap = {.view = &view, .compartment = 1};
	struct id id;

	TRIP_MUST(cache_create(1U << 20, &view.cache) == 0);
	for (uint32_t row = 0; row < packs_rows(pack.file) && row < ROWS;
		row++) {
		struct view_object o = VIEW_OBJECT_NONE;

		if (view_object_at(
			    &snap, (struct addr){1, row}, &o, &id, NULL) != 0)
			continue;
		check_object(&o, row);
		view_object_put(&o);
	}
	cache_free(view.cache);
	while (view.scratch) {
		struct scratch *s = view.scratch;

		view.scratch = s->next;
		buf_free(&s->sealed);
		buf_free(&s->packed);
		free(s);
	}
}

/* Every byte of the file counts. */
static void
scrub(const struct root *root, uint32_t flip)
{
	TRIP_MUST(packs_open(-1, &store, 1, root, &pack.file, NULL) == 0);
	TRIP_MUST(packs_scrub(pack.file, NULL, NULL, NULL) == 0);
	packs_close(pack.file);
	image[flip / 8 % FILE_SIZE] ^= (uint8_t)(1U << flip % 8);
	if (packs_open(-1, &store, 1, root, &pack.file, NULL) != 0)
		return;
	TRIP_MUST(packs_scrub(pack.file, NULL, NULL, NULL) < 0);
	packs_close(pack.file);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct ref_keys keys;
	static struct block_keys block_keys;
	struct rcur r = rcur_init(span_of(data, size));
	uint32_t flip = rcur_u32(&r);
	struct span trailer = rcur_span(&r, PACK_TRAILER_SIZE);
	struct root root;

	if (!rcur_ok(&r) ||
		rcur_left(&r) > SLICE - PACK_HEADER_SIZE - PACK_TRAILER_SEALED)
		return 0;
	make_image(trailer, span_of(r.p, r.n), &root);
	TRIP_MUST(packs_open(-1, &store, 1, &root, &pack.file, NULL) == 0);
	pack.keys = &block_keys;
	if (packs_unlock(pack.file, &keys, NULL) == 0)
		read_objects();
	packs_close(pack.file);
	if (flip != 0)
		scrub(&root, flip);
	return 0;
}
