/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/store/lib.h"

#include "keys/digest.h"
#include "keys/recipient.h"
#include "keys/seal.h"
#include "keys/secmem.h"
#include "keys/sign.h"
#include "store/vault_keys.h"
#include "util/io.h"

#include <assert.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#define CHUNK 3000U

static void
must(bool good, const char *what)
{
	if (!good) {
		printf("cannot go on: %s\n", what);
		exit(1);
	}
}

/* ---- trees of files ---- */

void
lib_path(char dst[LIB_PATH], const char *dir, const char *name)
{
	int n = snprintf(dst, LIB_PATH, "%s/%s", dir, name);

	must(n > 0 && n < LIB_PATH, "the path is too long");
}

static int
unprotect_one(
	const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	int fd, flags;

	(void)st;
	(void)ftw;
	if (type != FTW_F)
		return 0;
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0 && ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 &&
		(flags & FS_IMMUTABLE_FL)) {
		flags &= ~FS_IMMUTABLE_FL;
		(void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

void
lib_unprotect(const char *dir)
{
	nftw(dir, unprotect_one, 16, FTW_PHYS);
}

void
lib_remove_tree(const char *dir)
{
	lib_unprotect(dir);
	nftw(dir, check_remove_, 16, FTW_DEPTH | FTW_PHYS);
}

void
lib_copy_tree(const char *from, const char *to)
{
	char command[2048];

	snprintf(command, sizeof(command), "cp -a '%s' '%s'", from, to);
	must(system(command) == 0, command);
	lib_unprotect(to);
}

void
lib_read(const char *dir, const char *name, struct buf *out)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	buf_clear(out);
	must(fd >= 0 && io_read_file(fd, name, SIZE_MAX, out) == 0, name);
	close(fd);
}

void
lib_write(const char *dir, const char *name, struct span bytes)
{
	char path[LIB_PATH];
	int fd;

	lib_path(path, dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	must(fd >= 0 && io_write_full(fd, bytes.p, bytes.n) == 0, path);
	close(fd);
}

/* ---- stores ---- */

void
lib_make_in(struct lib_store *s, const char *scratch, const char *name)
{
	_cleanup_buf_ struct buf blob = BUF_INIT, record = BUF_INIT;
	struct epoch_recipient to = {.number = 1};
	struct store_seed seed;
	uint8_t pk[32];
	struct fault f = {.code = FAULT_NONE};
	int err;

	must(secmem_init() != -EIO, "secmem");
	lib_path(s->dir, scratch, name);
	s->keys = secmem_alloc(sizeof(*s->keys));
	random_bytes(s->keys->store.b, sizeof(s->keys->store.b));
	random_bytes(s->keys->log_key.b, 32);
	random_bytes(s->keys->ledger_seed.b, 32);
	s->keys->n = 1;
	s->keys->compartment[0] = 1;
	random_bytes(s->keys->secret[0].b, 32);
	sign_public(pk, &s->keys->ledger_seed);
	err = recipient_make(&blob, &to.pk, 1, &s->keys->store, pk,
		span_str("correct horse"),
		&(struct recipient_cost){1U << 20, 1});
	must(err == 0, "recipient");
	err = epoch_make(&record, 1, 1, &s->keys->store, &s->keys->secret[0],
		&s->keys->log_key, &to, 1);
	must(err == 0, "epoch");
	seed = (struct store_seed){s->keys, buf_span(&blob), buf_span(&record)};
	err = store_create(s->dir, &seed, &f);
	must(lib_ok(err, &f, __FILE__, __LINE__), "store");
	ref_keys_derive(&s->ref, &s->keys->secret[0]);
	id_keys_derive(&s->id, &s->keys->secret[0]);
}

void
lib_done(struct lib_store *s)
{
	lib_unprotect(s->dir);
	secmem_free(s->keys);
	s->keys = NULL;
}

/* ---- packs ---- */

void
lib_begin(struct lib_store *s, struct writer *w, enum pack_kind kind,
	uint64_t pull, struct lib_draft *ret)
{
	struct public_key pk;
	uint8_t wrap[PACK_WRAP_SIZE];
	uint32_t epoch;

	(void)s;
	memset(ret, 0, sizeof(*ret));
	must(LIB_OK(draft_begin(w, kind, 1, pull, &ret->d, &f)), "draft");
	must(LIB_OK(writer_epoch(w, 1, &epoch, pk.b, &f)), "epoch");
	random_bytes(ret->key.b, sizeof(ret->key.b));
	must(seal_wrap(wrap, &pk, "pack", draft_header_context(ret->d),
		     span_of(ret->key.b, sizeof(ret->key.b))) == 0,
		"wrap");
	must(LIB_OK(draft_wrap(ret->d, span_of(wrap, sizeof(wrap)), &f)),
		"wrap");
}

void
lib_object_id(struct lib_store *s, const struct lib_object *o, struct id *ret)
{
	id_compute(ret, &s->id, o->type, o->refs, o->nrefs,
		span_str(o->claims ? o->claims : o->content));
}

void
lib_rows(const struct ref *refs, size_t n, struct buf *out)
{
	uint8_t row[PACK_REF_SIZE];

	buf_clear(out);
	for (size_t i = 0; i < n; i++) {
		pack_ref_encode(&refs[i], row);
		must(buf_append(out, row, sizeof(row)) == 0, "memory");
	}
}

void
lib_block(struct lib_store *s, struct lib_draft *d,
	const struct lib_object *objects, size_t n, struct ref *refs)
{
	_cleanup_buf_ struct buf plain = BUF_INIT, sealed = BUF_INIT;
	_cleanup_buf_ struct buf rows = BUF_INIT;
	_cleanup_free_ struct draft_object *v = calloc(n, sizeof(*v));
	struct pack_part part = {.domain = PACK_BLOCK, .number = d->blocks};
	uint8_t ad[PACK_AD_SIZE], nonce[SEAL_NONCE], row[PACK_REF_SIZE];
	struct draft_block b = {.objects = v, .n = (uint32_t)n};

	for (size_t i = 0; i < n; i++) {
		const struct lib_object *o = &objects[i];

		lib_object_id(s, o, &v[i].id);
		v[i].type = o->type;
		v[i].offset = (uint32_t)plain.n;
		v[i].length = (uint32_t)strlen(o->content);
		v[i].nrefs = (uint32_t)o->nrefs;
		must(buf_append(&plain, o->content, strlen(o->content)) == 0,
			"memory");
		for (size_t k = 0; k < o->nrefs; k++) {
			pack_ref_encode(&o->refs[k], row);
			must(buf_append(&rows, row, sizeof(row)) == 0,
				"memory");
		}
		if (refs)
			refs[i] = (struct ref){v[i].id,
				{draft_ordinal(d->d), d->rows + (uint32_t)i}};
	}
	part.plain_len = (uint32_t)plain.n;
	pack_part_ad(draft_header_context(d->d).p, &part, ad);
	pack_part_nonce(&part, nonce);
	must(buf_reserve(&sealed, plain.n + SEAL_TAG) == 0, "memory");
	aead_seal(sealed.p, &d->key, nonce, span_of(ad, sizeof(ad)),
		buf_span(&plain));
	b.sealed = span_of(sealed.p, plain.n + SEAL_TAG);
	b.plain_len = part.plain_len;
	b.refs = buf_span(&rows);
	must(LIB_OK(draft_block(d->d, &b, &f)), "block");
	d->blocks++;
	d->rows += (uint32_t)n;
}

struct leaf_body
lib_body(const char *source, const struct ref *root)
{
	return (struct leaf_body){.source = span_str(source),
		.location = span_str("/srv"),
		.clock = {.s = 1795316400},
		.root = *root,
		.entries = 3,
		.files = 2,
		.directories = 1};
}

static void
fill_chunk(char *p, unsigned int salt, size_t i)
{
	int n = snprintf(p, CHUNK, "chunk %u %zu ", salt, i);

	for (size_t k = (size_t)n; k < CHUNK; k++)
		p[k] = (char)('a' + (k * 7 + i + salt) % 26);
	p[CHUNK] = '\0';
}

void
lib_pull(struct lib_store *s, struct writer *w, const char *source,
	unsigned int salt, size_t chunks, struct lib_pull *ret)
{
	struct lib_draft data, meta;
	struct lib_object page = {.type = OBJECT_DIRPAGE};
	char text[CHUNK + 1], name[64];
	struct leaf_body body;
	struct root id;

	ret->n = chunks;
	ret->chunks = calloc(chunks, sizeof(*ret->chunks));
	must(LIB_OK(writer_pull(w, source, 1, &ret->number, &f)), "pull");
	lib_begin(s, w, PACK_DATA, ret->number, &data);
	lib_begin(s, w, PACK_META, ret->number, &meta);
	ret->ordinals[0] = draft_ordinal(data.d);
	ret->ordinals[1] = draft_ordinal(meta.d);
	for (size_t i = 0; i < chunks; i++) {
		struct lib_object o = {.type = OBJECT_CHUNK, .content = text};

		fill_chunk(text, salt, i);
		lib_block(s, &data, &o, 1, &ret->chunks[i]);
	}
	snprintf(name, sizeof(name), "page of %s %u", source, salt);
	page.content = name;
	page.refs = ret->chunks;
	page.nrefs = chunks < 100 ? chunks : 100;
	lib_block(s, &meta, &page, 1, &ret->page);
	must(LIB_OK(draft_seal(w, data.d, NULL, &f)), "seal");
	must(LIB_OK(draft_seal(w, meta.d, NULL, &f)), "seal");
	body = lib_body(source, &ret->page);
	must(LIB_OK(writer_commit(w, ret->number, 1, LEAF_COMPLETE,
		     ret->ordinals, 2, &body, &ret->leaf, &id, &f)),
		"commit");
}

void
lib_finding(void *ctx, const struct scrub_finding *finding)
{
	char text[FAULT_TEXT_SIZE];

	(void)ctx;
	fault_text(&finding->fault, text, sizeof(text));
	if (!finding->harmless)
		printf("finding: %s\n", text);
}
