/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* base/compiler.h - the only file that looks at which compiler this is. */
#ifndef NTS_COMPILER_H
#define NTS_COMPILER_H

#if !defined(__GNUC__)
#error "NanoTS builds with gcc or clang"
#endif

#define NTS_LIKELY(x)                       __builtin_expect(!!(x), 1)
#define NTS_UNLIKELY(x)                     __builtin_expect(!!(x), 0)
#define NTS_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#define NTS_CHECKED                         __attribute__((warn_unused_result))
#define NTS_ALWAYS_INLINE                   static inline __attribute__((always_inline))
#define NTS_MAYBE_UNUSED                    __attribute__((unused))
#define NTS_NOINLINE                        __attribute__((noinline))
#define NTS_TARGET(features)                __attribute__((target(features)))

/* Products of 128 bits, where the processor has registers of 64. */
#if defined(__SIZEOF_INT128__)
#define NTS_HAS_INT128 1
__extension__ typedef __int128 nts_int128;
#else
#define NTS_HAS_INT128 0
#endif

#endif
