// SPDX-License-Identifier: Apache-2.0

/** Raw bytes, or text in hex (with or without 0x) or base64 (either alphabet, white space allowed). */
export type Binary = Uint8Array | ArrayBuffer | ArrayBufferView | string;
/** A document whose exact bytes count; an object is written as JSON first. */
export type Document = Uint8Array | ArrayBuffer | ArrayBufferView | string | object;

export interface Common {
    /** When everything must be valid: a Date or seconds since 1970. Default: now. */
    time?: Date | number;
    /** Accepted roots: 'production' (default, Intel's), PEM text, or public keys of 64 bytes (x, y). */
    roots?: 'production' | string | Binary[];
    /** Name of a built-in policy, or a policy document. */
    policy?: 'none' | 'strict' | 'network' | Document;
}

export interface QuoteOptions extends Common {
    /** Version 4 or 5, at most 64 KiB; padding behind it is tolerated and reported. */
    quote: Binary;
    /** Collateral file, at most 256 KiB. */
    collateral: Document;
    /** 64 bytes the quote must hold. Without it nothing is said about freshness. */
    reportData?: Binary;
}

export interface EvidenceOptions extends Common {
    /** The ee-evidence-1 document, exact bytes. */
    evidence: Document;
    /** Whose evidence it must be. */
    role: 'control' | 'agent' | 'witness';
    /** The network's genesis file: gives roots, network id, allow-list, and whether simulated roots are accepted. */
    genesis?: Document;
    /** Without a genesis: the network, 32 bytes. */
    networkId?: Binary;
    /** Accepted code: measurement digests of 32 bytes, in addition to the genesis' list; at most 64. */
    measurements?: Binary[];
    /** Without a genesis: accept roots that are not Intel's. */
    allowSimulated?: boolean;
    /** The 32 random bytes you sent as the request's nonce. Without nonce or channel the evidence may be a replay. */
    nonce?: Binary;
    /** Instead of a nonce: what makes the evidence an answer on one TLS connection, 32 bytes each. */
    channel?: {challenge: Binary; exporter: Binary; askerKeyHash?: Binary};
    /** SHA-256 of the SubjectPublicKeyInfo of the connection's certificate, if you can see it (a browser cannot). */
    tlsKeyHash?: Binary;
    /** 32 bytes the claims must name. */
    identity?: Binary;
    /** Ours; without it that of the evidence is used. */
    collateral?: Document;
}

export interface Finding {
    id: string;
    text: string;
}

export interface Claim {
    value: string | number | boolean | string[];
    /** What makes it true: "quote", "pck", "intel", "derived" or "none". */
    anchor: string;
    /** When the value was stated; null: nobody says, or as fresh as the challenge it answers. */
    since: string | null;
    age_s: number | null;
    /** Until when it is stated. */
    expires: string | null;
    meaning: string;
}

/** What the policy decided, by which rule. */
export interface Decision {
    rule: string;
    text: string;
    grace_ends: string | null;
    refusals: {rule: string; demand: string; text: string; cure: string}[];
}

/** The document `ee verify quote --json` prints. */
export interface Verdict {
    /** Every check and the policy held. Look at nothing else before this. */
    ok: boolean;
    /** TCB status as Intel writes it: "UpToDate", ... */
    status: string;
    /** Identifier of the first failure; null when ok. */
    reason: string | null;
    policy: string;
    time: string;
    decision: Decision | null;
    /** All failures that could be determined. */
    failures: Finding[];
    /** What is short and how to cure it; refuses nothing. */
    advice: Finding[];
    /** By group and name. After a failure they are what was read, not what was proven. */
    claims: Record<string, Record<string, Claim>>;
    /** What the module wrote, as text; not enumerable. */
    readonly text: string;
}

export interface Statement {
    role: string;
    network_id: string;
    identity: string;
    tls_key_hash: string;
    sealing_key: string;
    checkpoint_key: string;
    ledger_root: string;
    ledger_size: string;
    epoch: string;
    node_name: string;
    software_version: string;
    vcpus: number;
    log_present: boolean;
    log_complete: boolean;
}

export interface EvidenceVerdict {
    /** Every check and the policy held. Look at nothing else before this. */
    ok: boolean;
    /** "ok", or the class of the first failure, such as "not_fresh". */
    error: string;
    /** Identifier of the first failure, finer than the error. */
    reason: string;
    status: string;
    /** A sentence, when something besides the quote refused. */
    refusal?: string;
    /** "valid" (genuine), "key-bound" (fresh for your nonce and holds the TLS key) or "channel-bound"; "none" unless ok. */
    proof: 'none' | 'valid' | 'key-bound' | 'channel-bound';
    /** When ok: what the attested software says of itself. */
    statement?: Statement;
    /** What is said of the quote alone; null when it was not reached. Its `ok` is not that of the evidence. */
    quote: Verdict | null;
    readonly text: string;
}

export interface Verifier {
    /** Of the library, such as "1.0.0". */
    readonly version: string;
    /** Bytes of the module's memory; they never grow. */
    readonly memorySize: number;
    verifyQuote(options: QuoteOptions): Verdict;
    verifyEvidence(options: EvidenceOptions): EvidenceVerdict;
    /** Forgets what was proven; never needed for correctness. */
    forget(): void;
}

/** What was given cannot be judged. A refusal is no error: it is a verdict with ok false. */
export class VerifyInputError extends Error {
    readonly code: 'too_large' | 'type' | 'syntax' | 'range' | 'not_found' | 'untrusted' | string;
}

/** From verify.wasm: its bytes, a compiled module, a Response, or its address (default: beside this file). */
export function load(source?: Uint8Array | ArrayBuffer | WebAssembly.Module | Response | URL | string): Promise<Verifier>;
