/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a passphrase opens a store with keys/ and without it, another one
 * opens nothing, and passphrases are read as they were typed. A passphrase
 * believes the ledger that was signed by its key, and only epochs that agree.
 */
#include <errno.h>
#include <fcntl.h>
#include <time.h>

#include "keys/digest.h"
#include "keys/recipient.h"
#include "keys/secmem.h"
#include "store/ledger_append.h"
#include "tests/unit/view/made.h"
#include "view/passphrase.h"

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

/* Of two epochs each opens. */
static int
both_epochs(const char *dir, struct fault *f)
{
	_cleanup_store_ struct store *st = NULL;
	_cleanup_access_ struct access *a = NULL;
	int err;

	err = store_open(dir, &st, f);
	if (err == 0)
		err = unlock_store(st, span_str(MADE_PASSPHRASE), &a, f);
	if (err == 0) {
		CHECK(unlock_epoch(a, 1, 1) != NULL);
		CHECK(unlock_epoch(a, 1, 2) != NULL);
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

	made_empty(check_scratch(), store);
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

/* ---- copies that somebody put into keys/ ---- */

/* Plant a recipient like the store's own one that nothing opens. */
static void
plant(const char *store, unsigned int number, uint64_t memory, uint32_t passes)
{
	_cleanup_buf_ struct buf own = BUF_INIT, blob = BUF_INIT;
	struct keyblob_recipient r;
	char name[64];

	lib_read(check_scratch(), "own", &own);
	if (!CHECK_EQ(keyblob_recipient_decode(buf_span(&own), &r), 0))
		return;
	r.salt[0] ^= (uint8_t)(number & 0xff);
	r.salt[1] ^= (uint8_t)(number >> 8);
	r.memory = memory;
	r.passes = passes;
	CHECK_EQ(keyblob_recipient_encode(&blob, &r), 0);
	snprintf(name, sizeof(name), "keys/recipient-%u", number);
	lib_write(store, name, buf_span(&blob));
}

/* A store whose recipient is at scratch/own too. */
static void
with_own(char store[LIB_PATH])
{
	_cleanup_buf_ struct buf own = BUF_INIT;

	made_empty(check_scratch(), store);
	lib_read(store, "keys/recipient-1", &own);
	lib_write(check_scratch(), "own", buf_span(&own));
}

/* The ledger's recipient can no longer be read. */
static void
lose_leaf(const char *store)
{
	_cleanup_buf_ struct buf leaves = BUF_INIT, own = BUF_INIT;
	uint8_t *at;

	lib_read(store, "ledger/leaves-00000000", &leaves);
	lib_read(check_scratch(), "own", &own);
	at = memmem(leaves.p, leaves.n, own.p, own.n);
	if (!CHECK(at != NULL))
		return;
	at[100] ^= 1;
	lib_write(store, "ledger/leaves-00000000", buf_span(&leaves));
}

/* Seconds of processor that a passphrase takes. */
static double
seconds(const char *store, const char *passphrase, int err,
	enum fault_code code)
{
	clock_t begin = clock();

	expect(store, passphrase, err, code);
	return (double)(clock() - begin) / CLOCKS_PER_SEC;
}

static void
copies_hide_no_recipient(void)
{
	char store[LIB_PATH], own[LIB_PATH];

	with_own(store);
	lib_path(own, store, "keys/recipient-1");
	for (unsigned int i = 2; i < 102; i++)
		plant(store, i, KEYBLOB_ARGON_MEMORY_MIN, 1);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	CHECK_EQ(unlink(own), 0);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	expect(store, "incorrect horse", -EKEYREJECTED, FAULT_WRONG_PASSPHRASE);
}

static void
copies_serve_a_ledger_that_lost_its_own(void)
{
	char store[LIB_PATH], own[LIB_PATH];

	with_own(store);
	lib_path(own, store, "keys/recipient-1");
	lose_leaf(store);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	for (unsigned int i = 2; i < 902; i++)
		plant(store, i, KEYBLOB_ARGON_MEMORY_MIN, 1);
	expect(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	CHECK_EQ(unlink(own), 0);
	expect(store, MADE_PASSPHRASE, -EBADMSG, FAULT_LEDGER_DAMAGED);
}

/* Each of the dear ones would take ten seconds and more. */
static void
copies_cost_little(void)
{
	char store[LIB_PATH];
	double much;

	with_own(store);
	/* One of those to be planted costs more than a thousand times as
	 * much. */
	much = 100 * seconds(store, MADE_PASSPHRASE, 0, FAULT_NONE);
	plant(store, 2, KEYBLOB_ARGON_MEMORY_MAX, KEYBLOB_ARGON_PASSES_MAX);
	plant(store, 3, KEYBLOB_ARGON_MEMORY_MAX, KEYBLOB_ARGON_PASSES_MAX);
	CHECK(seconds(store, MADE_PASSPHRASE, 0, FAULT_NONE) < much);
	plant(store, 4, KEYBLOB_ARGON_MEMORY_MIN, 1);
	CHECK(seconds(store, "incorrect horse", -EKEYREJECTED,
		      FAULT_WRONG_PASSPHRASE) < much);
	lose_leaf(store);
	CHECK(seconds(store, MADE_PASSPHRASE, 0, FAULT_NONE) < much);
}

/* ---- who writes the ledger ---- */

static struct vault_keys *
load_keys(const char *dir)
{
	_cleanup_store_ struct store *st = NULL;
	struct vault_keys *keys = NULL;

	if (!CHECK(LIB_OK(store_open(dir, &st, &f))) ||
		!CHECK(LIB_OK(vault_keys_load(
			store_dirfd(st), store_id_peek(st), &keys, &f))))
		exit(1);
	return keys;
}

/* All that is not sealed to the passphrase is made anew with another ledger
 * key, the store's own epoch and log key in it: what the thief of a vault's
 * log key could bring. */
static void
ledger_of_another_key(void)
{
	_cleanup_buf_ struct buf blob = BUF_INIT, record = BUF_INIT;
	_cleanup_secret_ struct vault_keys *keys = NULL;
	char store[LIB_PATH], forged[LIB_PATH], command[2 * LIB_PATH];
	struct store_seed seed;

	made_empty(check_scratch(), store);
	keys = load_keys(store);
	lib_read(store, "keys/recipient-1", &blob);
	lib_read(store, "keys/epoch-1-1", &record);
	random_bytes(keys->ledger_seed.b, sizeof(keys->ledger_seed.b));
	seed = (struct store_seed){keys, buf_span(&blob), buf_span(&record)};
	lib_path(forged, check_scratch(), "forged");
	CHECK(LIB_OK(store_create(forged, &seed, &f)));
	snprintf(command, sizeof(command),
		"cd %s && rm -r store/ledger && "
		"cp -a forged/ledger forged/store.conf store && "
		"cp -a forged/keys/vault store/keys",
		check_scratch());
	CHECK_EQ(system(command), 0);
	expect(store, MADE_PASSPHRASE, -EXDEV, FAULT_STORE_FOREIGN);
	snprintf(command, sizeof(command), "rm -r %s/keys", store);
	CHECK_EQ(system(command), 0);
	expect(store, MADE_PASSPHRASE, -EXDEV, FAULT_STORE_FOREIGN);
}

static int
first_recipient(void *ctx, const struct leaf *leaf, const struct root *hash,
	struct fault *f)
{
	struct epoch_recipient *to = ctx;
	struct keyblob_recipient blob;

	(void)hash, (void)f;
	if (leaf->type == LEAF_RECIPIENT &&
		CHECK_EQ(keyblob_recipient_decode(leaf->clear, &blob), 0)) {
		to->number = blob.recipient;
		memcpy(to->pk.b, blob.x25519, sizeof(to->pk.b));
	}
	return 0;
}

/* A second epoch of compartment 1, signed as any. */
static void
add_epoch(const char *dir, const struct key *secret, const struct key *log_key)
{
	_cleanup_buf_ struct buf record = BUF_INIT;
	_cleanup_secret_ struct vault_keys *keys = load_keys(dir);
	_cleanup_append_ struct append *ledger = NULL;
	_cleanup_store_ struct store *st = NULL;
	const struct append_keys with = {
		keys->store, &keys->log_key, &keys->ledger_seed};
	const struct span none = {NULL, 0};
	struct epoch_recipient to = {0};

	CHECK(LIB_OK(store_open(dir, &st, &f)));
	CHECK(LIB_OK(
		append_open(st, &with, first_recipient, &to, &ledger, &f)));
	CHECK_EQ(epoch_make(&record, 1, 2, &keys->store,
			 secret ? secret : &keys->secret[0],
			 log_key ? log_key : &keys->log_key, &to, 1),
		0);
	CHECK(LIB_OK(append_put(
		ledger, LEAF_EPOCH, buf_span(&record), none, NULL, NULL, &f)));
	CHECK(LIB_OK(append_sign(ledger, &f)));
}

/* A store has one log key, and a compartment one secret. */
static void
epochs_agree(void)
{
	static const struct key other = {{1, 2, 3}};
	char store[LIB_PATH], copy[2][LIB_PATH];

	made_empty(check_scratch(), store);
	for (size_t i = 0; i < 2; i++) {
		lib_path(copy[i], check_scratch(), i ? "copy-1" : "copy-0");
		lib_copy_tree(store, copy[i]);
	}
	add_epoch(copy[0], &other, NULL);
	expect(copy[0], MADE_PASSPHRASE, -EBADMSG, FAULT_KEY_DAMAGED);
	add_epoch(copy[1], NULL, &other);
	expect(copy[1], MADE_PASSPHRASE, -EBADMSG, FAULT_KEY_DAMAGED);
	add_epoch(store, NULL, NULL);
	CHECK(LIB_OK(both_epochs(store, &f)));
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

CHECK_MAIN(TEST(opens_with_and_without_copies), TEST(copies_hide_no_recipient),
	TEST(copies_serve_a_ledger_that_lost_its_own), TEST(copies_cost_little),
	TEST(ledger_of_another_key), TEST(epochs_agree), TEST(passphrase_files))
