// SPDX-License-Identifier: Apache-2.0
// The table of tests/unit/wasm/crypto_cases.c over BearSSL in WASM, and random signatures against node's own crypto.
import assert from 'node:assert';
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {run, wasmFolder} from './harness.mjs';

const module = new WebAssembly.Module(fs.readFileSync(path.join(wasmFolder, 'crypto_test.wasm')));
const x = new WebAssembly.Instance(module, {}).exports;
const memory = () => new Uint8Array(x.memory.buffer);

function textAt(address) {
    return Buffer.from(memory().subarray(address, memory().indexOf(0, address))).toString();
}

function bearssl(key, digest, signature) {
    memory().set(Buffer.concat([key, digest, signature]), x.input());
    return x.p256_verify() === 1;
}

function rawKey(publicKey) {
    const jwk = publicKey.export({format: 'jwk'});
    return Buffer.concat([Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')]);
}

await run({
    every_case_holds_over_bearssl() {
        const wrong = [];
        for (let i = 0; i < x.case_count(); i++)
            if (!x.case_holds(i))
                wrong.push(textAt(x.case_name(i)));
        assert.deepEqual(wrong, []);
        assert(x.case_count() > 90);
        return `${x.case_count()} cases`;
    },
    what_needs_a_secret_is_refused() {
        assert.equal(x.secrets_refused(), 1);
    },
    random_signatures_as_node_sees_them() {
        let accepted = 0;
        for (let i = 0; i < 200; i++) {
            const {publicKey, privateKey} = crypto.generateKeyPairSync('ec', {namedCurve: 'P-256'});
            const message = crypto.randomBytes(40), key = rawKey(publicKey);
            const signature = crypto.sign('sha256', message, {key: privateKey, dsaEncoding: 'ieee-p1363'});
            if (i % 2)
                signature[crypto.randomInt(64)] ^= 1 << crypto.randomInt(8);
            const expected = crypto.verify('sha256', message, {key: publicKey, dsaEncoding: 'ieee-p1363'}, signature);
            assert.equal(bearssl(key, crypto.createHash('sha256').update(message).digest(), signature), expected,
                `${key.toString('hex')} ${message.toString('hex')} ${signature.toString('hex')}`);
            accepted += expected ? 1 : 0;
        }
        assert.equal(accepted, 100);
    },
});
