// SPDX-License-Identifier: Apache-2.0
// A TAP harness, the native reference, and subjects to verify. EE_BUILD names the Meson build folder (build),
// EE_WASM that of scripts/build-wasm (build/wasm).
import {execFileSync, spawn} from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import {fileURLToPath} from 'node:url';

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
export const build = path.resolve(root, process.env.EE_BUILD ?? 'build');
export const wasmFolder = path.resolve(root, process.env.EE_WASM ?? 'build/wasm');
export const wasmFile = path.join(wasmFolder, 'verify.wasm');
const vectors = process.env.EE_TDX_VECTORS;

export class Skip extends Error {}

/** Runs the functions of an object one after another and prints TAP; a returned text is a note. */
export async function run(tests) {
    const names = Object.keys(tests);
    let failed = 0;
    console.log(`TAP version 13\n1..${names.length}`);
    for (const [index, name] of names.entries()) {
        try {
            const note = await tests[name]();
            if (note)
                console.log(`# ${note}`);
            console.log(`ok ${index + 1} - ${name}`);
        } catch (error) {
            const skipped = error instanceof Skip;
            failed += skipped ? 0 : 1;
            if (!skipped)
                console.log(`# ${String(error.stack ?? error).replace(/\n/g, '\n# ')}`);
            console.log(`${skipped ? 'ok' : 'not ok'} ${index + 1} - ${name}${skipped ? ` # SKIP ${error.message}` : ''}`);
        }
    }
    process.exitCode = failed ? 1 : 0;
}

/** Simulated platforms, each with one fault. */
export function simulated() {
    const out = execFileSync(path.join(build, 'tests/wasm/wasm_fixture'), {maxBuffer: 1 << 26, encoding: 'utf8'});
    return JSON.parse(out).map(row => ({...row, roots: [row.root]}));
}

/** Every case of the directory EE_TDX_VECTORS. */
export function vectorCases() {
    if (!vectors || !fs.existsSync(vectors))
        throw new Skip('EE_TDX_VECTORS names no directory');
    return fs.readdirSync(vectors).sort().filter(name => fs.existsSync(path.join(vectors, name, 'expect.json')))
        .map(name => {
            const file = leaf => path.join(vectors, name, leaf);
            const pem = fs.existsSync(file('root_ca.pem'));
            const expect = JSON.parse(fs.readFileSync(file('expect.json'), 'utf8'));
            return {name, quote: fs.readFileSync(file('quote.bin')), collateral: fs.readFileSync(file('collateral.json')),
                time: expect.verify_time, expected: expect.expect.tcb_status ?? 'REJECT',
                roots: pem ? fs.readFileSync(file('root_ca.pem'), 'latin1') : undefined,
                files: {quote: file('quote.bin'), collateral: file('collateral.json'), root: pem ? file('root_ca.pem') : 'production'}};
        });
}

/**
 * A verifier whose messages are kept: messages[i] is what the module was called with, answers[i] what it said.
 */
export async function recording(load, source) {
    const messages = [], answers = [], instantiate = WebAssembly.instantiate;
    const text = x => Buffer.from(new Uint8Array(x.memory.buffer, x.ee_wasm_output(), x.ee_wasm_output_size())).toString();
    const wrap = (x, kind, name) => size => {
        messages.push({kind, bytes: Buffer.from(new Uint8Array(x.memory.buffer, x.ee_wasm_input(), size))});
        const error = x[name](size);
        answers.push({error, text: text(x)});
        return error;
    };
    WebAssembly.instantiate = async (module, imports) => {
        const x = (await instantiate(module, imports)).exports;
        return {exports: {...x, ee_wasm_verify_quote: wrap(x, 'q', 'ee_wasm_verify_quote'),
            ee_wasm_verify_evidence: wrap(x, 'e', 'ee_wasm_verify_evidence')}};
    };
    try {
        return {verifier: await load(source), messages, answers};
    } finally {
        WebAssembly.instantiate = instantiate;
    }
}

/** The native program's answers to messages of kind and bytes, as {error, text}. */
export async function reference(messages) {
    const child = spawn(path.join(build, 'tests/wasm/wasm_reference'), {stdio: ['pipe', 'pipe', 'inherit']});
    const chunks = [];
    child.stdout.on('data', chunk => chunks.push(chunk));
    const ended = new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', code => code === 0 ? resolve() : reject(new Error(`wasm_reference ended with ${code}`)));
    });
    for (const {kind, bytes} of messages) {
        const head = Buffer.alloc(5);
        head.write(kind);
        head.writeUInt32BE(bytes.length, 1);
        if (!child.stdin.write(Buffer.concat([head, bytes])))
            await new Promise(resolve => child.stdin.once('drain', resolve));
    }
    child.stdin.end();
    await ended;
    const out = Buffer.concat(chunks), answers = [];
    for (let at = 0; at < out.length;) {
        const error = out.readUInt32BE(at), size = out.readUInt32BE(at + 4);
        answers.push({error, text: out.toString('utf8', at + 8, at + 8 + size)});
        at += 8 + size;
    }
    return answers;
}
