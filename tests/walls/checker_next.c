/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the next pull would meet: it opens the store, which recovers it, and
 * looks up every object, with the references that are stored with it and with
 * others. What it is told must be so (I6, I7).
 */
#include "tests/walls/checker.h"

#include "store/layout.h"
#include "store/store_write.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>

static bool
is_open(const struct checker *c, const struct checked_pack *p)
{
	if (p->listed)
		return true;
	for (size_t i = 0; i < c->pulls; i++) {
		if (c->pull[i].open && c->pull[i].number == p->pull)
			return true;
	}
	return false;
}

/* Ask for an id with these references. A miss is always lawful. */
static void
ask(struct checker *c, struct writer *w, uint32_t compartment,
	const struct id *id, struct span rows)
{
	struct ref ref = {.id = *id};
	const struct checked_pack *p;
	const struct pack_row *row;
	int r = writer_lookup(w, compartment, id, rows, &ref.addr);

	if (r < 0)
		violation("a look-up fails: %s", strerror(-r));
	if (r != LOOKUP_HIT)
		return;
	c->hits++;
	p = pack_at(c, ref.addr.ordinal);
	row = row_at(c, &ref);
	if (!row || p->compartment != compartment)
		violation("I6: a hit at %" PRIu32 ".%" PRIu32
			  ", where that object is not",
			ref.addr.ordinal, ref.addr.row);
	else if (!is_open(c, p))
		violation("I6: a hit at %" PRIu32 ".%" PRIu32
			  ", in a pack that is not open to hits",
			ref.addr.ordinal, ref.addr.row);
	else if (!span_eq(rows, p->refs[ref.addr.row]))
		violation("I7: a hit at %" PRIu32 ".%" PRIu32
			  " with other references",
			ref.addr.ordinal, ref.addr.row);
}

/* The same id, the last reference to another row. */
static void
ask_changed(struct checker *c, struct writer *w, uint32_t compartment,
	const struct id *id, struct span refs)
{
	_cleanup_buf_ struct buf rows = BUF_INIT;

	if (refs.n == 0 || buf_append(&rows, refs.p, refs.n) != 0)
		return;
	rows.p[rows.n - 4] ^= 1;
	ask(c, w, compartment, id, buf_span(&rows));
}

static void
check_incoming(const struct writer *w)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *e;
	int fd = openat(writer_dirfd(w), LAYOUT_INCOMING,
		O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	dir = fd >= 0 ? fdopendir(fd) : NULL;
	if (!dir)
		violation("incoming/: %s", strerror(errno));
	while (dir && (e = readdir(dir))) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			violation("incoming/%s is left after an opening",
				e->d_name);
	}
}

void
check_next(struct checker *c)
{
	_cleanup_writer_ struct writer *w = NULL;
	struct fault f = {.code = FAULT_NONE};

	if (writer_open(c->dir, NULL, &w, &f) != 0) {
		violation_fault("the next opening", &f);
		return;
	}
	check_incoming(w);
	for (uint32_t i = 0; i < c->packs; i++) {
		const struct checked_pack *p = pack_at(c, i);

		for (uint32_t k = 0; p && k < p->rows; k++) {
			ask(c, w, p->compartment, &p->row[k].id, p->refs[k]);
			ask_changed(c, w, p->compartment, &p->row[k].id,
				p->refs[k]);
		}
	}
}
