import type { Change, Session, Term } from './types';

/** An answer that is not the wanted one: the server's code and its sentence for people. */
export class APIError extends Error {
  constructor(readonly status: number, readonly code: string, message: string, readonly requestID = '') { super(message); }
}

let csrf = '';
let lost: () => void = () => {};

/** onSignedOut is called when the server no longer knows who we are. */
export function onSignedOut(f: () => void): void { lost = f; }

export function setSession(s: Session | null): void { csrf = s?.csrf ?? ''; }

async function fail(res: Response): Promise<never> {
  let code = 'internal', message = `${res.status} ${res.statusText}`, id = '';
  try {
    const body = await res.json() as { code?: string; message?: string; request_id?: string };
    code = body.code ?? code; message = body.message ?? message; id = body.request_id ?? '';
  } catch { /* not our JSON: a proxy's page; status and text say enough */ }
  if (res.status === 401) lost();
  throw new APIError(res.status, code, message, id);
}

async function request(method: string, path: string, signal?: AbortSignal, body?: unknown, version?: number): Promise<Response> {
  const headers: Record<string, string> = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  if (version !== undefined) headers['If-Match'] = `"${version}"`;
  let res: Response;
  try {
    res = await fetch(path, { method, headers, credentials: 'same-origin', body: body === undefined ? null : JSON.stringify(body), signal: signal ?? null });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new APIError(0, 'unreachable', 'the node cannot be reached');
  }
  if (!res.ok) return fail(res);
  return res;
}

const base = '/api/v1';

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return await (await request('GET', base + path, signal)).json() as T;
}

export async function write<T>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown, version?: number): Promise<T> {
  const res = await request(method, base + path, undefined, body, version);
  return (res.status === 204 ? undefined : await res.json()) as T;
}

export async function bytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await request('GET', base + path, signal)).arrayBuffer();
}

export async function picture(path: string, signal?: AbortSignal): Promise<ImageBitmap> {
  const blob = await (await request('GET', base + path, signal)).blob();
  return createImageBitmap(blob, { colorSpaceConversion: 'none', premultiplyAlpha: 'none' });
}

export async function upload<T>(path: string, file: File, signal?: AbortSignal): Promise<T> {
  const res = await fetch(base + path, {
    method: 'POST', headers: { 'X-CSRF-Token': csrf, 'Content-Type': 'application/octet-stream' }, credentials: 'same-origin', body: file, signal: signal ?? null,
  });
  if (!res.ok) return fail(res);
  return await res.json() as T;
}

export const seg = encodeURIComponent;

let terms: Promise<Term[]> | null = null;

/** vocabulary asks once for the findings that have a word. */
export function vocabulary(): Promise<Term[]> {
  terms ??= get<{ terms: Term[] }>('/vocabulary').then((a) => a.terms);
  terms.catch(() => { terms = null; });
  return terms;
}

/** The one event stream of the page. Every (re)connection says "hello", upon which everything shown is fetched anew. */
class Stream {
  private source: EventSource | null = null;
  private listeners = new Set<(c: Change | null) => void>();
  private states = new Set<(live: boolean) => void>();
  live = false;

  start(): void {
    this.stop();
    const s = new EventSource(base + '/events');
    s.addEventListener('hello', () => { this.set(true); this.tell(null); });
    s.addEventListener('change', (e) => this.tell(JSON.parse((e as MessageEvent<string>).data) as Change));
    s.onerror = () => {
      this.set(false);
      if (s.readyState === EventSource.CLOSED) { // refused: signed out, or the node restarts
        this.source = null;
        setTimeout(() => { if (!this.source && csrf) this.start(); }, 3000);
      }
    };
    this.source = s;
  }

  stop(): void { this.source?.close(); this.source = null; }

  /** listen calls f with each change, and with null when anything may have changed. */
  listen(f: (c: Change | null) => void): () => void {
    this.listeners.add(f);
    return () => this.listeners.delete(f);
  }

  watch(f: (live: boolean) => void): () => void {
    this.states.add(f);
    f(this.live);
    return () => this.states.delete(f);
  }

  private tell(c: Change | null): void { for (const f of [...this.listeners]) f(c); }
  private set(live: boolean): void { this.live = live; for (const f of [...this.states]) f(live); }
}

export const stream = new Stream();
