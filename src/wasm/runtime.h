/* SPDX-License-Identifier: Apache-2.0 */
/* What the C library would do with a host: this module has none. wasi-libc's printf family brings
 * in file descriptors, so snprintf is ours, for the conversions the pure folders use. */
#ifndef EE_WASM_RUNTIME_H
#define EE_WASM_RUNTIME_H

#include <stdarg.h>
#include <stddef.h>

/* vsnprintf (C17 section 7.21.6.12) for %% %c %s %d %i %u %x with flag 0, width, precision of %s
 * (both also *), and lengths h hh l ll z j. Anything else is a bug and ends the module. */
int ee_wasm_vsnprintf(char *out, size_t capacity, const char *format, va_list arguments);

#endif
