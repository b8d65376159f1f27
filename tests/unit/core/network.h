/* SPDX-License-Identifier: Apache-2.0 */
/* A network in memory for tests: a core with its keys, a clock that moves when told, and one call
 * per command. Every command is recorded, so that the run can be replayed. */
#ifndef EE_TESTS_CORE_NETWORK_H
#define EE_TESTS_CORE_NETWORK_H

#include "core/core.h"
#include "io/crypto_openssl.h"

struct network {
    struct ee_core *core;
    uint64_t now_us;         /* of the next command */
    uint64_t step_us;        /* added after each command */
    enum ee_err err;         /* of the last ee_core_apply */
    struct ee_result result; /* of the last command */
    uint64_t draws;          /* random bytes drawn */
    uint64_t next_reference, next_epoch;
    uint8_t id[EE_ID_SIZE]; /* of the next command; cleared after it */
    const char *broken;     /* first invariant found broken after a command; NULL: none */
    bool unchecked;         /* leave out the invariants (long runs) */
    uint8_t *log;           /* u32 size, command, u32 size, result, ... */
    size_t log_size, log_capacity;
    bool silent;          /* do not record */
    struct ee_core *twin; /* gets every command too, and must give the same; NULL: none */
    bool twin_differs;
    uint16_t core_version; /* of the commands; 0: the present */
};

extern const uint8_t network_seed_founder[32], network_seed_issuer[32], network_seed_operator[32];
extern const uint8_t network_measurement[32];

/* A development network with simulated root and one agent measurement. */
void network_genesis(enum ee_profile profile, struct ee_genesis *out);
/* With GENESIS applied. Ends the program without memory. */
void network_open(struct network *n, enum ee_profile profile, const struct ee_core_limits *limits);
void network_close(struct network *n);

/* Applies a command made of this; gives the error of apply or the refusal. */
enum ee_err network_submit(struct network *n, enum ee_actor_kind actor_kind, const char *actor,
                           enum ee_command_kind kind, struct ee_bytes payload);
/* The same with a payload struct of type ee_NAME. */
#define NETWORK_SEND(n, actor_kind, actor, kind, name, value)                                      \
    network_submit(n, actor_kind, actor, kind,                                                     \
                   network_payload(ee_##name##_encode((value), network_writer())))
struct ee_writer *network_writer(void); /* over a buffer of the fixture */
struct ee_bytes network_payload(enum ee_err encoded);

enum ee_err network_boot(struct network *n);
enum ee_err network_tick(struct network *n);
/* Moves the clock, then TICKs until nothing is due. */
void network_advance(struct network *n, uint64_t by_us);
enum ee_err network_account(struct network *n, const char *name, enum ee_account_kind kind);
/* With a fresh reference, signed by the issuer. */
enum ee_err network_mint(struct network *n, const char *account, int64_t micros);
void network_mint_sign(const struct network *n, struct ee_mint *mint);
enum ee_err network_transfer(struct network *n, const char *from, const char *to, int64_t micros);
void network_enrol_make(const struct network *n, const char *operator_name, const char *node,
                        uint32_t vcpus, int64_t price_nanos, struct ee_node_enrol *out);
enum ee_err network_enrol(struct network *n, const char *operator_name, const char *node,
                          uint32_t vcpus, int64_t price_nanos);
/* As the enrolled agent of the node with `vcpus` measured and a new epoch. */
void network_admit_make(struct network *n, const char *node, uint32_t vcpus,
                        struct ee_node_admit *out);
enum ee_err network_admit(struct network *n, const char *node, uint32_t vcpus);
enum ee_err network_lost(struct network *n, const char *node);
/* Accounts alice and bob with $20 each, operators op-a and op-b, nodes cheap ($0.010, 4 vCPUs, of
 * op-a), middle ($0.012, op-a), dear ($0.020, op-b), all admitted. */
void network_populate(struct network *n);

/* An app (port 8080) or a job; a secret when asked for. */
struct ee_bytes network_deployment(enum ee_workload_kind workload, bool secret);
enum ee_err network_reserve(struct network *n, const char *launcher, enum ee_workload_kind workload,
                            const char *name, uint32_t vcpus);
enum ee_err network_start(struct network *n, const char *launcher, const uint8_t lease[EE_ID_SIZE]);
enum ee_err network_running(struct network *n, const uint8_t lease[EE_ID_SIZE]);
enum ee_err network_end(struct network *n, const uint8_t lease[EE_ID_SIZE],
                        enum ee_end_reason reason);
enum ee_err network_stop(struct network *n, const char *launcher, const char *name);
/* Reserve, start, running; the lease's id goes to `lease_out`. */
enum ee_err network_run(struct network *n, const char *launcher, enum ee_workload_kind workload,
                        const char *name, uint32_t vcpus, uint8_t lease_out[EE_ID_SIZE]);
enum ee_err network_miss(struct network *n, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                         enum ee_check_kind kind, uint32_t slot);
/* A record whose slots all have these outcomes. */
void network_checks_make(const struct network *n, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                         enum ee_check_outcome health, enum ee_check_outcome attestation,
                         struct ee_checks *out);
enum ee_err network_checks(struct network *n, const uint8_t lease[EE_ID_SIZE], uint32_t period,
                           enum ee_check_outcome health, enum ee_check_outcome attestation);

int64_t network_available(const struct network *n, const char *account);
struct ee_balance network_balance(const struct network *n, const char *account);
/* Effects of this kind in the last result. */
size_t network_effects(const struct network *n, enum ee_effect_kind kind);
/* Applies the recorded commands to a new core and compares every result; gives the state hash.
 * False: something differed. */
bool network_replay(const struct network *n, uint8_t hash_out[32]);

/* Makes the core's twin: what is saved of it now, loaded. False: it could not be, or has another
 * state hash; or the twin before differed from the core. */
bool network_twin(struct network *n);

/* Memory that fails from call number `fail_at` on (0: never); counts what is held. */
struct failing {
    struct ee_allocator allocator;
    unsigned calls, fail_at;
    int held;
};
void failing_init(struct failing *f);

#endif
