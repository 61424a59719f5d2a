/* SPDX-License-Identifier: Apache-2.0 */

/* A fault plan's text: written down again it is the same plan. */

#include <stdio.h>

#include "tests/fuzz/entry.h"
#include "util/hook.h"

static void
write_again(const struct hook_plan *plan, const char *text, char *dst, size_t n)
{
	char number[16];
	const char *act = "short";

	snprintf(number, sizeof(number), "%d", -plan->err);
	if (plan->act == HOOK_KILL)
		act = "kill";
	if (plan->act == HOOK_TELL)
		act = "tell";
	if (plan->act == HOOK_FAIL)
		act = number;
	snprintf(dst, n, "%.*s:%lu:%s%s", (int)strcspn(text, ":"), text,
		plan->at, act, plan->sticky ? ":sticky" : "");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hook_plan plan = {.err = 0}, same = {.err = 0};
	char text[128], again[256];

	if (size >= sizeof(text))
		return 0;
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (hook_plan_parse(text, &plan) != 0)
		return 0;
	TRIP_MUST(plan.op <= HOOK_OPS && plan.at > 0 && plan.err <= 0);
	write_again(&plan, text, again, sizeof(again));
	TRIP_MUST(hook_plan_parse(again, &same) == 0);
	TRIP_MUST(same.op == plan.op && same.act == plan.act &&
		  same.err == plan.err && same.sticky == plan.sticky &&
		  same.at == plan.at);
	return 0;
}
