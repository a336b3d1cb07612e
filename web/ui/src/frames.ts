import { bytes, picture, seg } from './api';
import type { Plane, Vec } from './planes';
import { samplesOf, type Samples } from './tone';
import type { ImageDescription, Manifest, UID, Window } from './types';

/** One picture of a series: an instance and a frame of it. */
export interface Slot { uid: UID; number: number; frame: number; desc: ImageDescription; windows: Window[]; bytes: number; plane: Plane | null }

/** What a viewport shows: the frames of a series, or cuts through them. */
export interface Source {
  readonly key: string;
  readonly slots: Slot[];
  readonly modality: string;
  readonly loaded: number;
  readonly size: number; // how many will be loaded: fewer than there are slots where memory does not hold all
  samples(i: number): Samples | undefined;
  preview(i: number): ImageBitmap | undefined;
  error(i: number): string | undefined;
  want(i: number, previewSize: number): void;
  retry(i: number): void;
  /** open has changed called when slot i has something new; the answer ends that. */
  open(changed: (i: number) => void): () => void;
}

export function slotsOf(m: Manifest): Slot[] {
  const out: Slot[] = [];
  m.instances.uids.forEach((uid, i) => {
    const desc = m.images[m.instances.image[i] as number] as ImageDescription, at = m.instances.positions?.[i], o = desc.directions;
    const plane = at && o && desc.pixel_spacing && desc.frames === 1 ? { at, row: o.slice(0, 3) as Vec, column: o.slice(3) as Vec, spacing: desc.pixel_spacing, space: desc.frame_of_ref ?? m.series_uid } : null;
    for (let f = 1; f <= Math.max(1, desc.frames); f++) {
      const own = desc.per_frame?.[f - 1];
      const d = own ? { ...desc, slope: own.slope, intercept: own.intercept } : desc;
      out.push({ uid, number: m.instances.numbers[i] as number, frame: f, desc: d, windows: own?.windows?.length ? own.windows : m.instances.windows[i] ?? [], bytes: m.instances.bytes[i] as number, plane });
    }
  });
  return out;
}

const pageMemory = 300e6, parallel = 6, bigFrame = 2e6;
let bytesPerSecond = 12.5e6; // measured as frames come; 100 Mb/s until then

const loaders = new Map<string, Loader>();


/** loaderOf is the one loader of a series, however many viewports show it. */
export function loaderOf(m: Manifest): Loader {
  const key = `${m.series_uid} ${m.instances.uids.length}`;
  let l = loaders.get(key);
  if (!l) {
    l = new Loader(key, slotsOf(m), m.modality);
    for (const old of loaders.values()) if (old.key.startsWith(`${m.series_uid} `)) l.adopt(old);
    loaders.set(key, l);
    for (const other of loaders.values()) other.evict();
  }
  return l;
}

/** Loads the frames of one series: the wanted one first, then outward from it, six at a time. */
export class Loader implements Source {
  private kept = new Map<number, Samples>();
  private previews = new Map<number, ImageBitmap>();
  private running = new Map<number, AbortController>();
  private failed = new Map<number, string>();
  private watching = new Set<(i: number) => void>();
  private wanted = 0;
  private cuts = 0;
  private direction = 1;

  constructor(readonly key: string, readonly slots: Slot[], readonly modality: string) {}

  /** adopt takes over what has come when less of the series was known. */
  adopt(old: Loader): void {
    const at = new Map(this.slots.map((s, i) => [`${s.uid} ${s.frame}`, i]));
    for (const [i, samples] of old.kept) {
      const s = old.slots[i] as Slot, to = at.get(`${s.uid} ${s.frame}`);
      if (to !== undefined) this.kept.set(to, samples);
    }
  }

  samples(i: number): Samples | undefined { return this.kept.get(i); }
  preview(i: number): ImageBitmap | undefined { return this.previews.get(i); }
  error(i: number): string | undefined { return this.failed.get(i) ?? this.slots[i]?.desc.unviewable; }
  get loaded(): number { return this.kept.size; }
  get size(): number { return Math.min(this.slots.length, this.room); }
  /** fits tells whether the page holds all of the series. */
  get fits(): boolean { return this.slots.reduce((n, s) => n + s.bytes, 0) <= pageMemory; }
  /** The page has so much, however many series stand side by side; cuts need all slices of theirs. */
  private get memory(): number { return this.cuts > 0 ? pageMemory : pageMemory / Math.max(1, loaders.size); }
  private get room(): number { return Math.max(1, Math.floor(this.memory / Math.max(1, this.slots[this.wanted]?.bytes ?? 1))); }

  open(changed: (i: number) => void): () => void {
    this.watching.add(changed);
    return () => { this.watching.delete(changed); if (this.watching.size === 0) this.stop(); };
  }

  /** openWhole is open for who needs all slices at once. */
  openWhole(changed: (i: number) => void): () => void {
    this.cuts++;
    const close = this.open(changed);
    return () => { this.cuts--; close(); };
  }

  want(i: number, previewSize: number): void {
    if (i !== this.wanted) this.direction = i < this.wanted ? -1 : 1;
    this.wanted = i;
    const s = this.slots[i];
    if (!s) return;
    if (!this.kept.has(i) && !this.previews.has(i) && (s.bytes > bigFrame || s.bytes / bytesPerSecond > 0.5)) void this.loadPreview(i, previewSize);
    this.pump();
  }

  retry(i: number): void { this.failed.delete(i); this.changed(i); this.pump(); }

  private changed(i: number): void { for (const f of [...this.watching]) f(i); }

  /** stop is for the last viewport that leaves. */
  private stop(): void {
    for (const c of this.running.values()) c.abort();
    for (const b of this.previews.values()) b.close();
    this.previews.clear(); this.kept.clear();
    if (loaders.get(this.key) === this) loaders.delete(this.key);
  }

  /** next is the nearest slot that is not here, the scroll direction first. */
  private next(): number {
    const n = this.slots.length, reach = this.room >= n ? n : Math.max(1, Math.floor(this.room / 2));
    for (let d = 0; d < reach; d++) {
      for (const i of d ? [this.wanted + d * this.direction, this.wanted - d * this.direction] : [this.wanted]) {
        const s = this.slots[i];
        if (s && !s.desc.unviewable && !this.kept.has(i) && !this.running.has(i) && !this.failed.has(i)) return i;
      }
    }
    return -1;
  }

  private pump(): void {
    while (this.watching.size > 0 && this.running.size < parallel) {
      const i = this.next();
      if (i < 0) return;
      void this.load(i);
    }
  }

  private async load(i: number): Promise<void> {
    const s = this.slots[i] as Slot, control = new AbortController();
    this.running.set(i, control);
    try {
      const start = performance.now();
      const b = await bytes(`/instances/${seg(s.uid)}/frames/${s.frame}`, control.signal);
      const seconds = (performance.now() - start) / 1000;
      if (b.byteLength > 200_000 && seconds > 0) bytesPerSecond = bytesPerSecond * 0.7 + (b.byteLength / seconds) * 0.3;
      if (this.watching.size === 0) return;
      this.kept.set(i, samplesOf(s.desc, b));
      this.previews.get(i)?.close();
      this.previews.delete(i);
      this.evict();
    } catch (e) {
      if (!control.signal.aborted) this.failed.set(i, e instanceof Error ? e.message : String(e));
    } finally {
      this.running.delete(i);
      this.changed(i);
      this.pump();
    }
  }

  private async loadPreview(i: number, size: number): Promise<void> {
    const s = this.slots[i] as Slot;
    try {
      const b = await picture(`/instances/${seg(s.uid)}/preview?frame=${s.frame}&w=${Math.min(2048, Math.max(256, Math.ceil(size / 256) * 256))}`);
      if (this.watching.size === 0 || this.kept.has(i)) { b.close(); return; }
      this.previews.set(i, b);
      this.changed(i);
    } catch { /* the full frame is on its way and tells what is wrong */ }
  }

  /** evict drops what is farthest from the slot looked at, until memory holds the rest. */
  evict(): void {
    let total = 0;
    for (const s of this.kept.values()) total += s.byteLength;
    const most = this.memory;
    if (total <= most) return;
    const far = [...this.kept.keys()].sort((a, b) => Math.abs(b - this.wanted) - Math.abs(a - this.wanted));
    for (const k of far) {
      if (total <= most || k === this.wanted) break;
      total -= this.kept.get(k)?.byteLength ?? 0;
      this.kept.delete(k);
    }
  }
}
