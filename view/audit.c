/* SPDX-License-Identifier: Apache-2.0 */
#include "view/audit.h"

int
audit_pack(struct view_snap *s, uint32_t ordinal, struct audit *sum,
	struct fault *f)
{
	struct fault *first = f;
	uint32_t rows;
	int err, result = 0;

	err = view_pack_rows(s, ordinal, &rows, f);
	if (err < 0)
		return err;
	/* Rows stand in the order of blocks: each is decoded once. */
	for (uint32_t row = 0; row < rows; row++) {
		struct view_object o;

		err = view_object_at(s, (struct addr){ordinal, row}, &o, NULL,
			result == 0 ? first : NULL);
		if (err < 0) {
			sum->damaged++;
			if (result == 0)
				result = err;
			continue;
		}
		sum->objects++;
		sum->bytes += o.content.n;
		view_object_put(&o);
	}
	return result;
}
