// Measures the viewer beside OHIF on the same node and studies, in interleaved
// runs; writes medians. `node speed.mjs [prepare FOLDER | run FOLDER]`: the
// preparation (files, node, import) may run before the machine is quiet.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, openBrowser, root, run, signIn, start } from './browser.mjs';
import { memoryOf } from './memory.mjs';
import { dist, serveOHIF } from './ohif.mjs';
import { ctSlice, note, radiograph } from './phantom.mjs';

const [act, folder] = process.argv.slice(2);
const radnode = process.env.RADNODE_BIN ?? join(root, 'bin', 'radnode');
const rounds = Number(process.env.ROUNDS ?? 2), only = (process.env.ONLY ?? 'list,cr,ct140,ct500').split(',');
const token = 'a-token-for-speed-only', password = 'a long enough password';
const studies = { ct140: { uid: '2.25.140140140', n: 140, name: 'Speed, Ct140' }, ct500: { uid: '2.25.500500500', n: 500, name: 'Speed, Ct500' }, cr: { uid: '2.25.200200200', n: 1, name: 'Speed, Cr' } };
const sleep = (ms) => new Promise((r) => { setTimeout(r, ms); });

async function serve(dir) {
  const [http, dicom] = [await freePort(), await freePort()], base = `http://127.0.0.1:${http}`;
  const ohif = dist ? await serveOHIF(base, token) : null;
  const node = await start(radnode, ['serve', '--data', join(dir, 'data'), '--http', `127.0.0.1:${http}`, '--dicom', `127.0.0.1:${dicom}`], 'radnode ready', {
    env: { ...process.env, RADNODE_ALLOW_LOOPBACK: 'true', RADNODE_QUIET: '1s', RADNODE_ADMIN_PASSWORD: password, RADNODE_TOKENS: `ohif:service:${token}`, ...(ohif ? { RADNODE_WEB_ORIGINS: ohif.origin } : {}) },
  });
  return { base, dicom, node, ohif };
}

async function prepare(dir) {
  mkdirSync(join(dir, 'files'), { recursive: true });
  const files = [];
  const put = (name, body) => { const f = join(dir, 'files', name); writeFileSync(f, body); files.push(f); };
  for (const n of [140, 500]) for (let i = 0; i < n; i++) put(`ct${n}-${i}.dcm`, ctSlice(`${n}${n}${n}`, i, n));
  put('cr.dcm', radiograph('200200200'));
  const notes = Number(process.env.NOTES ?? 10_000);
  for (let i = 0; i < notes; i++) put(`n${i}.dcm`, note(i));
  const s = await serve(dir);
  for (let i = 0; i < files.length; i += 500) await run(radnode, ['store', `RADNODE@127.0.0.1:${s.dicom}`, ...files.slice(i, i + 500)]);
  for (let waiting = 1; waiting > 0;) { // until the node has looked at everything
    const rows = (await (await fetch(`${s.base}/api/v1/studies?limit=1&state=arriving`, { headers: { Authorization: `Bearer ${token}` } })).json()).total
      + (await (await fetch(`${s.base}/api/v1/studies?limit=1&state=analysing`, { headers: { Authorization: `Bearer ${token}` } })).json()).total;
    waiting = rows;
    if (waiting) await sleep(1000);
  }
  await s.ohif?.close(); await s.node.stop();
}

/** Frames a second that a viewer draws where each frame of the browser brings a turn of the wheel, or a step of a drag: faster than hands and screens are, and the same for both. */
async function freely(page, at, how) {
  await page.mouse.move(...at);
  if (how === 'drag') await page.mouse.down();
  return page.evaluate(([x, y, drags]) => new Promise((done) => {
    const target = document.elementFromPoint(x, y), began = performance.now(), all = { bubbles: true, cancelable: true, view: window };
    const step = (i, to = { ...all, clientX: x + 60 * Math.sin(i / 8), clientY: y + 60 * Math.cos(i / 8), pointerId: 1, isPrimary: true, buttons: 1 }) => {
      if (!drags) target.dispatchEvent(new WheelEvent('wheel', { ...all, clientX: x, clientY: y, deltaY: Math.floor(i / 60) % 2 ? -100 : 100 }));
      else { target.dispatchEvent(new PointerEvent('pointermove', to)); target.dispatchEvent(new MouseEvent('mousemove', to)); }
    };
    window.painted = 0;
    let i = 0;
    const frame = (now) => {
      if (now - began > 3000) { done(window.painted / ((now - began) / 1000)); return; }
      step(i++);
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }), [...at, how === 'drag']);
}

/** Counts what our viewer draws. */
const countOurs = (page) => page.evaluate(() => { const v = window.radnodeViewport, old = v.onPaint; window.painted = 0; v.onPaint = () => { window.painted++; old(); }; });
const countTheirs = (page) => page.evaluate(() => { window.painted = 0; for (const e of document.querySelectorAll('*')) e.addEventListener('CORNERSTONE_IMAGE_RENDERED', (ev) => { if (ev.target === e) window.painted++; }); });

/** Scrolling of a stack whose slices are all there, or dragging the window of a film, in a browser that does not wait for a screen. */
async function drawing(s, study, who) {
  const how = study.n > 1 ? 'scroll' : 'drag', b = await openBrowser(['--disable-frame-rate-limit', '--disable-gpu-vsync']);
  try {
    const page = await b.newPage({ viewport: { width: 1440, height: 900 } });
    if (who === 'radnode') {
      await signIn(page, s.base, 'admin', password);
      await page.goto(`${s.base}/study/${study.uid}`);
      await page.waitForFunction((n) => { const v = window.radnodeViewport?.status(); return v?.slots === n && v.loaded === n; }, study.n, { timeout: 60_000, polling: 100 });
      await countOurs(page);
      return await freely(page, await middle(page, '.pane'), how);
    }
    let frames = 0;
    page.on('requestfinished', (r) => { if (/\/frames\//.test(r.url())) frames++; });
    await page.goto(`${s.ohif.origin}/viewer?StudyInstanceUIDs=${study.uid}`);
    for (const end = Date.now() + 60_000; frames < study.n && Date.now() < end;) await sleep(50);
    await page.getByText('Skip all').click({ timeout: 1500 }).catch(() => undefined); // the guided tour of a first visit
    await sleep(1000);
    await countTheirs(page);
    return await freely(page, await middle(page, '.cornerstone-canvas'), how);
  } finally { await b.close(); }
}

/** Drives the page with real input for some seconds, as fast as a hand does. */
async function drive(page, seconds, step) {
  const end = Date.now() + seconds * 1000;
  for (let i = 0; Date.now() < end; i++) { const at = Date.now(); await step(i); await sleep(Math.max(0, 16 - (Date.now() - at))); }
}

const middle = async (page, selector) => { const b = await page.locator(selector).first().boundingBox(); return [b.x + b.width / 2, b.y + b.height / 2]; };

async function ours(b, s, study, out) {
  const page = await b.newPage({ viewport: { width: 1440, height: 900 } });
  await signIn(page, s.base, 'admin', password);
  await page.fill('.search', study.uid);
  await page.waitForFunction((u) => document.querySelectorAll('tr.row[data-uid]').length === 1 && document.querySelector(`tr.row[data-uid="${u}"]`), study.uid);
  await sleep(500);
  const first = page.evaluate((count) => new Promise((done) => {
    const t = {};
    document.addEventListener('click', () => {
      const start = performance.now();
      const look = () => {
        const st = window.radnodeViewport?.status(), now = performance.now() - start;
        if (st?.slots && (st.quality === 'preview' || st.quality === 'full') && !t.first) t.first = now;
        if (st?.quality === 'full' && !t.exact) t.exact = now;
        if (st?.slots === count && st.loaded === count) { t.all = now; done(t); } else requestAnimationFrame(look);
      };
      look();
    }, { once: true, capture: true });
  }), study.n);
  await page.click('tr.row a');
  const t = await first;
  Object.assign(out, { first: t.first, exact: t.exact, all: t.all });
  await page.close();
}

async function theirs(b, s, study, out) {
  const page = await b.newPage({ viewport: { width: 1440, height: 900 } });
  let frames = 0;
  page.on('requestfinished', (r) => { if (/\/frames\//.test(r.url())) frames++; });
  const id = study.n === 1 ? 'CR1' : `CT${study.n}`, shown = study.name;
  await page.goto(`${s.ohif.origin}/?mrn=${id}`);
  await page.waitForFunction((u) => document.body.innerText.includes(u), shown, { timeout: 60_000 }).catch(async (e) => { await page.screenshot({ path: join(folder, 'failed.png') }); throw e; });
  await sleep(500);
  const start = Date.now();
  await page.evaluate((u) => { window.history.pushState({}, '', `/viewer?StudyInstanceUIDs=${u}`); window.dispatchEvent(new PopStateEvent('popstate')); }, study.uid);
  await page.waitForFunction(() => {
    const c = document.querySelector('.cornerstone-canvas');
    if (!c?.width) return false;
    const copy = new OffscreenCanvas(64, 64).getContext('2d');
    copy.drawImage(c, 0, 0, 64, 64);
    return new Set(copy.getImageData(0, 0, 64, 64).data.filter((_, i) => i % 4 === 0)).size > 8;
  }, undefined, { timeout: 60_000 });
  out.first = out.exact = Date.now() - start;
  while (frames < study.n && Date.now() - start < 60_000) await sleep(20);
  out.all = Date.now() - start;
  await page.close();
}

async function lists(b, s, mine, other) {
  let page = await b.newPage({ viewport: { width: 1440, height: 900 } });
  await signIn(page, s.base, 'admin', password);
  await page.waitForSelector('tr.row[data-uid]');
  let start = Date.now();
  await page.goto(s.base);
  await page.waitForSelector('tr.row[data-uid]');
  mine.list = Date.now() - start;
  const [x, y] = await middle(page, '.rows');
  await page.mouse.move(x, y);
  await page.evaluate(() => { window.longest = 0; let last = performance.now(); const look = () => { const now = performance.now(); window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(look); }; look(); });
  await drive(page, 3, () => page.mouse.wheel(0, 800));
  mine.pause = await page.evaluate(() => window.longest);
  await page.close();
  if (!s.ohif) return;
  page = await b.newPage({ viewport: { width: 1440, height: 900 } });
  await page.goto(s.ohif.origin); await page.waitForFunction(() => /Note/i.test(document.body.innerText), undefined, { timeout: 60_000 });
  start = Date.now();
  await page.goto(s.ohif.origin);
  await page.waitForFunction(() => /Note/i.test(document.body.innerText), undefined, { timeout: 60_000 });
  other.list = Date.now() - start;
  await page.close();
}

/** The memory of either page with all slices of a study loaded. */
async function memory(s, study, mine, other) {
  const signed = `(await fetch('/api/v1/login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '${JSON.stringify({ name: 'admin', password })}' })).ok`;
  const loaded = `(() => { const v = window.radnodeViewport?.status(); return v?.slots === ${study.n} && v.loaded === v.slots; })()`;
  mine.memory = await memoryOf([[s.base, signed], [`${s.base}/study/${study.uid}`, loaded]]);
  if (s.ohif) other.memory = await memoryOf([[`${s.ohif.origin}/viewer?StudyInstanceUIDs=${study.uid}`, `performance.getEntriesByType('resource').filter((r) => r.name.includes('/frames/') && r.responseEnd).length >= ${study.n}`]]);
}

const median = (list) => { const s = list.filter((x) => x !== undefined).sort((a, c) => a - c); return s.length ? s[Math.floor((s.length - 1) / 2)] : NaN; };

async function measure(dir) {
  const s = await serve(dir), results = {};
  const note_ = (what, who, out) => { for (const [k, v] of Object.entries(out)) ((results[`${what} ${k}`] ??= { radnode: [], ohif: [] })[who]).push(v); };
  try {
    for (let i = 0; i < rounds; i++) for (const what of only) {
      const a = {}, c = {};
      for (const who of what === 'list' ? ['both'] : i % 2 ? ['ohif', 'radnode'] : ['radnode', 'ohif']) {
        const b = await openBrowser(); // a browser of its own: nothing is cached
        try {
          if (who === 'both') await lists(b, s, a, c); else if (who === 'radnode') await ours(b, s, studies[what], a); else if (s.ohif) await theirs(b, s, studies[what], c);
        } catch (e) { console.error(`${what} ${who}: ${e.message.split('\n')[0]}`); }
        await b.close();
        if (studies[what]) (who === 'radnode' ? a : c)[studies[what].n > 1 ? 'scroll' : 'drag'] = await drawing(s, studies[what], who).catch((e) => { console.error(`draw ${what} ${who}: ${e.message.split('\n')[0]}`); return undefined; });
      }
      if (studies[what]?.n > 400 && !process.env.NO_MEMORY) await memory(s, studies[what], a, c);
      note_(what, 'radnode', a); note_(what, 'ohif', c);
      console.error(what, JSON.stringify(a), JSON.stringify(c));
    }
  } finally { await s.ohif?.close(); await s.node.stop(); }
  console.log('| point | radnode | OHIF | ratio |\n|---|---|---|---|');
  for (const [k, r] of Object.entries(results)) { const [m, o] = [median(r.radnode), median(r.ohif)]; console.log(`| ${k} | ${m.toFixed(m < 100 ? 1 : 0)} | ${o.toFixed(o < 100 ? 1 : 0)} | ${(o / m).toFixed(2)} |`); }
}

if (!existsSync(radnode) || !folder) throw new Error('usage: node speed.mjs prepare|run FOLDER; run make build first');
await (act === 'prepare' ? prepare(folder) : measure(folder));
