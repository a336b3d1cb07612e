// Measures the memory of a page in a browser that nobody inspects: a debugger
// that listens to the network keeps up to 200 MB of what the page has fetched
// in the page's own process, as playwright's does.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { browser, flags } from './browser.mjs';

const sleep = (ms) => new Promise((r) => { setTimeout(r, ms); });

/** A browser of its own, spoken to over pipes (Chrome DevTools protocol), with the one page. */
async function bare() {
  const profile = mkdtempSync(join(tmpdir(), 'memory-'));
  const child = spawn(browser, [...flags, '--window-size=1440,900', `--user-data-dir=${profile}`, '--remote-debugging-pipe', 'about:blank'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const waiting = new Map();
  let said = '', last = 0, session;
  child.stdio[4].setEncoding('utf8').on('data', (d) => {
    const parts = (said + d).split('\0');
    said = parts.pop();
    for (const m of parts.map((p) => JSON.parse(p))) { waiting.get(m.id)?.(m); waiting.delete(m.id); }
  });
  const send = (method, params = {}) => new Promise((resolve, reject) => {
    waiting.set(++last, (m) => (m.error ? reject(new Error(`${method}: ${m.error.message}`)) : resolve(m.result)));
    child.stdio[3].write(`${JSON.stringify({ id: last, method, params, ...(session ? { sessionId: session } : {}) })}\0`);
  });
  const close = () => new Promise((done) => { child.on('exit', () => { rmSync(profile, { recursive: true, force: true, maxRetries: 5 }); done(); }); child.kill(); });
  const { targetInfos } = await send('Target.getTargets');
  session = (await send('Target.attachToTarget', { targetId: targetInfos.find((x) => x.type === 'page').targetId, flatten: true })).sessionId;
  return { pid: child.pid, send, close };
}

function descends(pid, from) {
  for (let p = Number(pid); p > 1; p = Number(readFileSync(`/proc/${p}/stat`, 'latin1').split(') ').at(-1).split(' ')[1])) if (p === from) return true;
  return false;
}

/** The largest page process below a process, its share of common pages counted (MB). */
function largest(from) {
  let most = 0;
  for (const pid of readdirSync('/proc').filter((d) => /^\d+$/.test(d))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('--type=renderer') || !descends(pid, from)) continue;
      most = Math.max(most, Number(/Pss:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1'))[1]) / 1024);
    } catch { /* it has ended */ }
  }
  return most;
}

/** memoryOf opens addresses one after the other, each until its expression is true, and says what the page holds then (MB). */
export async function memoryOf(steps) {
  const b = await bare();
  try {
    await b.send('Page.addScriptToEvaluateOnNewDocument', { source: 'performance.setResourceTimingBufferSize(5000)' });
    for (const [url, until] of steps) {
      await b.send('Page.navigate', { url });
      for (const end = Date.now() + 90_000; ; await sleep(200)) {
        const { result } = await b.send('Runtime.evaluate', { expression: `(async () => document.readyState === 'complete' && (${until}))()`, awaitPromise: true, returnByValue: true });
        if (result.value === true) break;
        if (Date.now() > end) throw new Error(`${new URL(url).pathname}: not reached: ${until}`);
      }
    }
    return largest(b.pid);
  } finally { await b.close(); }
}
