// Another viewer on a node: OHIF as it is published lists, opens and scrolls
// studies over DICOMweb: behind a proxy that brings a token, as sites put it,
// and from an origin of its own. It is large, so it runs where OHIF_DIST names
// its folder (`make ohif` fetches it).
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, missing, openBrowser, openPage, root, run, start } from './browser.mjs';
import { dist, serveOHIF } from './ohif.mjs';

const radnode = process.env.RADNODE_BIN ?? join(root, 'bin', 'radnode');
const studies = join(root, '..', 'shared', 'dicom');
const skip = missing || (!existsSync(radnode) && `${radnode} is not built: run make build`) || (!dist && 'OHIF is not here: run make ohif')
  || (!existsSync(studies) && '../shared/dicom is not here');
const shots = process.env.OHIF_PICTURES;

describe('OHIF on a running node', { skip }, () => {
  const token = 'a-token-for-ohif-only';
  let b, node, ohif, dir, base;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'radnode-ohif-'));
    const [http, dicom] = [await freePort(), await freePort()];
    base = `http://127.0.0.1:${http}`;
    ohif = await serveOHIF(base, token);
    node = await start(radnode, ['serve', '--data', join(dir, 'data'), '--http', `127.0.0.1:${http}`, '--dicom', `127.0.0.1:${dicom}`], 'radnode ready', {
      env: { ...process.env, RADNODE_ALLOW_LOOPBACK: 'true', RADNODE_QUIET: '1s', RADNODE_TOKENS: `ohif:service:${token}`, RADNODE_WEB_ORIGINS: ohif.origin },
    });
    const series = join(studies, 'series');
    const files = readdirSync(series).flatMap((d) => readdirSync(join(series, d)).filter((f) => f.endsWith('.dcm')).map((f) => join(series, d, f)));
    for (let i = 0; i < files.length; i += 100) await run(radnode, ['store', `RADNODE@127.0.0.1:${dicom}`, ...files.slice(i, i + 100)]);
    for (const file of ['chest', 'image'].flatMap((d) => readdirSync(join(studies, d)).filter((f) => /(^cr|^dx|^enhmr_knee).*\.dcm$/i.test(f)).map((f) => join(studies, d, f)))) {
      await run(radnode, ['store', `RADNODE@127.0.0.1:${dicom}`, file]).catch(() => undefined); // the folder holds objects that no node takes
    }
    b = await openBrowser();
  });
  after(async () => {
    await b?.close(); await node?.stop(); await ohif?.close();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });
  const picture = async (page, name) => { if (shots) await page.screenshot({ path: join(shots, `${name}.png`) }); };
  const ask = async (path) => {
    const response = await fetch(`${base}/dicom-web${path}`, { headers: { Authorization: `Bearer ${token}`, Accept: 'application/dicom+json' } });
    assert.equal(response.status, 200, path);
    return response.json();
  };

  /** Counts the requests to the node that failed. */
  const watch = (page) => {
    const failed = [], frames = new Set();
    page.on('response', (r) => {
      if (!r.url().includes('/dicom-web/')) return;
      if (r.status() >= 400) failed.push(`${r.status()} ${r.request().method()} ${r.url()}`);
      if (r.status() === 200 && /\/frames\//.test(r.url())) frames.add(r.url());
    });
    page.on('requestfailed', (r) => { if (r.url().includes('/dicom-web/') && !/aborted/i.test(r.failure()?.errorText ?? '')) failed.push(`${r.failure()?.errorText} ${r.url()}`); });
    return { failed, frames };
  };

  test('lists the studies', { timeout: 120_000 }, async () => {
    const page = await openPage(b);
    const seen = watch(page);
    await page.goto(`${ohif.origin}/`);
    const known = await ask('/studies?includefield=00081030&limit=101');
    const words = known.flatMap((s) => [s['00100020']?.Value?.[0], s['00100010']?.Value?.[0]?.Alphabetic?.split('^')[0]]).filter((w) => w?.length > 3);
    await page.waitForFunction((list) => list.some((w) => document.body.innerText.toLowerCase().includes(w.toLowerCase())), words, { timeout: 60_000 })
      .catch(async (e) => { await picture(page, 'list-failed'); throw e; });
    await picture(page, 'list');
    assert.deepEqual(seen.failed, []);
    await page.close();
  });

  for (const modality of ['CT', 'CR', 'MR']) {
    test(`opens and scrolls a study of ${modality}`, { timeout: 240_000 }, async (t) => {
      const found = await ask(`/studies?ModalitiesInStudy=${modality}`).catch(() => []);
      if (!found.length) { t.skip(`no study of ${modality}`); return; }
      found.sort((x, y) => y['00201208'].Value[0] - x['00201208'].Value[0]);
      const page = await openPage(b);
      const seen = watch(page);
      await page.goto(`${ohif.origin}/viewer?StudyInstanceUIDs=${found[0]['0020000D'].Value[0]}&token=${token}`);
      const canvas = page.locator('.cornerstone-canvas').first();
      await canvas.waitFor({ timeout: 60_000 }).catch(async (e) => {
        await picture(page, `failed-${modality}`);
        throw new Error(`${e.message}\n${[...seen.failed, ...page.troubles].join('\n')}`);
      });
      await page.waitForFunction(() => {
        const c = document.querySelector('.cornerstone-canvas');
        if (!c?.width) return false;
        const copy = new OffscreenCanvas(64, 64).getContext('2d');
        copy.drawImage(c, 0, 0, 64, 64);
        const shades = new Set(copy.getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 0));
        return shades.size > 8;
      }, undefined, { timeout: 120_000 });
      const before = await canvas.screenshot();
      await picture(page, `study-${modality}`);
      assert.ok(seen.frames.size > 0, 'no frame was fetched');
      if (modality === 'CT' && Number(found[0]['00201208'].Value[0]) > 2) {
        await page.getByText('Skip all').click({ timeout: 5_000 }).catch(() => undefined); // the guided tour of a first visit
        const box = await canvas.boundingBox();
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
        for (let i = 0; i < 2; i++) { await page.mouse.wheel(0, 120); await page.waitForTimeout(1000); }
        await picture(page, `scrolled-${modality}`);
        assert.notDeepEqual(await canvas.screenshot(), before, 'the picture does not change');
      }
      assert.deepEqual(seen.failed, []);
      await page.close();
    });
  }
});
