/* SPDX-License-Identifier: Apache-2.0 */
/* The sets of collateral a role holds: for each platform family one standard and one early set,
 * each proven under the roots of the network and never replaced by an older one. On disk a set lies
 * under the SHA-256 of its bytes, and one small file says which are held: it is replaced as a
 * whole, so after a crash the old table or the new one is there. docs/spec/collateral.md, "Held
 * sets". One thread at a time. */
#ifndef EE_LINK_COLLATERAL_STORE_H
#define EE_LINK_COLLATERAL_STORE_H

#include "attest/collateral_order.h"
#include "base/crypto.h"

struct ee_collateral_store;

enum {
    EE_COLLATERAL_FAMILIES_MAX = 32, /* platform families; a fleet has a handful */
    EE_COLLATERAL_SETS_MAX = 2 * EE_COLLATERAL_FAMILIES_MAX,
    EE_COLLATERAL_FILES_MAX = 4096, /* on disk; the oldest that is not held goes */
    EE_COLLATERAL_FILE_MAX = 128 * 1024,
    EE_COLLATERAL_DETAIL_SIZE = 400,
};

/* A proven set; does not change while it exists. */
struct ee_collateral_set {
    bool early; /* Intel's coming set: decides nothing, warns */
    uint8_t hash[EE_SHA256_SIZE];
    struct ee_bytes text; /* the file's exact bytes */
    struct ee_collateral collateral;
    struct ee_tcb_documents documents;
    struct ee_collateral_facts facts;
};

struct ee_collateral_store_options { /* borrowed for the store's life, but the folder */
    const struct ee_crypto *crypto;
    const char *folder; /* copied; made if missing; NULL: memory only */
    const uint8_t (*roots)[EE_P256_POINT_SIZE];
    size_t root_count;
    bool allow_simulated; /* as ee_evidence_policy */
    int64_t time_s;       /* now */
    size_t families_max;  /* 0: EE_COLLATERAL_FAMILIES_MAX; at most that */
    size_t files_max;     /* 0: EE_COLLATERAL_FILES_MAX */
    /* Told of each set on disk that cannot be used any more; may be NULL. */
    void (*lost)(void *context, const uint8_t hash[EE_SHA256_SIZE], enum ee_err err);
    void *context;
};

/* Reads what the folder holds, proving each set again; one that is genuine but out of its window is
 * held: decisions find it expired. EE_TOO_LARGE: path; EE_SYNTAX: the table is damaged; EE_IO,
 * EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_collateral_store_new(const struct ee_collateral_store_options *options,
                                                struct ee_collateral_store **out);
void ee_collateral_store_free(struct ee_collateral_store *store); /* NULL is fine */

/* What became of an offer. */
enum ee_collateral_offer {
    EE_COLLATERAL_OFFER_NEW,  /* may be kept: newer than what is held, or the first of its family */
    EE_COLLATERAL_OFFER_SAME, /* nothing in it is newer than what is held */
};

/* Proves a file's bytes at `time_s` and compares them with what is held; changes nothing. On EE_OK
 * with EE_COLLATERAL_OFFER_NEW *set_out is the caller's, else NULL. `detail_out` gets words for a
 * failure.
 * EE_TOO_LARGE, EE_SYNTAX: no collateral file; EE_EXPIRED: a part is outside its window (unless
 * `expired_ok` and nothing of the family is held); EE_STATE: a part is older than the one held;
 * EE_SIMULATED_REFUSED; EE_FULL: families_max others are held; else what does not prove:
 * EE_UNTRUSTED, EE_COLLATERAL, EE_REVOKED, ... */
EE_MUST_USE enum ee_err ee_collateral_store_offer(struct ee_collateral_store *store,
                                                  struct ee_bytes text, bool early, bool expired_ok,
                                                  int64_t time_s,
                                                  enum ee_collateral_offer *offer_out,
                                                  struct ee_collateral_set **set_out,
                                                  char detail_out[EE_COLLATERAL_DETAIL_SIZE]);
/* Keeps an offered set: durable when it returns, in use from then on; the set it replaces is freed.
 * The set is the store's after EE_OK. EE_STATE: something newer was kept meanwhile; EE_FULL;
 * EE_IO: nothing changed. */
EE_MUST_USE enum ee_err ee_collateral_store_keep(struct ee_collateral_store *store,
                                                 struct ee_collateral_set *set);
void ee_collateral_set_free(struct ee_collateral_set *set); /* NULL is fine */

/* Borrowed until the next keep. NULL: none of this family. A store of NULL is an empty one, here
 * and below. */
const struct ee_collateral_set *ee_collateral_store_find(const struct ee_collateral_store *store,
                                                         const uint8_t fmspc[EE_FMSPC_SIZE],
                                                         bool early);
/* The standard set for a quote's family; when that cannot be told or is not held any standard set,
 * so that verification says what is wrong. NULL: there is none at all. */
const struct ee_collateral_set *ee_collateral_store_for(const struct ee_collateral_store *store,
                                                        struct ee_bytes quote);
/* Is it the set for this quote's platform family? */
bool ee_collateral_set_fits(const struct ee_collateral_set *set, struct ee_bytes quote);
/* All of them; NULL beyond the last. */
const struct ee_collateral_set *ee_collateral_store_at(const struct ee_collateral_store *store,
                                                       size_t index);
/* The bytes of any set that is still on disk, also of one no longer held, malloc'd with a NUL.
 * EE_NOT_FOUND; EE_JOURNAL_CORRUPT: other bytes than the name says; EE_IO, EE_NO_MEMORY. */
struct ee_file_data;
EE_MUST_USE enum ee_err ee_collateral_store_read(const struct ee_collateral_store *store,
                                                 const uint8_t hash[EE_SHA256_SIZE],
                                                 struct ee_file_data *out);

#endif
