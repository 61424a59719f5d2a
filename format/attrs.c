/* SPDX-License-Identifier: Apache-2.0 */
#include "format/attrs.h"

#include "format/field.h"

static void
attr_get(struct rcur *r, struct attr *ret)
{
	uint16_t name = rcur_u16(r);
	uint32_t value = rcur_u32(r);

	ret->name = rcur_span(r, name);
	ret->value = rcur_span(r, value);
}

static bool
attr_ok(const struct attr *attr)
{
	return attr->name.n > 0 && attr->name.n <= LIMIT_NAME &&
	       field_no_nul(attr->name);
}

int
attrs_open(struct span bytes, struct attrs *ret)
{
	struct rcur r = rcur_init(bytes);
	struct attrs attrs;
	struct attr a, last = {0};

	if (bytes.n > FORMAT_OBJECT_MAX)
		return -EBADMSG;
	attrs.n = rcur_u32(&r);
	attrs.rows = span_of(r.p, rcur_left(&r));
	for (uint32_t i = 0; i < attrs.n; i++) {
		attr_get(&r, &a);
		if (!rcur_ok(&r) || !attr_ok(&a))
			return -EBADMSG;
		if (i > 0 && field_cmp(last.name, a.name) >= 0)
			return -EBADMSG;
		last = a;
	}
	if (rcur_end(&r) != 0)
		return -EBADMSG;
	*ret = attrs;
	return 0;
}

int
attrs_encode(struct buf *b, const struct attr *attr, size_t n)
{
	struct attrs check;
	struct wcur w;
	size_t size = 4;
	int err;

	for (size_t i = 0; i < n; i++) {
		/* Each step is bounded, so the sum cannot overflow. */
		if (!attr_ok(&attr[i]) || attr[i].value.n > FORMAT_OBJECT_MAX ||
			size > FORMAT_OBJECT_MAX)
			return -EINVAL;
		size += 6 + attr[i].name.n + attr[i].value.n;
	}
	if (size > FORMAT_OBJECT_MAX)
		return -EINVAL;
	err = field_open(b, size, &w);
	if (err)
		return err;
	wcur_u32(&w, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		wcur_u16(&w, (uint16_t)attr[i].name.n);
		wcur_u32(&w, (uint32_t)attr[i].value.n);
		wcur_bytes(&w, attr[i].name.p, attr[i].name.n);
		wcur_bytes(&w, attr[i].value.p, attr[i].value.n);
	}
	if (attrs_open(field_written(&w), &check) != 0)
		return -EINVAL;
	field_commit(b, &w);
	return 0;
}

bool
attrs_next(struct rcur *at, struct attr *ret)
{
	if (rcur_left(at) == 0)
		return false;
	attr_get(at, ret);
	return rcur_ok(at);
}

int
attrs_find(const struct attrs *attrs, struct span name, struct span *ret_value)
{
	struct rcur at = rcur_init(attrs->rows);
	struct attr a;

	while (attrs_next(&at, &a)) {
		if (span_eq(a.name, name)) {
			*ret_value = a.value;
			return 0;
		}
	}
	return -ENOENT;
}
