/* SPDX-License-Identifier: Apache-2.0 */
/* Commands. First byte: which codec, or 0: apply. A codec that accepts bytes must write them back
 * identically. To apply, the input is a row of (kind, seconds, payload size, payload) against a
 * small network; whatever comes, the invariants hold. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/core.h"
#include "io/crypto_openssl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[2 * EE_COMMAND_SIZE_MAX];
static struct ee_result result;

static void require(int condition)
{
    if (!condition)
        abort();
}

#define ROUND_TRIP(type)                                                                           \
    static void trip_##type(struct ee_bytes in)                                                    \
    {                                                                                              \
        static struct ee_##type value;                                                             \
        struct ee_writer w;                                                                        \
        ee_writer_init(&w, again, sizeof(again));                                                  \
        if (ee_##type##_decode(in, &value) != EE_OK)                                               \
            return;                                                                                \
        require(ee_##type##_encode(&value, &w) == EE_OK);                                          \
        require(ee_bytes_equal(in, ee_writer_done(&w)));                                           \
    }
EE_PAYLOADS(ROUND_TRIP)
EE_RESULTS(ROUND_TRIP)
ROUND_TRIP(command)
ROUND_TRIP(result)
ROUND_TRIP(deployment)
ROUND_TRIP(genesis)

#define ROW(type) trip_##type,
static void (*const trips[])(struct ee_bytes) = {EE_PAYLOADS(ROW) EE_RESULTS(ROW) trip_command,
                                                 trip_result, trip_deployment, trip_genesis};

static void file_read(struct ee_bytes in)
{
    struct ee_writer w;
    size_t size;
    static uint8_t canonical[EE_GENESIS_SIZE_MAX];
    if (ee_genesis_file_read(&ee_crypto_openssl, in, canonical, &size) != EE_OK)
        return;
    ee_writer_init(&w, again, sizeof(again));
    require(ee_genesis_file_write(&ee_crypto_openssl, ee_bytes_of(canonical, size), &w) == EE_OK);
    require(ee_bytes_equal(in, ee_writer_done(&w)));
}

/* ---- apply ---- */

static enum ee_err submit(struct ee_core *core, enum ee_command_kind kind,
                          enum ee_actor_kind actor_kind, uint64_t seconds, struct ee_bytes payload)
{
    const char *rule;
    struct ee_command command = {.core_version = 1,
                                 .seq = ee_core_seq(core) + 1,
                                 .time_us = ee_core_time_us(core) + 1 + seconds * 1000000,
                                 .actor_kind = actor_kind,
                                 .kind = kind,
                                 .payload = payload};
    memcpy(command.random, &command.seq, sizeof(command.seq));
    memcpy(command.actor, "a", actor_kind == EE_ACTOR_ACCOUNT ? 1 : 0);
    enum ee_err err = ee_core_apply(core, &command, &result);
    require(ee_core_check(core, &rule) == EE_OK);
    return err;
}

static struct ee_core *network(void)
{
    struct ee_writer w;
    struct ee_genesis genesis = {.kind = EE_NETWORK_DEVELOPMENT,
                                 .name = "n",
                                 .founding_key = {1},
                                 .issuer_key = {1},
                                 .profile = EE_PROFILE_DEVELOPMENT,
                                 .root_count = 1,
                                 .roots = {{.simulated = 1}}};
    struct ee_account_create account = {.name = "a", .kind = EE_ACCOUNT_USER};
    struct ee_core *core = ee_core_new(&ee_allocator_system, &ee_crypto_openssl, NULL);
    account.first_key.scopes = EE_SCOPE_ALL;
    account.first_key.expires_s = 1000;
    ee_writer_init(&w, again, sizeof(again));
    require(ee_genesis_encode(&genesis, &w) == EE_OK);
    require(submit(core, EE_COMMAND_GENESIS, EE_ACTOR_SYSTEM, 0, ee_writer_done(&w)) == EE_OK);
    ee_writer_init(&w, again, sizeof(again));
    require(ee_account_create_encode(&account, &w) == EE_OK);
    require(submit(core, EE_COMMAND_ACCOUNT_CREATE, EE_ACTOR_ADMIN, 0, ee_writer_done(&w)) ==
            EE_OK);
    return core;
}

static void apply(struct ee_bytes in)
{
    struct ee_cursor c;
    struct ee_core *core = network();
    ee_cursor_init(&c, in);
    while (c.left) {
        unsigned kind = ee_cursor_u8(&c);
        unsigned seconds = ee_cursor_u8(&c);
        size_t part = ee_cursor_u16(&c);
        struct ee_bytes payload = ee_cursor_bytes(&c, part < c.left ? part : c.left);
        if (c.err != EE_OK)
            break;
        (void)submit(core, (enum ee_command_kind)(kind & 63),
                     (enum ee_actor_kind)(1 + (kind >> 6) % 3), seconds, payload);
    }
    ee_core_free(core);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t count = sizeof(trips) / sizeof(trips[0]);
    if (size == 0)
        return 0;
    size_t which = data[0] % (count + 2);
    struct ee_bytes in = ee_bytes_of(data + 1, size - 1);
    if (which == 0)
        apply(in);
    else if (which == 1)
        file_read(in);
    else
        trips[which - 2](in);
    return 0;
}
