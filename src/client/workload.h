/* SPDX-License-Identifier: Apache-2.0 */
/* What to run, from options: the canonical deployment and the secrets that go with it. Values of
 * the deployment are visible and measured; of secrets only the names. */
#ifndef EE_CLIENT_WORKLOAD_H
#define EE_CLIENT_WORKLOAD_H

#include "client/options.h"
#include "client/seal_keys.h"
#include "core/command.h"
#include "seal/secrets.h"

enum {
    EE_CLIENT_OUTPUT_LIMIT = 64 * 1024, /* asked for, of each stream */
    EE_CLIENT_SECRETS_TOTAL_MAX = 64 * 1024,
};
#define EE_CLIENT_DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* As given; everything borrowed. */
struct ee_client_workload_options {
    enum ee_workload_kind kind;
    enum ee_runtime runtime;
    char *const *args;
    size_t arg_count;
    const struct ee_option_list *env;     /* K=V */
    const struct ee_option_list *secrets; /* K=@FILE, or K=- for standard input */
    bool allow_plain;                     /* env names that look like secrets are let through */
    uint16_t port;                        /* apps */
    enum ee_privacy privacy;              /* apps */
    uint32_t memory_mib;
};

struct ee_client_workload { /* about 12 KiB; ee_client_workload_free() wipes it */
    struct ee_client_output_key output_key;
    uint8_t *deployment; /* canonical */
    size_t deployment_size;
    uint8_t deployment_hash[32];
    struct ee_secrets secrets;
    uint8_t *values; /* what the secrets borrow */
    size_t values_size;
};

/* Reads the secrets' files and builds the deployment. Added unless given: PATH, and PORT for apps.
 * EE_USAGE: a value in the wrong form, a name that is none or looks like a secret, two values of
 * one name; EE_TOO_LARGE; errors of reading; EE_NO_MEMORY. */
EE_MUST_USE enum ee_err ee_client_workload_make(struct ee_client_problem *problem,
                                                const struct ee_client_workload_options *options,
                                                struct ee_client_workload *out);
void ee_client_workload_free(struct ee_client_workload *workload);

/* Does a variable of this name usually hold a secret? */
bool ee_client_looks_secret(const char *name);

/* The secrets, none or some, sealed for the agent that verified evidence names. `context` says for
 * what; its kind is set here. The bytes are the caller's to free. */
EE_MUST_USE enum ee_err ee_client_secrets_seal(struct ee_client_problem *problem,
                                               const struct ee_client_workload *workload,
                                               const struct ee_seal_context *context, uint8_t **out,
                                               size_t *size_out);

#endif
