/* SPDX-License-Identifier: Apache-2.0 */

/* Samples of objects and of stat records. */

#include <stdio.h>

#include "format/attrs.h"
#include "format/content.h"
#include "format/directory.h"
#include "format/problem.h"
#include "format/snaproot.h"
#include "format/statrec.h"
#include "tests/fuzz/trip.h"

void
sample_content(unsigned int i, struct buf *b)
{
	static const struct content_piece one[] = {{CONTENT_DATA, 65536}};
	static const struct content_piece mixed[] = {
		{CONTENT_HOLE, 4096},
		{CONTENT_DATA, 4096 + 16384},
		{CONTENT_REPEAT, 4096 + 16384 + 3 * 16384},
		{CONTENT_DATA, 4096 + 16384 + 3 * 16384 + 1},
		{CONTENT_HOLE, UINT64_C(1) << 40},
		{CONTENT_REPEAT, (UINT64_C(1) << 40) + 5},
	};
	static const struct content_piece high[] = {
		{CONTENT_DATA, UINT64_C(1) << 30},
		{CONTENT_HOLE, UINT64_C(1) << 31},
		{CONTENT_DATA, UINT64_C(1) << 32},
	};
	struct content_piece many[150];
	int err = 0;

	switch (i) {
	case 0:
		err = content_encode(b, 0, CONTENT_GEAR, one, 1);
		break;
	case 1:
		err = content_encode(b, 0, CONTENT_FIXED_16K, mixed, 6);
		break;
	case 2:
		err = content_encode(b, 1, CONTENT_FIXED_64K, high, 3);
		break;
	case 3:
	case 4:
		/* Long runs without data: ranks must reach over them. */
		for (uint32_t k = 0; k < array_len(many); k++) {
			many[k].kind = CONTENT_REPEAT;
			if (k == 0 || (i == 4 && k % 3 == 0))
				many[k].kind = CONTENT_DATA;
			many[k].end = (k + 1) * UINT64_C(1000);
		}
		err = content_encode(b, 0, CONTENT_GEAR, many, array_len(many));
		break;
	default:
		break;
	}
	TRIP_MUST(err == 0);
}

static const struct dirent_rec regular = {
	.kind = FILE_REGULAR,
	.content = OBJECT_CHUNK,
	.flags = DIRENT_ATTRS | DIRENT_LINK_GROUP,
	.mode = 0644,
	.user = 1000,
	.group = 100,
	.mtime = {-1, 0},
	.ctime = {1700000000, 999999999},
	.size = 12,
	.link_group = {1, 2, 3},
	.links = 2,
};

static const struct dirent_rec folder = {
	.kind = FILE_DIRECTORY,
	.content = OBJECT_DIRPAGE,
	.mode = 01777,
	.size = 1 << 20,
	.below = 33,
};

static const struct dirent_rec device = {
	.kind = FILE_BLOCK,
	.mode = 0660,
	.major = 8,
	.minor = 1,
};

/* Optional tag 1 and tag 0x7fff. */
static const uint8_t tags[] = {1, 0, 2, 0, 'h', 'i', 0xff, 0x7f, 0, 0};

static const struct owner owners[] = {
	{OWNER_USER, 0, {(const uint8_t *)"root", 4}},
	{OWNER_USER, 1000, {(const uint8_t *)"anna", 4}},
	{OWNER_GROUP, 100, {(const uint8_t *)"staff", 5}},
};

static void
put_entry(struct buf *b, const struct dirent_rec *like, const char *name)
{
	struct dirent_rec e = *like;

	e.name = span_str(name);
	TRIP_MUST(directory_entry_encode(b, &e) == 0);
}

void
sample_page(unsigned int i, struct buf *b)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	struct dirent_rec tagged = regular;
	struct span list;

	tagged.tags = span_of(tags, sizeof(tags));
	tagged.flags = DIRENT_CHANGED;
	if (i == 1) {
		put_entry(&entries, &regular, "a");
		put_entry(&entries, &tagged, "aa");
		put_entry(&entries, &folder, "b");
		put_entry(&entries, &device, "\xff\xfe");
	} else if (i >= 2) {
		for (unsigned int k = 0; k < (i == 2 ? 1U : 30U); k++) {
			char name[16];

			snprintf(name, sizeof(name), "file-%03u", k);
			put_entry(&entries, k % 2 ? &folder : &regular, name);
		}
	}
	list = buf_span(&entries);
	if (i == 0)
		TRIP_MUST(directory_page_encode(b, NULL, 0, list, 0) == 0);
	else if (i == 1)
		TRIP_MUST(directory_page_encode(b, owners, 3, list, 4) == 0);
	else
		TRIP_MUST(directory_page_encode(
				  b, owners, 1, list, i == 2 ? 1 : 30) == 0);
}

void
sample_node(unsigned int i, struct buf *b)
{
	static const size_t children[] = {1, 3, 40};
	struct directory_child child[40];
	char name[40][16];

	for (uint32_t k = 0; k < children[i]; k++) {
		snprintf(name[k], sizeof(name[k]), "dir%02u", k * 2);
		child[k] = (struct directory_child){
			k, 20 + k, 20 + k + k * 100, k * 4096, {0}};
		child[k].name = span_str(name[k]);
	}
	TRIP_MUST(directory_node_encode(
			  b, (uint8_t)(i + 1), child, children[i]) == 0);
}

void
sample_attrs(unsigned int i, struct buf *b)
{
	struct attr list[3];

	list[0].name = span_str("security.capability");
	list[0].value = span_str("\x01\x02");
	list[1].name = span_str("user.a");
	list[1].value = span_of(NULL, 0);
	list[2].name = span_str("user.aa");
	list[2].value = span_str("a longer value");
	TRIP_MUST(attrs_encode(b, list, i == 2 ? 3 : i) == 0);
}

void
sample_problem(unsigned int i, struct buf *b)
{
	static const struct problem list[] = {
		{PROBLEM_NOT_OPENED, 0, 13, {(const uint8_t *)"a/b", 3}},
		{PROBLEM_ATTRS_LIMIT, 7, 0, {NULL, 0}},
		{PROBLEM_DIRECTORY, 65535, 5, {(const uint8_t *)"x", 1}},
	};

	for (size_t k = 0; k < (i == 0 ? 1 : array_len(list)); k++)
		TRIP_MUST(problem_add(b, &list[k]) == 0);
}

void
sample_snaproot(unsigned int i, struct buf *b)
{
	struct snaproot_path path[2] = {
		{span_str("/"), folder},
		{span_str("/srv/single-file"), regular},
	};
	struct snaproot_parts parts = {.path = path, .paths = 1};

	if (i > 0) {
		parts.owner = owners;
		parts.owners = array_len(owners);
		parts.paths = 2;
	}
	if (i == 2)
		parts.problems = 12;
	TRIP_MUST(snaproot_encode(b, &parts) == 0);
}

static const uint8_t ordinals[] = {1, 0, 0, 0, 2, 0, 0, 0, 0, 1, 0, 0};

static void
put_record(struct buf *b, unsigned int k)
{
	struct statrec_entry e = {
		.kind = FILE_REGULAR,
		.size = 10 * k,
		.mtime = {1600000000, 1},
		.ctime = {1600000001, 2},
		.inode = 1234 + k,
		.device = 2049,
		.day = 19000 + k,
		.content_ref.addr = {3, 4},
		.attrs_ref.addr = {5, 6},
	};

	trip_fill(e.hash, sizeof(e.hash), k);
	e.hash[0] = (uint8_t)k;
	if (k % 2 == 0) {
		e.content = OBJECT_CHUNK;
		trip_fill(&e.content_ref.id, sizeof(e.content_ref.id), k);
		e.packs.n = 3;
		e.packs.bytes = span_of(ordinals, sizeof(ordinals));
	}
	if (k % 3 == 0) {
		e.flags = DIRENT_ATTRS;
		e.has_attrs = true;
		trip_fill(&e.attrs_ref.id, sizeof(e.attrs_ref.id), k + 1);
	}
	TRIP_MUST(statrec_entry_encode(b, &e) == 0);
}

void
sample_statrec(unsigned int i, struct buf *b)
{
	_cleanup_buf_ struct buf entries = BUF_INIT;
	struct statrec rec = {.n = 4 * i, .first = i != 2};

	for (unsigned int k = 0; k < rec.n; k++)
		put_record(&entries, k);
	rec.entries = buf_span(&entries);
	trip_fill(rec.digest, sizeof(rec.digest), i);
	if (i > 0)
		trip_fill(rec.next, sizeof(rec.next), i);
	rec.directory.ref.addr = (struct addr){1, 2};
	rec.directory.type = OBJECT_DIRPAGE;
	rec.directory.packs.n = 2;
	rec.directory.packs.bytes = span_of(ordinals, 8);
	TRIP_MUST(statrec_encode(b, &rec) == 0);
}
