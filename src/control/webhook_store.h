/* SPDX-License-Identifier: Apache-2.0 */
/* What is known of webhooks beyond the journal: their secrets (the journal has only hashes) and how
 * far each endpoint has got. One SQLite file, written on the loop without waiting for the disk:
 * what a power cut takes is delivered again. Loop thread only. */
#ifndef EE_CONTROL_WEBHOOK_STORE_H
#define EE_CONTROL_WEBHOOK_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/webhook_sign.h"
#include "io/journal.h"

struct ee_webhook_store;

enum { EE_WEBHOOK_WORD_SIZE = 64 };

struct ee_webhook_state {
    char account[EE_NAME_MAX + 1]; /* in the file: what the caller calls it */
    uint8_t slot;
    uint64_t seq;      /* of the endpoint's making: another one is another endpoint */
    uint64_t cursor;   /* number of the last event that is settled */
    uint32_t attempts; /* failed ones of the event after it */
    int64_t next_s;    /* not before; wall clock */
    uint64_t delivered;
    uint16_t last_status;                  /* of the last answer; 0: none */
    int64_t last_s;                        /* when; 0: never */
    char last_error[EE_WEBHOOK_WORD_SIZE]; /* "" after a success */
    char disabled[EE_WEBHOOK_WORD_SIZE];   /* why; "": it is not */
    uint8_t secret_hash[32];
    uint8_t previous_hash[32]; /* the secret before, while it still signs; zero: none */
    int64_t previous_until_s;
};

/* `seal` (may be NULL: plain, for development) closes the secrets; borrowed. EE_UNSUPPORTED: of
 * another release; EE_IO, EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_webhook_store_open(const char *path, const struct ee_journal_seal *seal,
                                              struct ee_webhook_store **out);
void ee_webhook_store_close(struct ee_webhook_store *store); /* NULL is fine */

/* EE_NOT_FOUND, EE_IO. */
EE_MUST_USE enum ee_err ee_webhook_store_get(struct ee_webhook_store *store, const char *account,
                                             uint8_t slot, struct ee_webhook_state *out);
EE_MUST_USE enum ee_err ee_webhook_store_put(struct ee_webhook_store *store,
                                             const struct ee_webhook_state *state);
/* Not the secrets it names. */
EE_MUST_USE enum ee_err ee_webhook_store_drop(struct ee_webhook_store *store, const char *account,
                                              uint8_t slot);

/* Secrets by SHA-256 of their bytes. EE_NOT_FOUND, EE_SEAL_OPEN, EE_IO. */
EE_MUST_USE enum ee_err ee_webhook_secret_get(struct ee_webhook_store *store,
                                              const uint8_t hash[32],
                                              struct ee_webhook_secret *out);
EE_MUST_USE enum ee_err ee_webhook_secret_put(struct ee_webhook_store *store,
                                              const uint8_t hash[32],
                                              const struct ee_webhook_secret *secret);
EE_MUST_USE enum ee_err ee_webhook_secret_drop(struct ee_webhook_store *store,
                                               const uint8_t hash[32]);

#endif
