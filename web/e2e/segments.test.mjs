// Segmentations of real files laid over the images they name, against pydicom;
// and the boxes of a detector.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, missing, openBrowser, openPage, picture, root, run, signIn, start } from './browser.mjs';

const radnode = process.env.RADNODE_BIN ?? join(root, 'bin', 'radnode');
const samples = join(root, '..', 'shared', 'dicom');
const pydicom = (() => { try { execFileSync('/usr/bin/python3', ['-c', 'import pydicom, numpy'], { stdio: 'ignore' }); return true; } catch { return false; } })();
const skip = missing || (!existsSync(radnode) && `${radnode} is not built: run make build`) || (!existsSync(samples) && 'no sample files (../shared/dicom)') || (!pydicom && 'no pydicom: install the package python3-pydicom');

/** The pixels of each image that some segment covers, as rows of runs: {instance: base64 of bytes 0 and 1}. */
const reference = `
import base64, json, sys, numpy, pydicom
d = pydicom.dcmread(sys.argv[1]); out = {}
frames = d.pixel_array
for i, f in enumerate(d.PerFrameFunctionalGroupsSequence):
    uid = f.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
    whole = numpy.zeros((512, 512), numpy.uint8); whole[:d.Rows, :d.Columns] = frames[i] > 0
    out[uid] = out.get(uid, 0) | whole
print(json.dumps({u: base64.b64encode(m.tobytes()).decode() for u, m in out.items()}))`;

describe('segmentations of real files', { skip }, () => {
  const password = 'a long enough password', files = ['seg_liver_1bit', 'seg_liver_1bit_rle', 'seg_liver_1bit_not_byte_aligned', 'seg_liver_deflated_frames', 'seg_liver_partial_overlaps'];
  let b, node, base, dir;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'radnode-segments-'));
    const [http, port] = [await freePort(), await freePort()];
    base = `http://127.0.0.1:${http}`;
    node = await start(radnode, ['serve', '--data', join(dir, 'data'), '--http', `127.0.0.1:${http}`, '--dicom', `127.0.0.1:${port}`], 'radnode ready', {
      env: { ...process.env, RADNODE_ADMIN_PASSWORD: password, RADNODE_ALLOW_LOOPBACK: 'true', RADNODE_QUIET: '1s' },
    });
    const series = join(samples, 'series', 'ct_liver');
    for (const f of [...readdirSync(series).map((n) => join(series, n)), ...files.map((n) => join(samples, 'nonimage', `${n}.dcm`))]) await run(radnode, ['store', `RADNODE@127.0.0.1:${port}`, f]).catch(() => undefined); // one object in two codings is kept once
    b = await openBrowser();
  });
  after(async () => { await b?.close(); await node?.stop(); if (dir) rmSync(dir, { recursive: true, force: true }); });

  for (const renderer of ['2d', 'gl']) {
    test(`each covers the pixels that pydicom reads, on the image it names (${renderer})`, async (t) => {
      const p = await openPage(b);
      await signIn(p, base, 'admin', password);
      await p.waitForSelector('tr.row[data-uid]');
      const uid = await p.getAttribute('tr.row', 'data-uid');
      await p.goto(`${base}/study/${uid}?renderer=${renderer}`);
      await p.waitForSelector('[data-quality=full]', { timeout: 60_000 });
      const kept = await p.evaluate(async (u) => (await (await fetch(`/api/v1/studies/${u}`)).json()).series.filter((s) => s.modality === 'SEG').map((s) => ({ series: s.series_uid, instances: s.instances.map((i) => i.sop_instance_uid) })), uid);
      let compared = 0;
      for (const file of files) {
        const path = join(samples, 'nonimage', `${file}.dcm`);
        const own = execFileSync('/usr/bin/python3', ['-c', 'import pydicom, sys; d = pydicom.dcmread(sys.argv[1], stop_before_pixels=True); print(d.SOPInstanceUID, d.SeriesInstanceUID)', path]).toString().trim().split(' ');
        const of = kept.find((s) => s.series === own[1] && s.instances[0] === own[0]);
        if (!of) { t.diagnostic(`${file}: another file of the same instance was kept`); continue; }
        const plain = /rle|deflated/.test(file) ? join(samples, 'nonimage', 'seg_liver_1bit.dcm') : path; // the same frames, which pydicom does not decode
        const masks = JSON.parse(execFileSync('/usr/bin/python3', ['-c', reference, plain], { maxBuffer: 64e6 }));
        await p.click(`.series button[data-series="${own[1]}"]`);
        await p.waitForSelector('.series .swatch');
        const worst = await p.evaluate(async (want) => {
          const v = window.radnodeViewport, wait = (ms) => new Promise((r) => { setTimeout(r, ms); });
          const shots = {};
          for (let i = 0; i < v.slots.length; i++) {
            v.go(i);
            for (let k = 0; k < 100 && v.status().quality !== 'full'; k++) await wait(50);
            v.reset();
            const w = v.canvas.clientWidth, h = v.canvas.clientHeight, d = v.current.desc;
            v.set({ zoom: 1, panX: (((d.columns - w) / 2) % 1 + 1) % 1, panY: (((d.rows - h) / 2) % 1 + 1) % 1 });
            await wait(700);
            const shot = v.snapshot(), mask = Uint8Array.from(atob(want[v.current.uid] ?? ''), (c) => c.charCodeAt(0)), ratio = v.canvas.width / w;
            let wrong = 0, inside = 0;
            for (let y = 0; y < d.rows; y++) for (let x = 0; x < d.columns; x++) {
              const css = v.toCSS({ x: x + 0.5, y: y + 0.5 }), o = (Math.floor(css.y * ratio) * shot.width + Math.floor(css.x * ratio)) * 4;
              if (css.x < 0 || css.y < 0 || css.x >= w || css.y >= h) continue;
              const coloured = Math.max(shot.data[o], shot.data[o + 1], shot.data[o + 2]) - Math.min(shot.data[o], shot.data[o + 1], shot.data[o + 2]) > 3;
              if (mask[y * 512 + x]) inside++;
              if (coloured !== (mask[y * 512 + x] === 1)) wrong++;
            }
            shots[v.current.uid] = { wrong, inside };
          }
          return shots;
        }, masks);
        for (const [image, { wrong, inside }] of Object.entries(worst)) assert.ok(wrong <= 2 + inside / 2000 && (inside > 500 || !(image in masks)), `${file} on ${image}: ${wrong} of ${inside} pixels differ`);
        compared++;
        await picture(p, `segments-${file}`);
        await p.click(`.series button[data-series="${own[1]}"]`); // off again
        await p.waitForSelector('.series .swatch', { state: 'detached' });
      }
      assert.ok(compared >= 2, `${compared} segmentations were compared`);
      assert.deepEqual(p.troubles, []);
      await p.close();
    });
  }

  test('the box of a detector lies where it says, follows the image and tells who said so', async () => {
    const p = await openPage(b);
    await signIn(p, base, 'admin', password);
    const uid = await p.getAttribute('tr.row', 'data-uid');
    const study = await p.evaluate(async (u) => (await fetch(`/api/v1/studies/${u}`)).json(), uid);
    const ct = study.series.find((s) => s.modality === 'CT'), image = ct.instances[1].sop_instance_uid, model = { id: 'nodules', version: '2.0.0', digest: 'sha256:0' };
    const found = { label: 'nodule', code: { value: '27925004', scheme: 'SCT', meaning: 'Nodule' }, probability: 0.8, threshold: 0.4, present: true, region: { graphic: 'POLYLINE', points: [100, 150, 180, 150, 180, 210, 100, 210, 100, 150] } };
    await p.route(`**/api/v1/studies/${uid}`, (r) => r.fulfill({ json: { ...study, state: 'to_review', reports: [{ id: 'r1', study_uid: uid, state: 'draft', version: 1, sop_instance_uid: '1.2', findings: [{ id: 'f1', result_id: 'x', sop_instance_uid: image, frame: 1, model, finding: found, decision: 'undecided', reason: '', decided_by: '', decided_at: null }], not_analysed: [], impression: '', findings_text: '', language: '', created_at: '2026-01-01T00:00:00Z', signed_at: null, signed_by: '', deliveries: [], addenda: [] }] } }));
    await p.goto(`${base}/study/${uid}`);
    await p.waitForSelector('.region.on path.over');
    assert.equal(await p.evaluate(() => window.radnodeViewport.current.uid), image, 'the image of the finding is shown first');
    for (const key of ['', 'r', 'h', '+']) {
      if (key) await p.keyboard.press(key);
      await p.waitForTimeout(150);
      const { drawn, want } = await p.evaluate(() => {
        const v = window.radnodeViewport, n = document.querySelector('.region path.over').getAttribute('d').match(/-?[\d.]+/g).map(Number);
        const at = [[100, 150], [180, 210]].map(([x, y]) => v.toCSS({ x, y })), xs = n.filter((_, i) => i % 2 === 0), ys = n.filter((_, i) => i % 2);
        return { drawn: [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)], want: [Math.min(at[0].x, at[1].x), Math.min(at[0].y, at[1].y), Math.max(at[0].x, at[1].x), Math.max(at[0].y, at[1].y)] };
      });
      drawn.forEach((d, i) => assert.ok(Math.abs(d - want[i]) < 1, `after ${key || 'opening'}: ${drawn} is not ${want}`));
    }
    assert.match(await p.textContent('.region text'), /nodule/i);
    assert.match(await p.textContent('.card'), /nodules 2\.0\.0/);
    await picture(p, 'boxes');
    await p.close();
  });
});
