/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_REASON_H
#define CLI_REASON_H

#include <stdint.h>

/* An enum problem_reason, with its errno or 0, in words; never freed. */
const char *reason_text(uint32_t reason, uint32_t err);

#endif
