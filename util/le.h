/* SPDX-License-Identifier: Apache-2.0 */
#ifndef UTIL_LE_H
#define UTIL_LE_H

/*
 * Little-endian integers, byte by byte: no alignment is asked for and the
 * host's own order never shows. The caller has checked that the bytes are
 * there; foreign bytes are read through the cursors of util/span.h instead.
 */

#include <stdint.h>

static inline uint16_t
le16_get(const uint8_t p[2])
{
	return (uint16_t)(p[0] | (unsigned int)p[1] << 8);
}

static inline uint32_t
le32_get(const uint8_t p[4])
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	       (uint32_t)p[3] << 24;
}

static inline uint64_t
le64_get(const uint8_t p[8])
{
	return (uint64_t)le32_get(p) | (uint64_t)le32_get(p + 4) << 32;
}

static inline void
le16_put(uint8_t p[2], uint16_t v)
{
	p[0] = (uint8_t)(v & 0xff);
	p[1] = (uint8_t)(v >> 8);
}

static inline void
le32_put(uint8_t p[4], uint32_t v)
{
	le16_put(p, (uint16_t)(v & 0xffff));
	le16_put(p + 2, (uint16_t)(v >> 16));
}

static inline void
le64_put(uint8_t p[8], uint64_t v)
{
	le32_put(p, (uint32_t)(v & 0xffffffff));
	le32_put(p + 4, (uint32_t)(v >> 32));
}

#endif
