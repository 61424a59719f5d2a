/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mark.h"

#include "util/buf.h"
#include "util/span.h"

#include <string.h>

#define MARK_SIZE (sizeof(struct store_id) + 8 + sizeof(struct root))

static struct span
mark_key(void)
{
	return span_of("\0ledger", 7);
}

void
mark_put(struct rocks *r, const struct mark *mark)
{
	uint8_t value[MARK_SIZE];
	struct wcur w = wcur_init(value, sizeof(value));

	wcur_bytes(&w, mark->store.b, sizeof(mark->store.b));
	wcur_u64(&w, mark->leaves);
	wcur_bytes(&w, mark->last.b, sizeof(mark->last.b));
	rocks_put(r, mark_key(), span_of(value, sizeof(value)));
}

uint64_t
mark_get(struct rocks *r, const struct store_id *store, struct ledger *l)
{
	_cleanup_buf_ struct buf value = BUF_INIT;
	struct mark m;
	struct root have;
	struct rcur c;

	if (rocks_get(r, mark_key(), &value) != 0)
		return 0;
	c = rcur_init(buf_span(&value));
	rcur_bytes(&c, m.store.b, sizeof(m.store.b));
	m.leaves = rcur_u64(&c);
	rcur_bytes(&c, m.last.b, sizeof(m.last.b));
	if (rcur_end(&c) != 0 || m.leaves == 0 ||
		!store_id_equal(&m.store, store) ||
		ledger_hash(l, m.leaves - 1, &have, NULL) != 0 ||
		!root_equal(&m.last, &have))
		return 0;
	return m.leaves;
}
