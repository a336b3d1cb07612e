import assert from 'node:assert/strict';
import test from 'node:test';
import { loaderOf } from '../src/frames';
import type { ImageDescription, Manifest } from '../src/types';

function series(uid: string, slices: number, bytes: number): Manifest {
  const image: ImageDescription = {
    rows: 2, columns: 2, frames: 1, samples: 1, bits_allocated: 16, bits_stored: 16, signed: false, photometric: 'MONOCHROME2',
    slope: 1, intercept: 0, windows: null, voi_function: 'LINEAR', inverse: false,
  };
  const each = <T>(v: T): T[] => Array.from({ length: slices }, () => v);
  return {
    series_uid: uid, study_uid: '1', modality: 'CT', description: '', images: [image], other: [],
    instances: { uids: Array.from({ length: slices }, (_, i) => `${uid}.${i}`), numbers: each(1), image: each(0), windows: each([]), bytes: each(bytes) },
  };
}

test('the series that stand side by side share the memory of the page', () => {
  const one = loaderOf(series('1.2', 100, 10e6)), close = one.open(() => {});
  assert.equal(one.size, 30);
  const others = ['1.3', '1.4'].map((uid) => loaderOf(series(uid, 100, 10e6)));
  const closers = others.map((l) => l.open(() => {}));
  assert.deepEqual([one, ...others].map((l) => l.size), [10, 10, 10]);
  const cut = one.openWhole(() => {});
  assert.deepEqual([one.size, one.fits], [30, false], 'cuts need all of the slices');
  cut();
  closers.forEach((c) => c());
  assert.equal(one.size, 30);
  close();
});
