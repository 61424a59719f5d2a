/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_STORE_LIB_H
#define TESTS_UNIT_STORE_LIB_H

/* Stores for the tests of store/: made, filled, broken. */

#include "format/pack.h"
#include "keys/aead.h"
#include "keys/id.h"
#include "keys/ref.h"
#include "store/scrub.h"
#include "store/store_write.h"
#include "tests/lib/check.h"
#include "util/buf.h"
#include "util/fault.h"

/* Room for a path. */
#define LIB_PATH 1024

/* DIR/NAME */
void lib_path(char dst[LIB_PATH], const char *dir, const char *name);

/* A store below the scratch folder with the compartment 1, and what its
 * owner knows. */
struct lib_store {
	char dir[LIB_PATH];
	struct vault_keys *keys;
	struct ref_keys ref;
	struct id_keys id;
};

/* Make one, named name. Ends the process when it cannot be made, as all calls
 * here do. The scratch folder is the test's: each file has its own idea of
 * it. */
void lib_make_in(struct lib_store *s, const char *scratch, const char *name);
#define lib_make(s, name) lib_make_in((s), check_scratch(), (name))

/* Forget its secrets; its files can then be removed. */
void lib_done(struct lib_store *s);

/* Take the immutable flags off a tree, so that it can be removed. */
void lib_unprotect(const char *dir);

/* An object to be stored: n bytes of content, and references. */
struct lib_object {
	enum object_type type;
	const char *content;
	const struct ref *refs;
	size_t nrefs;
	const char *claims; /* the content whose id it gets; NULL: its own */
};

/* An open draft and its pack key. */
struct lib_draft {
	struct draft *d;
	struct key key;
	uint32_t blocks;
	uint32_t rows;
};

void lib_begin(struct lib_store *s, struct writer *w, enum pack_kind kind,
	uint64_t pull, struct lib_draft *ret);

/* Seal objects into one raw block and append it; refs[i] is where each lies. */
void lib_block(struct lib_store *s, struct lib_draft *d,
	const struct lib_object *objects, size_t n, struct ref *refs);

void lib_object_id(
	struct lib_store *s, const struct lib_object *o, struct id *ret);

/* Reference rows of 40 bytes. */
void lib_rows(const struct ref *refs, size_t n, struct buf *out);

/* One pull of one data and one metadata pack, with a snapshot: chunks objects
 * of 3,000 bytes, listed by one page. */
struct lib_pull {
	uint64_t number;
	uint64_t leaf;
	uint32_t ordinals[2];
	struct ref *chunks; /* free it */
	size_t n;
	struct ref page;
};
void lib_pull(struct lib_store *s, struct writer *w, const char *source,
	unsigned int salt, size_t chunks, struct lib_pull *ret);

/* A snapshot's record about nothing in particular. */
struct leaf_body lib_body(const char *source, const struct ref *root);

/* Whole files. */
void lib_read(const char *dir, const char *name, struct buf *out);
void lib_write(const char *dir, const char *name, struct span bytes);
void lib_copy_tree(const char *from, const char *to);
void lib_remove_tree(const char *dir);

/* A sink for scrubs: prints what is not harmless. */
void lib_finding(void *ctx, const struct scrub_finding *finding);

/* Print a fault that should not be. */
__attribute__((unused)) static bool
lib_ok(int err, const struct fault *f, const char *file, int line)
{
	char text[FAULT_TEXT_SIZE];

	if (err >= 0)
		return true;
	fault_text(f, text, sizeof(text));
	return check_(false, file, line, "%d: %s", err, text);
}
#define LIB_OK(call)                                                           \
	__extension__({                                                        \
		struct fault f = {.code = FAULT_NONE};                         \
		lib_ok((call), &f, __FILE__, __LINE__);                        \
	})

/* The call, which has f as its last argument, meets this fault. */
#define LIB_FAULT(want, call)                                                  \
	__extension__({                                                        \
		struct fault f = {.code = FAULT_NONE};                         \
		CHECK((call) < 0) &&                                           \
			CHECK_STR(fault_name(f.code), fault_name(want));       \
	})

#endif
