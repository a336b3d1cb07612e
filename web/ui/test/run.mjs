// Bundles the tests (TypeScript) and runs them with Node's own test runner.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const out = mkdtempSync(join(tmpdir(), 'radnode-ui-'));
try {
  const tests = readdirSync('test').filter((f) => f.endsWith('.test.ts'));
  await build({ entryPoints: tests.map((f) => `test/${f}`), bundle: true, platform: 'node', format: 'esm', outdir: out, outExtension: { '.js': '.mjs' }, logLevel: 'warning' });
  const run = spawnSync(process.execPath, ['--test', ...tests.map((f) => join(out, f.replace('.ts', '.mjs')))], { stdio: 'inherit' });
  process.exitCode = run.status ?? 1;
} finally {
  rmSync(out, { recursive: true });
}
