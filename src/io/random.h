/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness of the kernel. */
#ifndef EE_IO_RANDOM_H
#define EE_IO_RANDOM_H

#include <stddef.h>

/* Fills `out` from getrandom(2), good for keys; aborts the process when the kernel has none. */
void ee_random_bytes(void *out, size_t size);

#endif
