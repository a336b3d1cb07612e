import assert from 'node:assert/strict';
import test from 'node:test';
import { imageToCSS, invert, straight, type View } from '../src/geometry';
import { resample } from '../src/resample';
import type { ImageDescription } from '../src/types';

const columns = 37, rows = 23, image = Int16Array.from({ length: columns * rows }, (_, i) => ((i * 7919) % 4001) - 2000);
const desc = { rows, columns, samples: 1, bits_allocated: 16, signed: true } as ImageDescription;
const padded: ImageDescription = { ...desc, padding: [30000, 30000] }; // no pixel has this value, but each is asked

test('lines brought to the screen one by one are what pixels one by one are, whichever way the image lies', () => {
  for (const zoom of [0, 0.2, 0.4, 0.7, 1, 2.6]) for (const turns of [0, 1, 2, 3]) for (const flipH of [false, true]) {
    const v: View = { ...straight, zoom, turns, flipH, panX: 3.3, panY: -5.1 }, m = invert(imageToCSS({ columns, rows, aspect: 1.3 }, v, 61, 47));
    const a = resample(desc, image, m, 61, 47), b = resample(padded, image, m, 61, 47);
    assert.deepEqual([a.left, a.top, a.right, a.bottom], [b.left, b.top, b.right, b.bottom]);
    for (let i = 0; i < a.values.length; i++) assert.ok(Math.abs((a.values[i] as number) - (b.values[i] as number)) < 0.01, `zoom ${zoom}, ${turns} turns: ${a.values[i]} and ${b.values[i]}`);
  }
});
