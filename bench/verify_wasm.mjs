#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// Cold verifications a second of verify.wasm in node, and its size: everything is forgotten before each. Without files: a
// simulated quote. usage: bench/verify_wasm.mjs [--json] [--seconds N] [QUOTE COLLATERAL UNIX-TIME]
// EE_BUILD names the Meson build folder (build), EE_WASM that of scripts/build-wasm (build/wasm).
import crypto from 'node:crypto';
import fs from 'node:fs';
import {parseArgs} from 'node:util';
import zlib from 'node:zlib';
import {load} from '../sdk/js/verify.mjs';
import {simulated, wasmFile} from '../tests/wasm/harness.mjs';

function subjectOf(files) {
    if (files.length === 3)
        return {name: files[0], quote: fs.readFileSync(files[0]), collateral: fs.readFileSync(files[1]), time: Number(files[2])};
    return simulated()[0];
}

/** Milliseconds of one P-256 verification in this node's own crypto: the yardstick of the machine. */
function yardstick(seconds) {
    const {publicKey, privateKey} = crypto.generateKeyPairSync('ec', {namedCurve: 'P-256'});
    const message = Buffer.from('yardstick'), signature = crypto.sign('sha256', message, privateKey);
    return perSecond(seconds, () => crypto.verify('sha256', message, publicKey, signature));
}

function perSecond(seconds, call) {
    const begun = performance.now();
    let count = 0;
    while (performance.now() - begun < 1000 * seconds) {
        if (!call())
            throw new Error('a verification failed');
        count++;
    }
    return 1000 * count / (performance.now() - begun);
}

const {values: options, positionals} = parseArgs({allowPositionals: true,
    options: {json: {type: 'boolean'}, seconds: {type: 'string', default: '3'}}});
const seconds = Number(options.seconds);
if (![0, 3].includes(positionals.length) || !(seconds > 0 && seconds <= 600)) {
    console.error('usage: bench/verify_wasm.mjs [--json] [--seconds N] [QUOTE COLLATERAL UNIX-TIME]');
    process.exit(2);
}
const bytes = fs.readFileSync(wasmFile), verifier = await load(bytes), subject = subjectOf(positionals);
const ask = () => verifier.verifyQuote({...subject, policy: 'none'}).ok;
perSecond(0.5, ask); // the optimising compiler takes a moment
const result = {
    subject: subject.name,
    cold_verifications_per_second: perSecond(seconds, () => {
        verifier.forget();
        return ask();
    }),
    warm_verifications_per_second: perSecond(seconds, ask),
    node_p256_verifications_per_second: yardstick(1),
    size: bytes.length,
    gzip_size: zlib.gzipSync(bytes, {level: 9}).length,
    memory_size: verifier.memorySize,
};
if (options.json)
    console.log(JSON.stringify(result));
else
    for (const [name, value] of Object.entries(result))
        console.log(`${name.replaceAll('_', ' ').padEnd(40)} ${typeof value === 'number' ? value.toFixed(Number.isInteger(value) ? 0 : 1).padStart(12) : value}`);
