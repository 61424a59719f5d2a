/* SPDX-License-Identifier: Apache-2.0 */
#include "view/audit.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "util/mem.h"
#include "view/view_internal.h"

int
audit_pack(struct view_snap *s, uint32_t ordinal, struct audit *sum,
	struct fault *f)
{
	struct fault *first = f;
	uint32_t rows;
	int err, result = 0;

	err = view_pack_rows(s, ordinal, &rows, f);
	if (err < 0)
		return err;
	/* Rows stand in the order of blocks: each is decoded once. */
	for (uint32_t row = 0; row < rows; row++) {
		struct view_object o;

		err = view_object_at(s, (struct addr){ordinal, row}, &o, NULL,
			result == 0 ? first : NULL);
		if (err < 0) {
			sum->damaged++;
			if (result == 0)
				result = err;
			continue;
		}
		sum->objects++;
		sum->bytes += o.content.n;
		view_object_put(&o);
	}
	return result;
}

/* ---- references ---- */

struct audit_rows {
	uint8_t *bits; /* one a row; NULL: none was met */
};

/* An object whose references are being followed. */
struct step {
	struct ref ref;
	uint32_t next;
};

struct follow {
	struct view_snap *snap;
	struct audit_met *met;
	audit_bad_fn *bad;
	void *ctx;
	struct step *step;
	size_t depth, room;
};

void
audit_met_free(struct audit_met *met)
{
	for (size_t i = 0; i < met->n; i++)
		mem_free(met->pack[i].bits);
	mem_free(met->pack);
	*met = (struct audit_met){NULL, 0};
}

static int
widen(struct audit_met *met, uint32_t ordinal)
{
	size_t n = (size_t)ordinal + ordinal / 2 + 64;
	struct audit_rows *v = mem_realloc_array(met->pack, n, sizeof(*v));

	if (!v)
		return -ENOMEM;
	memset(v + met->n, 0, (n - met->n) * sizeof(*v));
	met->pack = v;
	met->n = n;
	return 0;
}

/* Note that an object, which stands, was met: 1 when it was before, 0, -ENOMEM.
 */
static int
meet(struct follow *w, struct addr addr)
{
	struct audit_rows *pack;
	uint8_t bit = (uint8_t)(1U << addr.row % 8);
	uint32_t rows;

	if (addr.ordinal >= w->met->n && widen(w->met, addr.ordinal) != 0)
		return -ENOMEM;
	pack = &w->met->pack[addr.ordinal];
	if (!pack->bits) {
		if (view_pack_rows(w->snap, addr.ordinal, &rows, NULL) != 0)
			return -ENOMEM;
		pack->bits = mem_zalloc(rows / 8 + 1);
	}
	if (!pack->bits)
		return -ENOMEM;
	if (pack->bits[addr.row / 8] & bit)
		return 1;
	pack->bits[addr.row / 8] |= bit;
	return 0;
}

static int
go_down(struct follow *w, const struct ref *ref)
{
	struct step *v;

	if (w->depth == w->room) {
		v = mem_realloc_array(
			w->step, 2 * w->room + 64, sizeof(*w->step));
		if (!v)
			return -ENOMEM;
		w->step = v;
		w->room = 2 * w->room + 64;
	}
	w->step[w->depth++] = (struct step){*ref, 0};
	return 0;
}

static int
look_at(struct follow *w, const struct ref *ref)
{
	struct fault why = {0};
	bool leaf;
	int err;

	err = view_ref_stands(w->snap, ref, &leaf, &why);
	if (err == -ENOMEM)
		return err;
	if (err < 0) {
		w->bad(w->ctx, ref, &why);
		return 0;
	}
	/* Most objects are chunks: no memory for them. */
	if (leaf)
		return 0;
	err = meet(w, ref->addr);
	return err == 0 ? go_down(w, ref) : err < 0 ? err : 0;
}

/* The next reference of the object that was come to last. */
static int
follow_next(struct follow *w)
{
	_cleanup_view_object_ struct view_object o = VIEW_OBJECT_NONE;
	struct step *step = &w->step[w->depth - 1];
	struct fault why = {0};
	struct ref child;
	int err;

	err = view_object(w->snap, &step->ref, VIEW_ANY_TYPE, &o, &why);
	if (err == -ENOMEM)
		return err;
	if (err < 0)
		w->bad(w->ctx, &step->ref, &why);
	if (err < 0 || step->next == o.refs) {
		w->depth--;
		return 0;
	}
	child = view_object_ref(&o, step->next++);
	return look_at(w, &child);
}

int
audit_references(struct view_snap *s, struct audit_met *met, audit_bad_fn *bad,
	void *ctx, struct fault *f)
{
	struct follow w = {.snap = s, .met = met, .bad = bad, .ctx = ctx};
	int err = look_at(&w, &s->root);

	while (err == 0 && w.depth > 0)
		err = follow_next(&w);
	mem_free(w.step);
	if (err < 0)
		return fault_set(f, FAULT_NO_MEMORY, "verify", NULL);
	return 0;
}
