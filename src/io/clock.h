/* SPDX-License-Identifier: Apache-2.0 */
/* The clocks, in microseconds. */
#ifndef EE_IO_CLOCK_H
#define EE_IO_CLOCK_H

#include <stdint.h>

/* Never goes back; counts from an arbitrary point, the same for all processes of one boot. */
uint64_t ee_clock_monotonic_us(void);
/* Since 1970-01-01 UTC; may jump. */
uint64_t ee_clock_wall_us(void);

#endif
