// SPDX-License-Identifier: Apache-2.0
// verify.wasm: what it is made of, and that it answers byte for byte what the native code answers, on good, bad and
// hostile input.
import assert from 'node:assert';
import {execFile} from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import zlib from 'node:zlib';
import {VerifyInputError, load} from '../../sdk/js/verify.mjs';
import {Skip, build, recording, reference, root, run, simulated, vectorCases, wasmFile} from './harness.mjs';

const full = Boolean(process.env.EE_TEST_FULL);
const bytes = fs.readFileSync(wasmFile), module = new WebAssembly.Module(bytes);
const subjects = simulated(), healthy = subjects[0];
const ee = [path.join(build, 'ee'), path.join(build, 'cmd/ee/ee')].find(file => fs.existsSync(file));

/** Every recorded answer is the native one, byte for byte. */
async function assertNative({messages, answers}) {
    const expected = await reference(messages);
    assert.equal(expected.length, answers.length);
    for (const [i, answer] of answers.entries())
        assert.deepEqual(answer, expected[i], `message ${i} of ${messages.length}`);
}

/** The document `ee verify quote --json` prints for the files of a case. */
async function commandLine(subject) {
    if (!ee)
        throw new Skip('ee is not built');
    const words = ['verify', 'quote', subject.files.quote, '--collateral', subject.files.collateral, '--root', subject.files.root,
        '--time', String(subject.time), '--policy', 'none', '--json'];
    const done = await promisify(execFile)(ee, words).catch(error => error);
    return JSON.parse(done.stdout);
}

async function inBatches(list, size, work) {
    for (let at = 0; at < list.length; at += size)
        await Promise.all(list.slice(at, at + size).map(work));
}

/** A file for each part, so that the command line can read the simulated subject. */
function filesOf(folder, subject) {
    const chain = JSON.parse(subject.collateral).tcb_info_issuer_chain;
    const files = {quote: path.join(folder, 'quote'), collateral: path.join(folder, 'collateral'), root: path.join(folder, 'root')};
    fs.writeFileSync(files.quote, subject.quote);
    fs.writeFileSync(files.collateral, subject.collateral);
    fs.writeFileSync(files.root, chain.slice(chain.lastIndexOf('-----BEGIN')));
    return files;
}

function inputError(code, call) {
    assert.throws(call, error => error instanceof VerifyInputError && error.code === code, `expected ${code}`);
}

/** A generator of numbers that anyone can repeat (xorshift). */
function randomOf(seed) {
    let state = seed >>> 0 || 1;
    return limit => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        return (state >>> 0) % limit;
    };
}

function evidenceOf(subject, changes = {}) {
    return {evidence: subject.evidence, genesis: subject.genesis, role: 'control', nonce: subject.drawn, tlsKeyHash: subject.tlsKeyHash,
        time: subject.time, policy: 'strict', ...changes};
}

await run({
    module_imports_nothing_and_exports_the_library() {
        const names = (file, pattern) => [...fs.readFileSync(path.join(root, file), 'utf8').matchAll(pattern)].map(match => match[1]);
        const expected = ['memory', ...names('lib/easyenclave-verify.map', /^\s+(ee_verify_\w+);$/gm),
            ...names('src/wasm/module.h', /^\w.*[ *](ee_wasm_\w+)\(.*\);$/gm)].sort();
        assert.deepEqual(WebAssembly.Module.imports(module), []);
        assert.deepEqual(WebAssembly.Module.exports(module).map(row => row.name).sort(), expected);
    },
    gzip_size_is_under_80_KB() {
        const size = zlib.gzipSync(bytes, {level: 9}).length;
        assert(size < 80000, `${size} bytes`);
        return `${size} bytes, ${bytes.length} unpacked`;
    },
    async memory_cannot_grow() {
        const {exports: x} = await WebAssembly.instantiate(module, {});
        assert.throws(() => x.memory.grow(1));
    },
    async simulated_quotes_have_the_native_verdict() {
        const kept = await recording(load, bytes), folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ee-wasm-'));
        try {
            for (const subject of subjects) {
                for (const policy of ['none', 'strict', 'network'])
                    kept.verifier.verifyQuote({...subject, policy});
                const verdict = kept.verifier.verifyQuote({...subject, policy: 'none'});
                assert.equal(verdict.ok, /healthy|out_of_date|debug|other_measurements/.test(subject.name), subject.name);
                assert.deepEqual(verdict, await commandLine({...subject, files: filesOf(folder, subject)}));
            }
        } finally {
            fs.rmSync(folder, {recursive: true});
        }
        await assertNative(kept);
    },
    async vectors_have_the_native_and_the_expected_verdict() {
        const cases = vectorCases(), kept = await recording(load, bytes);
        await inBatches(cases, 4, async one => {
            const verdict = kept.verifier.verifyQuote({...one, policy: 'none'});
            const got = verdict.ok ? verdict.status : 'REJECT';
            assert(got === one.expected || got === 'REJECT' && ['Revoked', 'NOT_SUPPORTED'].includes(one.expected),
                `${one.name}: ${got}, expected ${one.expected}`);
            assert.deepEqual(verdict, await commandLine(one), one.name);
        });
        await assertNative(kept);
        return `${cases.length} cases`;
    },
    async every_prefix_of_a_quote_has_the_native_verdict() {
        const kept = await recording(load, bytes), quote = Buffer.from(healthy.quote, 'hex');
        for (let size = 0; size < quote.length; size += full ? 1 : 29) {
            const {ok} = kept.verifier.verifyQuote({...healthy, quote: quote.subarray(0, size), policy: 'none'});
            assert(!ok, `${size} bytes of ${quote.length}`);
        }
        await assertNative(kept);
    },
    async changed_bytes_have_the_native_verdict() {
        const seed = Number(process.env.EE_SEED ?? Date.now() % 1000000), random = randomOf(seed);
        const kept = await recording(load, bytes);
        for (let i = 0; i < (full ? 2000 : 150); i++) {
            const quote = Buffer.from(healthy.quote, 'hex'), collateral = Buffer.from(healthy.collateral);
            const target = i % 2 ? quote : collateral;
            target[random(target.length)] ^= 1 << random(8);
            kept.verifier.verifyQuote({...healthy, quote, collateral, policy: 'none'});
        }
        await assertNative(kept);
        return `EE_SEED=${seed}`;
    },
    async changed_evidence_has_the_native_verdict() {
        const seed = Number(process.env.EE_SEED ?? Date.now() % 1000000), random = randomOf(seed + 1);
        const kept = await recording(load, bytes), text = Buffer.from(healthy.evidence);
        for (let i = 0; i < 200; i++) {
            const evidence = Buffer.from(text);
            evidence[random(evidence.length)] ^= 1 << random(8);
            assert(!kept.verifier.verifyEvidence(evidenceOf(healthy, {evidence})).ok);
        }
        for (let size = 0; size < text.length; size += full ? 61 : 997)
            assert(!kept.verifier.verifyEvidence(evidenceOf(healthy, {evidence: text.subarray(0, size)})).ok);
        await assertNative(kept);
        return `EE_SEED=${seed}`;
    },
    async quote_with_other_report_data_is_refused() {
        const kept = await recording(load, bytes), reportData = kept.verifier.verifyQuote({...healthy, policy: 'none'})
            .claims.td.report_data.value;
        const ask = value => kept.verifier.verifyQuote({...healthy, policy: 'none', reportData: value});
        assert.equal(ask(reportData).ok, true);
        const refused = ask('00'.repeat(64));
        assert.deepEqual([refused.ok, refused.reason, refused.failures.length], [false, 'not_bound', 1]);
        await assertNative(kept);
    },
    async policy_as_a_document_decides() {
        const kept = await recording(load, bytes), stale = subjects.find(subject => subject.name === 'platform_out_of_date');
        const policy = {format: 'ee-policy-1', name: 'lenient', statuses: ['UpToDate', 'OutOfDate']};
        const lenient = kept.verifier.verifyQuote({...stale, policy});
        assert.deepEqual([lenient.ok, lenient.policy], [true, 'lenient'], JSON.stringify(lenient.decision));
        assert.equal(kept.verifier.verifyQuote({...stale, policy: JSON.stringify({...policy, statuses: ['UpToDate']})}).ok, false);
        inputError('syntax', () => kept.verifier.verifyQuote({...stale, policy: {...policy, statuses: 'UpToDate'}}));
        await assertNative(kept);
    },
    async evidence_of_a_control_plane() {
        const kept = await recording(load, bytes), ask = changes => kept.verifier.verifyEvidence(evidenceOf(healthy, changes));
        const verdict = ask();
        assert.equal(verdict.ok, true, verdict.reason);
        assert.equal(verdict.proof, 'key-bound');
        assert.equal(verdict.statement.role, 'control');
        assert.equal(verdict.statement.network_id, healthy.networkId);
        assert.equal(ask({tlsKeyHash: undefined}).proof, 'valid');
        const explicit = {genesis: undefined, roots: healthy.roots, networkId: healthy.networkId, measurements: [healthy.measurement]};
        assert.equal(ask({...explicit, allowSimulated: true}).ok, true);
        for (const [expected, changes] of Object.entries({
            simulated_refused: explicit,
            measurement: {...explicit, allowSimulated: true, measurements: []},
            wrong_network: {...explicit, allowSimulated: true, networkId: '11'.repeat(32)},
            wrong_role: {role: 'witness', measurements: [healthy.measurement]},
            not_fresh: {nonce: '00'.repeat(32)},
            not_bound: {tlsKeyHash: '00'.repeat(32)},
            wrong_identity: {identity: '00'.repeat(32)},
        }))
            assert.equal(ask(changes).reason, expected);
        await assertNative(kept);
    },
    async evidence_with_each_fault_has_the_native_verdict() {
        const kept = await recording(load, bytes);
        for (const subject of subjects) {
            const {ok} = kept.verifier.verifyEvidence(evidenceOf(subject));
            assert.equal(ok, subject.name.startsWith('healthy'), subject.name);
        }
        await assertNative(kept);
    },
    async wrong_input_is_a_typed_error_and_harms_nothing() {
        const verifier = await load(bytes), ask = changes => verifier.verifyQuote({...healthy, policy: 'none', ...changes});
        inputError('too_large', () => ask({quote: new Uint8Array(64 * 1024 + 1)}));
        inputError('too_large', () => ask({quote: 'ab'.repeat(1 << 20)}));
        inputError('too_large', () => ask({collateral: new Uint8Array(256 * 1024 + 1)}));
        inputError('too_large', () => ask({roots: Array(9).fill('00'.repeat(64))}));
        inputError('too_large', () => verifier.verifyEvidence(evidenceOf(healthy, {evidence: 'x'.repeat(768 * 1024 + 1)})));
        inputError('too_large', () => verifier.verifyEvidence(evidenceOf(healthy, {measurements: Array(65).fill('00'.repeat(32))})));
        inputError('type', () => ask({quote: 7}));
        inputError('type', () => ask({quote: undefined}));
        inputError('syntax', () => ask({quote: 'no quote!'}));
        inputError('range', () => ask({roots: ['00'.repeat(63)]}));
        inputError('range', () => ask({roots: []}));
        inputError('untrusted', () => ask({roots: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'}));
        inputError('range', () => ask({time: NaN}));
        inputError('range', () => ask({time: -1}));
        inputError('not_found', () => ask({policy: 'no such one'}));
        inputError('range', () => verifier.verifyEvidence(evidenceOf(healthy, {role: 'toString'})));
        inputError('range', () => verifier.verifyEvidence(evidenceOf(healthy, {genesis: undefined})));
        inputError('syntax', () => verifier.verifyEvidence(evidenceOf(healthy, {genesis: '{}'.padEnd(500)})));
        assert.equal(ask({}).ok, true);
    },
    async sizes_that_a_host_invents_are_refused() {
        const {exports: x} = await WebAssembly.instantiate(module, {});
        const input = new Uint8Array(x.memory.buffer, x.ee_wasm_input(), x.ee_wasm_input_size());
        for (const size of [0, 1, 7, 8, 11, input.length, input.length + 1, 0x7fffffff, 0xffffffff])
            for (const call of [x.ee_wasm_verify_quote, x.ee_wasm_verify_evidence]) {
                input.fill(0xff);
                assert.notEqual(call(size), 0);
            }
    },
    async quote_in_every_encoding() {
        const verifier = await load(module), quote = Buffer.from(healthy.quote, 'hex');
        for (const form of [quote, quote.buffer.slice(quote.byteOffset, quote.byteOffset + quote.length), healthy.quote, `0x${healthy.quote}`,
            quote.toString('base64'), quote.toString('base64url'), healthy.quote.replace(/(.{64})/g, '$1\n')])
            assert.equal(verifier.verifyQuote({...healthy, quote: form, policy: 'none'}).ok, true);
        const collateral = JSON.parse(healthy.collateral);
        assert.equal(verifier.verifyQuote({...healthy, collateral, time: new Date(1000 * healthy.time), policy: 'none'}).ok, true);
    },
    async memory_is_flat_over_many_verifications() {
        const verifier = await load(bytes), size = verifier.memorySize, quote = Buffer.from(healthy.quote, 'hex');
        for (let i = 0; i < 10000; i++) {
            const real = full || i % 100 === 0; // the others end early
            const {ok} = verifier.verifyQuote({...healthy, quote: real ? quote : quote.subarray(0, 600), policy: 'none',
                collateral: real ? healthy.collateral : '{}'});
            assert.equal(ok, real);
        }
        assert.equal(verifier.memorySize, size);
        return `${size} bytes before and after`;
    },
});
