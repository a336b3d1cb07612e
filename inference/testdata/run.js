// Runs a model in the node binding of ONNX Runtime and prints its outputs.
// node run.js MODULE MODEL TENSOR IMAGES SIDE
const [module_, model, file, images, side] = process.argv.slice(2);
const ort = require(module_);
(async () => {
  const session = await ort.InferenceSession.create(model);
  const raw = require("fs").readFileSync(file);
  const data = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
  const out = await session.run({ image: new ort.Tensor("float32", data, [+images, 1, +side, +side]) });
  console.log(JSON.stringify({ probabilities: [...out.probabilities.data], cam: [...out.cam.data] }));
})();
