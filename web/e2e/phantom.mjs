// Writes synthetic DICOM files (Explicit VR Little Endian, PS3.10 7.1) for
// measurements: noise on a shape, so that nothing compresses well.
const long = new Set(['OB', 'OW', 'SQ', 'UN', 'UT']);

function element(group, number, vr, value) {
  let v = Buffer.isBuffer(value) ? value : vr === 'US' ? Buffer.from(Uint16Array.of(value).buffer) : Buffer.from(String(value), 'latin1');
  if (v.length % 2) v = Buffer.concat([v, Buffer.from(vr === 'UI' || vr === 'OB' ? '\0' : ' ', 'latin1')]);
  const head = Buffer.alloc(long.has(vr) ? 12 : 8);
  head.writeUInt16LE(group, 0); head.writeUInt16LE(number, 2); head.write(vr, 4, 'latin1');
  if (long.has(vr)) head.writeUInt32LE(v.length, 8); else head.writeUInt16LE(v.length, 6);
  return Buffer.concat([head, v]);
}

function file(sopClass, uid, elements) {
  const meta = Buffer.concat([
    element(2, 1, 'OB', Buffer.from([0, 1])), element(2, 2, 'UI', sopClass), element(2, 3, 'UI', uid), element(2, 0x10, 'UI', '1.2.840.10008.1.2.1'), element(2, 0x12, 'UI', '2.25.7001'),
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(meta.length);
  const size = Buffer.concat([Buffer.from([2, 0, 0, 0, 0x55, 0x4c, 4, 0]), length]);
  return Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), size, meta, ...elements.map((e) => element(...e))]);
}

const who = (name, id) => [[0x10, 0x10, 'PN', name], [0x10, 0x20, 'LO', id], [0x10, 0x30, 'DA', '19600101'], [0x10, 0x40, 'CS', 'O']];

let seed = 1;
const noise = () => { seed = (seed * 1103515245 + 12345) & 0x7fffffff; return seed >> 16 & 63; };

/** One slice of a CT: signed 16 bits, 512 × 512. */
export function ctSlice(study, i, n, size = 512) {
  const px = new Int16Array(size * size), z = i / n - 0.5;
  for (let y = 0, o = 0; y < size; y++) for (let x = 0; x < size; x++, o++) {
    const dx = x / size - 0.5, dy = y / size - 0.5, r = Math.hypot(dx / 0.4, dy / 0.33);
    px[o] = r > 1 ? -1000 : (Math.hypot(dx + 0.15 + z / 9, dy) < 0.12 ? -800 : 40 + 300 * z) + noise();
  }
  const uid = `2.25.${study}1${String(i).padStart(4, '0')}`;
  return file('1.2.840.10008.5.1.4.1.1.2', uid, [
    [8, 8, 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'], [8, 0x16, 'UI', '1.2.840.10008.5.1.4.1.1.2'], [8, 0x18, 'UI', uid], [8, 0x20, 'DA', '20260101'], [8, 0x30, 'TM', '120000'], [8, 0x50, 'SH', `A${study}`], [8, 0x60, 'CS', 'CT'], [8, 0x1030, 'LO', `CT ${n}`],
    ...who(`Speed^Ct${n}`, `CT${n}`), [0x20, 0x0d, 'UI', `2.25.${study}`], [0x20, 0x0e, 'UI', `2.25.${study}1`], [0x20, 0x10, 'SH', '1'], [0x20, 0x11, 'IS', '1'], [0x20, 0x13, 'IS', i + 1],
    [0x20, 0x32, 'DS', `-180\\-180\\${i}`], [0x20, 0x37, 'DS', '1\\0\\0\\0\\1\\0'], [0x20, 0x52, 'UI', `2.25.${study}2`], ...pixels(size, size, 16, 1, [0x28, 0x30, 'DS', '0.7\\0.7']),
    [0x28, 0x1050, 'DS', '40'], [0x28, 0x1051, 'DS', '400'], [0x28, 0x1052, 'DS', '0'], [0x28, 0x1053, 'DS', '1'], [0x7fe0, 0x10, 'OW', Buffer.from(px.buffer)],
  ]);
}

const pixels = (rows, columns, stored, signed, spacing) => [
  [0x28, 2, 'US', 1], [0x28, 4, 'CS', 'MONOCHROME2'], [0x28, 0x10, 'US', rows], [0x28, 0x11, 'US', columns], spacing, [0x28, 0x100, 'US', 16], [0x28, 0x101, 'US', stored], [0x28, 0x102, 'US', stored - 1], [0x28, 0x103, 'US', signed],
];

/** A radiograph of 10 MB: unsigned, 2500 × 2048. */
export function radiograph(study) {
  const rows = 2500, columns = 2048, px = new Uint16Array(rows * columns);
  for (let y = 0, o = 0; y < rows; y++) for (let x = 0; x < columns; x++, o++) px[o] = 1800 + 1500 * Math.sin(x / 300) * Math.cos(y / 400) + noise();
  const uid = `2.25.${study}10001`;
  return file('1.2.840.10008.5.1.4.1.1.1', uid, [
    [8, 8, 'CS', 'ORIGINAL\\PRIMARY'], [8, 0x16, 'UI', '1.2.840.10008.5.1.4.1.1.1'], [8, 0x18, 'UI', uid], [8, 0x20, 'DA', '20260101'], [8, 0x30, 'TM', '120000'], [8, 0x50, 'SH', `A${study}`], [8, 0x60, 'CS', 'CR'], [8, 0x1030, 'LO', 'Knee'],
    ...who('Speed^Cr', 'CR1'), [0x18, 0x15, 'CS', 'KNEE'], [0x20, 0x0d, 'UI', `2.25.${study}`], [0x20, 0x0e, 'UI', `2.25.${study}1`], [0x20, 0x10, 'SH', '1'], [0x20, 0x11, 'IS', '1'], [0x20, 0x13, 'IS', 1],
    ...pixels(rows, columns, 12, 0, [0x18, 0x1164, 'DS', '0.15\\0.15']), [0x28, 0x1050, 'DS', '2000'], [0x28, 0x1051, 'DS', '4000'], [0x7fe0, 0x10, 'OW', Buffer.from(px.buffer)],
  ]);
}

/** A study without images, for long lists. */
export function note(i) {
  const uid = `2.25.9${String(i).padStart(7, '0')}3`;
  return file('1.2.840.10008.5.1.4.1.1.88.11', uid, [
    [8, 0x16, 'UI', '1.2.840.10008.5.1.4.1.1.88.11'], [8, 0x18, 'UI', uid], [8, 0x20, 'DA', '20260101'], [8, 0x30, 'TM', '120000'], [8, 0x50, 'SH', `N${i}`], [8, 0x60, 'CS', 'SR'], [8, 0x1030, 'LO', `Note ${i}`],
    ...who(`Note^N${String(i).padStart(5, '0')}`, `N${i}`), [0x20, 0x0d, 'UI', `${uid}1`], [0x20, 0x0e, 'UI', `${uid}2`], [0x20, 0x10, 'SH', '1'], [0x20, 0x11, 'IS', '1'], [0x20, 0x13, 'IS', 1], [0x40, 0xa040, 'CS', 'CONTAINER'],
  ]);
}

const words = (v) => Buffer.from(Uint16Array.from(v).buffer);

/** Every kind of pixel data and way to the screen that the real images may lack: name → file, 64 × 64 pixels. */
export function kinds() {
  const size = 64, n = size * size, at = [...Array(n).keys()].map((i) => (i * 17) % 4096), low = at.map((v) => v & 255), falling = [...Array(256).keys()].map((i) => 255 - i);
  const rgb = Buffer.from(at.flatMap((_, i) => [40 + (i % size) * 2, 60 + Math.floor(i / size), 120 - (i % size)]));
  const half = Buffer.from(at.flatMap((_, i) => (i % 2 ? [] : [rgb[3 * i], rgb[3 * i + 3], rgb[3 * i + 1], rgb[3 * i + 2]])));
  const bits = Buffer.alloc(n / 8);
  for (const [i, v] of at.entries()) bits[i >> 3] |= (v >> 5 & 1) << (i & 7);
  const window = (c, w, f) => [[0x28, 0x1050, 'DS', c], [0x28, 0x1051, 'DS', w], ...(f ? [[0x28, 0x1056, 'CS', f]] : [])];
  const shape = (bits2, stored, signed, photometric, samples) => [
    [0x28, 2, 'US', samples ?? 1], [0x28, 4, 'CS', photometric ?? 'MONOCHROME2'], ...(samples ? [[0x28, 6, 'US', 0]] : []), [0x28, 0x10, 'US', size], [0x28, 0x11, 'US', size],
    [0x28, 0x100, 'US', bits2], [0x28, 0x101, 'US', stored], [0x28, 0x102, 'US', stored - 1], [0x28, 0x103, 'US', signed ? 1 : 0],
  ];
  const palette = [1, 2, 3].map((c) => [0x28, 0x1100 + c, 'US', words([256, 0, 16])]).concat([1, 2, 3].map((c) => [0x28, 0x1200 + c, 'OW', words(falling.map((v) => v * 257 / c))]));
  const table = (entries, width) => {
    const item = Buffer.concat([element(0x28, 0x3002, 'US', words([entries.length, 0, width])), element(0x28, 0x3006, 'OW', words(entries))]), head = Buffer.from([0xfe, 0xff, 0, 0xe0, 0, 0, 0, 0]);
    head.writeUInt32LE(item.length, 4);
    return Buffer.concat([head, item]);
  };
  const list = {
    '1 bit': [...shape(1, 1), [0x7fe0, 0x10, 'OB', bits]],
    '8 bits': [...shape(8, 8), ...window(100, 90), [0x7fe0, 0x10, 'OB', Buffer.from(low)]],
    '10 of 16 bits': [...shape(16, 10), ...window(500, 700), [0x7fe0, 0x10, 'OW', words(at.map((v) => v >> 2))]],
    '12 bits signed, rescaled': [...shape(16, 12, true), ...window(-300, 2000), [0x28, 0x1052, 'DS', -1024], [0x28, 0x1053, 'DS', 1.5], [0x7fe0, 0x10, 'OW', words(at.map((v) => v - 2048 & 4095))]],
    '16 bits signed': [...shape(16, 16, true), ...window(1000, 40000), [0x7fe0, 0x10, 'OW', words(at.map((v) => (v - 2048) * 16 & 65535))]],
    '32 bits': [...shape(32, 32), ...window(4e8, 6e8), [0x7fe0, 0x10, 'OW', Buffer.from(Uint32Array.from(at.map((v) => v * 262144)).buffer)]],
    'MONOCHROME1': [...shape(16, 12, false, 'MONOCHROME1'), ...window(2048, 3000), [0x7fe0, 0x10, 'OW', words(at)]],
    'padding': [...shape(16, 12), [0x28, 0x120, 'US', 3500], [0x28, 0x121, 'US', 4095], ...window(2048, 4096), [0x7fe0, 0x10, 'OW', words(at)]],
    'no window': [...shape(16, 12), [0x7fe0, 0x10, 'OW', words(at)]],
    'LINEAR of width 1': [...shape(16, 12), ...window(2048, 1, 'LINEAR'), [0x7fe0, 0x10, 'OW', words(at)]],
    'LINEAR_EXACT': [...shape(16, 12), ...window(2048, 100.5, 'LINEAR_EXACT'), [0x7fe0, 0x10, 'OW', words(at)]],
    'SIGMOID': [...shape(16, 12), ...window(2048, 900, 'SIGMOID'), [0x7fe0, 0x10, 'OW', words(at)]],
    'modality LUT': [...shape(8, 8), ...window(128, 256), [0x28, 0x3000, 'SQ', table(falling.map((v) => v * v >> 8), 8)], [0x7fe0, 0x10, 'OB', Buffer.from(low)]],
    'VOI LUT': [...shape(8, 8), [0x28, 0x3010, 'SQ', table(falling.map((v) => v * 16), 12)], [0x7fe0, 0x10, 'OB', Buffer.from(low)]],
    'PALETTE COLOR': [...shape(8, 8, false, 'PALETTE COLOR'), ...palette, [0x7fe0, 0x10, 'OB', Buffer.from(low)]],
    'RGB': [...shape(8, 8, false, 'RGB', 3), [0x7fe0, 0x10, 'OB', rgb]],
    'YBR_FULL': [...shape(8, 8, false, 'YBR_FULL', 3), [0x7fe0, 0x10, 'OB', rgb]],
    'YBR_FULL_422': [...shape(8, 8, false, 'YBR_FULL_422', 3), [0x7fe0, 0x10, 'OB', half]],
    'YBR_PARTIAL_422': [...shape(8, 8, false, 'YBR_PARTIAL_422', 3), [0x7fe0, 0x10, 'OB', half]],
  };
  return new Map(Object.entries(list).map(([name, elements], i) => {
    const study = `2.25.88${i + 10}`, uid = `${study}2`, sc = '1.2.840.10008.5.1.4.1.1.7';
    return [name, { study, file: file(sc, uid, [
      [8, 0x16, 'UI', sc], [8, 0x18, 'UI', uid], [8, 0x20, 'DA', '20260101'], [8, 0x60, 'CS', 'OT'], [8, 0x1030, 'LO', name], ...who(`Kind^${i}`, `KIND${i}`),
      [0x20, 0x0d, 'UI', study], [0x20, 0x0e, 'UI', `${study}1`], [0x20, 0x11, 'IS', '1'], [0x20, 0x13, 'IS', '1'], ...elements,
    ]) }];
  }));
}
