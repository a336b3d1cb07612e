import type { Matrix } from './geometry';
import { isPadding, type Samples } from './tone';
import type { ImageDescription } from './types';

/** Stored values at the resolution of the screen; outside the rectangle there is no image. */
export interface Grid { left: number; top: number; right: number; bottom: number; width: number; values: Float32Array } // values: samples side by side

/** The image pixels that make up each place along one axis of the screen, with their weights. */
interface Taps { from: number; to: number; n: number; at: Int32Array; weight: Float32Array }

/** tapsOf maps places k of an axis to image coordinates scale·k + offset. Enlarged: linear between two pixels; shrunk: the mean of up to four. */
function tapsOf(scale: number, offset: number, count: number, size: number, nearest: boolean): Taps {
  const step = Math.abs(scale), n = nearest ? 1 : step > 1.5 ? Math.min(4, Math.ceil(step)) : 2;
  const at = new Int32Array(count * n), weight = new Float32Array(count * n);
  let from = count, to = 0;
  for (let k = 0; k < count; k++) {
    const u = scale * (k + 0.5) + offset;
    if (u < 0 || u >= size) continue;
    from = Math.min(from, k); to = k + 1;
    for (let i = 0; i < n; i++) {
      const low = Math.floor(u - 0.5), part = u - 0.5 - low;
      const p = n === 1 ? Math.floor(u) : step > 1.5 ? Math.floor(u + ((i + 0.5) / n - 0.5) * step) : low + i;
      at[k * n + i] = Math.max(0, Math.min(size - 1, p));
      weight[k * n + i] = n === 1 ? 1 : step > 1.5 ? 1 / n : i ? part : 1 - part;
    }
  }
  return { from, to, n, at, weight };
}

/** resample brings an image to the screen; m maps css pixels to image pixels and turns by right angles only; into: a buffer that is no longer needed. */
export function resample(d: ImageDescription, s: Samples, m: Matrix, width: number, height: number, into?: Float32Array): Grid {
  const turned = Math.abs(m.a) + Math.abs(m.d) < Math.abs(m.b) + Math.abs(m.c), nearest = d.palette !== undefined, c = d.samples;
  const across = turned ? tapsOf(m.b, m.f, width, d.rows, nearest) : tapsOf(m.a, m.e, width, d.columns, nearest);
  const down = turned ? tapsOf(m.c, m.e, height, d.columns, nearest) : tapsOf(m.d, m.f, height, d.rows, nearest);
  const [sx, sy] = turned ? [d.columns * c, c] : [c, d.columns * c]; // how far apart pixels lie in memory
  const values = into?.length === width * height * c ? into : new Float32Array(width * height * c), nx = across.n, ny = down.n;
  if (c === 1 && !d.padding) { plain(s, across, down, sx, sy, width, values); return { left: across.from, top: down.from, right: across.to, bottom: down.to, width, values }; }
  for (let y = down.from; y < down.to; y++) for (let x = across.from; x < across.to; x++) for (let ch = 0; ch < c; ch++) {
    let sum = 0, near = 0, most = -1, pad = false;
    for (let j = y * ny; j < y * ny + ny; j++) {
      const row = (down.at[j] as number) * sy + ch, wy = down.weight[j] as number;
      for (let i = x * nx; i < x * nx + nx; i++) {
        const v = s[row + (across.at[i] as number) * sx] as number, w = wy * (across.weight[i] as number);
        sum += v * w;
        if (d.padding) { if (w > most) { most = w; near = v; } pad ||= w > 0 && isPadding(d, v); }
      }
    }
    values[(y * width + x) * c + ch] = pad ? near : sum; // padding does not bleed into its neighbours
  }
  return { left: across.from, top: down.from, right: across.to, bottom: down.to, width, values };
}

/** plain brings one channel without padding to the screen: each line of the image along the screen's rows once, then lines into each other. */
function plain(s: Samples, across: Taps, down: Taps, sx: number, sy: number, width: number, values: Float32Array): void {
  const { from, to, n: nx, at, weight } = across, ny = down.n, offsets = at.map((p) => p * sx);
  const lines = Array.from({ length: ny }, () => new Float32Array(width)), kept = new Int32Array(ny).fill(-1);
  const lineOf = (p: number): Float32Array => {
    const k = p % ny, line = lines[k] as Float32Array, base = p * sy;
    if (kept[k] === p) return line;
    kept[k] = p;
    if (nx === 2) for (let x = from, i = 2 * from; x < to; x++, i += 2) line[x] = (s[base + (offsets[i] as number)] as number) * (weight[i] as number) + (s[base + (offsets[i + 1] as number)] as number) * (weight[i + 1] as number);
    else for (let x = from; x < to; x++) { let sum = 0; for (let i = x * nx; i < x * nx + nx; i++) sum += (s[base + (offsets[i] as number)] as number) * (weight[i] as number); line[x] = sum; }
    return line;
  };
  for (let y = down.from; y < down.to; y++) {
    const out = y * width, i = y * ny, a = lineOf(down.at[i] as number), wa = down.weight[i] as number;
    if (ny === 2) {
      const b = lineOf(down.at[i + 1] as number), wb = down.weight[i + 1] as number;
      for (let x = from; x < to; x++) values[out + x] = (a[x] as number) * wa + (b[x] as number) * wb;
      continue;
    }
    for (let x = from; x < to; x++) values[out + x] = (a[x] as number) * wa;
    for (let j = 1; j < ny; j++) {
      const b = lineOf(down.at[i + j] as number), wb = down.weight[i + j] as number;
      for (let x = from; x < to; x++) values[out + x] = (values[out + x] as number) + (b[x] as number) * wb;
    }
  }
}
