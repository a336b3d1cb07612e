// The raw run of a model by onnxruntime-node: node raw.cjs MODEL INPUT SHAPE THREADS
// For each line of its input, a number of seconds, it prints the milliseconds of
// the runs it made in that time as a JSON list.
const ort = require('onnxruntime-node');
const [model, input, shape, threads] = process.argv.slice(2);
(async () => {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: +threads, interOpNumThreads: 1, graphOptimizationLevel: 'all',
    extra: { session: { intra_op: { spin_duration_us: '50' }, force_spinning_stop: '1' } } });
  const dims = shape.split(',').map(Number), data = new Float32Array(dims.reduce((a, b) => a * b));
  for (let i = 0; i < data.length; i++) data[i] = i / (data.length - 1);
  const feeds = { [input]: new ort.Tensor('float32', data, dims) };
  for (let i = 0; i < 3; i++) await session.run(feeds);
  console.log('[]');
  for await (const line of require('readline').createInterface({ input: process.stdin })) {
    const times = [], end = performance.now() + 1000 * line;
    while (performance.now() < end) {
      const start = performance.now();
      await session.run(feeds);
      times.push(performance.now() - start);
    }
    console.log(JSON.stringify(times));
  }
})();
