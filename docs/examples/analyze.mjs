// Has a film (DICOM, PNG or JPEG) read by the models of a node. Node 20 or a browser's fetch. Prints the findings as JSON.
// usage: RADNODE_URL=http://127.0.0.1:8080 RADNODE_TOKEN=… node analyze.mjs now FILE
//        node analyze.mjs later FILE          as a job, whose end is waited for
//        node analyze.mjs draft FILE OUT.dcm  the unverified structured report of a DICOM file
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const [how, path, out] = process.argv.slice(2);
const api = `${process.env.RADNODE_URL}/api/v1/analyze`;

async function call(url, options = {}) {
  const headers = { Authorization: `Bearer ${process.env.RADNODE_TOKEN}`, Accept: 'application/json', ...options.headers };
  const response = await fetch(url, { ...options, headers });
  if (!response.ok) throw new Error(`${response.status}: ${(await response.json()).message}`);
  return response;
}

const send = (url, body, headers) => call(url, { method: 'POST', body, headers: { 'Content-Type': 'application/octet-stream', ...headers } });

async function later(film) {
  let job = await (await send(`${api}/jobs`, film)).json();
  const at = `${api}/jobs/${job.id}`;
  while (job.state === 'queued' || job.state === 'running') {
    await sleep(300);
    job = await (await call(at)).json();
  }
  await call(at, { method: 'DELETE' });
  if (job.state === 'failed') throw new Error(job.error);
  return { analyses: job.analyses };
}

const film = await readFile(path);
if (how === 'draft') {
  const report = await send(api, film, { Accept: 'application/dicom' });
  await writeFile(out, Buffer.from(await report.arrayBuffer()));
} else {
  console.log(JSON.stringify(how === 'later' ? await later(film) : await (await send(api, film)).json()));
}
