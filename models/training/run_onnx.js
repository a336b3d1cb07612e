// Runs an ONNX file in onnxruntime-node on raw float32 tensors, for the check that
// the graph gives the same numbers in another binding.
// usage: node run_onnx.js MODEL IN.f32 N C H W OUT_PREFIX   (onnxruntime-node on NODE_PATH)
const fs = require("fs");
const ort = require("onnxruntime-node");

async function main() {
  const [model, input, n, c, h, w, prefix] = process.argv.slice(2);
  const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1 });
  const bytes = fs.readFileSync(input);
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const dims = [n, c, h, w].map(Number);
  const start = process.hrtime.bigint();
  const result = await session.run({ [session.inputNames[0]]: new ort.Tensor("float32", values, dims) });
  const ms = Number(process.hrtime.bigint() - start) / 1e6;
  const shapes = {};
  for (const [name, tensor] of Object.entries(result)) {
    fs.writeFileSync(prefix + name + ".f32", Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength));
    shapes[name] = tensor.dims;
  }
  console.log(JSON.stringify({ shapes, ms }));
}

main().catch((e) => { console.error(e.message); process.exit(1); });
