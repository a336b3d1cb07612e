import type { Matrix } from './geometry';
import type { Layer, Overlay, Renderer, Scene } from './renderer';
import { heatColours, modality, unpack, type Samples, type VOI } from './tone';
import type { ImageDescription } from './types';

const vertex = `#version 300 es
const vec2 corners[3] = vec2[3](vec2(-1., -1.), vec2(3., -1.), vec2(-1., 3.));
void main() { gl_Position = vec4(corners[gl_VertexID], 0., 1.); }`;

// Grey values are fetched texel by texel and mixed by hand: integer textures
// cannot be filtered, and padding must not bleed into its neighbours.
const fragment = (sampler: string) => `#version 300 es
precision highp float; precision highp int;
precision highp usampler2D; precision highp isampler2D; precision highp sampler2D;
uniform mat3 uToImage; uniform vec2 uView; uniform float uRatio; uniform vec2 uSize;
uniform ${sampler} uImage; uniform sampler2D uTable; uniform sampler2D uLayer; uniform sampler2D uHeat; uniform sampler2D uColours;
uniform int uMode; // 0 nothing, 1 window, 2 table by stored value, 3 colour
uniform float uSlope, uIntercept, uCentre, uWidth, uTableFirst; uniform int uFn;
uniform vec2 uPadding; uniform bool uInvert;
uniform float uMix; uniform vec4 uLayerRect; uniform float uOpacity, uFloor; uniform vec4 uHeatRect;
uniform sampler2D uMask; uniform vec4 uMaskRect; uniform vec3 uLens; // centre, radius; 0: none
out vec4 colour;

float voi(float x) {
  if (uFn == 2) return 1. / (1. + exp(-4. * (x - uCentre) / uWidth));
  float low = uFn == 0 ? uCentre - .5 - (uWidth - 1.) / 2. : uCentre - uWidth / 2.;
  float span = uFn == 0 ? uWidth - 1. : uWidth;
  return span > 0. ? clamp((x - low) / span, 0., 1.) : (x > low ? 1. : 0.);
}
vec4 stored(ivec2 p) { return vec4(texelFetch(uImage, clamp(p, ivec2(0), ivec2(uSize) - 1), 0)); }
vec3 texel(ivec2 p) {
  vec4 s = stored(p);
  if (uMode == 3) return s.rgb / 255.;
  if (s.r >= uPadding.x && s.r <= uPadding.y) return vec3(0.);
  vec3 v;
  if (uMode == 2) {
    int i = int(clamp(s.r - uTableFirst, 0., 65535.));
    v = texelFetch(uTable, ivec2(i & 255, i >> 8), 0).rgb;
  } else {
    v = vec3(voi(s.r * uSlope + uIntercept));
  }
  return uInvert ? 1. - v : v;
}
vec3 sampleImage(vec2 p) {
  vec2 q = p - .5; ivec2 i = ivec2(floor(q)); vec2 f = q - vec2(i);
  float texelsPerPixel = length(vec2(uToImage[0][0], uToImage[0][1])) / uRatio;
  if (texelsPerPixel > 1.5) { // shrunk: average over the footprint, so that fine structures do not flicker
    int n = int(min(ceil(texelsPerPixel), 4.)); vec3 sum = vec3(0.);
    for (int y = 0; y < n; y++) for (int x = 0; x < n; x++)
      sum += texel(ivec2(floor(p + (vec2(float(x), float(y)) + .5 - float(n) / 2.) / float(n) * texelsPerPixel)));
    return sum / float(n * n);
  }
  return mix(mix(texel(i), texel(i + ivec2(1, 0)), f.x), mix(texel(i + ivec2(0, 1)), texel(i + ivec2(1, 1)), f.x), f.y);
}
void main() {
  vec2 css = vec2(gl_FragCoord.x, uView.y * uRatio - gl_FragCoord.y) / uRatio;
  float glass = distance(css, uLens.xy);
  if (uLens.z > 0. && glass > uLens.z) discard;
  vec2 p = (uToImage * vec3(css, 1.)).xy;
  bool inside = p.x >= 0. && p.y >= 0. && p.x < uSize.x && p.y < uSize.y;
  vec3 c = uMode > 0 && inside ? sampleImage(p) : vec3(0.);
  vec2 l = (p - uLayerRect.xy) / uLayerRect.zw;
  if (uMix > 0. && l.x >= 0. && l.y >= 0. && l.x <= 1. && l.y <= 1.) c = mix(c, texture(uLayer, l).rgb, uMix);
  else if (uMix > 0. && inside) c = mix(c, vec3(0.), uMix);
  vec2 h = (p - uHeatRect.xy) / uHeatRect.zw;
  if (uOpacity > 0. && inside && h.x >= 0. && h.y >= 0. && h.x <= 1. && h.y <= 1.) {
    float e = texture(uHeat, h).r;
    c = mix(c, texture(uColours, vec2(e, .5)).rgb, uOpacity * smoothstep(uFloor, min(uFloor + .35, 1.), e));
  }
  vec2 k = (p - uMaskRect.xy) / uMaskRect.zw;
  if (uMaskRect.z > 0. && k.x >= 0. && k.y >= 0. && k.x < 1. && k.y < 1.) { vec4 m = texture(uMask, k); c = mix(c, m.rgb, m.a); }
  colour = vec4(uLens.z > 0. && glass > uLens.z - 1.5 ? vec3(.6) : c, 1.);
}`;

const kinds = { unsigned: 'usampler2D', signed: 'isampler2D', float: 'sampler2D' } as const;
type Kind = keyof typeof kinds;

interface Upload { kind: Kind; internal: number; format: number; type: number; data: ArrayBufferView }

/** How a frame goes into a texture: integers stay integers. */
function uploadOf(gl: WebGL2RenderingContext, d: ImageDescription, s: Samples): Upload {
  if (d.samples === 3) {
    const n = d.rows * d.columns, out = new Uint8Array(n * 4), shift = d.bits_allocated > 8 ? Math.max(0, d.bits_stored - 8) : 0;
    for (let i = 0, o = 0; i < n; i++, o += 4) for (let k = 0; k < 3; k++) out[o + k] = (s[i * 3 + k] as number) >> shift;
    return { kind: 'unsigned', internal: gl.RGBA8UI, format: gl.RGBA_INTEGER, type: gl.UNSIGNED_BYTE, data: out };
  }
  if (s instanceof Uint8Array) return { kind: 'unsigned', internal: gl.R8UI, format: gl.RED_INTEGER, type: gl.UNSIGNED_BYTE, data: s };
  if (s instanceof Int8Array) return { kind: 'signed', internal: gl.R8I, format: gl.RED_INTEGER, type: gl.BYTE, data: s };
  if (s instanceof Uint16Array) return { kind: 'unsigned', internal: gl.R16UI, format: gl.RED_INTEGER, type: gl.UNSIGNED_SHORT, data: s };
  if (s instanceof Int16Array) return { kind: 'signed', internal: gl.R16I, format: gl.RED_INTEGER, type: gl.SHORT, data: s };
  return { kind: 'float', internal: gl.R32F, format: gl.RED, type: gl.FLOAT, data: s instanceof Float32Array ? s : Float32Array.from(s) };
}

/** A table of 65536 colours by stored value, for palettes and lookup tables. */
export function colourTable(d: ImageDescription, voi: VOI): { first: number; colours: Uint8Array } {
  const colours = new Uint8Array(65536 * 4), first = d.signed ? -32768 : 0;
  const palette = d.palette ? { r: unpack(d.palette.red), g: unpack(d.palette.green), b: unpack(d.palette.blue), first: d.palette.first } : null, coloured = !d.palette?.supplemental;
  for (let i = 0; i < 65536; i++) {
    if (palette && (coloured || i + first >= palette.first)) {
      const k = Math.max(0, Math.min(palette.r.length - 1, i + first - palette.first));
      colours.set([palette.r[k] as number, palette.g[k] as number, palette.b[k] as number, 255], i * 4);
    } else {
      const g = Math.round(displayOf(d, voi, i + first) * 255);
      colours.set([g, g, g, 255], i * 4);
    }
  }
  return { first, colours };
}

function displayOf(d: ImageDescription, voi: VOI, stored: number): number {
  const x = modality(d, stored);
  if (voi.lut) return (voi.lut.values[Math.max(0, Math.min(voi.lut.values.length - 1, Math.round(x) - voi.lut.first))] as number) / (2 ** voi.lut.bits - 1);
  const span = voi.fn === 'LINEAR' ? voi.width - 1 : voi.width, low = voi.fn === 'LINEAR' ? voi.center - 0.5 - span / 2 : voi.center - span / 2;
  return voi.fn === 'SIGMOID' ? 1 / (1 + Math.exp(-4 * (x - voi.center) / voi.width)) : Math.max(0, Math.min(1, (x - low) / Math.max(span, 1e-6)));
}

let emulated = false; // the graphics processor is only a program

/** warm looks at the graphics processor and compiles for it before the first image needs it. */
export function warm(): void {
  const canvas = document.createElement('canvas');
  if (GLRenderer.on(canvas, false)) canvas.getContext('webgl2')?.getExtension('WEBGL_lose_context')?.loseContext();
}

const keptTextures = 96, keptTexels = 120e6;

interface Kept { texture: WebGLTexture; kind: Kind; texels: number }

/** Draws with WebGL2: the stored values lie in a texture, window and colour are done for each pixel on the screen. */
export class GLRenderer implements Renderer {
  readonly kind = 'gl';
  private programs = new Map<Kind, { program: WebGLProgram; at: Map<string, WebGLUniformLocation | null> }>();
  private images = new Map<Samples, Kept>();
  private small = new Map<string, { of: unknown; texture: WebGLTexture }>();

  constructor(private canvas: HTMLCanvasElement, private gl: WebGL2RenderingContext) {}

  static on(canvas: HTMLCanvasElement, force: boolean): GLRenderer | null {
    if (!force && emulated) return null;
    const gl = canvas.getContext('webgl2', { antialias: false, depth: false, stencil: false, alpha: false, preserveDrawingBuffer: false, powerPreference: 'high-performance' });
    if (!gl || gl.isContextLost()) return null;
    // A graphics processor that is only a program is slower than looking each pixel up.
    emulated = /swiftshader|llvmpipe|softpipe|basic render/i.test(String(gl.getParameter((gl.getExtension('WEBGL_debug_renderer_info')?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER))));
    if (!force && emulated) return null;
    const r = new GLRenderer(canvas, gl);
    try { for (const k of Object.keys(kinds) as Kind[]) r.program(k); } catch { return null; }
    return r;
  }

  private program(kind: Kind): { program: WebGLProgram; at: Map<string, WebGLUniformLocation | null> } {
    const known = this.programs.get(kind);
    if (known) return known;
    const gl = this.gl, program = gl.createProgram();
    for (const [type, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment(kinds[kind])]] as const) {
      const shader = gl.createShader(type);
      if (!shader) throw new Error('no shader');
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(program) ?? 'link');
    const made = { program, at: new Map<string, WebGLUniformLocation | null>() };
    this.programs.set(kind, made);
    return made;
  }

  private texture(filter: number): WebGLTexture {
    const gl = this.gl, t = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, t);
    for (const p of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, p, gl.CLAMP_TO_EDGE);
    for (const p of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, p, filter);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    return t;
  }

  private image(d: ImageDescription, s: Samples): Kept {
    const kept = this.images.get(s);
    if (kept) { this.images.delete(s); this.images.set(s, kept); return kept; } // newest last
    const gl = this.gl, u = uploadOf(gl, d, s), texture = this.texture(gl.NEAREST);
    gl.texImage2D(gl.TEXTURE_2D, 0, u.internal, d.columns, d.rows, 0, u.format, u.type, u.data);
    const made = { texture, kind: u.kind, texels: d.rows * d.columns };
    this.images.set(s, made);
    let texels = 0;
    for (const k of this.images.values()) texels += k.texels;
    for (const [key, k] of this.images) {
      if (k === made || (this.images.size <= keptTextures && texels <= keptTexels)) break;
      gl.deleteTexture(k.texture);
      this.images.delete(key);
      texels -= k.texels;
    }
    return made;
  }

  /** One small texture per use, made anew when what it shows changes. */
  private one(name: string, of: unknown, filter: number, fill: () => void): WebGLTexture {
    const gl = this.gl, old = this.small.get(name);
    if (old && old.of === of) { gl.bindTexture(gl.TEXTURE_2D, old.texture); return old.texture; }
    if (old) gl.deleteTexture(old.texture);
    const texture = this.texture(filter);
    fill();
    this.small.set(name, { of, texture });
    return texture;
  }

  draw(s: Scene): void {
    const gl = this.gl;
    const w = Math.round(s.width * s.ratio), h = Math.round(s.height * s.ratio);
    if (this.canvas.width !== w || this.canvas.height !== h) { this.canvas.width = w; this.canvas.height = h; }
    gl.viewport(0, 0, w, h);
    gl.activeTexture(gl.TEXTURE0);
    const kept = s.image ? this.image(s.image.desc, s.image.samples) : null;
    const p = this.program(kept?.kind ?? 'unsigned');
    gl.useProgram(p.program);
    const at = (n: string): WebGLUniformLocation | null => {
      let l = p.at.get(n);
      if (l === undefined) { l = gl.getUniformLocation(p.program, n); p.at.set(n, l); }
      return l;
    };
    gl.bindTexture(gl.TEXTURE_2D, kept?.texture ?? null);
    gl.uniform2f(at('uView'), s.width, h / s.ratio);
    gl.uniform1f(at('uRatio'), s.ratio);
    ['uImage', 'uTable', 'uLayer', 'uHeat', 'uColours', 'uMask'].forEach((n, i) => gl.uniform1i(at(n), i));
    this.tone(s, at);
    this.layer(s.layer, s.layerMix, s, at);
    this.heat(s.overlay, s, at);
    this.mask(s.mask, at);
    this.pass(s.inverse, null, at);
    if (s.lens) this.pass(s.lens.inverse, s.lens, at);
  }

  private pass(m: Matrix, lens: Scene['lens'], at: (n: string) => WebGLUniformLocation | null): void {
    const gl = this.gl;
    gl.uniformMatrix3fv(at('uToImage'), false, [m.a, m.b, 0, m.c, m.d, 0, m.e, m.f, 1]);
    gl.uniform3f(at('uLens'), lens?.at.x ?? 0, lens?.at.y ?? 0, lens?.radius ?? 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }

  private mask(l: Layer | null, at: (n: string) => WebGLUniformLocation | null): void {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE5);
    if (l) this.one('mask', l.bitmap, gl.NEAREST, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, l.bitmap));
    else gl.bindTexture(gl.TEXTURE_2D, null);
    gl.uniform4f(at('uMaskRect'), l?.left ?? 0, l?.top ?? 0, l?.width ?? 0, l?.height ?? 0);
  }

  private tone(s: Scene, at: (n: string) => WebGLUniformLocation | null): void {
    const gl = this.gl, d = s.image?.desc, v = s.voi;
    const [w, h] = d ? [d.columns, d.rows] : s.layer ? [s.layer.left + s.layer.width, s.layer.top + s.layer.height] : [1, 1];
    gl.uniform2f(at('uSize'), w, h);
    gl.uniform1i(at('uInvert'), s.invert !== (d?.inverse ?? false) && d?.samples !== 3 && !d?.palette ? 1 : s.invert && (d?.samples === 3 || d?.palette) ? 1 : 0);
    const padding = d?.padding ?? [1, 0];
    gl.uniform2f(at('uPadding'), padding[0], padding[1]);
    let mode = 0;
    if (d && d.samples === 3) mode = 3;
    else if (d && v) {
      mode = d.palette || d.modality_lut || v.lut ? 2 : 1;
      gl.uniform1f(at('uSlope'), d.slope);
      gl.uniform1f(at('uIntercept'), d.intercept);
      gl.uniform1f(at('uCentre'), v.center);
      gl.uniform1f(at('uWidth'), v.width);
      gl.uniform1i(at('uFn'), { LINEAR: 0, LINEAR_EXACT: 1, SIGMOID: 2 }[v.fn]);
      if (mode === 2) {
        gl.activeTexture(gl.TEXTURE1);
        this.one('table', v, gl.NEAREST, () => {
          gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 256, 0, gl.RGBA, gl.UNSIGNED_BYTE, colourTable(d, v).colours);
        });
        gl.uniform1f(at('uTableFirst'), d.signed ? -32768 : 0);
      }
    }
    gl.uniform1i(at('uMode'), mode);
  }

  private layer(l: Layer | null, mix: number, s: Scene, at: (n: string) => WebGLUniformLocation | null): void {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE2);
    if (l) {
      this.one('layer', l.bitmap, gl.LINEAR, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, gl.RGBA, gl.UNSIGNED_BYTE, l.bitmap));
      gl.uniform4f(at('uLayerRect'), l.left, l.top, l.width, l.height);
    } else {
      gl.bindTexture(gl.TEXTURE_2D, null);
    }
    gl.uniform1f(at('uMix'), l ? (s.image ? mix : 1) : 0);
  }

  private heat(o: Overlay | null, s: Scene, at: (n: string) => WebGLUniformLocation | null): void {
    const gl = this.gl;
    gl.activeTexture(gl.TEXTURE3);
    if (o) {
      this.one('heat', o.values, gl.LINEAR, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, o.columns, o.rows, 0, gl.RED, gl.UNSIGNED_BYTE, o.values));
      gl.uniform4f(at('uHeatRect'), o.left, o.top, o.width, o.height);
    } else {
      gl.bindTexture(gl.TEXTURE_2D, null);
    }
    gl.activeTexture(gl.TEXTURE4);
    this.one('colours', 'colours', gl.LINEAR, () => gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, heatColours()));
    gl.uniform1f(at('uOpacity'), o ? s.opacity : 0);
    gl.uniform1f(at('uFloor'), s.floor);
  }

  dispose(): void {
    for (const k of this.images.values()) this.gl.deleteTexture(k.texture);
    for (const k of this.small.values()) this.gl.deleteTexture(k.texture);
    for (const p of this.programs.values()) this.gl.deleteProgram(p.program);
    this.images.clear(); this.small.clear(); this.programs.clear();
  }
}
