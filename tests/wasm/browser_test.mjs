// SPDX-License-Identifier: Apache-2.0
// verify.mjs and verify.wasm in a headless Chromium under the content security policy of sdk/js/README.md. Skipped without one.
import assert from 'node:assert';
import {execFile, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import {promisify} from 'node:util';
import {load} from '../../sdk/js/verify.mjs';
import {Skip, root, run, simulated, wasmFile} from './harness.mjs';

const TRIES = 5;

const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'";
const subject = simulated()[0];
const question = {quote: subject.quote, collateral: subject.collateral, roots: subject.roots, time: subject.time, policy: 'none'};
const evidence = {evidence: subject.evidence, genesis: subject.genesis, role: 'control', nonce: subject.drawn, time: subject.time,
    policy: 'strict'};

const page = `<!doctype html><title>waiting</title><pre id="out"></pre><script type="module" src="/page.mjs"></script>`;
const script = `import {load} from '/verify.mjs';
const out = document.getElementById('out');
try {
    const verifier = await load();
    const {question, evidence} = await (await fetch('/subject.json')).json();
    const answers = [verifier.verifyQuote(question), verifier.verifyEvidence(evidence)];
    let evaluated = true;
    try {
        (0, eval)('1');
    } catch {
        evaluated = false;
    }
    out.textContent = 'ANSWER' + btoa(JSON.stringify({texts: answers.map(answer => answer.text), evaluated})) + 'END';
} catch (error) {
    out.textContent = 'ANSWER' + btoa(JSON.stringify({error: String(error)})) + 'END';
}`;

const files = {
    '/': ['text/html', () => page],
    '/page.mjs': ['text/javascript', () => script],
    '/verify.mjs': ['text/javascript', () => fs.readFileSync(path.join(root, 'sdk/js/verify.mjs'))],
    '/verify.wasm': ['application/wasm', () => fs.readFileSync(wasmFile)],
    '/subject.json': ['application/json', () => JSON.stringify({question, evidence})],
};

function chromium() {
    const found = [process.env.EE_CHROMIUM, 'chromium', 'chromium-browser', 'google-chrome'].filter(Boolean)
        .find(name => spawnSync(name, ['--version'], {stdio: 'ignore'}).status === 0);
    if (!found)
        throw new Skip('there is no chromium');
    return found;
}

async function serve(work) {
    const server = http.createServer((request, response) => {
        const [type, content] = files[request.url] ?? ['text/plain', () => ''];
        response.writeHead(files[request.url] ? 200 : 404, {'content-type': type, 'content-security-policy': policy});
        response.end(content());
    });
    await new Promise(resolve => server.listen(0, '127.0.0.1', resolve));
    try {
        return await work(`http://127.0.0.1:${server.address().port}/`);
    } finally {
        server.closeAllConnections();
        server.close();
    }
}

/** The page as it is after its scripts have run. */
async function domOf(program, url) {
    const profile = fs.mkdtempSync(path.join(os.tmpdir(), 'ee-chromium-'));
    try {
        const {stdout} = await promisify(execFile)(program, ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
            `--user-data-dir=${profile}`, '--virtual-time-budget=10000', '--dump-dom', url],
        {timeout: 60000, env: {...process.env, HOME: profile}, maxBuffer: 1 << 24});
        return stdout;
    } finally {
        fs.rmSync(profile, {recursive: true, force: true, maxRetries: 5});
    }
}

await run({
    async page_under_a_strict_policy_has_the_verdict_of_node() {
        const program = chromium();
        let dom = '', answer = null;
        for (let i = 0; i < TRIES && !answer; i++) { // virtual time may end before a busy machine has compiled the module
            dom = await serve(url => domOf(program, url));
            answer = dom.match(/ANSWER([A-Za-z0-9+/=]+)END/);
        }
        assert(answer, dom);
        const got = JSON.parse(atob(answer[1]));
        assert.equal(got.error, undefined);
        assert.equal(got.evaluated, false, 'the content security policy allows eval: this proves nothing');
        const verifier = await load(fs.readFileSync(wasmFile));
        assert.deepEqual(got.texts, [verifier.verifyQuote(question).text, verifier.verifyEvidence(evidence).text]);
        assert(got.texts.every(text => JSON.parse(text).ok));
    },
});
