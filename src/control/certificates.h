/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of the listeners: all for the one TLS key of this control plane, which its evidence
 * binds. The default (--tls-chain, or issued by itself) and those `ee-control cert install` put
 * into STATE/certs, chosen by SNI, read again on SIGHUP without ending a connection. A new chain
 * for the key changes nothing the evidence says; a new key is another identity and is taken at a
 * start only. docs/operations.md. Loop thread only. */
#ifndef EE_CONTROL_CERTIFICATES_H
#define EE_CONTROL_CERTIFICATES_H

#include <jansson.h>

#include "control/state.h"
#include "io/x509_chain.h"

enum { EE_CERTIFICATES_MAX = 1024, EE_CERTIFICATE_PATH_SIZE = 1280 };

struct ee_certificates;

/* `acme_folder` (may be NULL): of io/tls_acme.h, for the gateway. `chain_path` NULL: a self-signed
 * default for localhost and *.domain. EE_CERTIFICATE_KEY: the
 * chain is for another key; EE_FULL: too many files; errors of ee_file_read(),
 * ee_x509_chain_read() for the default. A file of STATE/certs that cannot be used is told in the
 * log and left out. */
EE_MUST_USE enum ee_err ee_certificates_new(struct ee_control *control, const char *chain_path,
                                            const char *domain, const char *acme_folder,
                                            struct ee_certificates **out);
void ee_certificates_free(struct ee_certificates *certificates); /* NULL is fine */
/* A context that serves them; freed by the caller before the certificates. Errors of
 * ee_tls_server_new(). */
EE_MUST_USE enum ee_err ee_certificates_tls_new(struct ee_certificates *certificates, bool gateway,
                                                struct ee_tls **out);
/* Reads all again. Any that cannot be used (then said in the log), or no memory: what was served is
 * served on. */
EE_MUST_USE enum ee_err ee_certificates_reload(struct ee_certificates *certificates);
/* [{"names":[...],"issuer","not_after","days_left","default","self_signed"}]. New. */
json_t *ee_certificates_json(const struct ee_certificates *certificates);
/* Sentences about those that end within 30 days, appended to a list of strings. */
void ee_certificates_warnings(const struct ee_certificates *certificates, json_t *list);

/* STATE/certs/NAME.pem of the chain's first name. EE_TOO_LARGE. */
EE_MUST_USE enum ee_err ee_certificate_path(const char *state, const char *name,
                                            char out[EE_CERTIFICATE_PATH_SIZE]);
/* May it be served with this key at this time? EE_CERTIFICATE_KEY, EE_CERTIFICATE_TIME. */
EE_MUST_USE enum ee_err ee_certificate_check(const struct ee_x509_chain *chain,
                                             const uint8_t key_hash[EE_SHA256_SIZE], int64_t now_s);

#endif
