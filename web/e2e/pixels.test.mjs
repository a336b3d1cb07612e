// Pixels on the screen against another implementation: the node's own
// rendering (package dicom/pixel, itself compared with DCMTK and pydicom) of
// real files of every bit depth, photometric interpretation and window kind.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, missing, openBrowser, openPage, root, run, signIn, start } from './browser.mjs';
import { kinds } from './phantom.mjs';

const radnode = process.env.RADNODE_BIN ?? join(root, 'bin', 'radnode');
const images = join(root, '..', 'shared', 'dicom', 'image');
const skip = missing || (!existsSync(radnode) && `${radnode} is not built: run make build`) || (!existsSync(images) && '../shared/dicom is not here');
const most = Number(process.env.IMAGES ?? 16);

/** In the page: how far the screen is from the node's own picture. */
async function offBy({ study: uid, series: of }) {
  const v = window.radnodeViewport, here = v.current, d = here.desc;
  if (v.status().quality === 'failed') return { failed: v.status().error };
  const answer = await fetch(`/dicom-web/studies/${uid}/series/${of}/instances/${here.uid}/frames/${here.frame}/rendered`, { headers: { Accept: 'image/png' } });
  if (!answer.ok) return { failed: `${answer.status} ${await answer.text()}` };
  const bitmap = await createImageBitmap(await answer.blob(), { colorSpaceConversion: 'none' });
  if (bitmap.width !== d.columns || bitmap.height !== d.rows) return { failed: `rendered at ${bitmap.width} × ${bitmap.height}` };
  const copy = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
  copy.drawImage(bitmap, 0, 0);
  const want = copy.getImageData(0, 0, bitmap.width, bitmap.height).data;
  const w = v.canvas.clientWidth, h = v.canvas.clientHeight, aspect = v.frame().aspect;
  if (Math.abs(aspect - 1) > 1e-6) return { failed: `pixels are ${aspect} high` };
  v.reset();
  v.set({ zoom: 1, panX: (((d.columns - w) / 2) % 1 + 1) % 1, panY: (((d.rows - h) / 2) % 1 + 1) % 1 });
  const shot = v.snapshot(), ratio = v.canvas.width / w;
  let worst = 0, sum = 0, count = 0;
  for (let y = 0; y < d.rows; y += 3) for (let x = 0; x < d.columns; x += 3) {
    const css = v.toCSS({ x: x + 0.5, y: y + 0.5 });
    if (css.x < 0 || css.y < 0 || css.x >= w || css.y >= h) continue;
    const o = (Math.floor(css.y * ratio) * shot.width + Math.floor(css.x * ratio)) * 4, i = (y * d.columns + x) * 4;
    for (let c = 0; c < 3; c++) { const e = Math.abs(shot.data[o + c] - want[i + c]); worst = Math.max(worst, e); sum += e; count++; }
  }
  return { worst, mean: sum / count, kind: `${d.photometric} ${d.bits_stored}/${d.bits_allocated}${d.signed ? ' signed' : ''} ${d.voi_function}${d.voi_luts ? ' VOI LUT' : ''}${d.modality_lut ? ' modality LUT' : ''}${d.inverse ? ' inverse' : ''}` };
}

/** Opens a study and compares its first image. */
async function compared(p, base, study, renderer) {
  await p.goto(`${base}/study/${study}?renderer=${renderer}`);
  await p.waitForFunction(() => ['full', 'failed'].includes(window.radnodeViewport?.status().quality), undefined, { timeout: 30_000 });
  return p.evaluate(offBy, { study, series: await p.evaluate(() => window.radnodeViewport.current && document.querySelector('.series [aria-pressed=true]')?.dataset.series) });
}

describe('pixels of real images', { skip }, () => {
  const password = 'a long enough password', token = 'a-token-for-pixels-only';
  const made = kinds();
  let b, node, dir, base;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'radnode-pixels-'));
    const [http, dicom] = [await freePort(), await freePort()];
    base = `http://127.0.0.1:${http}`;
    node = await start(radnode, ['serve', '--data', join(dir, 'data'), '--http', `127.0.0.1:${http}`, '--dicom', `127.0.0.1:${dicom}`], 'radnode ready', {
      env: { ...process.env, RADNODE_ADMIN_PASSWORD: password, RADNODE_ALLOW_LOOPBACK: 'true', RADNODE_QUIET: '60s', RADNODE_TOKENS: `pixels:service:${token}` },
    });
    // One small file of each photometric interpretation, depth and sign; colour and MONOCHROME1 first.
    const rows = readFileSync(join(images, '..', 'INDEX.csv'), 'utf8').split('\n').map((r) => r.split(',')), at = (name) => rows[0].indexOf(name);
    const kinds = new Map();
    for (const r of rows.slice(1)) {
      const [file, photometric] = [r[0], r[at('photometric')]], size = Number(r[at('rows')]) * Number(r[at('columns')]), kind = [photometric, r[at('bits_stored')], r[at('pixel_representation')]].join();
      if (!/malformed|tp_|charset|big_endian/.test(file) && photometric && size > 0 && size < (photometric === 'MONOCHROME1' ? 5e6 : 7e5) && Number(r[at('frames')] || 1) < 40 && !kinds.has(kind)) kinds.set(kind, file);
    }
    const files = [...kinds].sort(([x], [y]) => Number(x.startsWith('MONOCHROME2')) - Number(y.startsWith('MONOCHROME2'))).slice(0, most).map(([, f]) => join(images, '..', f));
    for (const f of files) await run(radnode, ['store', `RADNODE@127.0.0.1:${dicom}`, f]).catch(() => undefined); // the folder holds objects that no node takes
    for (const [name, k] of made) {
      const path = join(dir, 'made.dcm');
      writeFileSync(path, k.file);
      await run(radnode, ['store', `RADNODE@127.0.0.1:${dicom}`, path]).catch((e) => { throw new Error(`${name}: ${e.message}`); });
    }
    b = await openBrowser();
  });
  after(async () => { await b?.close(); await node?.stop(); if (dir) rmSync(dir, { recursive: true, force: true }); });

  test('the screen shows what the node renders, by look-up and by shader', async (t) => {
    const headers = { Authorization: `Bearer ${token}` };
    const list = (await (await fetch(`${base}/api/v1/studies?limit=200`, { headers })).json()).studies;
    const p = await openPage(b);
    await signIn(p, base, 'admin', password);
    const seen = new Map();
    let n = 0;
    for (const s of list) {
      if (n >= most) break;
      if ([...made.values()].some((k) => k.study === s.study_uid)) continue;
      const study = await (await fetch(`${base}/api/v1/studies/${s.study_uid}`, { headers })).json();
      const series = study.series.find((x) => x.instances.some((i) => i.frames > 0 && i.rows * i.columns < 5e6));
      if (!series) continue;
      for (const renderer of ['2d', 'gl']) {
        const off = await compared(p, base, s.study_uid, renderer);
        if (off.failed) { t.diagnostic(`${s.description || s.study_uid}: ${off.failed}`); continue; }
        assert.ok(off.worst <= 1, `${renderer} ${off.kind} ${s.study_uid}: grey differs by ${off.worst}, mean ${off.mean.toFixed(3)}`);
        seen.set(`${renderer} ${off.kind}`, off.worst);
      }
      n++;
    }
    t.diagnostic([...seen].map(([k, v]) => `${k}: ≤ ${v}`).join('; '));
    for (const k of ['MONOCHROME1', 'MONOCHROME2', 'RGB']) assert.ok([...seen.keys()].some((x) => x.includes(k)), `no image of ${k} was compared`);
    await p.close();
  });

  test('every depth, sign, photometric interpretation and window function is shown as the node renders it', async (t) => {
    const p = await openPage(b);
    await signIn(p, base, 'admin', password);
    const wrong = [];
    for (const [name, k] of made) for (const renderer of ['2d', 'gl']) {
      const off = await compared(p, base, k.study, renderer);
      if (off.failed || off.worst > 1) wrong.push(`${renderer} ${name}: ${off.failed ?? `differs by ${off.worst}, mean ${off.mean.toFixed(3)}`}`);
      else t.diagnostic(`${renderer} ${name} (${off.kind}): ≤ ${off.worst}`);
    }
    assert.deepEqual(wrong, []);
    await p.close();
  });
});
