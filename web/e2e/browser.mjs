// Starts chromium and the servers that the browser tests talk to.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
export const browser = [process.env.CHROMIUM, '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((p) => p && existsSync(p));

/** Why the tests cannot run here, or false. */
export const missing = browser ? false : 'no chromium: install the package chromium or set CHROMIUM';

export const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export async function openBrowser(more = []) {
  return chromium.launch({ executablePath: browser, args: [...flags, ...more] });
}

/** A page that fails the test when the browser reports an error or a breach of the content security policy. */
export async function openPage(b, options = {}) {
  const { tour, ...rest } = options;
  const page = await b.newPage({ viewport: { width: 1440, height: 900 }, locale: 'en-GB', ...rest });
  if (!tour) await page.addInitScript(() => { try { localStorage.setItem('tour', 'seen'); } catch { /* a page without storage */ } });
  page.troubles = [];
  page.on('pageerror', (e) => page.troubles.push(`error: ${e.message}`));
  page.on('console', (m) => { if (m.type() === 'error' && !/status of (401|403|404|412|429)/.test(m.text())) page.troubles.push(m.text()); });
  return page;
}

export async function freePort() {
  return new Promise((resolve, reject) => {
    const s = createServer();
    s.on('error', reject);
    s.listen(0, '127.0.0.1', () => { const { port } = s.address(); s.close(() => resolve(port)); });
  });
}

/** Starts a program and waits until it has written the wanted line; stop ends it and waits for it. */
export async function start(command, args, wanted, options = {}) {
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let said = '';
  await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${command} did not start:\n${said}`)), 120_000);
    const hear = (d) => { said += d; if (said.includes(wanted)) { clearTimeout(timer); resolve(); } };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', (code) => reject(new Error(`${command} ended with ${code}:\n${said}`)));
    if (!wanted) { clearTimeout(timer); setTimeout(resolve, 500); } // says nothing when it starts
  });
  return { said: () => said, stop: () => new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) { resolve(); return; }
    child.on('exit', resolve);
    child.kill('SIGTERM');
    setTimeout(() => child.kill('SIGKILL'), 10_000).unref();
  }) };
}

/** Runs a program to its end and returns what it wrote. */
export async function run(command, args, options = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, ...options });
    let out = '';
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { out += d; });
    child.on('error', reject);
    child.on('exit', (code) => (code === 0 ? resolve(out) : reject(new Error(`${command} ${args.join(' ')}: exit ${code}\n${out}`))));
  });
}

export async function signIn(page, base, name, password) {
  await page.goto(base);
  await page.fill('input[name=name]', name);
  await page.fill('input[name=password]', password);
  await page.click('form button');
  await page.waitForSelector('.worklist');
}

/** Serious findings of axe-core on the page as it is. */
export async function accessibility(page) {
  const axe = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
  await page.evaluate(axe); // through the debugger: the policy of the page forbids scripts of others
  const result = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
  return result.violations.filter((v) => v.impact === 'serious' || v.impact === 'critical')
    .map((v) => `${v.id}: ${v.help} (${v.nodes.slice(0, 3).map((n) => n.target.join(' ')).join(', ')})`);
}

/** Pictures of the pages for the documentation, where SCREENSHOTS names a folder. */
export async function picture(page, name) {
  const folder = process.env.SCREENSHOTS;
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.jpg`), type: 'jpeg', quality: 55 });
}
