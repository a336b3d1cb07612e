// Serves OHIF as it is published (`make ohif` fetches it) beside a node.
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { freePort, root } from './browser.mjs';

const fetched = join(root, 'build', 'ohif', 'package', 'dist');
/** The folder of OHIF, or ''. */
export const dist = process.env.OHIF_DIST ?? (existsSync(fetched) ? fetched : '');

const types = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.wasm': 'application/wasm', '.json': 'application/json', '.svg': 'image/svg+xml', '.png': 'image/png' };

/** Serves OHIF, and the node beside it for those who bring no token. */
export async function serveOHIF(node, token) {
  const config = `const root = location.search.includes('token=') ? '${node}' : location.origin; window.config = { routerBasename: '/', showStudyList: true, extensions: [], modes: [], maxNumberOfWebWorkers: 1,
    showWarningMessageForCrossOrigin: false, showCPUFallbackMessage: false, strictZSpacingForVolumeViewport: true, investigationalUseDialog: { option: 'never' },
    defaultDataSourceName: 'radnode', dataSources: [{ namespace: '@ohif/extension-default.dataSourcesModule.dicomweb', sourceName: 'radnode', configuration: {
      friendlyName: 'radnode', name: 'radnode', qidoRoot: root + '/dicom-web', wadoRoot: root + '/dicom-web', wadoUriRoot: root + '/dicom-web/wado',
      qidoSupportsIncludeField: true, imageRendering: 'wadors', thumbnailRendering: 'wadors', enableStudyLazyLoad: true, supportsFuzzyMatching: true,
      supportsWildcard: true, dicomUploadEnabled: true, bulkDataURI: { enabled: true } } }] };`;
  const server = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://x').pathname);
    const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp', 'Cross-Origin-Resource-Policy': 'same-origin' };
    if (path.startsWith('/dicom-web/')) {
      const onward = forward(`${node}${request.url}`, { method: request.method, headers: { ...request.headers, authorization: `Bearer ${token}` } }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      });
      onward.on('error', () => response.destroy());
      request.pipe(onward);
      return;
    }
    if (path === '/app-config.js') { response.writeHead(200, { ...headers, 'Content-Type': 'text/javascript' }); response.end(config); return; }
    const file = join(dist, extname(path) ? path : 'index.html');
    if (!existsSync(file)) { response.writeHead(404, headers); response.end(); return; }
    response.writeHead(200, { ...headers, 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
    response.end(await readFile(file));
  });
  const port = await freePort();
  await new Promise((resolve) => { server.listen(port, '127.0.0.1', resolve); });
  return { origin: `http://127.0.0.1:${port}`, close: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); }) };
}
