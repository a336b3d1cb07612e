// The study page with several viewports, cuts, marks and own findings; views
// of the worklist; slow and failing networks; light frame. Against a node in
// memory (web/webtest).
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { accessibility, freePort, missing, openBrowser, openPage, picture, run, signIn, start } from './browser.mjs';

const password = 'correct horse';

describe('study page on synthetic studies', { skip: missing }, () => {
  let b, server, base, dir;
  before(async () => {
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    dir = mkdtempSync(join(tmpdir(), 'radnode-study-'));
    await run('go', ['build', '-o', join(dir, 'story'), './web/webtest/story']);
    server = await start(join(dir, 'story'), ['-http', `127.0.0.1:${port}`], 'correct horse');
    for (let i = 0; i < 100; i++) { try { if ((await fetch(`${base}/healthz`)).ok) break; } catch { await new Promise((r) => setTimeout(r, 100)); } }
    b = await openBrowser();
  });
  after(async () => { await b?.close(); await server?.stop(); if (dir) rmSync(dir, { recursive: true, force: true }); });

  const page = async (name = 'kim', options = {}) => { const p = await openPage(b, options); await signIn(p, base, name, password); await p.waitForSelector('tr.row[data-uid]'); return p; };
  const openStudy = async (p, patient) => {
    const uid = await p.evaluate(async (q) => (await (await fetch(`/api/v1/studies?q=${q}`)).json()).studies[0].study_uid, patient);
    await p.goto(`${base}/study/${uid}`); await p.waitForSelector('[data-quality=full]', { timeout: 30_000 });
  };
  const done = async (p) => { assert.deepEqual(p.troubles, []); await p.close(); };
  const slice = (p, i) => p.locator('.pane').nth(i).locator('.corner.tr .num').textContent();

  test('two viewports scroll together until the link is cut, and one is made large', async () => {
    const p = await page();
    await openStudy(p, 'Okafor');
    await p.selectOption('select[title="Layout"]', '1×2');
    await p.locator('.pane').nth(1).click();
    await p.click('.series button'); // the same series beside itself
    await p.waitForFunction(() => document.querySelectorAll('[data-quality=full]').length === 2);
    await p.locator('.pane').nth(0).click();
    await p.keyboard.press('Home'); await p.keyboard.press('ArrowDown');
    await p.waitForFunction(() => [...document.querySelectorAll('.corner.tr .num')].every((e) => e.textContent === '2 / 24'));
    await p.keyboard.press('2');
    await p.waitForFunction(() => [...document.querySelectorAll('.corner.bl')].every((e) => e.textContent.includes('W 1500')));
    await p.keyboard.press('s'); await p.keyboard.press('ArrowDown');
    await p.waitForFunction(() => document.querySelector('.corner.tr .num').textContent === '3 / 24');
    assert.equal(await slice(p, 1), '2 / 24');
    await p.locator('.pane').nth(1).dblclick();
    await p.waitForFunction(() => document.querySelectorAll('.pane').length === 1);
    await done(p);
  });

  test('cuts through a stack lie where the geometry says, with lines of reference', async () => {
    const p = await page();
    await openStudy(p, 'Okafor');
    await p.selectOption('select[title="Layout"]', 'mpr');
    await p.waitForFunction(() => document.querySelectorAll('.pane').length === 4 && document.querySelectorAll('[data-quality=full]').length === 4, undefined, { timeout: 30_000 });
    const letters = await p.evaluate(() => [...document.querySelectorAll('.pane')].slice(0, 3).map((e) => ['left', 'right', 'top', 'bottom'].map((s) => e.querySelector(`.letter.${s}`).textContent).join('')));
    assert.deepEqual(letters, ['RLAP', 'RLHF', 'APHF']);
    await p.waitForSelector('.marks .reference', { state: 'attached' }); // an upright line has no width
    const same = await p.evaluate(async () => { // a voxel seen in the axial stack and in the coronal cut
      const panes = [...document.querySelectorAll('.pane')], pick = (i) => { panes[i].focus(); return new Promise((r) => { setTimeout(() => r(window.radnodeViewport), 300); }); };
      const stack = await pick(3), k = 5, x = 100, y = 140;
      stack.go(k); const at = stack.current.plane.at, z = at[2], want = stack.probe(stack.toCSS({ x: x + 0.5, y: y + 0.5 })).split('= ')[1];
      const coronal = await pick(1);
      coronal.go(y);
      const cut = coronal.current.plane, row = Math.round((cut.at[2] - z) / cut.spacing[0]), got = coronal.probe(coronal.toCSS({ x: x + 0.5, y: row + 0.5 })).split('= ')[1];
      return { want, got };
    });
    assert.equal(same.got, same.want);
    await picture(p, 'cuts');
    await done(p);
  });

  test('angles, areas and arrows are drawn; areas say mean and square centimetres', async () => {
    const p = await page();
    await openStudy(p, 'Rivera');
    const box = await p.locator('.pane').boundingBox(), cx = box.x + box.width / 2, cy = box.y + box.height / 2;
    const drag = async (...points) => { await p.mouse.move(cx + points[0][0], cy + points[0][1]); await p.mouse.down(); for (const [x, y] of points.slice(1)) await p.mouse.move(cx + x, cy + y, { steps: 3 }); await p.mouse.up(); };
    const last = () => p.locator('.marks g text').last().textContent();
    await p.keyboard.press('g'); await drag([-100, 0], [0, 0]); await drag([0, 100], [0, 101]);
    assert.match(await last(), /^9[01]\.\d°$|^89\.\d°$/);
    await p.keyboard.press('b'); await drag([-60, -60], [60, 60]);
    assert.match(await last(), /mean .* cm²$/);
    await p.keyboard.press('f'); await drag([0, 0], [60, 0], [60, 60], [0, 60], [0, 5]);
    assert.match(await last(), /cm²$/);
    await p.keyboard.press('t'); await drag([-150, -150], [-80, -80]);
    await p.fill('.words input', 'look here'); await p.keyboard.press('Enter');
    assert.equal(await last(), 'look here');
    await p.keyboard.press('l'); await p.mouse.move(cx, cy); await p.mouse.down(); await p.waitForTimeout(200);
    assert.ok(await p.evaluate(() => { const s = window.radnodeViewport.snapshot(); return s.data.some((v, i) => i % 4 === 0 && v === 153); }), 'the lens has a rim');
    await p.mouse.up();
    await done(p);
  });

  test('a reader adds a finding with a mark, edits a model’s, and the texts are composed', async () => {
    const p = await page();
    await openStudy(p, 'Larsen');
    const box = await p.locator('.pane').boundingBox(), cx = box.x + box.width / 2, cy = box.y + box.height / 2;
    await p.keyboard.press('b'); await p.mouse.move(cx, cy); await p.mouse.down(); await p.mouse.move(cx + 80, cy + 60, { steps: 3 }); await p.mouse.up();
    await p.click('button:has-text("Own finding")');
    await p.fill('.statement input[name=what]', 'pneumothorax'); await p.fill('.statement input[name=text]', 'small, apical');
    await p.click('.statement button.primary');
    await p.waitForSelector('.card:has-text("small, apical")');
    await p.waitForSelector('.region');
    await p.click('.compose button:has-text("English")');
    await p.waitForFunction(() => document.getElementById('findings_text').value !== '' || document.getElementById('impression').value !== '');
    await picture(p, 'finding');
    assert.deepEqual(await accessibility(p), []);
    await done(p);
  });

  test('the worklist keeps views and columns, and takes a light frame', async () => {
    const p = await page();
    await p.click('.menu summary');
    await p.check('.menu label:has-text("Accession") input');
    await p.waitForSelector('th.c-accession');
    await p.selectOption('select[aria-label="All modalities"]', 'CT');
    await p.fill('.menu input[name=view]', 'my CT'); await p.click('.menu form button');
    await p.click('.menu button:has-text("Usual view")');
    await p.waitForFunction(() => document.querySelectorAll('tr.row[data-uid]').length > 2 && !document.querySelector('th.c-accession'));
    await p.click('.menu button:has-text("my CT")');
    await p.waitForSelector('th.c-accession');
    await p.keyboard.press('Escape');
    await p.click('button[aria-label="Light or dark"]');
    await picture(p, 'light');
    for (const path of ['/', '/models', '/node']) { await p.goto(base + path); await p.waitForTimeout(400); assert.deepEqual(await accessibility(p), [], `${path} in the light`); }
    await openStudy(p, 'Rivera');
    assert.deepEqual(await accessibility(p), []);
    await picture(p, 'light-study');
    await done(p);
  });

  test('a slow network shows what is there; a dead one says so and goes on', async () => {
    const p = await page();
    await p.route('**/api/**', async (r) => { await new Promise((f) => { setTimeout(f, 300); }); await r.continue().catch(() => undefined); });
    await openStudy(p, 'Rivera');
    await p.unroute('**/api/**');
    await p.route('**/studies?**', (r) => r.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"unavailable","message":"the index does not answer"}' }));
    await p.click('nav a:has-text("Worklist")');
    await p.waitForSelector('[role=alert]:has-text("the index does not answer")');
    await p.close();
  });

  test('a first visit is guided, and the tour can be closed', async () => {
    const p = await openPage(b, { tour: true });
    await signIn(p, base, 'kim', password);
    await p.waitForSelector('.tour');
    await p.click('.tour button:has-text("Next")');
    assert.deepEqual(await accessibility(p), []);
    await p.click('.tour button:has-text("Close")');
    await p.reload(); await p.waitForSelector('tr.row[data-uid]');
    assert.equal(await p.locator('.tour').count(), 0);
    await p.close();
  });
});
