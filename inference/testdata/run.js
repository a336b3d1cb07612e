// Runs a model in the node binding of ONNX Runtime and prints its outputs.
// node run.js BINDING MODEL TENSOR INPUT SHAPE OUTPUT...
// BINDING is onnxruntime_binding.node of the npm package onnxruntime-node.
const [bindingFile, model, file, input, shape, ...outputs] = process.argv.slice(2);
class Tensor {
  constructor(type, data, dims) {
    Object.assign(this, { type, data, dims, location: "cpu" });
    this.size = dims.reduce((a, b) => a * b, 1);
  }
}
const binding = require(bindingFile);
binding.initOrtOnce(3, Tensor, true);
const session = new binding.InferenceSession();
session.loadModel(model, {});
const raw = require("fs").readFileSync(file);
const data = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
const out = session.run(
  { [input]: new Tensor("float32", data, shape.split(",").map(Number)) },
  Object.fromEntries(outputs.map((name) => [name, null])),
  {},
);
console.log(JSON.stringify(outputs.map((name) => [...out[name].data])));
