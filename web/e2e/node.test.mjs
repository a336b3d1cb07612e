// The main job in a browser, against the built programs: a real chest
// radiograph comes in over DICOM, appears without a reload, is looked at,
// signed and delivered to a PACS.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { accessibility, freePort, missing, openBrowser, openPage, picture, root, run, signIn, start } from './browser.mjs';

const radnode = process.env.RADNODE_BIN ?? join(root, 'bin', 'radnode');
const storescp = ['/usr/bin/storescp', '/usr/local/bin/storescp'].find(existsSync);
const skip = missing || (!existsSync(radnode) && `${radnode} is not built: run make build`) || (!storescp && 'no PACS to deliver to: install the package dcmtk');

/** The demonstration film as the film of a child of three, as a study of its own. */
function childFilm(source, target) {
  const text = readFileSync(source).toString('latin1');
  const uids = [...new Set(text.match(/1\.3\.6\.1\.4\.1\.14519\.5\.2\.1\.9999\.103\.\d+/g))];
  let changed = text.replace('067Y', '003Y');
  for (const uid of uids) changed = changed.replaceAll(uid, uid.slice(0, -1) + ((Number(uid.at(-1)) + 1) % 10));
  assert.notEqual(changed, text);
  writeFileSync(target, Buffer.from(changed, 'latin1'));
}

describe('viewer on a running node', { skip }, () => {
  const password = 'a long enough password';
  let b, node, pacs, base, ports, dir, film;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'radnode-e2e-'));
    const [http, dicom, peer] = [await freePort(), await freePort(), await freePort()];
    ports = { dicom };
    base = `http://127.0.0.1:${http}`;
    film = join((await run('go', ['list', '-m', '-f', '{{.Dir}}', 'github.com/suyashkumar/dicom'])).trim(), 'testdata', '4.dcm');
    childFilm(film, join(dir, 'child.dcm'));
    const sent = join(dir, 'pacs');
    await run('mkdir', ['-p', sent]);
    pacs = await start(storescp, ['-v', '-aet', 'PACS', '-od', sent, String(peer)], '');
    const data = join(dir, 'data');
    node = await start(radnode, ['serve', '--data', data, '--http', `127.0.0.1:${http}`, '--dicom', `127.0.0.1:${dicom}`], 'radnode ready', {
      env: { ...process.env, RADNODE_ADMIN_PASSWORD: password, RADNODE_ALLOW_LOOPBACK: 'true', RADNODE_QUIET: '1s', ...(process.env.RADNODE_ENV ? JSON.parse(process.env.RADNODE_ENV) : {}) },
    });
    const login = await fetch(`${base}/api/v1/login`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ name: 'admin', password }) });
    assert.equal(login.status, 200, await login.clone().text());
    const { csrf } = await login.json();
    const headers = { 'Content-Type': 'application/json', 'X-CSRF-Token': csrf, Cookie: login.headers.get('set-cookie').split(';')[0] };
    for (const [path, body] of [
      ['users', { name: 'kim', full_name: 'Kim^Ann^^Dr.', role: 'radiologist', disabled: false, password }],
      ['peers', { name: 'pacs', ae_title: 'PACS', host: '127.0.0.1', port: peer, allow: ['query'], deliver: ['sr'], source: '' }],
    ]) {
      const made = await fetch(`${base}/api/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
      assert.equal(made.status, 201, await made.text());
    }
    b = await openBrowser();
  });
  after(async () => {
    await b?.close(); await node?.stop(); await pacs?.stop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  const send = (file) => run(radnode, ['store', `RADNODE@127.0.0.1:${ports.dicom}`, file]);

  test('a film that is sent appears without a reload, is shown, signed and delivered', async () => {
    const p = await openPage(b);
    await signIn(p, base, 'kim', password);
    await p.waitForSelector('.empty');
    await send(join(dir, 'child.dcm'));
    await p.waitForSelector('tr.row[data-uid]', { timeout: 30_000 });
    await p.waitForSelector('tr.row .state.to_review', { timeout: 120_000 });
    await picture(p, 'node-worklist');
    await p.click('tr.row a');
    await p.waitForSelector('[data-quality=full]', { timeout: 60_000 });
    const seen = await p.evaluate(() => new Set(window.radnodeViewport.snapshot().data.filter((_, i) => i % 4 === 0)).size);
    assert.ok(seen > 100, `${seen} greys on the screen`);
    await picture(p, 'node-study');

    await p.keyboard.press('j');
    await p.waitForSelector('.strip-row button img');
    const broken = await p.evaluate(async () => { await new Promise((r) => setTimeout(r, 1500)); return [...document.querySelectorAll('.strip-row img')].filter((i) => i.complete && i.naturalWidth === 0).length; });
    assert.equal(broken, 0, 'stage pictures that cannot be loaded');
    await picture(p, 'node-stages');
    await p.keyboard.press('j');
    for (let n = await p.locator('.cards .card.undecided').count(); n > 0; n--) {
      if (n === 1 && await p.locator('.heat input[type=checkbox]:enabled').count()) {
        const plain = await p.evaluate(() => window.radnodeViewport.snapshot().data.reduce((a, v) => a + v, 0));
        await p.keyboard.press('m');
        await p.waitForTimeout(400);
        assert.notEqual(await p.evaluate(() => window.radnodeViewport.snapshot().data.reduce((a, v) => a + v, 0)), plain);
        await picture(p, 'node-heat');
      }
      await p.locator('.cards .card.undecided button:has-text("Accept")').first().click();
      await p.waitForFunction((k) => document.querySelectorAll('.cards .card.undecided').length < k, n);
    }
    assert.deepEqual(await accessibility(p), []);
    await p.fill('#impression', 'Seen.');
    await p.click('button.primary:has-text("Sign")');
    await p.fill('dialog input[name=password]', password);
    await p.keyboard.press('Enter');
    await p.waitForSelector('.signed', { timeout: 30_000 });
    await p.waitForSelector('[data-delivery=unprovable]', { timeout: 60_000 }).catch(async (e) => { throw new Error(`${await p.textContent('.report')}\n${pacs.said()}\n${node.said()}\n${e.message}`); });
    await p.waitForTimeout(1500);
    await picture(p, 'node-delivered');
    assert.equal(readdirSync(join(dir, 'pacs')).length, 1, 'one report in the PACS');
    assert.deepEqual(p.troubles, []);
    await p.close();
  });

  test('an adult film is read by what fits it, and the rest says why not', async () => {
    const p = await openPage(b);
    await signIn(p, base, 'kim', password);
    await send(film);
    await p.waitForFunction(() => document.querySelectorAll('tr.row[data-uid]').length === 2, null, { timeout: 30_000 });
    await p.waitForFunction(() => /no model looked for findings/.test(document.querySelector('main')?.textContent ?? ''), null, { timeout: 60_000 });
    await p.click('tr.row a >> nth=0');
    await p.waitForFunction(() => /model is for 1–5 years|67 years/.test(document.querySelector('.side')?.textContent ?? ''), null, { timeout: 60_000 }).catch(async () => {
      await p.goBack(); await p.click('tr.row a >> nth=1');
      await p.waitForFunction(() => /model is for 1–5 years|67 years/.test(document.querySelector('.side')?.textContent ?? ''), null, { timeout: 60_000 });
    });
    await p.waitForSelector('[data-quality=full]', { timeout: 60_000 });
    assert.match(await p.textContent('.findings .note'), /no model looked for findings/, 'silence is not "none above threshold"');
    await picture(p, 'node-adult');
    assert.deepEqual(p.troubles, []);
    await p.close();
  });
});
