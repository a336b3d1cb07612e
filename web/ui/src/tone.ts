import type { ImageDescription, LUT, Window } from './types';

/** One VOI choice: a window with its function, or a table of the header. */
export interface VOI { center: number; width: number; fn: ImageDescription['voi_function']; lut?: LUT; name: string }

export type Samples = Uint8Array | Uint16Array | Int16Array | Int8Array | Uint32Array | Int32Array | Float32Array;

/** The stored values of a frame as a typed array (little endian, as every browser's machine is). */
export function samplesOf(d: ImageDescription, b: ArrayBuffer): Samples {
  const want = d.rows * d.columns * d.samples * (d.bits_allocated / 8);
  if (b.byteLength !== want) throw new Error(`the frame has ${b.byteLength} bytes, not ${want}`);
  switch (d.bits_allocated) {
    case 8: return d.signed ? new Int8Array(b) : new Uint8Array(b);
    case 16: return d.signed ? new Int16Array(b) : new Uint16Array(b);
    case 32: return d.float ? new Float32Array(b) : d.signed ? new Int32Array(b) : new Uint32Array(b);
    default: throw new Error(`frames of ${d.bits_allocated} bits cannot be shown`);
  }
}

function table(l: LUT, x: number): number {
  return l.values[Math.max(0, Math.min(l.values.length - 1, Math.round(x) - l.first))] as number;
}

/** Modality LUT: stored value to real value (PS3.3 C.11.1). */
export function modality(d: ImageDescription, stored: number): number {
  return d.modality_lut ? table(d.modality_lut, stored) : stored * d.slope + d.intercept;
}

/** VOI LUT: real value to 0..1 (PS3.3 C.11.2.1.2, C.11.2.1.3). */
export function display(v: VOI, x: number): number {
  if (v.lut) return table(v.lut, x) / (2 ** v.lut.bits - 1);
  const { center: c, width: w } = v;
  if (v.fn === 'SIGMOID') return 1 / (1 + Math.exp(-4 * (x - c) / w));
  const [lo, span] = v.fn === 'LINEAR' ? [c - 0.5 - (w - 1) / 2, w - 1] : [c - w / 2, w];
  if (x <= lo) return 0;
  if (x > lo + span) return 1;
  return span > 0 ? (x - lo) / span : 1;
}

export function isPadding(d: ImageDescription, stored: number): boolean {
  return d.padding !== undefined && stored >= d.padding[0] && stored <= d.padding[1];
}

/** The real values of the low and high share of the samples that are not padding, and the smallest and largest. */
export function spread(d: ImageDescription, s: Samples, low = 0.01, high = 0.99): { low: number; high: number; min: number; max: number } | null {
  const counts = new Map<number, number>(), step = s instanceof Float32Array ? 1 + Math.floor(s.length / 2 ** 20) : 1;
  let total = 0;
  if (s.BYTES_PER_ELEMENT <= 2) { // a histogram of the stored values
    const offset = d.signed ? 32768 : 0, bins = new Uint32Array(65536);
    for (let i = 0; i < s.length; i++) bins[(s[i] as number) + offset]++;
    bins.forEach((n, i) => { if (n && !isPadding(d, i - offset)) { const v = modality(d, i - offset); counts.set(v, (counts.get(v) ?? 0) + n); total += n; } });
  } else {
    for (let i = 0; i < s.length; i += step) {
      const stored = s[i] as number;
      if (isPadding(d, stored) || !Number.isFinite(stored)) continue;
      const v = modality(d, stored);
      counts.set(v, (counts.get(v) ?? 0) + 1);
      total++;
    }
  }
  if (total === 0) return null;
  const values = [...counts.keys()].sort((a, b) => a - b);
  const at = (k: number): number => {
    let seen = 0;
    for (const v of values) if ((seen += counts.get(v) as number) >= k) return v;
    return values.at(-1) as number;
  };
  return { low: at(Math.max(1, Math.ceil(low * total))), high: at(Math.max(1, Math.ceil(high * total))), min: values[0] as number, max: values.at(-1) as number };
}

/** The VOI choices of an image, in the order of keys 1..9, and which of them is shown first. */
export function choices(d: ImageDescription, windows: Window[], modalityCode: string, s?: Samples): { list: VOI[]; first: number } {
  const list: VOI[] = [];
  const add = (w: Window, name: string, fn = d.voi_function): void => { if (w.width > 0) list.push({ center: w.center, width: w.width, fn, name }); };
  if (d.palette && !d.palette.supplemental) return { list: [{ center: 0, width: 1, fn: 'LINEAR', name: 'palette' }], first: 0 };
  if (d.samples !== 1) return { list, first: 0 };
  if (modalityCode === 'CT') {
    for (const [name, width, center] of [['soft tissue', 400, 40], ['lung', 1500, -600], ['abdomen', 150, 90], ['bone', 2500, 480], ['brain', 80, 40]] as const) {
      add({ center, width }, name, 'LINEAR');
    }
  }
  const first = list.length; // what the header says, else the percentiles: as the server renders it
  for (const l of d.voi_luts ?? []) if (l.values.length > 0) list.push({ center: 0, width: 1, fn: 'LINEAR', lut: l, name: l.explanation || 'LUT' });
  windows.forEach((w, i) => add(w, w.explanation || `header ${i + 1}`));
  const range = s && spread(d, s);
  if (range) {
    const exact = (lo: number, hi: number, name: string): void => add({ center: (lo + hi) / 2, width: hi - lo }, name, 'LINEAR_EXACT');
    exact(range.low, range.high, '1–99 %');
    exact(range.min, range.max, 'full range');
    if (range.min === range.max) exact(range.min - 0.5, range.max + 0.5, 'full range');
  }
  return { list, first: Math.min(first, Math.max(0, list.length - 1)) };
}

/** Base64 to bytes. */
export function unpack(text: string): Uint8Array {
  const s = atob(text), out = new Uint8Array(s.length);
  for (let i = 0; i < s.length; i++) out[i] = s.charCodeAt(i);
  return out;
}

/** Colours of the evidence overlay: a perceptual map from dark violet to light yellow (no rainbow). */
const stops = [[13, 8, 66], [84, 15, 109], [158, 42, 99], [219, 80, 59], [249, 140, 10], [252, 201, 60], [252, 255, 164]];

export function heatColours(): Uint8Array {
  const out = new Uint8Array(256 * 4);
  for (let i = 0; i < 256; i++) {
    const t = i / 255 * (stops.length - 1), k = Math.min(stops.length - 2, Math.floor(t));
    const [p, q] = [stops[k] as number[], stops[k + 1] as number[]];
    for (let c = 0; c < 3; c++) out[i * 4 + c] = Math.round((p[c] as number) + ((q[c] as number) - (p[c] as number)) * (t - k));
    out[i * 4 + 3] = 255;
  }
  return out;
}

/** A grid made n times finer with a smooth (B-spline) filter, so that a 7 × 7 map does not look like tiles. */
export function smooth(values: Uint8Array, columns: number, rows: number, n: number): Uint8Array {
  const w = columns * n, h = rows * n, out = new Uint8Array(w * h);
  const weights = (t: number): number[] => [(1 - t) ** 3 / 6, (3 * t ** 3 - 6 * t ** 2 + 4) / 6, (-3 * t ** 3 + 3 * t ** 2 + 3 * t + 1) / 6, t ** 3 / 6];
  const at = (x: number, y: number): number => values[Math.max(0, Math.min(rows - 1, y)) * columns + Math.max(0, Math.min(columns - 1, x))] as number;
  for (let y = 0; y < h; y++) {
    const fy = (y + 0.5) / n - 0.5, iy = Math.floor(fy), wy = weights(fy - iy);
    for (let x = 0; x < w; x++) {
      const fx = (x + 0.5) / n - 0.5, ix = Math.floor(fx), wx = weights(fx - ix);
      let sum = 0;
      for (let j = 0; j < 4; j++) for (let i = 0; i < 4; i++) sum += at(ix + i - 1, iy + j - 1) * (wx[i] as number) * (wy[j] as number);
      out[y * w + x] = Math.round(sum);
    }
  }
  return out;
}
