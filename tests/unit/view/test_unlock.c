/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a passphrase opens a store with keys/ and without it, another one
 * opens nothing, and passphrases are read as they were typed.
 */
#include <errno.h>
#include <fcntl.h>

#include "keys/secmem.h"
#include "tests/unit/view/made.h"
#include "view/passphrase.h"

static void
make_store(char store[LIB_PATH])
{
	static const char *const paths[] = {"/srv"};
	struct made *m = made_begin(check_scratch());
	struct made_entry root = made_entry("", FILE_DIRECTORY);

	made_directory(m, &root, NULL, 0, 8, 2);
	made_commit(m, paths, &root, 1);
	snprintf(store, LIB_PATH, "%s", made_store(m));
	made_free(m);
}

static int
try(const char *dir, const char *passphrase, struct fault *f)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_access_ struct access *a = NULL;
	int err;

	CHECK_EQ(store_open(dir, &st, f), 0);
	if (!st)
		return -EIO;
	err = unlock_store(st, span_str(passphrase), &a, f);
	if (err == 0) {
		CHECK(unlock_id_keys(a, 1) != NULL);
		CHECK(unlock_ref_keys(a, 1) != NULL);
		CHECK(unlock_epoch(a, 1, 1) != NULL);
		CHECK(unlock_id_keys(a, 2) == NULL);
		CHECK(unlock_epoch(a, 1, 2) == NULL);
	}
	return err;
}

static void
expect(const char *dir, const char *passphrase, int err, enum fault_code code)
{
	struct fault f = {0};

	CHECK_EQ(try(dir, passphrase, &f), err);
	CHECK_STR(fault_name(f.code), fault_name(code));
}

static void
opens_with_and_without_copies(void)
{
	char store[LIB_PATH], command[2 * LIB_PATH];

	make_store(store);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	expect(store, "incorrect horse", -EKEYREJECTED, FAULT_WRONG_PASSPHRASE);
	expect(store, "", -EKEYREJECTED, FAULT_WRONG_PASSPHRASE);
	/* A copy that is garbage, then none at all: the ledger has it. */
	snprintf(command, sizeof(command),
		"printf garbage > %s/keys/recipient-1", store);
	CHECK_EQ(system(command), 0);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	snprintf(command, sizeof(command), "rm -r %s/keys", store);
	CHECK_EQ(system(command), 0);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	expect(store, "incorrect horse", -EKEYREJECTED, FAULT_WRONG_PASSPHRASE);
}

static void
read_one(struct span bytes, const char *want, enum fault_code code)
{
	_cleanup_secret_ struct passphrase *p = secmem_alloc(sizeof(*p));
	char path[LIB_PATH];
	struct fault f = {0};
	int err;

	lib_path(path, check_scratch(), "pass");
	lib_write(check_scratch(), "pass", bytes);
	err = passphrase_read(path, "", p, &f);
	CHECK_EQ(err == 0, want != NULL);
	CHECK_EQ(f.code, code);
	if (err == 0 && want)
		CHECK(span_eq(passphrase_span(p), span_str(want)));
}

static void
passphrase_files(void)
{
	static char large[PASSPHRASE_MAX + 3];
	_cleanup_secret_ struct passphrase *p = NULL;
	struct fault f = {0};

	CHECK(secmem_init() != -EIO);
	read_one(span_str("two words\n"), "two words", FAULT_NONE);
	read_one(span_str("two words"), "two words", FAULT_NONE);
	read_one(span_str("two words\n\n"), "two words\n", FAULT_NONE);
	read_one(span_str("\r\n"), "\r", FAULT_NONE);
	read_one(span_str("\n"), NULL, FAULT_PASSPHRASE_MISSING);
	read_one(span_str(""), NULL, FAULT_PASSPHRASE_MISSING);
	memset(large, 'a', sizeof(large) - 1);
	read_one(
		span_of(large, PASSPHRASE_MAX + 1), NULL, FAULT_LIMIT_EXCEEDED);
	large[PASSPHRASE_MAX] = '\n';
	read_one(
		span_of(large, PASSPHRASE_MAX + 2), NULL, FAULT_LIMIT_EXCEEDED);
	large[PASSPHRASE_MAX + 1] = '\0';
	large[PASSPHRASE_MAX] = '\0';
	read_one(span_of(large, PASSPHRASE_MAX), large, FAULT_NONE);
	p = secmem_alloc(sizeof(*p));
	CHECK_EQ(passphrase_read("/nonexistent/x", "", p, &f), -ENOENT);
	CHECK_EQ(f.code, FAULT_PASSPHRASE_MISSING);
}

CHECK_MAIN(TEST(opens_with_and_without_copies), TEST(passphrase_files))
