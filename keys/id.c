/* SPDX-License-Identifier: Apache-2.0 */
#include "keys/id.h"

#include "keys/derive.h"
#include "util/le.h"

#include <sodium.h>
#include <string.h>

void
id_keys_derive(struct id_keys *out, const struct key *compartment)
{
	const struct span none = {NULL, 0};
	struct key page;

	derive_key(&out->id, compartment, "id", none);
	derive_key(&out->cut, compartment, "cut", none);
	derive_key(&page, compartment, "page", none);
	memcpy(out->page, page.b, sizeof(out->page));
	sodium_memzero(&page, sizeof(page));
}

void
id_compute(struct id *out, const struct id_keys *keys, enum object_type type,
	const struct ref *refs, size_t nrefs, struct span content)
{
	crypto_generichash_state st;
	uint8_t head[5];
	size_t i;

	head[0] = (uint8_t)type;
	le32_put(head + 1, (uint32_t)nrefs);
	crypto_generichash_init(&st, keys->id.b, sizeof(keys->id.b), 32);
	crypto_generichash_update(&st, head, sizeof(head));
	for (i = 0; i < nrefs; i++)
		crypto_generichash_update(&st, refs[i].id.b, 32);
	crypto_generichash_update(&st, content.p, content.n);
	crypto_generichash_final(&st, out->b, 32);
}

uint64_t
id_page_hash(const struct id_keys *keys, struct span name)
{
	uint8_t h[crypto_shorthash_BYTES];

	crypto_shorthash(h, name.p, name.n, keys->page);
	return le64_get(h);
}

void
id_gear_table(uint64_t table[256], const struct id_keys *keys)
{
	static const uint8_t nonce[crypto_stream_xchacha20_NONCEBYTES];
	uint8_t stream[2048];
	size_t i;

	crypto_stream_xchacha20(stream, sizeof(stream), nonce, keys->cut.b);
	for (i = 0; i < 256; i++)
		table[i] = le64_get(stream + 8 * i);
	sodium_memzero(stream, sizeof(stream));
}
