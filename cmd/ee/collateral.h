/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the collateral verbs: a file, proven, and its parts for people. */
#ifndef EE_CMD_EE_COLLATERAL_H
#define EE_CMD_EE_COLLATERAL_H

#include "command.h"

#include "attest/collateral_order.h"
#include "core/trust.h"
#include "io/file.h"

enum {
    EE_CLI_COLLATERAL_FILE_MAX = 256 * 1024,
    EE_CLI_EXIT_EXPIRING = 6, /* status: valid, but not for long; "a check says no" */
};

/* Whose signatures count, and when: --root, --genesis, --time. */
struct ee_cli_roots {
    const char *root, *genesis; /* as given; NULL: not */
    uint64_t time_s;            /* 0: now */
    uint8_t keys[EE_DER_CHAIN_MAX][EE_P256_POINT_SIZE];
    size_t count;
    char from[64]; /* "Intel's production root", "the genesis of NAME" */
};
#define EE_CLI_ROOTS_OPTIONS(roots)                                                                \
    {"root", 0, EE_OPTION_TEXT, &(roots).root, 0},                                                 \
        {"genesis", 0, EE_OPTION_TEXT, &(roots).genesis, 0},                                       \
    {                                                                                              \
        "time", 0, EE_OPTION_NUMBER, &(roots).time_s, INT64_MAX                                    \
    }
/* The given roots; without any the genesis of the profile, if there is one, else Intel's. */
EE_MUST_USE enum ee_err ee_cli_roots_load(struct ee_cli *cli, struct ee_cli_roots *roots);

/* A collateral file and what was proven of it. Large: allocate it. */
struct ee_cli_collateral {
    struct ee_file_data file;
    uint8_t *scratch;
    uint8_t hash[32];
    struct ee_collateral collateral;
    struct ee_tcb_documents documents;
    struct ee_verdict verdict;
    struct ee_collateral_facts facts;
    enum ee_err err; /* EE_OK: all parts are genuine and in their windows */
    int64_t time_s;  /* as of when */
};
/* Reads and judges; that it does not hold is in out->err, not a failure. */
EE_MUST_USE enum ee_err ee_cli_collateral_open(struct ee_cli *cli, const char *path,
                                               const struct ee_cli_roots *roots,
                                               struct ee_cli_collateral *out);
/* The same for bytes that are there already. */
EE_MUST_USE enum ee_err ee_cli_collateral_judge(struct ee_cli *cli, struct ee_bytes bytes,
                                                const struct ee_cli_roots *roots,
                                                struct ee_cli_collateral *out);
void ee_cli_collateral_close(struct ee_cli_collateral *collateral);
/* [{"part","number","issued_at","expires_at","days_left","state"}]; new. */
json_t *ee_cli_collateral_parts(const struct ee_cli_collateral *collateral, uint64_t warn_days);
/* [{"id","text"}] of what does not hold; new. */
json_t *ee_cli_collateral_failures(const struct ee_cli_collateral *collateral);
void ee_cli_collateral_table(const json_t *parts);
/* Fails with the first thing that does not hold; exit 7. */
enum ee_err ee_cli_collateral_refuse(struct ee_cli *cli,
                                     const struct ee_cli_collateral *collateral);

#endif
