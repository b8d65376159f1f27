/* SPDX-License-Identifier: Apache-2.0 */
/* What verify.wasm exports besides the functions of easyenclave/verify.h: whole verifications over
 * one message, so that a host moves bytes and knows no C struct. sdk/js/verify.mjs is that host.
 *
 * The host writes a message at ee_wasm_input(), calls with its size, and reads the answer at
 * ee_wasm_output(). All memory is static: the module cannot grow. One call at a time.
 *
 * Messages are big-endian; a block is a u32 length and its bytes (docs/spec/encoding.md).
 *
 * - quote: u64 time_s, block roots, block policy, block quote, block collateral, block report data
 *
 * - evidence: u64 time_s, block roots, block policy, block evidence, block collateral, block
 *   genesis, u8 allow_simulated, u8 role, block network id, block measurements, u8 nonce kind,
 *   block nonce, block TLS key hash, block identity
 *
 * - roots: empty for Intel's production root, PEM, or keys of 64 bytes one after another
 *
 * - policy: a built-in policy's name or a policy file; empty for the function's default
 *
 * - genesis: a genesis file, which then gives roots, network id, whether simulated roots are
 *   accepted, and measurements in addition to those of the message
 *
 * - nonce: with EE_VERIFY_NONCE_CALLER the 32 bytes that were drawn; with EE_VERIFY_NONCE_CHANNEL
 *   challenge, exporter and asker key hash (96 bytes), see ee_verify_channel_nonce
 *
 * Other empty blocks: not given. */
#ifndef EE_WASM_MODULE_H
#define EE_WASM_MODULE_H

#include <stddef.h>
#include <stdint.h>

uint8_t *ee_wasm_input(void);
size_t ee_wasm_input_size(void);
const char *ee_wasm_output(void);
size_t ee_wasm_output_size(void);

/* EE_VERIFY_OK: the output is the JSON of ee_verify_result_json, whatever the verdict. Otherwise
 * nothing was judged and the output is a sentence: EE_VERIFY_ERROR_TOO_LARGE, _TRUNCATED,
 * _TRAILING: the message; _RANGE: a block has not the size it needs; _NOT_FOUND: no such policy;
 * _UNTRUSTED: the roots cannot be read; others: the policy or the genesis cannot be. */
int ee_wasm_verify_quote(size_t message_size);
int ee_wasm_verify_evidence(size_t message_size);
/* Forgets proven collateral and platforms; the next verification is a cold one. */
void ee_wasm_forget(void);

#endif
