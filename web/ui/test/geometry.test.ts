import assert from 'node:assert/strict';
import test from 'node:test';
import { apply, edgeLetters, fitZoom, imageToCSS, invert, straight, zoomAt, type View } from '../src/geometry';

const frame = { columns: 200, rows: 100, aspect: 1 };
const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test('an image fits the viewport and is centred', () => {
  near(fitZoom(frame, straight, 400, 400), 2);
  const m = imageToCSS(frame, straight, 400, 400);
  const a = apply(m, { x: 0, y: 0 }), b = apply(m, { x: 200, y: 100 });
  near(a.x, 0); near(a.y, 100); near(b.x, 400); near(b.y, 300);
});

test('tall pixels make a tall image', () => {
  const m = imageToCSS({ columns: 100, rows: 100, aspect: 2 }, straight, 400, 400);
  near(apply(m, { x: 100, y: 0 }).x - apply(m, { x: 0, y: 0 }).x, 200);
  near(apply(m, { x: 0, y: 100 }).y - apply(m, { x: 0, y: 0 }).y, 400);
});

test('the way back leads to the same image point for all eight rotations and flips', () => {
  for (let turns = 0; turns < 4; turns++) for (const flipH of [false, true]) {
    const v: View = { ...straight, turns, flipH, zoom: 1.7, panX: 13, panY: -7 };
    const m = imageToCSS(frame, v, 500, 300), p = apply(invert(m), apply(m, { x: 31, y: 77 }));
    near(p.x, 31); near(p.y, 77);
  }
});

test('a quarter turn clockwise brings the top left corner to the top right', () => {
  const a = apply(imageToCSS(frame, { ...straight, turns: 1 }, 400, 400), { x: 0, y: 0 });
  near(a.x, 300); near(a.y, 0);
});

test('zooming keeps the point under the pointer', () => {
  const at = { x: 120, y: 330 }, before = apply(invert(imageToCSS(frame, straight, 400, 400)), at);
  const v = zoomAt(frame, straight, 400, 400, at, 1.5), after = apply(invert(imageToCSS(frame, v, 400, 400)), at);
  near(before.x, after.x); near(before.y, after.y);
});

test('orientation letters follow rotation and flips', () => {
  const o: [string, string] = ['L', 'F']; // right edge left of the patient, bottom edge feet: a frontal film
  assert.deepEqual(edgeLetters(o, straight), ['L', 'F', 'R', 'H']);
  assert.deepEqual(edgeLetters(o, { ...straight, turns: 1 }), ['H', 'L', 'F', 'R']);
  assert.deepEqual(edgeLetters(o, { ...straight, flipH: true }), ['R', 'F', 'L', 'H']);
  assert.deepEqual(edgeLetters(o, { ...straight, flipV: true }), ['L', 'H', 'R', 'F']);
  assert.equal(edgeLetters(undefined, straight), null);
});
