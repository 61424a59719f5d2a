/* SPDX-License-Identifier: Apache-2.0 */
#include "view/unlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "format/keyblob.h"
#include "keys/digest.h"
#include "keys/secmem.h"
#include "util/buf.h"
#include "util/io.h"
#include "util/mem.h"

/* Recipients of the ledger that one passphrase is tried on: each costs an
 * Argon2id. */
#define RECIPIENTS_MAX 64U
/*
 * Copies in keys/ are signed by nobody. What they may cost together, in bytes
 * times passes, is what the format lets one recipient cost: some ten seconds.
 */
#define COPIES_MAX 1024U
#define COPIES_WORK                                                            \
	((uint64_t)KEYBLOB_ARGON_MEMORY_MAX * KEYBLOB_ARGON_PASSES_MAX)
/* Epochs held at once: what half of the arena has room for. */
#define EPOCHS_MAX 1024U
#define COMPARTMENTS_MAX KEYBLOB_COMPARTMENTS_MAX

struct compartment {
	uint32_t number;
	struct key secret;
	struct id_keys id;
	struct ref_keys ref;
};

struct access {
	struct key log_key;
	uint32_t n_epochs;
	uint32_t n_compartments;
	struct epoch *epoch; /* secmem, newest first */
	struct compartment *compartment[COMPARTMENTS_MAX];
};

void
unlock_free(struct access *a)
{
	if (!a)
		return;
	for (uint32_t i = 0; i < a->n_compartments; i++)
		secmem_free(a->compartment[i]);
	secmem_free(a->epoch);
	secmem_free(a);
}

/* ---- the recipient ---- */

/* What was tried so far, and how it went. */
struct trial {
	struct store *st;
	struct span passphrase;
	struct recipient *r; /* secmem */
	bool opened;
	bool wrong;	     /* one was whole and did not open */
	bool left_out;	     /* there are more than may be tried */
	struct buf tried;    /* blobs of the ledger, one behind the other */
	struct fault damage; /* the first blob that was not whole */
};

/* A copy in keys/ that is not in the ledger. */
struct copy {
	uint64_t work; /* bytes times passes */
	uint8_t blob[KEYBLOB_RECIPIENT_SIZE];
};

struct copies {
	uint32_t n;
	struct copy v[COPIES_MAX];
};

static int
hand_on(struct fault *f, const struct fault *why)
{
	if (f && f->code == FAULT_NONE)
		*f = *why;
	return fault_code_errno(why->code);
}

static bool
already_tried(const struct trial *t, struct span blob)
{
	for (size_t at = 0; at < t->tried.n; at += KEYBLOB_RECIPIENT_SIZE) {
		if (span_eq(span_of(t->tried.p + at, KEYBLOB_RECIPIENT_SIZE),
			    blob))
			return true;
	}
	return false;
}

/* Whether a blob may be tried; what is wrong with it is noted. */
static bool
is_ours(struct trial *t, struct span blob, struct keyblob_recipient *ret)
{
	if (keyblob_recipient_decode(blob, ret) != 0) {
		fault_set(&t->damage, FAULT_KEY_DAMAGED, "recipient blob",
			"it does not decode");
		return false;
	}
	if (!store_id_equal(&ret->store, store_id_peek(t->st))) {
		fault_set(&t->damage, FAULT_STORE_FOREIGN, "recipient blob",
			"it belongs to another store");
		return false;
	}
	return true;
}

/* 0 to go on; a negative errno when trying is over. */
static int
try_blob(struct trial *t, struct span blob, struct fault *f)
{
	struct fault local = {0};

	if (recipient_open(t->r, blob, t->passphrase, &local) == 0) {
		t->opened = true;
		return 0;
	}
	if (local.code == FAULT_NO_MEMORY)
		return hand_on(f, &local);
	if (local.code == FAULT_WRONG_PASSPHRASE)
		t->wrong = true;
	else if (t->damage.code == FAULT_NONE)
		t->damage = local;
	return 0;
}

static int
try_leaves(struct trial *t, struct fault *f)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	struct keyblob_recipient r;
	uint64_t n = UINT64_MAX;
	struct leaf leaf;
	int err;

	for (uint32_t i = 0; !t->opened; i++) {
		err = store_leaf_before(t->st, LEAF_RECIPIENT, n, &n, f);
		if (err == -ENOENT)
			return 0;
		t->left_out = err == 0 && i == RECIPIENTS_MAX;
		if (t->left_out)
			return 0;
		if (err == 0)
			err = store_leaf(t->st, n, &bytes, &leaf, NULL, f);
		if (err < 0)
			return err;
		if (!is_ours(t, leaf.clear, &r))
			continue;
		if (buf_append(&t->tried, leaf.clear.p, leaf.clear.n) != 0)
			return fault_set(
				f, FAULT_NO_MEMORY, "passphrase", NULL);
		err = try_blob(t, leaf.clear, f);
		if (err < 0)
			return err;
	}
	return 0;
}

static void
add_copy(struct trial *t, struct copies *copies, struct span blob)
{
	struct keyblob_recipient r;
	struct copy *c;

	if (!is_ours(t, blob, &r) || already_tried(t, blob))
		return;
	if (copies->n == COPIES_MAX) {
		t->left_out = true;
		return;
	}
	c = &copies->v[copies->n++];
	c->work = r.memory * r.passes;
	memcpy(c->blob, blob.p, sizeof(c->blob));
}

/* What cannot be read is passed over: copies only. */
static int
find_copies(struct trial *t, struct copies *copies, struct fault *f)
{
	_cleanup_closedir_ DIR *dir = NULL;
	_cleanup_buf_ struct buf blob = BUF_INIT;
	struct dirent *d;
	int fd;

	fd = io_openat(store_dirfd(t->st), "keys", O_RDONLY | O_DIRECTORY, 0);
	if (fd < 0)
		return 0;
	dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return fault_set(f, FAULT_NO_MEMORY, "keys", NULL);
	}
	while ((d = readdir(dir))) {
		if (strncmp(d->d_name, "recipient-", 10) != 0)
			continue;
		buf_clear(&blob);
		if (io_read_file(dirfd(dir), d->d_name, KEYBLOB_RECIPIENT_SIZE,
			    &blob) == 0)
			add_copy(t, copies, buf_span(&blob));
	}
	return 0;
}

static int
by_work(const void *a, const void *b)
{
	const struct copy *x = a, *y = b;

	return x->work < y->work ? -1 : x->work > y->work;
}

/* The cheap ones first: a dear one takes no other's turn. */
static int
try_copies(struct trial *t, struct fault *f)
{
	_cleanup_free_ struct copies *copies = mem_zalloc(sizeof(*copies));
	uint64_t left = COPIES_WORK;
	int err;

	if (!copies)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase", NULL);
	err = find_copies(t, copies, f);
	qsort(copies->v, copies->n, sizeof(copies->v[0]), by_work);
	for (uint32_t i = 0; err == 0 && !t->opened && i < copies->n; i++) {
		const struct copy *c = &copies->v[i];

		if (c->work > left) {
			t->left_out = true;
			return 0;
		}
		left -= c->work;
		err = try_blob(t, span_of(c->blob, sizeof(c->blob)), f);
	}
	return err;
}

/* Nothing opened. */
static int
say_why(const struct trial *t, struct fault *f)
{
	if (t->wrong)
		return fault_set(f, FAULT_WRONG_PASSPHRASE, "passphrase",
			t->left_out ? "it opens no recipient that was tried; "
				      "keys/ has more than are tried"
				    : "it opens no recipient of this store");
	if (t->left_out)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "recipients",
			"they cost more than is spent on them");
	if (t->damage.code == FAULT_NONE)
		return fault_set(f, FAULT_KEY_MISSING, "recipients",
			"the store names none");
	return hand_on(f, &t->damage);
}

/*
 * What the ledger signs comes first, so that no file in keys/ keeps a
 * recipient from being tried; the copies are for a ledger that has lost its.
 */
static int
open_recipient(struct trial *t, struct fault *f)
{
	struct fault lost = {0};
	int err, lost_err;

	lost_err = try_leaves(t, &lost);
	if (t->opened)
		return 0;
	if (lost.code != FAULT_NO_MEMORY) {
		err = try_copies(t, f);
		if (err < 0 || t->opened)
			return err;
	}
	return lost_err == 0 ? say_why(t, f) : hand_on(f, &lost);
}

/* ---- the epochs ---- */

static struct compartment *
find_compartment(const struct access *a, uint32_t number)
{
	for (uint32_t i = 0; i < a->n_compartments; i++) {
		if (a->compartment[i]->number == number)
			return a->compartment[i];
	}
	return NULL;
}

static int
add_compartment(struct access *a, const struct epoch *e, struct fault *f)
{
	struct compartment *c = find_compartment(a, e->compartment);

	if (c && digest_equal(c->secret.b, e->compartment_secret.b,
			 sizeof(c->secret.b)))
		return 0;
	if (c)
		return fault_set(f, FAULT_KEY_DAMAGED, "epochs",
			"two of compartment %u differ in its secret",
			e->compartment);
	if (a->n_compartments == COMPARTMENTS_MAX)
		return fault_set(f, FAULT_LIMIT_EXCEEDED, "epochs",
			"more than %u compartments", COMPARTMENTS_MAX);
	c = secmem_alloc(sizeof(*c));
	if (!c)
		return fault_set(f, FAULT_NO_MEMORY, "epochs", NULL);
	c->number = e->compartment;
	c->secret = e->compartment_secret;
	id_keys_derive(&c->id, &c->secret);
	ref_keys_derive(&c->ref, &c->secret);
	a->compartment[a->n_compartments++] = c;
	return 0;
}

/* The leaf is proven; its copy in keys/ has nothing to add. */
static int
add_epoch(struct access *a, struct store *st, const struct recipient *r,
	struct span record, struct fault *f)
{
	struct epoch *e = &a->epoch[a->n_epochs];
	int err;

	err = epoch_open(e, record, store_id_peek(st), r, f);
	if (err == -ENOKEY)
		return 0; /* sealed to others */
	if (err < 0)
		return err;
	if (a->n_epochs == 0)
		a->log_key = e->log_key;
	else if (!digest_equal(
			 a->log_key.b, e->log_key.b, sizeof(a->log_key.b)))
		return fault_set(f, FAULT_KEY_DAMAGED, "epochs",
			"two of them differ in the log key");
	a->n_epochs++;
	return add_compartment(a, e, f);
}

static int
count_epochs(struct store *st, uint32_t *ret, struct fault *f)
{
	uint64_t n = UINT64_MAX;
	uint32_t count = 0;
	int err;

	for (;;) {
		err = store_leaf_before(st, LEAF_EPOCH, n, &n, f);
		if (err == -ENOENT)
			break;
		if (err < 0)
			return err;
		if (++count > EPOCHS_MAX)
			return fault_set(f, FAULT_LIMIT_EXCEEDED, "epochs",
				"more than %u", EPOCHS_MAX);
	}
	*ret = count;
	return 0;
}

static int
open_epochs(struct access *a, struct store *st, const struct recipient *r,
	struct fault *f)
{
	_cleanup_buf_ struct buf bytes = BUF_INIT;
	uint64_t n = UINT64_MAX;
	struct leaf leaf;
	uint32_t count = 0;
	int err;

	err = count_epochs(st, &count, f);
	if (err < 0)
		return err;
	if (count > 0) {
		a->epoch = secmem_alloc(count * sizeof(*a->epoch));
		if (!a->epoch)
			return fault_set(f, FAULT_NO_MEMORY, "epochs", NULL);
	}
	for (uint32_t i = 0; i < count; i++) {
		err = store_leaf_before(st, LEAF_EPOCH, n, &n, f);
		if (err == 0)
			err = store_leaf(st, n, &bytes, &leaf, NULL, f);
		if (err == 0)
			err = add_epoch(a, st, r, leaf.clear, f);
		if (err < 0)
			return err;
	}
	if (a->n_epochs == 0)
		return fault_set(f, FAULT_KEY_MISSING, "epochs",
			"none is sealed to recipient %u", r->number);
	return 0;
}

int
unlock_store(struct store *st, struct span passphrase, struct access **ret,
	struct fault *f)
{
	_cleanup_secret_ struct recipient *r = secmem_alloc(sizeof(*r));
	_cleanup_access_ struct access *a = secmem_alloc(sizeof(*a));
	struct trial t = {.st = st, .passphrase = passphrase, .r = r};
	int err;

	if (!r || !a)
		return fault_set(f, FAULT_NO_MEMORY, "passphrase", NULL);
	err = open_recipient(&t, f);
	buf_free(&t.tried);
	if (err == 0)
		err = store_pin(st, r->ledger_pk, f);
	if (err == 0)
		err = open_epochs(a, st, r, f);
	if (err < 0)
		return err;
	*ret = take_ptr(&a);
	return 0;
}

const struct key *
unlock_log_key(const struct access *a)
{
	return &a->log_key;
}

const struct id_keys *
unlock_id_keys(const struct access *a, uint32_t compartment)
{
	const struct compartment *c = find_compartment(a, compartment);

	return c ? &c->id : NULL;
}

const struct ref_keys *
unlock_ref_keys(const struct access *a, uint32_t compartment)
{
	const struct compartment *c = find_compartment(a, compartment);

	return c ? &c->ref : NULL;
}

const struct epoch *
unlock_epoch(const struct access *a, uint32_t compartment, uint32_t epoch)
{
	for (uint32_t i = 0; i < a->n_epochs; i++) {
		if (a->epoch[i].compartment == compartment &&
			a->epoch[i].number == epoch)
			return &a->epoch[i];
	}
	return NULL;
}
