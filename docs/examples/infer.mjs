// Runs a model on images over the Open Inference Protocol, JSON both ways. Node 20 or a browser's fetch.
// usage: RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… node infer.mjs MODEL TENSOR
// TENSOR holds one or more images as little-endian float32.
import { readFile } from 'node:fs/promises';

const [model, path] = process.argv.slice(2);
const base = `${process.env.RADNODE_URL}/v2/models/${model}`;

async function call(url, body) {
  const response = await fetch(url, {
    method: body ? 'POST' : 'GET',
    body: body && JSON.stringify(body),
    headers: { Authorization: `Bearer ${process.env.RADNODE_TOKEN}`, 'Content-Type': 'application/json' },
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(`${response.status}: ${answer.error}`);
  return answer;
}

const raw = await readFile(path);
const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
const data = Array.from({ length: raw.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));

const [input] = (await call(base)).inputs;
const each = input.shape.slice(1).reduce((a, b) => a * b, 1);
const answer = await call(`${base}/infer`, {
  inputs: [{ name: input.name, datatype: 'FP32', shape: [data.length / each, ...input.shape.slice(1)], data }],
  outputs: [{ name: 'probabilities' }],
});
const [first] = answer.outputs;
console.log(JSON.stringify({ model: answer.model_name, version: answer.model_version, [first.name]: first.data }));
