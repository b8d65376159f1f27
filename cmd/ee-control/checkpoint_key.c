/* SPDX-License-Identifier: Apache-2.0 */
/* ee-control checkpoint-key rotate | request | apply: another key signs the checkpoints.
 * docs/spec/recovery.md. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/text.h"
#include "commands.h"
#include "control/keys.h"
#include "io/crypto_openssl.h"

#include "base/banned.h"

static int print(json_t *value)
{
    bool ok = value != NULL && json_dumpf(value, stdout, JSON_COMPACT) == 0 && puts("") >= 0;
    json_decref(value);
    return ok ? 0 : ee_control_failed(EE_IO, "standard output");
}

static int cmd_rotate(const char *state)
{
    char old_key[65], new_key[65];
    struct ee_control_keys keys, next;
    enum ee_err err = ee_control_keys_load(state, &ee_crypto_openssl, &keys);
    if (err != EE_OK)
        return ee_control_failed(err, "the keys");
    err = ee_control_keys_next_make(state);
    if (err == EE_OK)
        err = ee_control_keys_next_load(state, &ee_crypto_openssl, &next);
    int code = err != EE_OK
                   ? ee_control_failed(err, err == EE_STATE ? "a rotation waits for the next start"
                                                            : "the next key")
                   : print(json_pack("{s:s, s:s}", "old_key",
                                     ee_hex_encode(keys.checkpoint_key, 32, old_key), "new_key",
                                     ee_hex_encode(next.checkpoint_key, 32, new_key)));
    ee_control_keys_wipe(&keys);
    ee_control_keys_wipe(&next);
    return code;
}

static int cmd_request(const char *state, const char *old_key, const char *number)
{
    struct ee_control_keys keys;
    uint8_t old_bytes[32];
    char new_key[65];
    uint64_t value;
    if (ee_hex_decode(ee_bytes_str(old_key), old_bytes, sizeof(old_bytes)) != EE_OK ||
        ee_u64_parse(number, &value) != EE_OK || value == 0)
        return ee_control_usage("checkpoint-key request: --old is a public key, 64 hex digits");
    enum ee_err err = ee_control_keys_load(state, &ee_crypto_openssl, &keys);
    if (err != EE_OK)
        return ee_control_failed(err, "the keys (run ee-control init first)");
    int code = print(json_pack("{s:s, s:s, s:s, s:s}", "format", "ee-succession-request-1",
                               "number", number, "old_key", old_key, "new_key",
                               ee_hex_encode(keys.checkpoint_key, 32, new_key)));
    ee_control_keys_wipe(&keys);
    return code;
}

int ee_control_cmd_checkpoint_key(int argc, char **argv)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},      {"genesis", required_argument, NULL, 'g'},
        {"old", required_argument, NULL, 'o'},        {"number", required_argument, NULL, 'n'},
        {"succession", required_argument, NULL, 'f'}, {NULL, 0, NULL, 0}};
    const char *verb = argc > 1 ? argv[1] : "", *state = NULL, *genesis = NULL, *old_key = NULL,
               *number = "1", *from = NULL;
    int option;
    while ((option = getopt_long(argc - 1, argv + 1, "", options, NULL)) != -1) {
        if (option == 's')
            state = optarg;
        else if (option == 'g')
            genesis = optarg;
        else if (option == 'o')
            old_key = optarg;
        else if (option == 'n')
            number = optarg;
        else if (option == 'f')
            from = optarg;
        else
            return ee_control_usage("checkpoint-key: an option is wrong");
    }
    if (strcmp(verb, "rotate") == 0 && state != NULL)
        return cmd_rotate(state);
    if (strcmp(verb, "request") == 0 && state != NULL && old_key != NULL)
        return cmd_request(state, old_key, number);
    if (strcmp(verb, "apply") != 0 || state == NULL || genesis == NULL || from == NULL)
        return ee_control_usage("checkpoint-key rotate, request or apply, with their options");
    enum ee_err err = ee_control_statement_put(state, "succession", genesis, from);
    return err == EE_OK ? 0 : ee_control_failed(err, "the statement of succession");
}
