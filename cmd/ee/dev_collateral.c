/* SPDX-License-Identifier: Apache-2.0 */
/* Renews the collateral of a development network before it runs out, as an operator would: writes
 * the file and pushes it. */
#include <signal.h>
#include <stdio.h>

#include "dev.h"
#include "io/clock.h"

#include "base/banned.h"

enum {
    MONTH_S = 30 * 86400,
    LEFT_PART = 3,             /* renewed when less than a third of its time is left */
    LOOKS = 12,                /* at it, in its time */
    LOOK_MAX_MS = 3600 * 1000, /* the wall clock may jump, or the machine sleep */
    LOOK_MIN_MS = 200,
};

static void on_push_exit(void *context, int code, int signal_number)
{
    struct ee_dev *dev = context;
    ee_process_free(dev->collateral_push);
    dev->collateral_push = NULL;
    if (code == 0 && signal_number == 0)
        dev->collateral_until_s = dev->collateral_next_s;
    else if (!dev->stopping)
        (void)fprintf(stderr, "ee dev: newer collateral was not taken (logs/collateral.log); "
                              "trying again\n");
}

/* Not ee_dev_command(): the loop is running already. */
static enum ee_err push_start(struct ee_dev *dev)
{
    static const struct ee_process_events events = {.output = NULL, .exited = on_push_exit};
    char program[PATH_MAX], path[PATH_MAX], log[PATH_MAX], memory[3][PATH_MAX + 32];
    const char *environment[4];
    (void)snprintf(program, sizeof(program), "%s/ee", dev->programs);
    ee_dev_path(dev, "logs/collateral.log", log);
    ee_dev_environment(dev, "admin", memory, environment);
    const char *const argv[] = {program, "collateral", "push",
                                ee_dev_path(dev, "collateral.json", path), NULL};
    const struct ee_process_options options = {.argv = argv,
                                               .environment = environment,
                                               .folder = dev->state,
                                               .die_with_parent = true,
                                               .stdout_path = log,
                                               .stderr_path = log};
    return ee_process_spawn(dev->loop, &options, &events, dev, &dev->collateral_push);
}

static uint64_t valid_s(const struct ee_dev *dev)
{
    return dev->collateral_valid_s > 0 ? dev->collateral_valid_s : MONTH_S;
}

static void on_look(void *context)
{
    struct ee_dev *dev = context;
    int64_t left_s = dev->collateral_until_s - (int64_t)(ee_clock_wall_us() / 1000000);
    if (dev->stopping || dev->collateral_push || left_s > (int64_t)valid_s(dev) / LEFT_PART)
        return;
    enum ee_err err = ee_dev_collateral_make(dev, &dev->collateral_next_s);
    if (err == EE_OK)
        err = push_start(dev);
    if (err != EE_OK)
        (void)fprintf(stderr, "ee dev: collateral could not be renewed: %s\n", ee_err_text(err));
}

enum ee_err ee_dev_collateral_watch(struct ee_dev *dev)
{
    uint64_t every_ms = valid_s(dev) * 1000 / LOOKS;
    every_ms = every_ms > LOOK_MAX_MS   ? LOOK_MAX_MS
               : every_ms < LOOK_MIN_MS ? LOOK_MIN_MS
                                        : every_ms;
    EE_TRY(ee_timer_new(dev->loop, on_look, dev, &dev->collateral_timer));
    ee_timer_start(dev->collateral_timer, every_ms, every_ms);
    return EE_OK;
}

void ee_dev_collateral_end(struct ee_dev *dev)
{
    ee_timer_free(dev->collateral_timer);
    dev->collateral_timer = NULL;
    if (dev->collateral_push)
        (void)!ee_process_kill(dev->collateral_push, SIGKILL);
    while (dev->collateral_push) {
        bool never = false;
        (void)!ee_loop_run_until(dev->loop, &never, 20);
    }
}
