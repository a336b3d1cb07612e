// Objects that are no pictures, in a browser, against the built programs: they
// come in over DICOM, stand in the worklist and are shown; text in a wrong
// character set is read with a warning on its study.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort, missing, openBrowser, openPage, picture, root, run, signIn, start } from './browser.mjs';

const radnode = process.env.RADNODE_BIN ?? join(root, 'bin', 'radnode');
const samples = join(root, '..', 'shared', 'dicom');
const skip = missing || (!existsSync(radnode) && `${radnode} is not built: run make build`) || (!existsSync(samples) && 'no sample files (../shared/dicom)');

/** What of each file must be read on the page. */
const objects = [
  ['nonimage/sr_comprehensive.dcm', /Comprehensive SR/, '.tree'],
  ['nonimage/sr_tid1500_roi.dcm', /Comprehensive 3D SR/, '.tree'],
  ['nonimage/ko_manifest.dcm', /Key Object/, '.tree'],
  ['nonimage/pdf_encapsulated_small.dcm', /Encapsulated PDF/, 'a[href$="/document"]'],
  ['nonimage/ecg_12lead.dcm', /ECG Waveform/, '.curve path'],
  ['nonimage/rtstruct_sts_008.dcm', /RT Structure Set/, 'table'],
  ['nonimage/rtplan_implicit_le.dcm', /RT Plan/, 'table'],
  ['nonimage/pr_combined_luts.dcm', /Presentation State/, 'table'],
  ['nonimage/mr_spectroscopy_single_voxel.dcm', /MR Spectroscopy/, 'table'],
];

/** A report under a private SOP class: the class in the data set and in the meta information. */
function privateClass(source, target) {
  const known = '1.2.840.10008.5.1.4.1.1.88.11', unknown = '1.3.6.1.4.1.99999.88.11'.padEnd(known.length, '0');
  const text = readFileSync(source).toString('latin1').replaceAll(known, unknown);
  assert.ok(text.includes(unknown));
  writeFileSync(target, Buffer.from(text, 'latin1'));
}

describe('objects that are no pictures', { skip }, () => {
  const password = 'a long enough password';
  let b, node, base, port, dir;
  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'radnode-objects-'));
    const http = await freePort();
    port = await freePort();
    base = `http://127.0.0.1:${http}`;
    node = await start(radnode, ['serve', '--data', join(dir, 'data'), '--http', `127.0.0.1:${http}`, '--dicom', `127.0.0.1:${port}`], 'radnode ready', {
      env: { ...process.env, RADNODE_ADMIN_PASSWORD: password, RADNODE_ALLOW_LOOPBACK: 'true', RADNODE_QUIET: '1s', RADNODE_TOKENS: 'test:admin:a-long-token' },
    });
    b = await openBrowser();
  });
  after(async () => {
    await b?.close(); await node?.stop();
    if (dir) rmSync(dir, { recursive: true, force: true });
  });

  const api = async (path) => {
    const res = await fetch(`${base}/api/v1/${path}`, { headers: { Authorization: 'Bearer a-long-token' } });
    assert.equal(res.status, 200, `${path}: ${await res.clone().text()}`);
    return res.json();
  };
  const send = (file) => run(radnode, ['store', `RADNODE@127.0.0.1:${port}`, file]);
  const studies = async () => (await api('studies?limit=200')).studies.map((s) => s.study_uid);
  const arrived = async (file) => {
    const known = new Set(await studies());
    await send(file);
    for (let i = 0; i < 100; i++) {
      const fresh = (await studies()).find((u) => !known.has(u));
      if (fresh) return fresh;
      await new Promise((r) => setTimeout(r, 100));
    }
    throw new Error(`${file} does not stand in the worklist`);
  };

  test('each is kept, stands in the worklist and is shown', async () => {
    const p = await openPage(b);
    await signIn(p, base, 'admin', password);
    privateClass(join(samples, 'nonimage/sr_basic_text.dcm'), join(dir, 'private.dcm'));
    for (const [file, says, holds] of [...objects, [join(dir, 'private.dcm'), /1\.3\.6\.1\.4\.1\.99999/, 'table']]) {
      const uid = await arrived(file.startsWith('/') ? file : join(samples, file));
      await p.goto(`${base}/study/${uid}`);
      await p.waitForSelector(`.objects ${holds}`, { timeout: 20_000 }).catch(async (e) => { throw new Error(`${file}: ${await p.textContent('.stagearea')}\n${e.message}`); });
      assert.match(await p.textContent('.objects h2'), says, file);
      assert.equal(await p.locator('.objects [role=alert]').count(), 0, await p.textContent('.objects'));
      if (/ecg|tid1500|pdf|rtstruct/.test(file)) await picture(p, `objects-${file.split('/').pop().split('.')[0]}`);
    }
    assert.deepEqual(p.troubles, []);
    await p.close();
  });

  test('a document is opened by its link', async () => {
    const all = await api('studies?limit=200');
    const pdf = all.studies.find((s) => (s.modalities ?? []).includes('DOC') || (s.modalities ?? []).includes('OT'));
    const study = await api(`studies/${pdf.study_uid}`);
    const res = await fetch(`${base}/api/v1/instances/${study.series[0].instances[0].sop_instance_uid}/document`, { headers: { Authorization: 'Bearer a-long-token' } });
    assert.equal(res.headers.get('content-type'), 'application/pdf');
    assert.equal(Buffer.from(await res.arrayBuffer()).subarray(0, 5).toString(), '%PDF-');
  });

  test('text in a character set that was not declared is read with a warning on the study', async () => {
    const source = readFileSync(join(samples, 'charset/chinese_utf8.dcm'));
    const at = source.indexOf('ISO_IR 192');
    assert.ok(at > 0);
    source.write('ISO_IR 6  ', at, 'latin1');
    const file = join(dir, 'undeclared.dcm');
    writeFileSync(file, source);
    const uid = await arrived(file), study = await api(`studies/${uid}`);
    assert.match(study.warnings.join('\n'), /text of the header may read wrong/);
    assert.match(study.patient_name, /王/, 'the name is read all the same');
    const p = await openPage(b);
    await signIn(p, base, 'admin', password);
    await p.goto(`${base}/study/${uid}`);
    await p.waitForFunction(() => /may read wrong/.test(document.querySelector('.side')?.textContent ?? ''), null, { timeout: 20_000 });
    await picture(p, 'objects-charset');
    await p.close();
  });
});
