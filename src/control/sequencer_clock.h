/* SPDX-License-Identifier: Apache-2.0 */
/* The time of commands: goes on with the monotonic clock, follows the wall clock slowly, never
 * repeats. A wall clock that jumped away is not followed; it is reported. */
#ifndef EE_CONTROL_SEQUENCER_CLOCK_H
#define EE_CONTROL_SEQUENCER_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where time and random bytes come from; all functions NULL: the machine's. */
struct ee_clock_source {
    void *context;
    uint64_t (*monotonic_us)(void *context);
    uint64_t (*wall_us)(void *context);
    void (*random)(void *context, void *out, size_t size);
};
struct ee_clock_source ee_clock_source_system(void);

enum { EE_CLOCK_SLEW_DIVISOR = 1000 }; /* follows by at most 1 ms per second */

struct ee_sequencer_clock {
    struct ee_clock_source source;
    uint64_t jump_us;   /* a larger disagreement is a jump */
    uint64_t last_us;   /* the last time given out */
    uint64_t read_us;   /* monotonic clock when it was last read */
    uint64_t now_us;    /* our time then */
    uint64_t unused_us; /* time passed that has not yet allowed a step of the slew */
    int64_t behind_us;  /* a wall clock confirmed to be behind what the journal already says */
    bool jumped;
};

/* Starts at the wall clock, above `last_us`. A wall clock more than the limit before `last_us` is
 * a jump from the beginning: time then goes on from last_us. */
void ee_sequencer_clock_init(struct ee_sequencer_clock *clock, struct ee_clock_source source,
                             uint32_t jump_s, uint64_t last_us);
/* Our time now, without giving it out: above the last one given out. */
uint64_t ee_sequencer_clock_read(struct ee_sequencer_clock *clock);
/* `time_us`, as just read, was given out: no later reading gives it again. */
void ee_sequencer_clock_stamp(struct ee_sequencer_clock *clock, uint64_t time_us);
/* Somebody looked and says the wall clock is right: our time becomes its time, but never goes
 * back. */
void ee_sequencer_clock_accept(struct ee_sequencer_clock *clock);

#endif
