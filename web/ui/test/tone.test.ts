import assert from 'node:assert/strict';
import test from 'node:test';
import { colourTable } from '../src/glrenderer';
import { choices, display, modality, samplesOf, smooth, spread, type VOI } from '../src/tone';
import type { ImageDescription } from '../src/types';

const base: ImageDescription = {
  rows: 1, columns: 4, frames: 1, samples: 1, bits_allocated: 16, bits_stored: 12, signed: false, photometric: 'MONOCHROME2',
  slope: 1, intercept: 0, windows: [], voi_function: 'LINEAR', inverse: false,
};
const voi = (center: number, width: number, fn: VOI['fn']): VOI => ({ center, width, fn, name: '' });

test('the linear window follows PS3.3 C.11.2.1.2.1', () => {
  // The example of the standard: c = 2048, w = 4096 maps 0..4095 to 0..1.
  const v = voi(2048, 4096, 'LINEAR');
  assert.equal(display(v, 0), 0);
  assert.equal(display(v, 4095), 1);
  assert.ok(Math.abs(display(v, 2047.5) - 0.5) < 1e-12);
  // c = 2048, w = 1: a step between 2047 and 2048
  assert.equal(display(voi(2048, 1, 'LINEAR'), 2047), 0);
  assert.equal(display(voi(2048, 1, 'LINEAR'), 2048), 1);
});

test('the exact window maps its ends to 0 and 1', () => {
  const v = voi(100, 50, 'LINEAR_EXACT');
  assert.equal(display(v, 75), 0);
  assert.equal(display(v, 100), 0.5);
  assert.equal(display(v, 126), 1);
});

test('the sigmoid is half at its centre', () => {
  assert.equal(display(voi(10, 4, 'SIGMOID'), 10), 0.5);
  assert.ok(Math.abs(display(voi(10, 4, 'SIGMOID'), 12) - 1 / (1 + Math.exp(-2))) < 1e-12);
});

test('tables clamp at both ends', () => {
  const d = { ...base, modality_lut: { first: 10, bits: 16, values: [5, 6, 9] } };
  assert.deepEqual([0, 10, 11, 12, 99].map((x) => modality(d, x)), [5, 5, 6, 9, 9]);
});

test('stored values are read as the header says', () => {
  const b = new Uint8Array([0xff, 0xff, 1, 0, 2, 0, 3, 0]).buffer;
  assert.equal(samplesOf(base, b)[0], 65535);
  assert.equal(samplesOf({ ...base, signed: true }, b)[0], -1);
  assert.throws(() => samplesOf({ ...base, columns: 5 }, b));
});

test('padding is left out of the spread', () => {
  const s = new Uint16Array([0, 0, 0, 10, 20, 30, 40]);
  assert.deepEqual(spread({ ...base, columns: 7, padding: [0, 0] }, s), { low: 10, high: 40, min: 10, max: 40 });
  assert.equal(spread({ ...base, columns: 1, padding: [0, 0] }, new Uint16Array([0])), null);
});

test('the header window is shown first, the percentiles where there is none', () => {
  const s = new Uint16Array([1, 2, 3, 4]);
  const ct = choices({ ...base }, [{ center: 40, width: 400 }], 'CT', s);
  assert.equal(ct.list[ct.first]?.name, 'header 1');
  assert.equal(ct.list[0]?.name, 'soft tissue');
  const cr = choices(base, [], 'CR', s);
  assert.equal(cr.list[cr.first]?.name, '1–99 %');
  assert.equal(choices({ ...base, samples: 3 }, [], 'US', s).list.length, 0);
});

test('smoothing keeps a constant map constant', () => {
  assert.deepEqual([...new Set(smooth(new Uint8Array(9).fill(200), 3, 3, 4))], [200]);
});

test('a supplemental palette colours the values it is for and leaves the others grey', () => {
  const of = (...b: number[]): string => btoa(String.fromCharCode(...b));
  const d = { ...base, palette: { first: 100, red: of(255, 1), green: of(0, 2), blue: of(0, 3), supplemental: true } };
  const { colours } = colourTable(d, voi(50, 100, 'LINEAR_EXACT'));
  const at = (v: number): number[] => [...colours.subarray(v * 4, v * 4 + 3)];
  assert.deepEqual(at(50), [128, 128, 128]);
  assert.deepEqual(at(100), [255, 0, 0]);
  assert.deepEqual(at(4000), [1, 2, 3]);
  assert.deepEqual([...colourTable({ ...d, palette: { ...d.palette, supplemental: false } }, voi(50, 100, 'LINEAR_EXACT')).colours.subarray(200, 203)], [255, 0, 0]);
});
