/* SPDX-License-Identifier: Apache-2.0 */
#include "client/collateral_memory.h"

#include <string.h>

#include "base/text.h"
#include "client/state.h"
#include "io/file.h"

#include "base/banned.h"

static enum ee_err store_path(struct ee_client_problem *problem, const uint8_t network_id[32],
                              const char *suffix, char out[EE_CLIENT_PATH_SIZE])
{
    char name[96], hex[65];
    (void)snprintf(name, sizeof(name), "%s%s", ee_hex_encode(network_id, 32, hex), suffix);
    return ee_client_state_path(problem, "collateral", name, out);
}

static enum ee_err memory_read(struct ee_client_problem *problem, const char *path,
                               struct ee_collateral_memory *out)
{
    struct ee_file_data file;
    memset(out, 0, sizeof(*out));
    enum ee_err err = ee_file_read(path, EE_COLLATERAL_SEEN_SIZE_MAX, &file);
    if (err == EE_NOT_FOUND)
        return EE_OK;
    if (err != EE_OK)
        return ee_client_file_fail(problem, err, "collateral seen", path);
    err = ee_attest_collateral_memory_decode(ee_file_bytes(&file), out);
    ee_file_data_free(&file);
    if (err == EE_OK)
        return EE_OK;
    (void)ee_client_fail(problem, err, "%s, the newest collateral seen, is damaged", path);
    ee_client_suggest(problem, "restore it; removing it gives up noticing older collateral");
    return err;
}

enum ee_err ee_client_collateral_load(struct ee_client_problem *problem,
                                      const uint8_t network_id[32],
                                      struct ee_collateral_memory *out)
{
    char path[EE_CLIENT_PATH_SIZE];
    EE_TRY(store_path(problem, network_id, ".seen", path));
    return memory_read(problem, path, out);
}

/* Under the lock. Nothing is written when nothing is newer. */
static enum ee_err memory_raise(struct ee_client_problem *problem, const char *path,
                                const struct ee_collateral_seen *next)
{
    struct ee_collateral_memory memory;
    uint8_t before[EE_COLLATERAL_SEEN_SIZE_MAX], after[EE_COLLATERAL_SEEN_SIZE_MAX];
    struct ee_writer old, new_bytes;
    EE_TRY(memory_read(problem, path, &memory));
    ee_writer_init(&old, before, sizeof(before));
    ee_writer_init(&new_bytes, after, sizeof(after));
    enum ee_err err = ee_attest_collateral_memory_encode(&memory, &old);
    ee_attest_collateral_remember(&memory, next);
    if (err == EE_OK)
        err = ee_attest_collateral_memory_encode(&memory, &new_bytes);
    if (err == EE_OK && ee_bytes_equal(ee_writer_done(&old), ee_writer_done(&new_bytes)))
        return EE_OK;
    if (err == EE_OK)
        err = ee_file_write(path, ee_writer_done(&new_bytes), 0600);
    return err == EE_OK ? EE_OK : ee_client_file_fail(problem, err, "collateral seen", path);
}

enum ee_err ee_client_collateral_observe(struct ee_client_problem *problem,
                                         const uint8_t network_id[32],
                                         const struct ee_collateral_memory *floor,
                                         const struct ee_verdict *verdict)
{
    char path[EE_CLIENT_PATH_SIZE], lock_path[EE_CLIENT_PATH_SIZE], text[EE_FINDING_TEXT_SIZE];
    struct ee_collateral_seen next;
    struct ee_finding finding;
    int lock = -1;
    if (!ee_attest_collateral_seen(verdict, &next))
        return EE_OK;
    if (ee_attest_collateral_recall(floor, &next, EE_COLLATERAL_SLACK_S, &finding) !=
        EE_REASON_NONE)
        return ee_client_fail(problem, EE_COLLATERAL, "%s", ee_attest_finding_text(&finding, text));
    EE_TRY(store_path(problem, network_id, ".seen", path));
    EE_TRY(store_path(problem, network_id, ".lock", lock_path));
    EE_TRY(ee_client_state_lock(problem, lock_path, &lock));
    enum ee_err err = memory_raise(problem, path, &next);
    ee_file_unlock(lock);
    return err;
}
