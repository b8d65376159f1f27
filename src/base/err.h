/* SPDX-License-Identifier: Apache-2.0 */
/* Every error of the project, one row each. The class gives HTTP status and exit code; the text
 * says what to do. */
#ifndef EE_BASE_ERR_H
#define EE_BASE_ERR_H

#define EE_MUST_USE __attribute__((warn_unused_result))

enum ee_err_class {
    EE_CLASS_OK,
    EE_CLASS_INPUT,     /* the caller's bytes are wrong: HTTP 400, exit 2 */
    EE_CLASS_AUTH,      /* who are you: HTTP 401/403, exit 4 */
    EE_CLASS_MISSING,   /* HTTP 404, exit 3 */
    EE_CLASS_RULE,      /* well formed, refused by a rule: HTTP 409/422, exit 5 */
    EE_CLASS_CREDIT,    /* HTTP 402, exit 8 */
    EE_CLASS_CAPACITY,  /* HTTP 503 with a reason per node, exit 10 */
    EE_CLASS_VERIFY,    /* evidence or proof does not hold: exit 7 */
    EE_CLASS_TEMPORARY, /* try again: HTTP 429/503, exit 75 */
    EE_CLASS_SYSTEM,    /* disk, memory, network: HTTP 500, exit 1 */
};

/* ROW(name, class, text). Append to the group it belongs to; never renumber: the journal stores
 * codes, so each row carries its number. 1-99 base, 100-199 attest, 200-299 money and core rules,
 * 300-399 network, 400-499 journal and proofs, 500-599 agent and workload. */
#define EE_ERRORS(ROW)                                                                             \
    ROW(OK, "ok", 0, OK, "done")                                                                   \
    ROW(TRUNCATED, "truncated", 1, INPUT, "the input ends too early")                              \
    ROW(TRAILING, "trailing", 2, INPUT, "bytes are left over after the end of the document")       \
    ROW(TOO_LARGE, "too_large", 3, INPUT, "the input is larger than the limit")                    \
    ROW(RANGE, "range", 4, INPUT, "a value is outside its range")                                  \
    ROW(OVERFLOW, "overflow", 5, INPUT, "the result does not fit")                                 \
    ROW(SYNTAX, "syntax", 6, INPUT, "the input is not of the expected form")                       \
    ROW(UNSUPPORTED, "unsupported", 7, INPUT, "the version or kind is not supported")              \
    ROW(DUPLICATE_FIELD, "duplicate_field", 8, INPUT, "a field appears twice")                     \
    ROW(MISSING_FIELD, "missing_field", 9, INPUT, "a required field is missing")                   \
    ROW(FULL, "full", 10, TEMPORARY, "a table or queue is full; try again later")                  \
    ROW(NO_MEMORY, "no_memory", 11, SYSTEM, "out of memory")                                       \
    ROW(IO, "io", 12, SYSTEM, "reading or writing failed")                                         \
    ROW(NOT_FOUND, "not_found", 13, MISSING, "there is no such thing, or it is not yours")         \
    ROW(USAGE, "usage", 14, INPUT, "the command line is wrong; see --help")                        \
    ROW(TIMEOUT, "timeout", 15, TEMPORARY, "timed out; the work may continue")                     \
    ROW(STATE, "state", 16, RULE, "not possible in the present state")                             \
    ROW(CRYPTO, "crypto", 17, SYSTEM, "the cryptographic library failed")                          \
    ROW(UNAUTHENTICATED, "unauthenticated", 18, AUTH,                                              \
        "no valid API key; pass one in EE_TOKEN or the profile")                                   \
    ROW(FORBIDDEN, "forbidden", 19, AUTH,                                                          \
        "this key may not do that; use one with the needed scope")                                 \
    ROW(DISABLED, "disabled", 20, AUTH, "this route is disabled because its secret is not set")    \
    ROW(SIGNATURE, "signature", 100, VERIFY, "a signature does not verify")                        \
    ROW(UNTRUSTED, "untrusted", 101, VERIFY, "the evidence does not lead to a trusted root")       \
    ROW(EXPIRED, "expired", 102, VERIFY, "the evidence or collateral is outside its validity")     \
    ROW(REVOKED, "revoked", 103, VERIFY, "a certificate or TCB level is revoked")                  \
    ROW(TCB_REFUSED, "tcb_refused", 104, VERIFY, "the TCB status is not accepted by the policy")   \
    ROW(MEASUREMENT, "measurement", 105, VERIFY, "the measurements are not in the allow-list")     \
    ROW(NOT_FRESH, "not_fresh", 106, VERIFY, "the evidence does not answer this challenge")        \
    ROW(NOT_BOUND, "not_bound", 107, VERIFY, "the evidence does not bind this connection or key")  \
    ROW(WRONG_NETWORK, "wrong_network", 108, VERIFY, "the document belongs to another network")    \
    ROW(WRONG_ROLE, "wrong_role", 109, VERIFY, "the evidence is of another role")                  \
    ROW(WRONG_IDENTITY, "wrong_identity", 110, VERIFY,                                             \
        "the evidence is of another identity than the enrolled one")                               \
    ROW(DEBUG_TD, "debug_td", 111, VERIFY,                                                         \
        "the TD runs in debug mode: its host can read and change it")                              \
    ROW(SIMULATED_REFUSED, "simulated_refused", 112, VERIFY,                                       \
        "simulated attestation is refused by this network")                                        \
    ROW(SEAL_OPEN, "seal_open", 113, VERIFY,                                                       \
        "the sealed message does not open for this key and context")                               \
    ROW(QUOTE, "quote", 114, VERIFY, "the quote does not verify")                                  \
    ROW(CHECKPOINT, "checkpoint", 115, VERIFY,                                                     \
        "the checkpoint does not verify or is older than one seen")                                \
    ROW(PROOF, "proof", 116, VERIFY, "the inclusion or consistency proof does not hold")           \
    ROW(RECEIPT, "receipt", 117, VERIFY, "the receipt does not hold")                              \
    ROW(COLLATERAL, "collateral", 118, VERIFY,                                                     \
        "the collateral is missing, malformed or not genuine; fetch it again")                     \
    ROW(EVENT_LOG, "event_log", 125, VERIFY,                                                       \
        "the event log is missing, malformed or does not replay to the quote's registers")         \
    ROW(NOT_MEASURED, "not_measured", 126, VERIFY,                                                 \
        "the measured event log does not show this deployment")                                    \
    ROW(TDX_MISSING, "tdx_missing", 130, SYSTEM,                                                   \
        "this machine offers no TDX quotes; `ee tdx probe` says what is missing")                  \
    ROW(TDX_QUOTE, "tdx_quote", 131, TEMPORARY,                                                    \
        "the host gave no usable quote; `ee tdx probe` says why")                                  \
    ROW(INSUFFICIENT_CREDITS, "insufficient_credits", 200, CREDIT,                                 \
        "not enough available credits; top up and try again")                                      \
    ROW(ID_CONFLICT, "id_conflict", 201, RULE, "this idempotency key was used with another body")  \
    ROW(ACCOUNT_EXISTS, "account_exists", 202, RULE, "an account of this name exists")             \
    ROW(ACCOUNT_UNKNOWN, "account_unknown", 203, MISSING, "there is no such account")              \
    ROW(ACCOUNT_KIND, "account_kind", 204, RULE, "an account of this kind cannot do that")         \
    ROW(SAME_ACCOUNT, "same_account", 205, RULE, "the two accounts are the same")                  \
    ROW(MINT_CAP, "mint_cap", 206, RULE, "the issuer's daily cap would be exceeded")               \
    ROW(NODE_EXISTS, "node_exists", 207, RULE, "a node of this name exists")                       \
    ROW(NODE_UNKNOWN, "node_unknown", 208, MISSING, "there is no such node")                       \
    ROW(PLATFORM_TAKEN, "platform_taken", 209, RULE,                                               \
        "this platform id is enrolled on another node")                                            \
    ROW(NO_ELIGIBLE_NODE, "no_eligible_node", 210, CAPACITY,                                       \
        "no node is eligible; the reasons are listed per node")                                    \
    ROW(APP_NAME_TAKEN, "app_name_taken", 211, RULE, "this app name belongs to another account")   \
    ROW(APP_UNKNOWN, "app_unknown", 212, MISSING,                                                  \
        "there is no such app or job, or it is not yours")                                         \
    ROW(LEASE_UNKNOWN, "lease_unknown", 213, MISSING,                                              \
        "there is no such lease, or it is not yours")                                              \
    ROW(LEASE_STATE, "lease_state", 214, RULE, "the lease is not in a state that allows this")     \
    ROW(CHECKS_INVALID, "checks_invalid", 215, RULE,                                               \
        "the record of checks does not fit the period")                                            \
    ROW(PERIOD_STATE, "period_state", 216, RULE, "the period is not in a state that allows this")  \
    ROW(KEY_UNKNOWN, "key_unknown", 217, MISSING, "there is no such API key")                      \
    ROW(ALREADY_RUNNING, "already_running", 218, RULE,                                             \
        "an app of this name is already running; stop it first")                                   \
    ROW(CLOCK, "clock", 219, RULE, "the clock jumped; settlement waits for the founding key")      \
    ROW(NAME, "name", 220, INPUT, "a name is 1 to 32 of a-z, 0-9 and -, starting with a letter")   \
    ROW(REFERENCE_CONFLICT, "reference_conflict", 221, RULE,                                       \
        "this external reference was minted with other values")                                    \
    ROW(VERSION, "version", 222, RULE, "the core version of the data is newer than this program")  \
    ROW(SECRETS_NEEDED, "secrets_needed", 223, RULE,                                               \
        "the app has secrets: supply them again to start it")                                      \
    ROW(TRANSFER_EXISTS, "transfer_exists", 224, RULE,                                             \
        "a transfer with this id and other fields exists")                                         \
    ROW(LIMIT, "limit", 225, RULE, "a configured limit would be exceeded")                         \
    ROW(NOT_ADMITTED, "not_admitted", 226, RULE, "the agent is enrolled but not admitted")         \
    ROW(AGENT_KEY_TAKEN, "agent_key_taken", 227, RULE,                                             \
        "this agent key is enrolled on another node")                                              \
    ROW(REDEMPTION_UNKNOWN, "redemption_unknown", 240, MISSING, "there is no such redemption")     \
    ROW(REDEMPTION_STATE, "redemption_state", 241, RULE,                                           \
        "the issuer has already given its word on this redemption")                                \
    ROW(ALREADY_REPORTED, "already_reported", 242, RULE,                                           \
        "abuse of this period has already been reported")                                          \
    ROW(TRANSFER_MINIMUM, "transfer_minimum", 250, RULE,                                           \
        "the amount is below the least a transfer may have")                                       \
    ROW(TRANSFER_DAY, "transfer_day", 251, RULE,                                                   \
        "more than this account may still transfer today (UTC)")                                   \
    ROW(CREDITS_HELD, "credits_held", 252, RULE,                                                   \
        "part of these credits was paid by card lately: it can be spent, but not leave yet")       \
    ROW(DEBT, "debt", 253, RULE,                                                                   \
        "the account owes for a charged-back payment; what is minted next repays that first")      \
    ROW(TOPUP_LIMIT, "topup_limit", 254, RULE, "too many top-up orders of this account today")     \
    ROW(TOPUP_UNKNOWN, "topup_unknown", 255, MISSING, "there is no such top-up order")             \
    ROW(CARD_CAP, "card_cap", 256, TEMPORARY,                                                      \
        "today's cap of card payments is reached; the provider sends it again")                    \
    ROW(WEBHOOK_SIGNATURE, "webhook_signature", 257, INPUT,                                        \
        "the webhook's signature is missing, malformed or of another secret")                      \
    ROW(WEBHOOK_AGE, "webhook_age", 258, INPUT,                                                    \
        "the webhook was signed more than five minutes from now")                                  \
    ROW(TRANSFER_REPEATED, "transfer_repeated", 290, RULE,                                         \
        "this transfer was made before under the same id; nothing moved again")                    \
    ROW(TRANSFER_REFUSED_BEFORE, "transfer_refused_before", 291, RULE,                             \
        "a transfer with this id was refused for lack of credits; the id is used up")              \
    ROW(TRANSFER_CHAIN, "transfer_chain", 292, RULE,                                               \
        "another transfer of the same all-or-nothing request was refused")                         \
    ROW(INVARIANT, "invariant", 293, VERIFY,                                                       \
        "an invariant of the book does not hold; the process must stop")                           \
    ROW(NAME_USED, "name_used", 229, RULE, "a job's name is used once; choose another")            \
    ROW(KEY_EXISTS, "key_exists", 228, RULE, "this API key is already known")                      \
    ROW(WEBHOOK_UNKNOWN, "webhook_unknown", 270, MISSING, "there is no such webhook")              \
    ROW(WEBHOOK_URL, "webhook_url", 271, INPUT,                                                    \
        "a webhook's address is https://host[:port]/path; http only for loopback in a "            \
        "development network")                                                                     \
    ROW(READ_BEHIND, "read_behind", 272, TEMPORARY,                                                \
        "the read model has not reached that sequence number in time; try again")                  \
    ROW(READ_MODEL, "read_model", 273, TEMPORARY,                                                  \
        "the read model cannot be read now; it rebuilds itself; try again")                        \
    ROW(ADDRESS_REFUSED, "address_refused", 274, RULE,                                             \
        "the name leads to an address that is not public")                                         \
    ROW(RESOLVE, "resolve", 275, TEMPORARY, "the name could not be resolved")                      \
    ROW(READ_DAMAGED, "read_damaged", 276, SYSTEM,                                                 \
        "the read model is damaged, or of another journal or release; it is built anew")           \
    ROW(CONNECT, "connect", 300, TEMPORARY, "the connection could not be made")                    \
    ROW(CLOSED, "closed", 301, TEMPORARY, "the connection was closed")                             \
    ROW(PROTOCOL, "protocol", 302, INPUT, "the peer broke the protocol")                           \
    ROW(TLS, "tls", 303, SYSTEM, "the TLS handshake or record failed")                             \
    ROW(REFUSED, "refused", 304, TEMPORARY, "refused before any work was done; safe to retry")     \
    ROW(HTTP, "http", 305, INPUT, "the HTTP message is malformed")                                 \
    ROW(FLOW_CONTROL, "flow_control", 306, INPUT, "the peer sent more than its window allows")     \
    ROW(BACKEND, "backend", 307, TEMPORARY, "the app did not answer properly")                     \
    ROW(UNAVAILABLE, "unavailable", 308, TEMPORARY, "no replica of the app is available")          \
    ROW(PLAINTEXT, "plaintext", 309, RULE,                                                         \
        "nothing but TLS 1.3 outside loopback: use a loopback address or give a certificate")      \
    ROW(CERTIFICATE_KEY, "certificate_key", 360, RULE,                                             \
        "the certificate is for another key: make a request with ee-control cert csr")             \
    ROW(CERTIFICATE_TIME, "certificate_time", 361, RULE, "the certificate is not valid now")       \
    ROW(CERTIFICATE_NAMES, "certificate_names", 362, RULE,                                         \
        "the certificate lacks a DNS name it should have")                                         \
    ROW(CERTIFICATE_CHAIN, "certificate_chain", 363, RULE,                                         \
        "the chain is not in order: each certificate must be signed by the next")                  \
    ROW(DOMAIN_TAKEN, "domain_taken", 364, RULE, "this domain belongs to another app")             \
    ROW(DOMAIN_UNKNOWN, "domain_unknown", 365, MISSING, "the app has no such domain")              \
    ROW(DOMAIN_UNPROVEN, "domain_unproven", 366, RULE,                                             \
        "the domain has no TXT record that names the app; see ee domain list")                     \
    ROW(DNS, "dns", 367, TEMPORARY, "the DNS resolver gave no usable answer")                      \
    ROW(JOURNAL, "journal", 400, SYSTEM,                                                           \
        "the journal could not be written; the process must stop")                                 \
    ROW(JOURNAL_CORRUPT, "journal_corrupt", 401, VERIFY, "the journal's hash chain is broken")     \
    ROW(JOURNAL_LOCKED, "journal_locked", 402, SYSTEM,                                             \
        "another process uses this state directory")                                               \
    ROW(REPLAY, "replay", 403, VERIFY, "replay gave another result than the journal holds")        \
    ROW(JOURNAL_PLAIN, "journal_plain", 404, VERIFY,                                               \
        "a journal batch that is not sealed is refused outside a development network")             \
    ROW(ANCHOR, "anchor", 405, TEMPORARY,                                                          \
        "the control plane waits for the checkpoints of its agents before it writes; try again")   \
    ROW(ROLLED_BACK, "rolled_back", 406, VERIFY,                                                   \
        "the network's journal lacks a checkpoint it has signed: it was put back to an older "     \
        "state, and nothing is written")                                                           \
    ROW(LOCKED, "locked", 410, TEMPORARY,                                                          \
        "the control plane is locked until the holders of its journal key have given their "       \
        "shares: ee-control unseal")                                                               \
    ROW(HOLDERS, "holders", 411, RULE, "that list of holders is not newer than the one in use")    \
    ROW(SNAPSHOT, "snapshot", 430, VERIFY, "the snapshot is damaged, or not of this journal")      \
    ROW(RECOVERY, "recovery", 412, VERIFY,                                                         \
        "the recovery statement does not fit the log it is about")                                 \
    ROW(RECOVERY_OLD, "recovery_old", 413, VERIFY,                                                 \
        "this recovery is not newer than what was already seen of the network")                    \
    ROW(NOT_COVERED, "not_covered", 414, VERIFY,                                                   \
        "the recovery statement does not cover a checkpoint that was seen")                        \
    ROW(SUCCESSION, "succession", 415, VERIFY,                                                     \
        "the checkpoint key is another one, and no statement of its succession holds")             \
    ROW(LIABILITIES, "liabilities", 416, VERIFY, "the proof of liabilities does not hold")         \
    ROW(SPAWN, "spawn", 500, SYSTEM, "the workload could not be started")                          \
    ROW(TENANCY, "tenancy", 501, RULE, "the agent serves another launcher")                        \
    ROW(EXPOSE_REFUSED, "expose_refused", 503, RULE,                                               \
        "this agent does not expose that port; its operator allows it with --expose PORT")         \
    ROW(DEPLOYMENT, "deployment", 502, VERIFY, "the deployment differs from what was sealed for")

enum ee_err {
#define EE_ROW(name, id, number, class, text) EE_##name = number,
    EE_ERRORS(EE_ROW)
#undef EE_ROW
};

/* Stable lower-case identifier such as "insufficient_credits"; "unknown" for a number that has no
 * row. */
const char *ee_err_name(enum ee_err err);

/* One sentence for people. */
const char *ee_err_text(enum ee_err err);

enum ee_err_class ee_err_class(enum ee_err err);

/* Exit code of the programs (docs/spec/cli.md). */
int ee_err_exit_code(enum ee_err err);

/* HTTP status of the API. */
int ee_err_http_status(enum ee_err err);

/* Leaves the function with the error. Only where nothing is held. */
#define EE_TRY(call)                                                                               \
    do {                                                                                           \
        enum ee_err try_err = (call);                                                              \
        if (try_err != EE_OK)                                                                      \
            return try_err;                                                                        \
    } while (0)

#endif
