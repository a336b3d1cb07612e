import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Slot } from '../src/frames';
import type { Measure } from '../src/measures';

Object.assign(globalThis, { localStorage: { getItem: () => null } });
Object.defineProperty(globalThis, 'navigator', { value: { language: 'en' }, configurable: true });
const { regionOf } = await import('../src/regions');

const slot = (desc: Partial<Slot['desc']>): Slot => ({ desc: { rows: 100, columns: 100, ...desc } }) as Slot;
const mark = (kind: Measure['kind'], ...p: number[]): Measure => ({ slot: 0, kind, points: p.flatMap((x, i) => (i % 2 ? [] : [{ x, y: p[i + 1] as number }])) });

test('what a mark measured goes into the report in its unit, by the shape of the pixels', () => {
  const wide = slot({ pixel_spacing: [0.5, 0.25] }), unknown = slot({}); // mm between rows, between columns
  for (const [m, s, value, unit] of [
    [mark('length', 0, 0, 40, 0), wide, 10, 'mm'], [mark('length', 0, 0, 0, 40), wide, 20, 'mm'], [mark('length', 0, 0, 30, 40), unknown, 50, '{pixels}'],
    [mark('rectangle', 0, 0, 40, 20), wide, 100, 'mm2'], [mark('rectangle', 0, 0, 40, 20), unknown, 800, '{pixels}'], [mark('ellipse', 0, 0, 40, 20), unknown, 628.32, '{pixels}'],
    [mark('angle', 40, 0, 0, 0, 40, 20), wide, 45, 'deg'], [mark('angle', 40, 0, 0, 0, 40, 40), unknown, 45, 'deg'], [mark('cobb', 0, 0, 10, 0, 0, 20, -10, 10), unknown, 45, 'deg'],
    [mark('angle', 40, 0, 0, 0, 40, 20), slot({ pixel_aspect: [2, 1] }), 45, 'deg'],
  ] as [Measure, Slot, number, string][]) {
    const { measurement: got } = regionOf(m, s);
    assert.deepEqual([got?.value, got?.unit], [value, unit], `${m.kind} ${JSON.stringify(m.points)}`);
  }
});
