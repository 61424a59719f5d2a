/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: reads at any offset over chunks, holes, repeats and three levels of
 * nodes give the bytes that were stored; data and holes are where they were;
 * a damaged block fails its own bytes and no others; an object that does not
 * give its id, or lies where another one belongs, is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "tests/unit/view/made.h"
#include "view/audit.h"
#include "view/file.h"

#define SIZE_MAX_MODEL (24U << 20)
#define LEAF 60U
#define MIDDLE 5U

/* What the file should read as. hole[i]: byte i is in a hole. */
static uint8_t *model;
static bool *hole;
static uint64_t length;

static void
random_chunk(uint8_t *p, size_t n)
{
	uint32_t x = (uint32_t)random() | 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		p[i] = (uint8_t)(x >> 24);
	}
}

static uint64_t
end_of(uint64_t base)
{
	return length - base;
}

/* A leaf of about LEAF entries, appended to the model. */
static struct made_piece
make_leaf(struct made *m)
{
	struct made_piece v[LEAF + 1];
	uint64_t base = length;
	size_t n = 0, last = 0;

	while (n < LEAF) {
		size_t size = 1 + (size_t)random() % 20000;
		long what = random() % 10;

		if (what < 2) {
			memset(hole + length, true, size);
			v[n].piece.kind = CONTENT_HOLE;
			length += size;
			last = 0;
		} else if (what < 4 && last > 0) {
			size = last * (1 + (size_t)random() % 3);
			for (size_t i = 0; i < size; i++)
				model[length + i] = model[length + i - last];
			v[n].piece.kind = CONTENT_REPEAT;
			length += size;
			last = 0;
		} else {
			random_chunk(model + length, size);
			v[n].piece.kind = CONTENT_DATA;
			v[n].ref = made_object(
				m, OBJECT_CHUNK, model + length, size, NULL, 0);
			length += size;
			last = size;
		}
		v[n++].piece.end = end_of(base);
	}
	return (struct made_piece){
		{CONTENT_DATA, length}, made_node(m, 0, v, n)};
}

/* A node of level 1, with a hole between its leaves. */
static struct made_piece
make_middle(struct made *m)
{
	struct made_piece v[MIDDLE + 1];
	uint64_t base = length;
	size_t n = 0;

	for (size_t i = 0; i < MIDDLE; i++) {
		v[n] = make_leaf(m);
		v[n++].piece.end = end_of(base);
		if (i == 2) {
			memset(hole + length, true, 100000);
			length += 100000;
			v[n].piece.kind = CONTENT_HOLE;
			v[n++].piece.end = end_of(base);
		}
	}
	return (struct made_piece){
		{CONTENT_DATA, length}, made_node(m, 1, v, n)};
}

static void
make_store(char store[LIB_PATH])
{
	static const char *const paths[] = {"/srv"};
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[3];
	struct made_piece top[4];

	free(model);
	free(hole);
	model = calloc(1, SIZE_MAX_MODEL);
	hole = calloc(1, SIZE_MAX_MODEL);
	length = 0;
	srandom(42);
	for (size_t i = 0; i < 4; i++) {
		top[i] = make_middle(m);
		top[i].piece.end = length;
	}
	v[0] = made_entry("big", FILE_REGULAR);
	v[0].e.content = OBJECT_CONTENT;
	v[0].e.size = length;
	v[0].content = made_node(m, 2, top, 4);
	v[1] = made_file(m, "small", "0123456789", 10);
	v[2] = made_entry("void", FILE_REGULAR);
	v[2].e.size = 5000;
	made_directory(m, &root, v, 3, 8, 2);
	made_commit(m, paths, &root, 1);
	snprintf(store, LIB_PATH, "%s", made_store(m));
	made_free(m);
}

static void
open_file(struct view_snap *snap, const char *path, struct file *file)
{
	struct fault f = {0};
	struct place p;

	CHECK_EQ(place_resolve(snap, span_str(path), &p, NULL, &f), 0);
	CHECK_EQ(file_open(snap, &p, file), 0);
}

static void
check_reads(struct file *file)
{
	static uint8_t buf[400000];
	struct fault f = {0};

	for (unsigned int i = 0; i < 3000; i++) {
		uint64_t at = (uint64_t)random() % length;
		size_t n =
			(size_t)random() % (i % 10 == 0 ? sizeof(buf) : 9000);
		size_t want = n < length - at ? n : (size_t)(length - at);

		memset(buf, 0xee, n);
		if (!CHECK_EQ(file_pread(file, buf, n, at, &f), want))
			return;
		if (!CHECK_MEM(buf, model + at, want))
			return;
	}
	CHECK_EQ(file_pread(file, buf, 10, length, &f), 0);
	CHECK_EQ(file_pread(file, buf, 10, length - 3, &f), 3);
	CHECK_EQ(file_pread(file, buf, 10, UINT64_MAX - 1, &f), 0);
}

/* The model's answer to file_seek. */
static int
model_seek(uint64_t at, bool data, uint64_t *ret)
{
	if (at >= length)
		return -ENXIO;
	while (at < length && hole[at] == data)
		at++;
	if (at == length && data)
		return -ENXIO;
	*ret = at;
	return 0;
}

static void
check_seeks(struct file *file)
{
	struct fault f = {0};
	uint64_t sum = 0, all = 0, got;

	for (unsigned int i = 0; i < 1000; i++) {
		uint64_t at = (uint64_t)random() % (length + 10);
		uint64_t want = 0, have = 0;
		bool data = i & 1;

		CHECK_EQ(file_seek(file, at, data, &have, &f),
			model_seek(at, data, &want));
		CHECK_EQ(have, want);
	}
	for (uint64_t i = 0; i < length; i++)
		sum += !hole[i];
	CHECK_EQ(file_allocated(file, 1000, &all, &f), 0);
	CHECK_EQ(all, sum);
	/* With the top alone: its children count as data. */
	CHECK_EQ(file_allocated(file, 1, &got, &f), 0);
	CHECK_EQ(got, length);
}

static void
reads_and_holes(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	char store[LIB_PATH], buf[6000];
	struct view_snap *snap;
	struct file file;
	struct fault f = {0};

	make_store(store);
	made_open(store, &s, &snap);
	open_file(snap, "/big", &file);
	check_reads(&file);
	check_seeks(&file);
	file_prefetch(&file, 0, length);
	file_close(&file);

	open_file(snap, "/small", &file);
	CHECK_EQ(file_pread(&file, buf, 100, 3, &f), 7);
	CHECK_MEM(buf, "3456789", 7);
	file_close(&file);

	open_file(snap, "/void", &file);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(file_pread(&file, buf, sizeof(buf), 1000, &f), 4000);
	for (size_t i = 0; i < 4000; i++)
		CHECK(buf[i] == 0);
	file_close(&file);
	view_snap_close(snap);
}

/* ---- damage ---- */

/* Change a byte of the data pack's file, in the middle of its blocks. */
static void
damage(const char *store)
{
	char command[3 * LIB_PATH];

	lib_unprotect(store);
	snprintf(command, sizeof(command),
		"f=$(find %s/packs -type f -size +2000k | head -1); "
		"chmod u+w \"$f\"; printf XXXXXXXX | dd of=\"$f\" bs=1 "
		"seek=1000000 conv=notrunc 2>/dev/null",
		store);
	CHECK_EQ(system(command), 0);
}

static void
damage_stays_local(void)
{
	_cleanup_session_ struct session s = SESSION_NONE;
	struct audit sum = {0, 0, 0};
	char store[LIB_PATH];
	struct view_snap *snap;
	uint64_t bad = 0, runs = 0;
	bool was_bad = false;
	struct file file;
	uint8_t byte;

	make_store(store);
	damage(store);
	made_open(store, &s, &snap);
	open_file(snap, "/big", &file);
	for (uint64_t at = 0; at < length; at += 97) {
		struct fault f = {0};
		ssize_t n = file_pread(&file, &byte, 1, at, &f);

		if (n == 1) {
			CHECK(byte == model[at]);
			was_bad = false;
			continue;
		}
		CHECK_EQ(n, -EBADMSG);
		CHECK_EQ(f.code, FAULT_PACK_DAMAGED);
		bad += 97;
		runs += !was_bad;
		was_bad = true;
	}
	/* One block of 128 KiB, and what repeats its chunks. */
	CHECK(bad > 10000 && bad < 400000);
	CHECK(runs > 0 && runs < 20);
	file_close(&file);
	for (uint32_t i = 0; i < view_packs(snap); i++) {
		struct fault f = {0};

		(void)!audit_pack(snap, view_pack_ordinal(snap, i), &sum, &f);
		CHECK(f.code == FAULT_NONE || f.code == FAULT_PACK_DAMAGED);
	}
	CHECK(sum.damaged > 0 && sum.damaged < 60);
	CHECK(sum.objects > 300);
	view_snap_close(snap);
}

/* ---- what the sealing side could have made up ---- */

static void
check_refused(struct view_snap *snap, const char *path)
{
	char buf[64] = "nothing";
	struct fault f = {0};
	struct file file;

	open_file(snap, path, &file);
	CHECK_EQ(file_pread(&file, buf, sizeof(buf), 0, &f), -EBADMSG);
	CHECK_EQ(f.code, FAULT_OBJECT_DAMAGED);
	CHECK_STR(buf, "nothing");
	file_close(&file);
}

static void
forged_objects(void)
{
	static const char *const paths[] = {"/srv"};
	_cleanup_session_ struct session s = SESSION_NONE;
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY), v[3];
	struct view_snap *snap;
	struct fault f = {0};
	struct file file;
	char buf[64];

	v[0] = made_file(m, "forged", "genuine", 7);
	v[0].content = made_forged(m, "genuine", "forgery");
	v[1] = made_file(m, "moved", "a note", 6);
	v[2] = made_file(m, "sound", "a deed", 6);
	v[1].content.addr = v[2].content.addr;
	made_directory(m, &root, v, 3, 8, 2);
	made_commit(m, paths, &root, 1);
	made_open(made_store(m), &s, &snap);
	made_free(m);
	check_refused(snap, "/forged");
	check_refused(snap, "/moved");
	open_file(snap, "/sound", &file);
	CHECK_EQ(file_pread(&file, buf, sizeof(buf), 0, &f), 6);
	CHECK_MEM(buf, "a deed", 6);
	file_close(&file);
	view_snap_close(snap);
}

CHECK_MAIN(
	TEST(reads_and_holes), TEST(damage_stays_local), TEST(forged_objects))
