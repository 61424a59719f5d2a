/* SPDX-License-Identifier: Apache-2.0 */
#include "format/field.h"

#include <assert.h>

void
field_get_id(struct rcur *r, struct id *ret)
{
	rcur_bytes(r, ret->b, sizeof(ret->b));
}

void
field_get_root(struct rcur *r, struct root *ret)
{
	rcur_bytes(r, ret->b, sizeof(ret->b));
}

void
field_get_store(struct rcur *r, struct store_id *ret)
{
	rcur_bytes(r, ret->b, sizeof(ret->b));
}

void
field_get_when(struct rcur *r, struct when *ret)
{
	ret->s = rcur_i64(r);
	ret->ns = rcur_u32(r);
	if (!field_when_ok(*ret))
		rcur_fail(r);
}

void
field_get_ref(struct rcur *r, struct ref *ret)
{
	field_get_id(r, &ret->id);
	ret->addr.ordinal = rcur_u32(r);
	ret->addr.row = rcur_u32(r);
	if (!field_addr_ok(ret->addr))
		rcur_fail(r);
}

struct span
field_get_bytes8(struct rcur *r)
{
	return rcur_span(r, rcur_u8(r));
}

struct span
field_get_bytes16(struct rcur *r)
{
	return rcur_span(r, rcur_u16(r));
}

void
field_put_id(struct wcur *w, const struct id *id)
{
	wcur_bytes(w, id->b, sizeof(id->b));
}

void
field_put_when(struct wcur *w, struct when t)
{
	wcur_i64(w, t.s);
	wcur_u32(w, t.ns);
}

void
field_put_ref(struct wcur *w, const struct ref *ref)
{
	field_put_id(w, &ref->id);
	wcur_u32(w, ref->addr.ordinal);
	wcur_u32(w, ref->addr.row);
}

void
field_put_bytes8(struct wcur *w, struct span s)
{
	assert(s.n <= UINT8_MAX);
	wcur_u8(w, (uint8_t)s.n);
	wcur_bytes(w, s.p, s.n);
}

void
field_put_bytes16(struct wcur *w, struct span s)
{
	assert(s.n <= UINT16_MAX);
	wcur_u16(w, (uint16_t)s.n);
	wcur_bytes(w, s.p, s.n);
}

int
field_version(uint16_t version)
{
	if (version == FORMAT_VERSION)
		return 0;
	return version > FORMAT_VERSION ? -EPROTONOSUPPORT : -EBADMSG;
}

int
field_suite(uint16_t suite)
{
	if (suite == SUITE_1)
		return 0;
	return suite > SUITE_1 ? -EPROTONOSUPPORT : -EBADMSG;
}

int
field_get_version_suite(struct rcur *r)
{
	uint16_t version = rcur_u16(r);
	uint16_t suite = rcur_u16(r);
	int err;

	if (!rcur_ok(r))
		return -EBADMSG;
	err = field_version(version);
	return err ? err : field_suite(suite);
}

bool
field_name_ok(struct span name)
{
	if (name.n == 0 || name.n > LIMIT_NAME || !field_no_nul(name))
		return false;
	if (memchr(name.p, '/', name.n))
		return false;
	return !span_eq(name, span_str(".")) && !span_eq(name, span_str(".."));
}

bool
field_source_ok(struct span name)
{
	if (name.n == 0 || name.n > FIELD_SOURCE_MAX)
		return false;
	for (size_t i = 0; i < name.n; i++) {
		uint8_t c = name.p[i];

		if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))
			continue;
		if (i == 0 || (c != '.' && c != '_' && c != '-'))
			return false;
	}
	return true;
}

bool
field_no_nul(struct span s)
{
	return s.n == 0 || memchr(s.p, 0, s.n) == NULL;
}

bool
field_when_ok(struct when t)
{
	return t.ns < 1000000000;
}

bool
field_addr_ok(struct addr a)
{
	return a.ordinal > 0 && a.row < FORMAT_PACK_ROWS_MAX;
}

bool
field_kind_ok(uint8_t kind)
{
	return kind >= FILE_REGULAR && kind <= FILE_BLOCK;
}

bool
field_content_ok(enum file_kind kind, uint8_t content)
{
	if (content == 0)
		return true;
	switch (kind) {
	case FILE_REGULAR:
		return content == OBJECT_CHUNK || content == OBJECT_CONTENT;
	case FILE_DIRECTORY:
		return content == OBJECT_DIRPAGE || content == OBJECT_DIRNODE;
	case FILE_SYMLINK:
		return content == OBJECT_LINK;
	case FILE_FIFO:
	case FILE_SOCKET:
	case FILE_CHAR:
	case FILE_BLOCK:
		return false;
	}
	return false;
}

bool
field_reason_ok(uint16_t reason)
{
	return reason >= PROBLEM_NOT_OPENED && reason <= PROBLEM_ATTRS_LIMIT;
}

int
field_cmp(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (c != 0)
		return c;
	return a.n < b.n ? -1 : a.n > b.n;
}

int
field_open(struct buf *b, size_t n, struct wcur *w)
{
	int err = buf_reserve(b, n);

	if (err)
		return err;
	*w = wcur_init(b->p ? b->p + b->n : NULL, n);
	return 0;
}

void
field_commit(struct buf *b, const struct wcur *w)
{
	assert(!w->bad);
	b->n += w->at;
}
