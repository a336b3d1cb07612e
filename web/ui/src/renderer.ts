import type { Matrix, Point } from './geometry';
import type { Samples, VOI } from './tone';
import type { ImageDescription } from './types';

/** An 8-bit grid of evidence laid over a rectangle of the image. */
export interface Overlay { values: Uint8Array; columns: number; rows: number; left: number; top: number; width: number; height: number }

/** A finished picture (preview or pipeline stage) laid over a rectangle of the image. */
export interface Layer { bitmap: ImageBitmap; left: number; top: number; width: number; height: number }

/** Everything one drawing shows. */
export interface Scene {
  inverse: Matrix; // css pixels to image pixels
  width: number; height: number; ratio: number; // css size, device pixels per css pixel
  image: { desc: ImageDescription; samples: Samples } | null;
  voi: VOI | null;
  invert: boolean;
  layer: Layer | null;
  layerMix: number; // 0 image, 1 layer
  overlay: Overlay | null;
  opacity: number; // of the overlay
  floor: number; // 0..1: evidence below stays transparent
  mask: Layer | null; // segments: coloured where they are, else transparent
  lens: { at: Point; radius: number; inverse: Matrix } | null; // css pixels: a round window with a map of its own
}

export interface Renderer {
  readonly kind: 'gl' | '2d';
  draw(s: Scene): void;
  dispose(): void;
}
