/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: the table is sound, the first fault stays, the line is safe. */

#include <ctype.h>
#include <errno.h>

#include "tests/lib/check.h"
#include "util/fault.h"

static void
table(void)
{
	for (unsigned int i = 0; i < FAULT_CODES; i++) {
		enum fault_code code = (enum fault_code)i;
		const char *name = fault_name(code);
		const char *advice = fault_advice(code);

		CHECK(strlen(name) > 1 && strlen(name) < 32);
		for (const char *p = name; *p; p++)
			CHECK(islower((unsigned char)*p) || *p == '-');
		CHECK(strlen(advice) > 10 && strlen(advice) < 100);
		CHECK(advice[strlen(advice) - 1] != '.');
		CHECK((fault_code_errno(code) < 0) == (code != FAULT_NONE));
		for (unsigned int j = 0; j < i; j++)
			CHECK(strcmp(name, fault_name((enum fault_code)j)));
	}
}

static void
one_line(void)
{
	struct fault f = {0};
	char text[FAULT_TEXT_SIZE];
	int err;

	err = fault_set(
		&f, FAULT_WRONG_PASSPHRASE, "key/operator", "slot %d", 3);
	CHECK_EQ(err, -EKEYREJECTED);
	CHECK_EQ(f.err, -EKEYREJECTED);
	CHECK_EQ(f.code, FAULT_WRONG_PASSPHRASE);
	fault_text(&f, text, sizeof(text));
	CHECK_STR(text, "key/operator: slot 3; nothing was changed; try again "
			"[wrong-passphrase]");
}

static void
without_object_or_detail(void)
{
	struct fault f = {0};
	char text[FAULT_TEXT_SIZE];

	fault_set(&f, FAULT_WRONG_PASSPHRASE, NULL, NULL);
	fault_text(&f, text, sizeof(text));
	CHECK_STR(text, "wrong passphrase; nothing was changed; try again "
			"[wrong-passphrase]");
}

static void
system_error(void)
{
	struct fault f = {0}, g = {0};

	CHECK_EQ(
		fault_errno(&f, FAULT_IO, -ENOSPC, "pack 7", "write at %d", 12),
		-ENOSPC);
	CHECK_EQ(f.err, -ENOSPC);
	CHECK_STR(f.detail, "write at 12: No space left on device");
	fault_errno(&g, FAULT_IO, -EIO, "pack 7", NULL);
	CHECK_STR(g.detail, "Input/output error");
}

static void
first_wins(void)
{
	struct fault f = {0};

	fault_set(&f, FAULT_PACK_DAMAGED, "pack 1", "bad tag");
	CHECK_EQ(fault_set(&f, FAULT_USAGE, "other", "later"), -EINVAL);
	CHECK_EQ(fault_errno(&f, FAULT_IO, -ENOSPC, "other", "later"), -ENOSPC);
	CHECK_EQ(f.code, FAULT_PACK_DAMAGED);
	CHECK_EQ(f.err, -EBADMSG);
	CHECK_STR(f.object, "pack 1");
	CHECK_STR(f.detail, "bad tag");
}

static void
nobody_listens(void)
{
	CHECK_EQ(fault_set(NULL, FAULT_USAGE, "a", "b"), -EINVAL);
	CHECK_EQ(fault_errno(NULL, FAULT_IO, -ENOSPC, "a", "b"), -ENOSPC);
}

static void
long_text_is_cut(void)
{
	struct fault f = {0};
	char big[1000], text[FAULT_TEXT_SIZE];

	memset(big, 'x', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	fault_errno(&f, FAULT_IO, -EIO, big, "%s", big);
	CHECK_EQ(strlen(f.object), sizeof(f.object) - 1);
	CHECK_STR(f.object + sizeof(f.object) - 5, "x...");
	CHECK_EQ(strlen(f.detail), sizeof(f.detail) - 1);
	CHECK_STR(f.detail + strlen(f.detail) - 24, "x...: Input/output error");
	fault_text(&f, text, sizeof(text));
	CHECK_STR(text + strlen(text) - 5, " [io]");
}

/* A character of several bytes is not cut in two. */
static void
cut_between_characters(void)
{
	struct fault f = {0};
	char big[400];

	for (size_t i = 0; i + 2 < sizeof(big); i += 2)
		memcpy(big + i, "\xc3\xbc", 3);
	fault_set(&f, FAULT_IO, big, "%s", big + 1);
	CHECK_STR(f.object + strlen(f.object) - 5, "\xc3\xbc...");
	CHECK_STR(f.detail + strlen(f.detail) - 5, "\xc3\xbc...");
}

static void
foreign_bytes_are_escaped(void)
{
	struct fault f = {0};
	char text[FAULT_TEXT_SIZE], worst[500];

	fault_set(&f, FAULT_OBJECT_DAMAGED, "evil\x1b[2J\nname", "tag\r%s",
		"\xff");
	fault_text(&f, text, sizeof(text));
	CHECK(strstr(text, "evil\\x1b[2J\\x0aname: tag\\x0d\\xff; "));
	/* All bytes four times as long, and still with its name at the end. */
	f = (struct fault){0};
	memset(worst, '\x01', sizeof(worst));
	worst[sizeof(worst) - 1] = '\0';
	fault_set(&f, FAULT_PASSPHRASE_MISSING, worst, "%s", worst);
	fault_text(&f, text, sizeof(text));
	CHECK(strstr(text, " [passphrase-missing]"));
}

static void
small_room(void)
{
	struct fault f = {0};
	char full[FAULT_TEXT_SIZE];

	fault_set(&f, FAULT_USAGE, "a\nb", "c");
	fault_text(&f, full, sizeof(full));
	for (size_t n = 1; n <= strlen(full) + 1; n++) {
		char *text = malloc(n);

		fault_text(&f, text, n);
		CHECK(strlen(text) < n);
		CHECK_MEM(text, full, strlen(text));
		CHECK_EQ(strcmp(text, full) == 0, n == strlen(full) + 1);
		free(text);
	}
	fault_text(&f, NULL, 0);
}

CHECK_MAIN(TEST(table), TEST(one_line), TEST(without_object_or_detail),
	TEST(system_error), TEST(first_wins), TEST(nobody_listens),
	TEST(long_text_is_cut), TEST(cut_between_characters),
	TEST(foreign_bytes_are_escaped), TEST(small_room))
