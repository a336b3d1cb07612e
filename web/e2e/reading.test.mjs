// Reading with two signatures, earlier studies, addenda, failures, a node on
// its first day, senders who write markup into every text, and paper. Against
// nodes in memory (web/webtest).
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { accessibility, freePort, missing, openBrowser, openPage, picture, run, signIn, start } from './browser.mjs';

const password = 'correct horse';

describe('reading, its exceptions and its enemies', { skip: missing }, () => {
  let b, dir;
  const servers = {};
  const serve = async (name, ...args) => {
    const port = await freePort(), base = `http://127.0.0.1:${port}`;
    servers[name] = { base, stop: (await start(join(dir, 'story'), ['-http', `127.0.0.1:${port}`, ...args], 'correct horse')).stop };
    for (let i = 0; i < 100; i++) { try { if ((await fetch(`${base}/healthz`)).ok) break; } catch { await new Promise((r) => setTimeout(r, 100)); } }
  };
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'radnode-reading-'));
    await run('go', ['build', '-o', join(dir, 'story'), './web/webtest/story']);
    await serve('usual'); await serve('second', '-second'); await serve('bare', '-tale', 'bare'); await serve('hostile', '-tale', 'hostile');
    b = await openBrowser();
  });
  after(async () => {
    await b?.close();
    for (const s of Object.values(servers)) await s.stop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  const page = async (on, name = 'kim', options = {}) => { const p = await openPage(b, options); p.base = servers[on].base; await signIn(p, p.base, name, password); return p; };
  const uidOf = (p, q) => p.evaluate(async (x) => (await (await fetch(`/api/v1/studies?q=${x}`)).json()).studies[0].study_uid, q);
  const openStudy = async (p, q) => { await p.goto(`${p.base}/study/${await uidOf(p, q)}`); await p.waitForSelector('[data-quality=full]', { timeout: 30_000 }); };
  const done = async (p) => { assert.deepEqual(p.troubles, []); await p.close(); };
  const sign = async (p) => {
    await p.click('.report button.primary');
    await p.fill('dialog input[name=password]', password);
    await p.keyboard.press('Enter');
  };

  test('two persons sign: the first cannot be the second, and may take the signature back', async () => {
    const p = await page('second');
    await openStudy(p, 'Rivera');
    await p.keyboard.press('a');
    await p.waitForSelector('.decision.accepted');
    await sign(p);
    await p.waitForSelector('.state.r-awaiting_second');
    assert.match(await p.textContent('.signed'), /Kim, Dr\. Ann/);
    assert.ok(await p.locator('.side .ai').isVisible(), 'one signature of two does not verify');
    assert.equal(await p.locator('.deliveries').count(), 0, 'nothing is sent before the second');
    await sign(p);
    await p.waitForSelector('dialog .bad:has-text("another person")');
    await p.keyboard.press('Escape');
    await p.click('button:has-text("Take signature back")');
    await p.waitForSelector('.state.r-draft');
    await sign(p);
    await p.waitForSelector('.state.r-awaiting_second');
    const other = await page('second', 'admin', {});
    await openStudy(other, 'Rivera');
    await sign(other);
    await other.waitForSelector('[data-delivery=delivered]', { timeout: 15_000 });
    assert.equal(await other.locator('.report > .signed').count(), 2);
    await picture(other, 'cosigned');
    await p.waitForFunction(() => document.querySelectorAll('.report > .signed').length === 2); // the first reader sees it come
    await done(other); await done(p);
  });

  test('the newest earlier study hangs beside, marked as a prior, with its report', async () => {
    const p = await page('usual');
    await openStudy(p, 'Rivera');
    await p.waitForSelector('.prior');
    await p.keyboard.press('F3');
    await p.waitForFunction(() => document.querySelectorAll('[data-quality=full]').length === 2);
    const prior = p.locator('.pane').nth(1);
    assert.match(await prior.textContent(), /PRIOR/);
    assert.doesNotMatch(await prior.locator('.corner.bl').textContent(), /AI, not verified/);
    await p.click('summary:has-text("Earlier reports")');
    assert.match(await p.textContent('.old'), /in keeping with pneumonia/);
    assert.deepEqual(await accessibility(p), []);
    await picture(p, 'prior');
    await done(p);
  });

  test('an addendum is written, signed and delivered after the report', async () => {
    const p = await page('usual');
    await openStudy(p, 'Rivera');
    await p.keyboard.press('a');
    await p.waitForSelector('.decision.accepted');
    await sign(p);
    await p.waitForSelector('[data-delivery=delivered]', { timeout: 15_000 });
    await p.click('button:has-text("Addendum")');
    await p.fill('.report form textarea', 'Compared with the film of 2025.');
    await p.click('.report form button');
    await p.waitForSelector('#addendum');
    assert.equal(await p.inputValue('#addendum'), 'Compared with the film of 2025.');
    assert.equal(await p.locator('#impression').count(), 0, 'the signed text stays as it is');
    await sign(p);
    await p.waitForSelector('.state.r-signed');
    assert.match(await p.textContent('.report'), /Compared with the film of 2025/);
    await done(p);
  });

  test('failed deliveries are listed with their reason and tried again one by one', async () => {
    const p = await page('usual', 'tess');
    await p.goto(`${p.base}/node`);
    const failures = p.locator('article:has(h2:has-text("Failed deliveries"))');
    await failures.locator('td:has-text("refuses the SOP class")').waitFor();
    await picture(p, 'failures');
    await failures.locator('td button:has-text("Try again")').click();
    await failures.locator('text=No delivery has failed').waitFor({ timeout: 10_000 });
    await done(p);
  });

  test('steps of the pipeline hang side by side and move together', async () => {
    const p = await page('usual');
    await openStudy(p, 'Rivera');
    await p.keyboard.press('j');
    await p.click('button:has-text("Side by side")');
    await p.waitForFunction(() => document.querySelectorAll('.pane').length === 5 && document.querySelectorAll('[data-quality=full]').length === 5);
    await p.waitForFunction(() => [...document.querySelectorAll('.pane')].slice(1, 5).every((e) => /\d-/.test(e.querySelector('.corner.tr')?.textContent ?? '')));
    await p.waitForTimeout(300);
    const pictures = await p.evaluate(() => [...document.querySelectorAll('.pane canvas')].slice(0, 5).map((c) => { const copy = new OffscreenCanvas(40, 40).getContext('2d'); copy.drawImage(c, 0, 0, 40, 40); return copy.getImageData(0, 0, 40, 40).data.reduce((a, v, i) => (a * 31 + v * (i % 97)) % 1e9, 7); }));
    assert.equal(new Set(pictures).size, 5, 'five different pictures');
    await picture(p, 'beside');
    await p.locator('.pane').nth(0).click();
    await p.keyboard.press('r');
    const zooms = () => p.evaluate(() => [...document.querySelectorAll('.pane .corner.bl')].slice(0, 5).map((e) => /×[\d.]+/.exec(e.textContent)?.[0]));
    await p.keyboard.press('+'); await p.waitForTimeout(200);
    assert.equal(new Set(await zooms()).size, 1, 'all are enlarged');
    await done(p);
  });

  test('what was typed when the session ended is kept and saved after signing in again', async () => {
    const p = await page('usual');
    await openStudy(p, 'Larsen');
    await p.context().clearCookies();
    await p.fill('#impression', 'typed while the session was over');
    await p.waitForSelector('.login.over');
    await p.fill('.login.over input[name=name]', 'kim'); await p.fill('.login.over input[name=password]', password);
    await p.click('.login.over button');
    await p.waitForSelector('.login.over', { state: 'detached' });
    await p.waitForFunction(async () => (await (await fetch('/api/v1/studies?q=Larsen')).json()).studies.length === 1
      && (await (await fetch(`/api/v1/studies/${location.pathname.split('/').at(-1)}`)).json()).reports[0].impression === 'typed while the session was over', undefined, { timeout: 10_000 });
    await p.close();
  });

  test('with 300 ms to the node every page comes, and what is typed is saved', async () => {
    const p = await page('usual');
    await p.route('**/api/**', async (r) => { await new Promise((f) => { setTimeout(f, 300); }); await r.continue().catch(() => undefined); });
    await p.click('tr.row a:has-text("Larsen")');
    await p.waitForSelector('[data-quality=full]', { timeout: 30_000 });
    await p.fill('#impression', 'from far away');
    await p.waitForSelector('.impression:has-text("saved")');
    for (const [path, holds] of [['/models', 'article h2'], ['/node', 'article table'], ['/', 'tr.row[data-uid]']]) { await p.click(`nav a[href="${path}"]`); await p.waitForSelector(holds); }
    await done(p);
  });

  test('a node on its first day says on each page what is not there yet', async () => {
    const p = await page('bare', 'admin');
    await p.waitForSelector('.empty:has-text("No studies yet")');
    await picture(p, 'bare-worklist');
    assert.deepEqual(await accessibility(p), []);
    await p.fill('input.search', 'nobody');
    await p.waitForSelector('.empty:has-text("No study matches")');
    for (const path of ['/models', '/node']) {
      await p.goto(p.base + path);
      await p.waitForSelector('.page .box');
      await p.waitForTimeout(300);
      await picture(p, `bare-${path.slice(1)}`);
      assert.deepEqual(await accessibility(p), [], path);
    }
    assert.match(await p.textContent('.page'), /No delivery has failed/);
    assert.match(await p.textContent('.page'), /No peers yet/);
    await p.goto(`${p.base}/models`);
    await p.waitForSelector('text=No model is loaded');
    await p.goto(`${p.base}/study/1.2.3`);
    await p.waitForSelector('[role=alert]');
    await p.goto(`${p.base}/study/1.2.3.`); // no UID: the page, not a script of somebody
    await done(p);
  });

  test('markup in any text of a sender, peer, model or user is text', async () => {
    const p = await page('hostile', 'admin');
    p.on('dialog', (d) => { p.troubles.push(`a dialog: ${d.message()}`); void d.dismiss(); });
    const harmless = async (where) => {
      await p.waitForTimeout(300);
      assert.deepEqual(await p.evaluate(() => [window.hacked, document.querySelectorAll('img[src="x"], script:not([src])').length]), [undefined, 0], where);
    };
    await p.waitForSelector('tr.row[data-uid]');
    assert.ok((await p.textContent('.rows')).includes('<script>'), 'the text is shown as it came');
    await harmless('worklist');
    const uids = await p.evaluate(async () => (await (await fetch('/api/v1/studies')).json()).studies.map((s) => s.study_uid));
    for (const uid of uids) {
      await p.goto(`${p.base}/study/${uid}`);
      await p.waitForSelector('.pane');
      await p.waitForFunction(() => ['full', 'failed'].includes(window.radnodeViewport?.status().quality), undefined, { timeout: 30_000 });
      await p.keyboard.press('j'); await p.keyboard.press('m'); await p.keyboard.press('y');
      await harmless(`study ${uid}`);
      await p.keyboard.press('Escape');
    }
    for (const path of ['/models', '/node']) { await p.goto(p.base + path); await p.waitForSelector('.page .box'); await harmless(path); }
    await p.goto(`${p.base}/?q=<script>window.hacked=1</script>#<img src=x onerror=window.hacked=1>`);
    await harmless('address');
    await done(p);
  });

  test('on paper stands the report alone, dark or light, marked until it is signed', async () => {
    const p = await page('usual');
    await openStudy(p, 'Sato');
    await p.emulateMedia({ media: 'print' });
    assert.ok(await p.locator('.paper').isVisible());
    assert.ok(!(await p.locator('.bar').isVisible()) && !(await p.locator('.stagearea').isVisible()));
    assert.match(await p.textContent('.paper'), /Sato.*Signed by Kim/s);
    assert.equal(await p.evaluate(() => getComputedStyle(document.querySelector('.paper')).color), 'rgb(0, 0, 0)');
    await picture(p, 'print');
    await p.emulateMedia({ media: 'screen' });
    await openStudy(p, 'Larsen');
    await p.emulateMedia({ media: 'print' });
    assert.match(await p.textContent('.paper'), /DRAFT/);
    await p.close();
  });

  for (const [theme, language] of [['dark', 'zh'], ['light', 'en'], ['light', 'zh']]) {
    test(`axe-core finds nothing serious, ${theme}, ${language}, at 1280 × 800; nothing is wider than the screen`, async () => {
      const p = await page('usual', 'admin', { viewport: { width: 1280, height: 800 } });
      await p.evaluate(([th, l]) => { localStorage.setItem('theme', th); localStorage.setItem('language', l); }, [theme, language]);
      const look = async (name) => {
        await p.waitForTimeout(300);
        assert.deepEqual(await accessibility(p), [], `${name} ${theme} ${language}`);
        assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${name} is wider than the screen`);
        await picture(p, `${name}-${theme}-${language}`);
      };
      for (const path of ['/', '/models', '/node']) { await p.goto(p.base + path); await p.waitForSelector(path === '/' ? 'tr.row[data-uid]' : '.page .box'); await look(path.slice(1) || 'list'); }
      for (const who of ['Rivera', 'Okafor', 'Sato']) { await openStudy(p, who); if (who !== 'Okafor') await p.keyboard.press('j'); await look(`study-${who}`); }
      await p.close();
    });
  }
});
