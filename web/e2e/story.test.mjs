// The front end against a node in memory (web/webtest): every page, the keys,
// the pixels on the screen, two readers, a lost session, other languages.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { accessibility, freePort, missing, openBrowser, openPage, picture, run, signIn, start } from './browser.mjs';

const password = 'correct horse';

describe('viewer on synthetic studies', { skip: missing }, () => {
  let b, server, base, dir;
  before(async () => {
    const port = await freePort();
    base = `http://127.0.0.1:${port}`;
    dir = mkdtempSync(join(tmpdir(), 'radnode-story-'));
    await run('go', ['build', '-o', join(dir, 'story'), './web/webtest/story']); // "go run" would leave the server behind
    server = await start(join(dir, 'story'), ['-http', `127.0.0.1:${port}`, '-arrive', '8s'], 'correct horse');
    for (let i = 0; i < 100; i++) { try { if ((await fetch(`${base}/healthz`)).ok) break; } catch { await new Promise((r) => setTimeout(r, 100)); } }
    b = await openBrowser();
  });
  after(async () => { await b?.close(); await server?.stop(); if (dir) rmSync(dir, { recursive: true, force: true }); });

  const page = async (name = 'kim', options = {}) => { const p = await openPage(b, options); await signIn(p, base, name, password); await p.waitForSelector('tr.row[data-uid]'); return p; };
  const openStudy = async (p, patient, query = '') => {
    const uid = await p.evaluate(async (q) => (await (await fetch(`/api/v1/studies?q=${q}`)).json()).studies[0].study_uid, patient);
    await p.goto(`${base}/study/${uid}${query}`); await p.waitForSelector('[data-quality=full]', { timeout: 30_000 });
  };
  const done = async (p) => { assert.deepEqual(p.troubles, []); await p.close(); };

  test('a wrong password is refused without a hint', async () => {
    const p = await openPage(b);
    await p.goto(base);
    await picture(p, 'login');
    await p.fill('input[name=name]', 'kim'); await p.fill('input[name=password]', 'wrong guess'); await p.click('form button');
    await p.waitForSelector('p[role=alert]:not(:empty)');
    assert.match(await p.textContent('p[role=alert]'), /name or password is wrong/);
    await done(p);
  });

  test('the worklist shows each state in honest words and fills without a reload', async () => {
    const p = await page();
    const text = await p.textContent('.rows');
    for (const words of ['none above threshold', 'not analysed because no model reads CT', 'still arriving', 'to review', 'delivery failed']) assert.ok(text.includes(words), words);
    assert.ok(!/\bnormal\b/i.test(text));
    const before = await p.locator('tr.row[data-uid]').count();
    await p.waitForFunction((n) => document.querySelectorAll('tr.row[data-uid]').length > n, before, { timeout: 20_000 });
    await picture(p, 'worklist');
    await done(p);
  });

  test('the worklist is worked with the keyboard alone', async () => {
    const p = await page();
    await p.keyboard.press('ArrowDown'); await p.keyboard.press('ArrowDown'); await p.keyboard.press('ArrowUp');
    await p.waitForSelector('tr.row[aria-rowindex="2"][aria-selected=true]');
    await p.keyboard.press('/');
    await p.keyboard.type('Larsen');
    await p.waitForFunction(() => document.querySelectorAll('tr.row[data-uid]').length === 1);
    await p.keyboard.press('Home'); await p.keyboard.press('Enter');
    await p.waitForURL(/\/study\//);
    await p.waitForSelector('#strip strong:has-text("Larsen")');
    await done(p);
  });

  for (const renderer of ['gl', '2d']) {
    test(`pixels on the screen are what the window makes of the stored values (${renderer})`, async () => {
      const p = await page();
      for (const patient of ['Rivera', 'Larsen', 'Okafor']) {
        const uid = await p.evaluate(async (q) => (await (await fetch(`/api/v1/studies?q=${q}`)).json()).studies[0].study_uid, patient);
        await p.goto(`${base}/study/${uid}?renderer=${renderer}`);
        await p.waitForSelector('[data-quality=full]', { timeout: 30_000 });
        assert.equal(await p.getAttribute('.pane canvas', 'data-renderer'), renderer);
        const worst = await p.evaluate(() => {
          const v = window.radnodeViewport, d = v.current.desc, ratio = () => v.canvas.width / v.canvas.clientWidth;
          let off = 0, seen = 0, distinct = new Set();
          for (const turns of [0, 1, 2, 3]) for (const flipH of [false, true]) for (const inverted of [false, true]) {
            v.reset();
            if (inverted) v.invertGrey();
            const w = v.canvas.clientWidth, h = v.canvas.clientHeight, [cols, rows] = turns % 2 ? [d.rows, d.columns] : [d.columns, d.rows];
            // one image pixel per screen pixel, edges on edges
            v.set({ turns, flipH, zoom: 1, panX: (((cols - w) / 2) % 1 + 1) % 1, panY: (((rows - h) / 2) % 1 + 1) % 1 });
            const shot = v.snapshot();
            for (let i = 0; i < 60; i++) {
              const x = Math.floor(d.columns / 2 + Math.cos(i) * i * 2), y = Math.floor(d.rows / 2 + Math.sin(i) * i * 2);
              const css = v.toCSS({ x: x + 0.5, y: y + 0.5 });
              if (x < 0 || y < 0 || x >= d.columns || y >= d.rows || css.x < 0 || css.y < 0 || css.x >= w || css.y >= h) continue;
              const got = shot.data[(Math.floor(css.y * ratio()) * shot.width + Math.floor(css.x * ratio())) * 4];
              off = Math.max(off, Math.abs(got - v.expected(x, y)));
              distinct.add(got); seen++;
            }
          }
          return { off, seen, distinct: distinct.size };
        });
        assert.ok(worst.seen > 300 && worst.distinct > 5, `${patient}: ${JSON.stringify(worst)}`);
        assert.ok(worst.off <= 1, `${patient}: grey differs by ${worst.off}`);
      }
      await done(p);
    });
  }

  test('every key of the viewport changes what it should', async () => {
    const p = await page();
    await openStudy(p, 'Okafor');
    const state = () => p.evaluate(() => { const s = window.radnodeViewport.status(); return { ...s, vois: undefined }; });
    const change = async (key, differs) => { const a = await state(); await p.keyboard.press(key); await p.waitForTimeout(60); const z = await state(); assert.ok(differs(a, z), `${key}: ${JSON.stringify(z)}`); };
    await change('ArrowDown', (a, z) => z.slot === a.slot + 1);
    await change('Home', (a, z) => z.slot === 0);
    await change('End', (a, z) => z.slot === 23);
    await change('ArrowUp', (a, z) => z.slot === 22);
    await change('2', (a, z) => z.voi.width === 1500 && z.voi.center === -600);
    await change('i', (a, z) => z.invert !== a.invert);
    await change('r', (a, z) => z.view.turns === 1);
    await change('R', (a, z) => z.view.turns === 0);
    await change('h', (a, z) => z.view.flipH);
    await change('v', (a, z) => z.view.flipV);
    await change('+', (a, z) => z.zoom > a.zoom);
    await change('0', (a, z) => z.zoom === 1);
    await change('=', (a, z) => z.view.zoom === 0);
    await change('d', (a, z) => z.tool === 'length');
    await change('Escape', (a, z) => z.tool === 'window');
    await change('c', (a, z) => z.playing);
    await change('c', (a, z) => !z.playing);
    await change('Space', (a, z) => !z.invert && !z.view.flipH && z.view.turns === 0);
    await picture(p, 'stack');
    await done(p);
  });

  test('dragging sets window, pan, zoom and measures in millimetres', async () => {
    const p = await page();
    await openStudy(p, 'Rivera');
    const box = await p.locator('.pane').boundingBox(), cx = box.x + box.width / 2, cy = box.y + box.height / 2;
    const drag = async (dx, dy, button = 'left') => { await p.mouse.move(cx, cy); await p.mouse.down({ button }); await p.mouse.move(cx + dx, cy + dy, { steps: 4 }); await p.mouse.up({ button }); await p.waitForTimeout(60); };
    const state = () => p.evaluate(() => { const s = window.radnodeViewport.status(); return { voi: s.voi, view: s.view, zoom: s.zoom }; });
    const first = await state();
    await drag(80, 0);
    const wide = await state();
    assert.ok(wide.voi.width > first.voi.width && wide.voi.center === first.voi.center);
    await drag(30, 20, 'middle');
    assert.equal((await state()).view.panX, 30);
    await drag(0, -60, 'right');
    assert.ok((await state()).zoom > first.zoom);
    await p.keyboard.press('Space'); await p.keyboard.press('d');
    await drag(100, 0);
    const label = await p.textContent('.marks text'), zoom = (await state()).zoom;
    assert.ok(Math.abs(parseFloat(label) - (100 / zoom) * 0.168) < 0.5 && label.endsWith('mm'), label);
    await done(p);
  });

  test('the evidence map colours the picture and fades with its slider', async () => {
    const p = await page();
    await openStudy(p, 'Rivera');
    const colour = () => p.evaluate(() => { const s = window.radnodeViewport.snapshot().data; let n = 0; for (let i = 0; i < s.length; i += 4) if (Math.abs(s[i] - s[i + 2]) > 20) n++; return n; });
    assert.equal(await colour(), 0);
    await p.keyboard.press('m');
    await p.waitForTimeout(200);
    const strong = await colour();
    assert.ok(strong > 1000, `${strong} coloured pixels`);
    assert.ok((await p.textContent('.legend')).includes('relative to this image'));
    await picture(p, 'study');
    await p.fill('.heat input[type=range] >> nth=0', '0');
    await p.waitForTimeout(200);
    assert.equal(await colour(), 0);
    await done(p);
  });

  test('the steps of the pipeline lie over the image with their parameters', async () => {
    const p = await page();
    await openStudy(p, 'Rivera');
    const sum = () => p.evaluate(() => window.radnodeViewport.snapshot().data.reduce((a, v) => a + v, 0));
    const original = await sum();
    await p.keyboard.press('j');
    await p.click('.strip-row button:has-text("sobel")');
    await p.waitForFunction((o) => window.radnodeViewport.snapshot().data.reduce((a, v) => a + v, 0) !== o, original);
    assert.match(await p.textContent('.stagehead'), /sobel kernel=3 · 5\.2 ms/);
    await picture(p, 'stages');
    await done(p);
  });

  test('two readers: the slower one is told and loses nothing silently', async () => {
    const one = await page(), two = await page('admin');
    await openStudy(one, 'Rivera'); await openStudy(two, 'Rivera');
    await Promise.all([one.keyboard.press('a'), two.keyboard.press('a')]);
    await one.waitForSelector('.decision.accepted'); await two.waitForSelector('.decision.accepted');
    assert.equal(await one.locator('.banner.bad').count(), 0);
    await done(one); await done(two);
  });

  test('a finding is decided, the report written, signed and followed until it is delivered, then amended', async () => {
    const p = await page();
    await openStudy(p, 'Rivera');
    assert.ok(await p.locator('.side .ai').isVisible(), 'AI, not verified is in sight');
    await p.keyboard.press('x');
    await p.waitForSelector('.why');
    await p.keyboard.press('3');
    await p.waitForSelector('.decision.rejected:has-text("not present")');
    await p.click('.card button:has-text("Accept")');
    await p.waitForSelector('.decision.accepted');
    await p.fill('#impression', 'Right lower zone opacity.');
    await p.keyboard.press('Control+Enter');
    await p.fill('dialog input[name=password]', 'wrong guess');
    await p.keyboard.press('Enter');
    await p.waitForSelector('dialog .bad:has-text("password is wrong")');
    await p.fill('dialog input[name=password]', password);
    await picture(p, 'sign');
    await p.keyboard.press('Enter');
    await p.waitForSelector('[data-delivery=delivered]', { timeout: 15_000 });
    assert.match(await p.textContent('.signed'), /Kim, Dr\. Ann/);
    assert.equal(await p.locator('.side .ai').count(), 0);
    assert.match(await p.textContent('.deliveries'), /storage commitment/);
    await picture(p, 'delivered');
    await p.click('button:has-text("Amend")');
    await p.waitForSelector('.state.r-draft:has-text("amends")');
    await done(p);
  });

  test('an ended session asks for the password over the page and keeps what was typed', async () => {
    const p = await page();
    await openStudy(p, 'Larsen');
    await p.fill('#impression', 'half a sentence');
    await p.waitForSelector('.impression:has-text("saved")');
    await p.context().clearCookies();
    await p.fill('#impression', 'half a sentence and more');
    await p.waitForSelector('.login.over');
    await p.fill('.login.over input[name=name]', 'kim'); await p.fill('.login.over input[name=password]', password);
    await p.click('.login.over button');
    await p.waitForSelector('.login.over', { state: 'detached' });
    assert.equal(await p.inputValue('#impression'), 'half a sentence and more');
    await p.close();
  });

  test('what cannot be shown is blank, never the picture before it', async () => {
    const p = await page();
    await p.route('**/frames/1', (r) => r.fulfill({ status: 422, contentType: 'application/problem+json', body: '{"code":"unsupported","message":"no codec for this"}' }));
    await p.click('tr.row a:has-text("Rivera")'); // urgent: at the top
    await p.waitForSelector('[data-quality=failed]');
    assert.match(await p.textContent('.blank'), /no codec for this/);
    assert.equal(await p.evaluate(() => window.radnodeViewport.snapshot().data.some((v, i) => i % 4 < 3 && v > 0)), false);
    await p.close();
  });

  test('a lost graphics context is rebuilt without a reload', async () => {
    const p = await page();
    await openStudy(p, 'Okafor', '?renderer=gl');
    await p.evaluate(() => window.radnodeViewport.canvas.getContext('webgl2').getExtension('WEBGL_lose_context').loseContext());
    await p.waitForTimeout(400);
    assert.ok(await p.evaluate(() => window.radnodeViewport.snapshot().data.some((v, i) => i % 4 < 3 && v > 40)));
    await done(p);
  });

  test('a technologist reads and may neither decide nor sign', async () => {
    const p = await page('tess');
    await openStudy(p, 'Larsen');
    assert.equal(await p.locator('button:has-text("Accept")').count(), 0);
    assert.equal(await p.locator('button.primary').count(), 0);
    assert.match(await p.textContent('.report'), /Only a radiologist may sign/);
    await done(p);
  });

  test('the models page tells what a model stated lately and what readers made of it', async () => {
    const p = await page('kim');
    await p.goto(`${base}/models`);
    await p.click('#paediatric-pneumonia summary:has-text("Use at this site")');
    const used = p.locator('#paediatric-pneumonia details[open]');
    await used.locator('figure').waitFor();
    assert.match(await used.textContent(), /310 images read, 688 it is not for, 2 not analysed.*median 31 ms, p95 48 ms.*the pixel data ends early.*92 at or above.*71 accepted \(4 edited\), 9 rejected/);
    assert.equal(await used.locator('rect').count(), 10);
    assert.deepEqual(await accessibility(p), []);
    await picture(p, 'model-use');
    await done(p);
  });

  test('axe-core finds nothing serious on any page, in both languages', async () => {
    const p = await page('admin');
    for (const language of ['zh', 'en']) {
      await p.selectOption('select[aria-label="Language"], select[aria-label="语言"]', language);
      for (const path of ['/', '/models', '/node']) {
        await p.goto(base + path);
        await p.waitForTimeout(400);
        assert.deepEqual(await accessibility(p), [], `${path} in ${language}`);
        if (language === 'en') await picture(p, path.slice(1) || 'list');
      }
      await p.goto(base); await p.waitForSelector('tr.row[data-uid]');
      await openStudy(p, 'Sato');
      await p.keyboard.press('j');
      assert.deepEqual(await accessibility(p), [], `study in ${language}`);
      await p.keyboard.press('?');
      await p.waitForSelector('dialog.help[open]');
      assert.deepEqual(await accessibility(p), [], `help in ${language}`);
      await p.keyboard.press('Escape');
    }
    await done(p);
  });

  test('the page works on a tablet', async () => {
    const p = await page('kim', { viewport: { width: 1024, height: 768 } });
    await openStudy(p, 'Larsen');
    assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth), 'nothing is wider than the screen');
    assert.ok((await p.locator('.pane').boundingBox()).width > 500);
    await done(p);
  });
});
