// SPDX-License-Identifier: Apache-2.0
// Offline verification of Intel TDX quotes and easyenclave evidence, in a browser or in node. All decisions are made by
// verify.wasm, which is built from the sources of libeasyenclave-verify; this file moves bytes. See README.md.

const MESSAGE_MAX_OVERHEAD = 256; // lengths and numbers of a message
const LIMITS = {quote: 64 * 1024, collateral: 256 * 1024, evidence: 768 * 1024, roots: 16 * 1024, genesis: 12 * 1024,
    policy: 64 * 1024, measurements: 64};
const ROLES = {control: 1, agent: 2, witness: 3};
const NONCE_ANY = 0, NONCE_CALLER = 1, NONCE_CHANNEL = 2;

/** What was given cannot be judged: `code` is stable, such as "too_large", "type", "not_found". A refusal is no error. */
export class VerifyInputError extends Error {
    constructor(code, message) {
        super(message);
        this.name = 'VerifyInputError';
        this.code = code;
    }
}

function fail(code, message) {
    throw new VerifyInputError(code, message);
}

function bytesOfHex(name, text) {
    const digits = text.replace(/^0x/i, '');
    if (digits.length % 2 || !/^[0-9a-fA-F]*$/.test(digits))
        fail('syntax', `${name} is not hex`);
    return Uint8Array.from({length: digits.length / 2}, (_, i) => parseInt(digits.slice(2 * i, 2 * i + 2), 16));
}

function bytesOfBase64(name, text) {
    try {
        return Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/').replace(/=+$/, '')), c => c.charCodeAt(0));
    } catch {
        return fail('syntax', `${name} is neither hex nor base64`);
    }
}

function view(name, value) {
    if (value instanceof Uint8Array)
        return value;
    if (value instanceof ArrayBuffer)
        return new Uint8Array(value);
    if (ArrayBuffer.isView(value))
        return new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    return fail('type', `${name} has the wrong type`);
}

function limited(name, bytes, limit) {
    if (bytes.length > limit)
        fail('too_large', `${name} has ${bytes.length} bytes, at most ${limit}`);
    return bytes;
}

/** Raw bytes, or text in hex (with or without 0x) or base64 (either alphabet). */
function binary(name, value, limit) {
    if (typeof value !== 'string')
        return limited(name, view(name, value), limit);
    if (value.length > 4 * limit + 64)
        fail('too_large', `${name} has ${value.length} characters`);
    const text = value.replace(/\s+/g, '');
    return limited(name, /^(0x)?([0-9a-fA-F]{2})*$/i.test(text) ? bytesOfHex(name, text) : bytesOfBase64(name, text), limit);
}

/** A document whose exact bytes count: text or bytes; an object is written as JSON. */
function document(name, value, limit) {
    if (value === undefined || value === null)
        return new Uint8Array(0);
    if (typeof value === 'string') {
        if (value.length > limit)
            fail('too_large', `${name} has ${value.length} characters, at most ${limit}`);
        return limited(name, new TextEncoder().encode(value), limit);
    }
    if (Object.prototype.toString.call(value) === '[object Object]')
        return document(name, JSON.stringify(value), limit);
    return limited(name, view(name, value), limit);
}

function exactly(name, value, size) {
    if (value === undefined || value === null)
        return new Uint8Array(0);
    const bytes = binary(name, value, size);
    if (bytes.length !== size)
        fail('range', `${name} has ${bytes.length} bytes, not ${size}`);
    return bytes;
}

function joined(name, list, size, limit) {
    if (list.length > limit)
        fail('too_large', `${name} has ${list.length} entries, at most ${limit}`);
    const out = new Uint8Array(list.length * size);
    list.forEach((value, i) => {
        const bytes = exactly(name, value, size);
        out.set(bytes.length ? bytes : fail('type', `${name} has an empty entry`), i * size);
    });
    return out;
}

/** Empty: Intel's production root. Else PEM text, or keys of 64 bytes (x, y). */
function rootsOf(roots) {
    if (roots === undefined || roots === null || roots === 'production')
        return new Uint8Array(0);
    if (typeof roots === 'string' && roots.includes('-----BEGIN'))
        return document('roots', roots.slice(roots.indexOf('-----BEGIN')), LIMITS.roots);
    const keys = joined('roots', Array.isArray(roots) ? roots : [roots], 64, 8);
    return keys.length ? keys : fail('range', 'roots is empty');
}

function secondsOf(time) {
    const seconds = time === undefined ? Date.now() / 1000 : time instanceof Date ? time.getTime() / 1000 : time;
    if (typeof seconds !== 'number' || !(seconds >= 0 && seconds <= 253402300799))
        fail('range', 'time is a Date or seconds since 1970');
    return BigInt(Math.floor(seconds));
}

function roleOf(role) {
    return Object.hasOwn(ROLES, role) ? ROLES[role] : fail('range', 'role is "control", "agent" or "witness"');
}

/** One message: numbers and length-prefixed blocks, big-endian. */
function messageOf(parts) {
    const size = parts.reduce((sum, part) => sum + (part instanceof Uint8Array ? 4 + part.length : 8), 0);
    const out = new Uint8Array(size), numbers = new DataView(out.buffer);
    let at = 0;
    for (const part of parts) {
        if (part instanceof Uint8Array) {
            numbers.setUint32(at, part.length);
            out.set(part, at + 4);
            at += 4 + part.length;
        } else if (typeof part === 'bigint') {
            numbers.setBigUint64(at, part);
            at += 8;
        } else {
            numbers.setUint8(at++, part);
        }
    }
    return out.subarray(0, at);
}

function nonceOf(options) {
    if (options.nonce !== undefined && options.channel !== undefined)
        fail('range', 'nonce or channel, not both');
    if (options.nonce !== undefined)
        return [NONCE_CALLER, exactly('nonce', options.nonce, 32)];
    if (options.channel === undefined)
        return [NONCE_ANY, new Uint8Array(0)];
    const {challenge, exporter, askerKeyHash} = options.channel;
    return [NONCE_CHANNEL, joined('channel', [challenge, exporter, askerKeyHash ?? new Uint8Array(32)], 32, 3)];
}

/** The document of the quote, unless something besides it refused: then that is its first reason. */
function quoteVerdict(result) {
    const quote = result.quote ?? {ok: false, status: result.status, reason: null, decision: null, failures: [], advice: [], claims: {}};
    if (quote.ok !== result.ok || quote !== result.quote) {
        quote.ok = false;
        quote.reason ??= result.reason;
        quote.failures.push({id: result.reason, text: result.refusal ?? result.error});
    }
    return Object.defineProperty(quote, 'text', {value: result.text, enumerable: false});
}

class Verifier {
    #exports;

    constructor(instance) {
        this.#exports = instance.exports;
    }

    /** Library version, "1.0.0". */
    get version() {
        return this.#textAt(this.#exports.ee_verify_version_text());
    }

    /** Bytes of the module's memory; they never grow. */
    get memorySize() {
        return this.#exports.memory.buffer.byteLength;
    }

    /** Forgets proven collateral and platforms: the next verification is a cold one. */
    forget() {
        this.#exports.ee_wasm_forget();
    }

    verifyQuote(options) {
        const {quote, collateral, time, roots, policy, reportData} = options;
        return quoteVerdict(this.#call('ee_wasm_verify_quote', [secondsOf(time), rootsOf(roots),
            document('policy', policy, LIMITS.policy), binary('quote', quote, LIMITS.quote),
            document('collateral', collateral, LIMITS.collateral), exactly('reportData', reportData, 64)]));
    }

    verifyEvidence(options) {
        const [nonceKind, nonce] = nonceOf(options);
        return this.#call('ee_wasm_verify_evidence', [secondsOf(options.time), rootsOf(options.roots),
            document('policy', options.policy, LIMITS.policy),
            document('evidence', options.evidence, LIMITS.evidence),
            document('collateral', options.collateral, LIMITS.collateral),
            document('genesis', options.genesis, LIMITS.genesis), options.allowSimulated === true ? 1 : 0,
            roleOf(options.role), exactly('networkId', options.networkId, 32),
            joined('measurements', options.measurements ?? [], 32, LIMITS.measurements), nonceKind, nonce,
            exactly('tlsKeyHash', options.tlsKeyHash, 32), exactly('identity', options.identity, 32)]);
    }

    #textAt(address, size) {
        const memory = new Uint8Array(this.#exports.memory.buffer);
        const end = size === undefined ? memory.indexOf(0, address) : address + size;
        return new TextDecoder().decode(memory.subarray(address, end));
    }

    #call(name, parts) {
        const x = this.#exports, message = messageOf(parts);
        if (message.length > x.ee_wasm_input_size())
            fail('too_large', `all inputs together have more than ${x.ee_wasm_input_size() - MESSAGE_MAX_OVERHEAD} bytes`);
        new Uint8Array(x.memory.buffer).set(message, x.ee_wasm_input());
        const error = x[name](message.length);
        const output = this.#textAt(x.ee_wasm_output(), x.ee_wasm_output_size());
        if (error !== 0)
            fail(this.#textAt(x.ee_verify_error_name(error)), output);
        return Object.defineProperty(JSON.parse(output), 'text', {value: output, enumerable: false});
    }
}

async function bytesFrom(source) {
    if (source instanceof URL || typeof source === 'string') {
        const url = new URL(source, globalThis.location?.href ?? import.meta.url);
        if (url.protocol === 'file:')
            return (await import('node:fs/promises')).readFile(url);
        const response = await fetch(url);
        if (!response.ok)
            throw new Error(`${url}: ${response.status}`);
        return response.arrayBuffer();
    }
    return source instanceof Response ? source.arrayBuffer() : source;
}

/**
 * A verifier from verify.wasm: its bytes, a WebAssembly.Module, a Response, or its address (default: beside this file). Each
 * has its own memory. The module imports nothing.
 */
export async function load(source = new URL('verify.wasm', import.meta.url)) {
    const module = source instanceof WebAssembly.Module ? source : await WebAssembly.compile(await bytesFrom(source));
    if (WebAssembly.Module.imports(module).length !== 0)
        throw new Error('this is not verify.wasm: it imports something');
    return new Verifier(await WebAssembly.instantiate(module, {}));
}
