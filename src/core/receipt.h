/* SPDX-License-Identifier: Apache-2.0 */
/* A receipt: one command with its result, the proof that both are in the log, the signed checkpoint
 * of the log and the evidence of the signer. Checked offline and years later.
 * docs/spec/receipt.md. */
#ifndef EE_CORE_RECEIPT_H
#define EE_CORE_RECEIPT_H

#include "core/core.h"
#include "tlog/checkpoint.h"

enum {
    EE_RECEIPT_COMMAND_MAX = EE_COMMAND_SIZE_MAX,
    EE_RECEIPT_RESULT_MAX = EE_RESULT_BODY_MAX + 16,
    EE_RECEIPT_EVIDENCE_MAX = 768 * 1024, /* as EE_EVIDENCE_TEXT_MAX */
    EE_RECEIPT_CHANGES_MAX = 256,         /* commands */
    EE_RECEIPT_CHANGES_SIZE_MAX = 128 * 1024,
    EE_RECEIPT_SIZE_MAX = 1472 * 1024, /* canonical bytes */
    EE_RECEIPT_FILE_MAX = 2000 * 1024, /* file form with its NUL */
};

struct ee_receipt {
    uint8_t network_id[32];
    uint64_t leaf_index;     /* of the command: its seq - 1 */
    struct ee_bytes command; /* canonical; borrowed, as all bytes here */
    struct ee_bytes result;  /* canonical */
    struct ee_tlog_proof path;
    struct ee_bytes note;     /* signed checkpoint (text) */
    struct ee_bytes evidence; /* JSON document of the signer; its claims name the checkpoint key */
    /* What the signer was accepted under: canonical ALLOW commands, the newest POLICY, and every
     * CHECKPOINT_KEY, each in order. None: version 1 of the format. */
    size_t change_count;
    struct ee_bytes changes[EE_RECEIPT_CHANGES_MAX];
};

/* EE_RANGE: a part is empty or the path is too long; EE_TOO_LARGE: a part or the buffer. */
EE_MUST_USE enum ee_err ee_receipt_encode(const struct ee_receipt *receipt, struct ee_writer *out);
/* Strict; the result borrows from `bytes`. Also EE_SYNTAX, EE_UNSUPPORTED, EE_TRUNCATED,
 * EE_TRAILING. */
EE_MUST_USE enum ee_err ee_receipt_decode(struct ee_bytes bytes, struct ee_receipt *out);

/* The file form: {"format":"ee-receipt-1","receipt":"<base64>","digest":"<hex>"} and a newline, the
 * digest being SHA-256 of the canonical bytes. */
EE_MUST_USE enum ee_err ee_receipt_file_write(const struct ee_crypto *crypto,
                                              struct ee_bytes canonical, struct ee_writer *out);
/* Accepts exactly what ee_receipt_file_write makes: one flipped byte anywhere is refused.
 * EE_SYNTAX: form; EE_RECEIPT: the digest is of other bytes; EE_TOO_LARGE: beyond `capacity`
 * (EE_RECEIPT_SIZE_MAX always suffices) or EE_RECEIPT_FILE_MAX. */
EE_MUST_USE enum ee_err ee_receipt_file_read(const struct ee_crypto *crypto, struct ee_bytes file,
                                             uint8_t *canonical_out, size_t capacity,
                                             size_t *size_out);

/* What a receipt proves. */
struct ee_receipt_fact {
    struct ee_command command; /* payload borrowed from the receipt */
    struct ee_result result;
    struct ee_tlog_checkpoint checkpoint;
};

/* Leaf hash of a (command, result) pair as the log holds it: the pair's bytes in the journal. */
void ee_receipt_leaf_hash(const struct ee_crypto *crypto, struct ee_bytes command,
                          struct ee_bytes result, struct ee_tlog_hash *out);

/* Checks, in this order: the network (EE_WRONG_NETWORK), the checkpoint's signature by
 * `checkpoint_key` (errors of ee_tlog_checkpoint_verify), inclusion of command and result at the
 * leaf index (EE_PROOF), both are canonical (their errors) and the command's seq fits the leaf
 * (EE_RECEIPT). Not checked: the evidence that makes `checkpoint_key` the control plane's; see
 * client/receipt_check.h. */
EE_MUST_USE enum ee_err ee_receipt_verify(const struct ee_crypto *crypto,
                                          const struct ee_receipt *receipt,
                                          const uint8_t network_id[32],
                                          const uint8_t checkpoint_key[EE_ED25519_KEY_SIZE],
                                          struct ee_receipt_fact *out);

/* A settlement with the checks it rests on. */
struct ee_receipt_settlement {
    struct ee_checks checks;
    struct ee_settle_result settle;
    /* The failure is not in these checks: it rests on a miss that an earlier SLOT_MISSED command
     * recorded, which no later record takes back; its own receipt shows it. */
    bool earlier_miss;
};

/* Whether the settlement in the result of a CHECKS command follows from the checks in its payload
 * by the rules of verdicts (docs/spec/receipt.md, "Settlement"): slot counts of a period of that
 * length, verdict and reason, and every micro-dollar of the lock paid or returned. EE_UNSUPPORTED:
 * not CHECKS; EE_STATE: the command was refused, nothing was settled; EE_RECEIPT: it does not
 * follow; errors of the two decoders. */
EE_MUST_USE enum ee_err ee_receipt_settlement_consistent(const struct ee_params *params,
                                                         const struct ee_command *command,
                                                         const struct ee_result *result,
                                                         struct ee_receipt_settlement *out);

#endif
