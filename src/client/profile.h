/* SPDX-License-Identifier: Apache-2.0 */
/* Profiles: which network, which account, where its keys are (docs/spec/cli.md, "Profiles"). */
#ifndef EE_CLIENT_PROFILE_H
#define EE_CLIENT_PROFILE_H

#include <stdbool.h>

#include "base/text.h"
#include "client/problem.h"
#include "client/state.h"
#include "core/trust.h"

enum {
    EE_CLIENT_PROFILE_FILE_MAX = 16 * 1024,
    EE_CLIENT_URL_SIZE = 320,
    EE_CLIENT_TOKEN_SIZE = 128,
};

/* Empty texts: not given. Paths are as absolute as the profile's own. About 30 KiB. */
struct ee_client_profile {
    char path[EE_CLIENT_PATH_SIZE]; /* of the profile itself */
    char network[65];               /* hex */
    char api[EE_CLIENT_URL_SIZE];   /* https://HOST:PORT */
    char gateway[EE_CLIENT_URL_SIZE];
    char domain[256]; /* apps are APP.domain */
    char account[EE_NAME_MAX + 1];
    char genesis[EE_CLIENT_PATH_SIZE];
    char ca_file[EE_CLIENT_PATH_SIZE];
    char token_file[EE_CLIENT_PATH_SIZE];
    char issuer_key_file[EE_CLIENT_PATH_SIZE];
    char founding_key_file[EE_CLIENT_PATH_SIZE];
    char operator_key_file[EE_CLIENT_PATH_SIZE];
    char collateral[EE_CLIENT_PATH_SIZE]; /* to judge by when the network's own has run out */
};

/* `name`: a file when it has a '/', else NAME of the profiles folder; NULL: EE_PROFILE, else
 * "default". EE_API and EE_GENESIS override. EE_NOT_FOUND (exit 2), EE_SYNTAX, EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_client_profile_load(struct ee_client_problem *problem, const char *name,
                                               struct ee_client_profile *out);
/* From the text of a profile file at `path`; without the environment's overrides. */
EE_MUST_USE enum ee_err ee_client_profile_parse(struct ee_client_problem *problem, const char *path,
                                                struct ee_bytes text,
                                                struct ee_client_profile *out);

/* EE_TOKEN, else the token file; an empty text when the profile has neither. The caller wipes it.
 * EE_FORBIDDEN: others may read the file; EE_SYNTAX. */
EE_MUST_USE enum ee_err ee_client_profile_token(struct ee_client_problem *problem,
                                                const struct ee_client_profile *profile,
                                                char out[EE_CLIENT_TOKEN_SIZE]);

/* Trust from a genesis file. EE_NOT_FOUND, EE_SYNTAX, ... */
EE_MUST_USE enum ee_err ee_client_genesis_load(struct ee_client_problem *problem, const char *path,
                                               struct ee_trust *out);
/* The same for the profile's genesis; EE_WRONG_NETWORK when the profile names another network. */
EE_MUST_USE enum ee_err ee_client_profile_trust(struct ee_client_problem *problem,
                                                const struct ee_client_profile *profile,
                                                struct ee_trust *out);

/* "https://HOST:PORT" (port 443 when left out) into a numeric "ADDRESS:PORT" for io/conn and the
 * host for SNI. EE_SYNTAX; EE_CONNECT: the name does not resolve. */
enum { EE_CLIENT_ADDRESS_SIZE = 80 };
struct ee_client_endpoint {
    char address[EE_CLIENT_ADDRESS_SIZE];
    char host[256];
};
EE_MUST_USE enum ee_err ee_client_endpoint_parse(struct ee_client_problem *problem,
                                                 const char *what, const char *url,
                                                 struct ee_client_endpoint *out);

#endif
