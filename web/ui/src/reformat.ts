import type { Loader, Slot, Source } from './frames';
import { along, axisOf, dot, lettersOf, minus, normal, type Plane, type Vec } from './planes';
import { isPadding, modality, type Samples } from './tone';
import type { ImageDescription } from './types';

export type Cut = 'axial' | 'coronal' | 'sagittal';
export const cuts: Cut[] = ['axial', 'coronal', 'sagittal'];

/** The directions to the right and down of each cut, as patient axis and sign (radiological: the patient faces the reader). */
const shown: Record<Cut, [[number, number], [number, number]]> = { axial: [[0, 1], [1, 1]], coronal: [[0, 1], [2, -1]], sagittal: [[1, 1], [2, -1]] };

/** One axis of the stack: its direction, how many samples lie on it, and how far apart (mm). */
interface Axis { dir: Vec; size: number; step: number; patient: number }
interface Stack { axes: [Axis, Axis, Axis]; first: Plane; places: number[] } // along rows, along columns, through the slices; places: mm of each slice

/** stackOf reads the geometry of a series, or says why no cut can be made through it. */
export function stackOf(slots: Slot[]): Stack | 'notVolume' | 'tilted' {
  const s0 = slots[0], p0 = s0?.plane, d0 = s0?.desc;
  if (!p0 || !d0 || slots.length < 8 || d0.samples !== 1 || d0.palette && !d0.palette.supplemental) return 'notVolume';
  const n = normal(p0), places: number[] = [];
  for (const s of slots) {
    const p = s.plane, d = s.desc;
    if (!p || d.rows !== d0.rows || d.columns !== d0.columns || d.unviewable || d.modality_lut || p.space !== p0.space) return 'notVolume';
    if (Math.abs(p.spacing[0] - p0.spacing[0]) + Math.abs(p.spacing[1] - p0.spacing[1]) > 1e-3 || dot(p.row, p0.row) < 0.9999 || dot(p.column, p0.column) < 0.9999) return 'notVolume';
    const from = minus(p.at, p0.at), z = dot(n, from);
    if (places.length && z <= (places.at(-1) as number) + 1e-3) return 'notVolume';
    // A gantry tilt moves each slice sideways: the stack is no box.
    if (Math.hypot(dot(p.row, from), dot(p.column, from)) > Math.min(...p.spacing)) return 'tilted';
    places.push(z);
  }
  const axes: [Axis, Axis, Axis] = [
    { dir: p0.row, size: d0.columns, step: p0.spacing[1], patient: axisOf(p0.row) }, { dir: p0.column, size: d0.rows, step: p0.spacing[0], patient: axisOf(p0.column) },
    { dir: n, size: slots.length, step: (places.at(-1) as number) / (slots.length - 1), patient: axisOf(n) },
  ];
  return new Set(axes.map((a) => a.patient)).size === 3 ? { axes, first: p0, places } : 'notVolume';
}

const keptCuts = 48;

/** Cuts through a stack of slices at right angles: the nearest stored values, between slices the linear mean. */
export class Reformat implements Source {
  readonly key: string;
  readonly slots: Slot[] = [];
  readonly modality: string;
  private made = new Map<number, Samples>();
  private fixed: number; private right: [number, boolean]; private down: [number, boolean]; // axis, reversed
  private around: [number, number, number][]; // for each place through the slices: the slice before and after, the weight of the latter
  private real: boolean; // the slices differ in scale: cut through real values

  constructor(private from: Loader, private stack: Stack, cut: Cut) {
    this.key = `${from.key} ${cut}`; this.modality = from.modality;
    const find = ([patient, sign]: [number, number]): [number, boolean] => {
      const i = stack.axes.findIndex((a) => a.patient === patient);
      return [i, ((stack.axes[i] as Axis).dir[patient] as number) * sign < 0];
    };
    this.right = find(shown[cut][0]); this.down = find(shown[cut][1]);
    this.fixed = 3 - this.right[0] - this.down[0];
    this.around = stack.places.map((_, i) => this.slices(i));
    const d0 = (from.slots[0] as Slot).desc;
    this.real = from.slots.some((s) => s.desc.slope !== d0.slope || s.desc.intercept !== d0.intercept);
    const u = stack.axes[this.right[0]] as Axis, v = stack.axes[this.down[0]] as Axis, w = stack.axes[this.fixed] as Axis;
    const turned = (a: Axis, back: boolean): Vec => (back ? [-a.dir[0], -a.dir[1], -a.dir[2]] : a.dir);
    const row = turned(u, this.right[1]), column = turned(v, this.down[1]);
    const desc: ImageDescription = {
      ...d0, rows: v.size, columns: u.size, pixel_spacing: [v.step, u.step], orientation: [lettersOf(row), lettersOf(column)], image_type: ['DERIVED', 'SECONDARY', 'MPR'],
      ...(this.real ? { slope: 1, intercept: 0, float: true, bits_allocated: 32 } : {}),
    };
    if (this.real) delete desc.padding;
    let corner = stack.first.at;
    if (this.right[1]) corner = along(corner, u.dir, (u.size - 1) * u.step);
    if (this.down[1]) corner = along(corner, v.dir, (v.size - 1) * v.step);
    for (let i = 0; i < w.size; i++) {
      const plane = { at: along(corner, w.dir, i * w.step), row, column, spacing: [v.step, u.step] as [number, number], space: stack.first.space };
      this.slots.push({ uid: `${from.key} ${cut}`, number: i + 1, frame: 1, desc, windows: from.slots[0]?.windows ?? [], bytes: 2 * u.size * v.size, plane });
    }
  }

  get loaded(): number { return this.from.loaded; }
  get size(): number { return this.from.slots.length; }
  preview(): undefined { return undefined; }
  error(): string | undefined { for (let i = 0; i < this.from.slots.length; i++) { const e = this.from.error(i); if (e) return e; } return undefined; }
  retry(): void { this.from.slots.forEach((_, i) => { if (this.from.error(i)) this.from.retry(i); }); }
  want(): void { if (this.from.loaded < this.from.slots.length) this.from.want(Math.floor(this.from.slots.length / 2), 0); }
  open(changed: (i: number) => void): () => void { return this.from.openWhole(() => { if (this.from.loaded === this.from.slots.length) this.slots.forEach((_, i) => changed(i)); else changed(-1); }); }

  samples(i: number): Samples | undefined {
    const kept = this.made.get(i);
    if (kept) return kept;
    if (this.from.loaded < this.from.slots.length) return undefined;
    const cut = this.cut(i);
    this.made.set(i, cut);
    if (this.made.size > keptCuts) this.made.delete(this.made.keys().next().value as number);
    return cut;
  }

  private slices(i: number): [number, number, number] {
    const { places, axes } = this.stack, z = i * axes[2].step;
    let k = Math.min(places.length - 2, i);
    while (k > 0 && (places[k] as number) > z) k--;
    while (k < places.length - 2 && (places[k + 1] as number) <= z) k++;
    const t = (z - (places[k] as number)) / ((places[k + 1] as number) - (places[k] as number));
    return t < 0.01 ? [k, k, 0] : t > 0.99 ? [k + 1, k + 1, 0] : [k, k + 1, t];
  }

  private cut(at: number): Samples {
    const { axes } = this.stack, slices = this.from.slots, columns = axes[0].size, stride = [1, columns];
    const u = axes[this.right[0]] as Axis, v = axes[this.down[0]] as Axis;
    const first = this.from.samples(0) as Samples, desc = (slices[0] as Slot).desc;
    const out = this.real ? new Float32Array(u.size * v.size) : new (first.constructor as new (n: number) => Samples)(u.size * v.size);
    const whole = !(out instanceof Float32Array);
    const read = (k: number, offset: number): number => { const s = (this.from.samples(k) as Samples)[offset] as number; return this.real ? modality((slices[k] as Slot).desc, s) : s; };
    const value = (z: [number, number, number], offset: number): number => {
      const a = read(z[0], offset);
      if (z[2] === 0) return a;
      const b = read(z[1], offset);
      if (!this.real && (isPadding(desc, a) || isPadding(desc, b))) return z[2] < 0.5 ? a : b;
      const x = a + (b - a) * z[2];
      return whole ? Math.round(x) : x;
    };
    const through = this.around[at];
    const [ru, rv] = [this.right[1], this.down[1]];
    for (let y = 0, o = 0; y < v.size; y++) {
      const j = rv ? v.size - 1 - y : y, zy = this.down[0] === 2 ? this.around[j] : through;
      for (let x = 0; x < u.size; x++, o++) {
        const i = ru ? u.size - 1 - x : x;
        const z = (this.right[0] === 2 ? this.around[i] : zy) as [number, number, number];
        let offset = this.fixed === 2 ? 0 : at * (stride[this.fixed] as number);
        if (this.right[0] !== 2) offset += i * (stride[this.right[0]] as number);
        if (this.down[0] !== 2) offset += j * (stride[this.down[0]] as number);
        out[o] = value(z, offset);
      }
    }
    return out;
  }
}
