/* SPDX-License-Identifier: Apache-2.0 */

/*
 * First every pack once, whoever lists it, and every reference once. Only where
 * that found damage are trees walked: then a file counts as damaged when
 * reading it says so, so that nobody mourns a file whose pack is damaged
 * elsewhere.
 */

#include <errno.h>

#include "cli/below.h"
#include "cli/verify.h"
#include "util/mem.h"
#include "view/audit.h"
#include "view/file.h"

/* A set of ordinals. */
struct ordinals {
	uint8_t *bits;
	size_t n; /* bytes */
};

static bool
has(const struct ordinals *o, uint32_t ordinal)
{
	return ordinal / 8 < o->n &&
	       (o->bits[ordinal / 8] >> (ordinal % 8) & 1) != 0;
}

static int
add(struct ordinals *o, uint32_t ordinal)
{
	size_t at = ordinal / 8, n = at + at / 2 + 64;
	uint8_t *bits;

	if (at >= o->n) {
		bits = mem_realloc_array(o->bits, n, 1);
		if (!bits)
			return -ENOMEM;
		memset(bits + o->n, 0, n - o->n);
		o->bits = bits;
		o->n = n;
	}
	o->bits[at] |= (uint8_t)(1U << (ordinal % 8));
	return 0;
}

struct data {
	struct verify *v;
	struct session *session;
	struct ordinals seen, damaged;
	struct audit_met met;
	bool any, no_memory;
	/* While a snapshot is walked. */
	const struct snapshot *snapshot;
	struct view_snap *snap;
};

static int
out_of_memory(struct fault *f)
{
	return fault_set(f, FAULT_NO_MEMORY, "verify", NULL);
}

static bool
is_trouble(const struct fault *why)
{
	return why->code == FAULT_NO_MEMORY || why->code == FAULT_NONE;
}

static void
tell(struct data *d, const struct fault *why)
{
	const struct scrub_finding finding = {
		.fault = *why, .snapshots = &d->snapshot->number, .n = 1};

	verify_finding(d->v, &finding);
}

/* ---- packs ---- */

static int
audit_packs(struct data *d, struct fault *f)
{
	uint32_t n = view_packs(d->snap), ordinal;
	struct audit sum = {0};
	int err;

	for (uint32_t i = 0; i < n; i++) {
		struct fault why = {0};

		ordinal = view_pack_ordinal(d->snap, i);
		if (has(&d->seen, ordinal))
			continue;
		if (add(&d->seen, ordinal) != 0)
			return out_of_memory(f);
		err = audit_pack(d->snap, ordinal, &sum, &why);
		verify_progress(d->v, d->v->object_bytes + sum.bytes, 0);
		if (err == 0)
			continue;
		if (is_trouble(&why)) {
			*f = why;
			return err;
		}
		tell(d, &why);
		d->any = true;
		if (add(&d->damaged, ordinal) != 0)
			return out_of_memory(f);
	}
	d->v->objects += sum.objects;
	d->v->object_bytes += sum.bytes;
	return 0;
}

/* ---- references ---- */

/* A whole object that is not where it is looked for: whoever put it there was
 * wrong about its place. Told once for each pack. */
static void
on_bad_reference(void *ctx, const struct ref *ref, const struct fault *why)
{
	struct data *d = ctx;

	if (has(&d->damaged, ref->addr.ordinal))
		return;
	tell(d, why);
	d->any = true;
	d->no_memory |= add(&d->damaged, ref->addr.ordinal) != 0;
}

static int
audit_snapshot(struct data *d, struct fault *f)
{
	int err = audit_packs(d, f);

	if (err == 0)
		err = audit_references(
			d->snap, &d->met, on_bad_reference, d, f);
	return err == 0 && d->no_memory ? out_of_memory(f) : err;
}

/* ---- files ---- */

/* Whether a file has anything in a damaged pack, or a node that is damaged.
 * The format bounds the levels. */
static bool
touches(struct data *d, const struct ref *ref, uint8_t type, unsigned int depth)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct content node;
	struct ref child;

	if (has(&d->damaged, ref->addr.ordinal))
		return true;
	if (type != OBJECT_CONTENT)
		return false;
	if (depth == FILE_LEVELS ||
		view_object(d->snap, ref, VIEW_TYPE(OBJECT_CONTENT), &o,
			NULL) != 0 ||
		content_open(o.content, &node) != 0)
		return true;
	type = node.level > 0 ? OBJECT_CONTENT : OBJECT_CHUNK;
	for (uint32_t i = 0; i < o.refs; i++) {
		child = view_object_ref(&o, i);
		if (touches(d, &child, type, depth + 1))
			return true;
	}
	return false;
}

static int
pass(void *ctx, const struct file_piece *piece)
{
	(void)ctx;
	(void)piece;
	return 0;
}

static int
read_file(struct data *d, const struct place *p, struct fault *why)
{
	struct file file;
	int err;

	if (p->entry.content == 0 ||
		!touches(d, &p->content, p->entry.content, 0))
		return 0;
	err = file_open(d->snap, p, &file);
	if (err < 0)
		return fault_errno(why, FAULT_INTERNAL, err, "file", "open");
	err = file_walk(&file, 0, p->entry.size, pass, NULL, why);
	file_close(&file);
	return err;
}

static int
read_rest(struct data *d, const struct place *p, struct fault *why)
{
	_cleanup_view_object_ struct view_object target = VIEW_OBJECT_NONE;
	_cleanup_view_object_ struct view_object set = VIEW_OBJECT_NONE;
	struct span span;
	struct attrs attrs;
	int err = 0;

	if (p->entry.kind == FILE_SYMLINK &&
		has(&d->damaged, p->content.addr.ordinal))
		err = place_link(d->snap, p, &target, &span, why);
	if (err == 0 && (p->entry.flags & DIRENT_ATTRS) != 0 &&
		has(&d->damaged, p->attrs.addr.ordinal))
		err = place_attrs(d->snap, p, &set, &attrs, why);
	return err;
}

static int
on_entry(void *ctx, struct span path, const struct place *p)
{
	struct fault why = {0};
	struct data *d = ctx;
	int err = 0;

	if (p->entry.kind == FILE_REGULAR)
		err = read_file(d, p, &why);
	if (err == 0)
		err = read_rest(d, p, &why);
	if (err < 0 && why.code != FAULT_NONE)
		verify_file(d->v, d->snapshot, path, &why);
	return 0;
}

static void
on_damaged(void *ctx, struct span path, const struct fault *why)
{
	struct data *d = ctx;

	verify_file(d->v, d->snapshot, path, why);
}

static int
name_files(struct data *d, struct fault *f)
{
	const struct below_opts o = {.snap = d->snap,
		.entry = on_entry,
		.damaged = on_damaged,
		.ctx = d};
	uint32_t i, n = view_packs(d->snap);
	struct place top;

	for (i = 0; i < n; i++) {
		if (has(&d->damaged, view_pack_ordinal(d->snap, i)))
			break;
	}
	if (i == n)
		return 0;
	place_top(d->snap, &top);
	(void)on_entry(d, span_of(NULL, 0), &top);
	return place_is_dir(&top) ? below_each(&o, &top, f) : 0;
}

/* ---- snapshots, the newest first ---- */

static int
each_snapshot(struct data *d, int (*fn)(struct data *d, struct fault *f),
	bool tell_closed, struct fault *f)
{
	const struct snapshot_list *l = &d->session->snapshots;
	int err = 0;

	for (size_t i = l->n; err == 0 && i-- > 0;) {
		struct fault why = {0};

		d->snapshot = &l->v[i];
		err = view_snap_open(
			d->session->view, d->snapshot, &d->snap, &why);
		if (err == 0) {
			err = fn(d, f);
			view_snap_close(d->snap);
			continue;
		}
		if (is_trouble(&why)) {
			*f = why;
			return err;
		}
		if (tell_closed)
			verify_file(d->v, d->snapshot, span_of(NULL, 0), &why);
		err = 0;
	}
	return err;
}

int
verify_data(struct verify *v, struct session *s, struct fault *f)
{
	struct data d = {.v = v, .session = s};
	int err;

	err = each_snapshot(&d, audit_snapshot, true, f);
	if (err == 0 && d.any)
		err = each_snapshot(&d, name_files, false, f);
	audit_met_free(&d.met);
	mem_free(d.seen.bits);
	mem_free(d.damaged.bits);
	return err;
}
