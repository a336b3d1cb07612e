// Builds the front end into dist: one script, one style sheet, one page; the
// names of script and style hold the digest of their content, so that
// browsers may keep them for good.
import { context, build } from 'esbuild';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';

const options = {
  entryPoints: ['src/main.tsx', 'src/style.css'],
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome110', 'firefox115', 'safari16.4'],
  jsx: 'automatic',
  jsxImportSource: 'preact',
  outdir: 'dist/assets',
  entryNames: '[name]-[hash]',
  metafile: true,
  legalComments: 'none',
  charset: 'utf8', // Chinese as itself: shorter than escapes
  logLevel: 'warning',
};

const budget = 60 * 1024;

const page = {
  name: 'page',
  setup(b) {
    b.onEnd(async (result) => {
      if (result.errors.length > 0) return;
      const made = Object.keys(result.metafile.outputs).map((f) => basename(f));
      for (const old of await readdir('dist/assets')) {
        if (!made.includes(old.replace(/\.br$/, ''))) await rm(`dist/assets/${old}`);
      }
      const name = (suffix) => made.find((f) => f.endsWith(suffix));
      const html = (await readFile('src/index.html', 'utf8'))
        .replace('{script}', `/assets/${name('.js')}`)
        .replace('{style}', `/assets/${name('.css')}`);
      await writeFile('dist/index.html', html);
      // Browsers take Brotli over TLS and from this machine, else gzip, which
      // the program makes when it starts.
      let total = 0, zipped = 0;
      for (const f of made) {
        const body = await readFile(`dist/assets/${f}`), packed = brotliCompressSync(body);
        await writeFile(`dist/assets/${f}.br`, packed);
        total += packed.length;
        zipped += gzipSync(body, { level: 9 }).length;
        console.log(`${f}: ${packed.length} bytes packed`);
      }
      console.log(`all: ${total} bytes packed of ${budget}, ${zipped} with gzip`);
      if (total > budget) throw new Error('script and style are over the budget of 60 kB');
    });
  },
};

await mkdir('dist/assets', { recursive: true });
if (process.argv.includes('--watch')) {
  await (await context({ ...options, plugins: [page] })).watch();
} else {
  await build({ ...options, plugins: [page] });
}
