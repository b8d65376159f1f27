/* SPDX-License-Identifier: Apache-2.0 */
/* ee verify equivocation: do two signed heads of one key contradict each other? */
#include <stdlib.h>

#include "command.h"

#include "base/text.h"
#include "io/crypto_openssl.h"
#include "io/file.h"
#include "tlog/equivocation.h"

#include "base/banned.h"

static enum ee_err not_proven(struct ee_cli *cli, const struct ee_tlog_checkpoint *first,
                              const struct ee_tlog_checkpoint *second)
{
    (void)ee_client_fail(&cli->problem, EE_PROOF,
                         "both heads are signed by the key, sizes %llu and then %llu, and nothing "
                         "here shows that one of them is false",
                         (unsigned long long)first->size, (unsigned long long)second->size);
    if (second->size < first->size)
        ee_client_suggest(&cli->problem, "an older head shown after a newer one is a rollback to "
                                         "whoever saw both; it is no proof to others");
    return EE_PROOF;
}

static void tell(const struct ee_cli *cli, const struct ee_tlog_equivocation *evidence,
                 const struct ee_tlog_checkpoint *first, const struct ee_tlog_checkpoint *second,
                 enum ee_tlog_contradiction kind)
{
    static const struct ee_column columns[] = {{"proven", "says", EE_COLUMN_TEXT},
                                               {"network", "network", EE_COLUMN_TEXT},
                                               {"signed by", "key", EE_COLUMN_TEXT},
                                               {"size first", "first_size", EE_COLUMN_TEXT},
                                               {"size then", "second_size", EE_COLUMN_TEXT}};
    char network[65], key[65], sizes[2][24];
    (void)snprintf(sizes[0], sizeof(sizes[0]), "%llu", (unsigned long long)first->size);
    (void)snprintf(sizes[1], sizeof(sizes[1]), "%llu", (unsigned long long)second->size);
    json_t *facts = json_pack(
        "{s:b, s:s, s:s, s:s, s:s, s:s, s:s}", "equivocation", 1, "kind",
        kind == EE_TLOG_TWO_ROOTS ? "two_roots" : "fork", "says",
        kind == EE_TLOG_TWO_ROOTS ? "one key signed two roots for one size"
                                  : "the larger log starts with another log than the smaller one",
        "network", ee_hex_encode(evidence->network_id, 32, network), "key",
        ee_hex_encode(evidence->key, 32, key), "first_size", sizes[0], "second_size", sizes[1]);
    if (cli->json) {
        ee_cli_json(facts);
        return;
    }
    ee_cli_fields(facts, columns, EE_CLI_COUNT(columns));
    (void)printf("\nthe key is the network's when evidence of its control plane names it\n");
    json_decref(facts);
}

static enum ee_err judge(struct ee_cli *cli, struct ee_bytes text, uint8_t *memory)
{
    struct ee_tlog_equivocation evidence;
    struct ee_tlog_checkpoint first, second;
    enum ee_tlog_contradiction kind;
    enum ee_err err =
        ee_tlog_equivocation_read(text, memory, (size_t)2 * EE_TLOG_CHECKPOINT_READ_MAX, &evidence);
    if (err == EE_OK) {
        err = ee_tlog_equivocation_check(&ee_crypto_openssl, &evidence, &first, &second, &kind);
        if (err == EE_PROOF)
            return not_proven(cli, &first, &second);
    }
    if (err == EE_OK) {
        tell(cli, &evidence, &first, &second, kind);
        return EE_OK;
    }
    (void)ee_client_fail(&cli->problem, err, "this is no evidence of equivocation: %s",
                         ee_err_text(err));
    cli->problem.exit_code = ee_err_exit_code(EE_PROOF);
    return err;
}

enum ee_err ee_cmd_verify_equivocation(struct ee_cli *cli, int argc, char **argv)
{
    struct ee_arguments arguments;
    struct ee_file_data file;
    EE_TRY(ee_cli_parse(cli, NULL, 0, argc, argv, 1, 1, false, &arguments));
    EE_TRY(ee_cli_document(cli, arguments.items[0], EE_TLOG_EQUIVOCATION_SIZE_MAX, &file));
    uint8_t *memory = malloc((size_t)2 * EE_TLOG_CHECKPOINT_READ_MAX);
    enum ee_err err = memory ? judge(cli, ee_file_bytes(&file), memory)
                             : ee_client_fail(&cli->problem, EE_NO_MEMORY, "%s", "");
    free(memory);
    ee_file_data_free(&file);
    return err;
}
