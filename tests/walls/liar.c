/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: liar DATABASE LIE
 *
 * Makes a cache lie in a way that RocksDB's checksums do not see: its records
 * are written anew, with values as LIE says; the mark stays as it is.
 *
 * rotate   each key has the value of the next one
 * flip     one bit of each value is another
 * cut      each value lacks its last byte
 * far      (index) rows that no table has
 * open     (index) packs that nobody sealed
 */
#include <rocksdb/c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
	char *key, *value;
	size_t k, v;
};

static struct record record[100000];
static size_t records;

static char *
copied(const char *p, size_t n)
{
	char *copy = malloc(n + 1);

	if (!copy)
		exit(2);
	memcpy(copy, p, n);
	return copy;
}

static void
load(rocksdb_t *db)
{
	rocksdb_readoptions_t *read = rocksdb_readoptions_create();
	rocksdb_iterator_t *it = rocksdb_create_iterator(db, read);

	for (rocksdb_iter_seek_to_first(it); rocksdb_iter_valid(it);
		rocksdb_iter_next(it)) {
		struct record *r = &record[records];
		const char *p = rocksdb_iter_key(it, &r->k);

		if (r->k == 7 && memcmp(p, "\0ledger", 7) == 0)
			continue;
		r->key = copied(p, r->k);
		p = rocksdb_iter_value(it, &r->v);
		r->value = copied(p, r->v);
		if (++records == sizeof(record) / sizeof(record[0]))
			exit(2);
	}
	rocksdb_iter_destroy(it);
	rocksdb_readoptions_destroy(read);
}

static void
lie(rocksdb_t *db, const char *how)
{
	rocksdb_writeoptions_t *write = rocksdb_writeoptions_create();
	char *why = NULL;

	for (size_t i = 0; i < records; i++) {
		struct record r = record[i];

		if (strcmp(how, "rotate") == 0) {
			r.value = record[(i + 1) % records].value;
			r.v = record[(i + 1) % records].v;
		} else if (strcmp(how, "flip") == 0) {
			r.value[(i * 7919) % r.v] ^= (char)(1 << i % 8);
		} else if (strcmp(how, "cut") == 0) {
			r.v--;
		} else if (strcmp(how, "far") == 0) {
			/* Ordinal and row, u32 each. */
			r.value[6] = 0x0f;
		} else if (strcmp(how, "open") == 0) {
			r.value[0] = (char)(r.value[0] + 20);
		} else {
			exit(2);
		}
		rocksdb_put(db, write, r.key, r.k, r.value, r.v, &why);
		if (why)
			exit(2);
	}
	rocksdb_writeoptions_destroy(write);
}

int
main(int argc, char **argv)
{
	rocksdb_options_t *options = rocksdb_options_create();
	rocksdb_t *db;
	char *why = NULL;

	if (argc != 3)
		return 2;
	db = rocksdb_open(options, argv[1], &why);
	if (!db) {
		fprintf(stderr, "liar: %s\n", why);
		return 2;
	}
	load(db);
	lie(db, argv[2]);
	rocksdb_close(db);
	printf("%zu\n", records);
	return 0;
}
