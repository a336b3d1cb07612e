import { useEffect, useState } from 'preact/hooks';
import { APIError, get, seg, stream, write } from './api';
import { Chart } from './chart';
import { moment, personName, t } from './i18n';
import type { AuditEvent, Delivery, LedgerRow, Peer, Role, Session, Token, User } from './types';

/** useList fetches a list and again when anything of that kind changes. */
function useList<T>(path: string, kinds: string[]): { data: T | null; error: string; reload: () => void } {
  const [data, setData] = useState<T | null>(null), [error, setError] = useState('');
  const reload = (): void => { get<T>(path).then((d) => { setData(d); setError(''); }, (e: unknown) => setError(e instanceof APIError && e.status === 403 ? t('forbidden') : (e as Error).message)); };
  useEffect(() => { reload(); return stream.listen((c) => { if (!c || kinds.includes(c.kind)) reload(); }); }, [path]);
  return { data, error, reload };
}

export function Node({ session }: { session: Session }) {
  const admin = session.user.role === 'admin';
  return (
    <main class="page">
      <h1>{t('node')} <small class="muted">{session.node.ae_title} · {t('version2')} {session.node.version}</small></h1>
      {session.user.role !== 'service' && <Activity />}
      {session.user.role !== 'service' && <Failures />}
      <Ledger />
      <Peers admin={admin} />
      {admin && <Users me={session.user.name} />}
      {admin && <Tokens />}
      {admin && <Settings />}
      {admin && <Audit />}
    </main>
  );
}

interface Hour { begin: string; studies: number; images: number; drafted: number; signed: number; delivered: number }
interface Queue { kind: string; due: number; later: number; running: number; error?: string }

function Activity() {
  const { data, error, reload } = useList<{ hours: Hour[]; queues: Queue[] }>('/activity', []);
  useEffect(() => { const id = setInterval(reload, 5000); return () => clearInterval(id); }, []);
  const hours = data?.hours ?? [], sum = (k: keyof Omit<Hour, 'begin'>): number => hours.reduce((n, h) => n + h[k], 0);
  return (
    <article class="box"><h2>{t('activity')}</h2>
      {error && <p role="alert" class="bad">{error}</p>}
      {data && <div class="charts">{(['images', 'drafted', 'signed', 'delivered'] as const).map((k) => <Chart key={k} name={`${t(k === 'images' ? 'imagesIn' : k)}: ${sum(k)}`} note={t('most', { n: Math.max(...hours.map((h) => h[k])) })} values={hours.map((h) => h[k])} labels={hours.map((h) => moment(h.begin))} />)}</div>}
      {data && data.queues.length > 0 && <table><thead><tr><th scope="col">{t('queue')}</th><th scope="col" class="right">{t('due')}</th><th scope="col" class="right">{t('runningNow')}</th><th scope="col" class="right">{t('later')}</th><th scope="col">{t('lastError')}</th></tr></thead>
        <tbody>{data.queues.map((q) => <tr key={q.kind}><td><b>{q.kind}</b></td><td class="num right">{q.due}</td><td class="num right">{q.running}</td><td class="num right">{q.later}</td><td class="small bad">{q.error}</td></tr>)}</tbody></table>}
    </article>
  );
}

function Failures() {
  const { data, error, reload } = useList<{ deliveries: Delivery[]; total: number }>('/deliveries?state=failed&limit=100', ['delivery', 'report']);
  const [failed, setFailed] = useState('');
  const retry = (body: { ids: string[] } | { all: true }): void => { setFailed(''); write('POST', '/deliveries/retry', body).then(reload, (e: unknown) => setFailed((e as Error).message)); };
  return (
    <article class="box"><header><h2>{t('failures')}</h2>{(data?.total ?? 0) > 0 && <button onClick={() => retry({ all: true })}>{t('retryAll')}</button>}</header>
      {(error || failed) && <p role="alert" class="bad">{error || failed}</p>}
      {data && data.total === 0 && <p class="good">✓ {t('noFailures')}</p>}
      {data && data.total > 0 && <table><thead><tr><th scope="col">{t('deliverTo')}</th><th scope="col">{t('what')}</th><th scope="col">{t('error')}</th><th scope="col">{t('when')}</th><th scope="col" /></tr></thead>
        <tbody>{data.deliveries.map((d) => <tr key={d.id}><td><b>{d.peer}</b></td><td>{d.kind.toUpperCase()} · {t('attempts', { n: d.attempts })}</td><td class="bad">{d.error}</td><td class="num">{moment(d.updated_at)}</td>
          <td class="acts"><a href={`/study/${d.study_uid}`}>{t('study')}</a><button onClick={() => retry({ ids: [d.id] })}>{t('retry')}</button></td></tr>)}</tbody></table>}
    </article>
  );
}

function Settings() {
  const { data, error } = useList<{ settings: { name: string; environment: string; doc: string; value: string; secret?: boolean; changed?: boolean }[] }>('/settings', []);
  return (
    <article class="box"><details class="fold"><summary><h2>{t('settings')}</h2></summary>
      {error && <p role="alert" class="bad">{error}</p>}
      <p class="muted small">{t('settingsHint')}</p>
      <table class="small"><tbody>{(data?.settings ?? []).map((s) => <tr key={s.name}><td><b>{s.name}</b><br /><span class="muted">{s.environment}</span></td><td class="num break">{s.secret ? '•••' : s.value}{s.changed && <span class="warn"> · {t('changed')}</span>}</td><td class="muted">{s.doc}</td></tr>)}</tbody></table>
    </details></article>
  );
}

function Ledger() {
  const { data, error } = useList<{ rows: LedgerRow[]; balanced: boolean }>('/ledger', ['study', 'report', 'delivery']);
  return (
    <article class="box"><h2>{t('ledger')}</h2>
      {error && <p role="alert" class="bad">{error}</p>}
      {data && <p class={data.balanced ? 'good' : 'bad'}>{data.balanced ? `✓ ${t('balanced')}` : `✕ ${t('unbalanced')}`}</p>}
      {data?.rows.some((r) => r.count > 0 || r.unaccounted) && <table><thead><tr><th scope="col">{t('kind')}</th><th scope="col">{t('state')}</th><th scope="col" class="right">{t('count')}</th><th scope="col" /></tr></thead>
        <tbody>{(data?.rows ?? []).filter((r) => r.count > 0 || r.unaccounted).map((r) => <tr key={r.kind + r.state + (r.detail ?? '')} class={r.unaccounted ? 'bad' : ''}><td>{r.kind}</td><td>{r.state}</td><td class="num right">{r.count}</td><td>{r.detail}</td></tr>)}</tbody></table>}
    </article>
  );
}

function Peers({ admin }: { admin: boolean }) {
  const { data, error, reload } = useList<{ peers: Peer[] }>('/peers', ['peer']);
  const [answers, setAnswers] = useState<Record<string, string>>({}), [failed, setFailed] = useState('');
  const echo = async (name: string): Promise<void> => {
    setAnswers((a) => ({ ...a, [name]: '…' }));
    try {
      const r = await write<{ ok: boolean; ms: number; error?: string }>('POST', `/peers/${seg(name)}/echo`);
      setAnswers((a) => ({ ...a, [name]: r.ok ? `✓ ${t('answered', { n: r.ms.toFixed(0) })}` : `✕ ${r.error ?? ''}` }));
    } catch (e) { setAnswers((a) => ({ ...a, [name]: (e as Error).message })); }
  };
  const act = async (f: () => Promise<unknown>): Promise<void> => { setFailed(''); try { await f(); reload(); } catch (e) { setFailed((e as Error).message); } };
  const add = (e: Event): void => {
    e.preventDefault();
    const form = e.target as HTMLFormElement, d = new FormData(form);
    void act(async () => {
      await write('POST', '/peers', { name: d.get('name'), ae_title: d.get('ae'), host: d.get('host'), port: Number(d.get('port')), allow: d.getAll('allow'), deliver: d.getAll('deliver'), source: '' });
      form.reset();
    });
  };
  return (
    <article class="box"><h2>{t('peers')}</h2>
      {error && <p role="alert" class="muted">{error}</p>}
      {data?.peers.length === 0 && <p class="muted">{t('noPeers')}</p>}
      {data && data.peers.length > 0 && <table><thead><tr><th scope="col">{t('title')}</th><th scope="col">{t('aeTitle')}</th><th scope="col">{t('address')}</th><th scope="col">{t('allow')}</th><th scope="col">{t('deliverTo')}</th><th scope="col">{t('source')}</th><th scope="col" /></tr></thead>
        <tbody>{data.peers.map((p) => (
          <tr key={p.name}><td><b>{p.name}</b></td><td class="num">{p.ae_title}</td><td class="num">{p.host}:{p.port}</td><td>{(p.allow ?? []).join(' ')}</td><td>{(p.deliver ?? []).join(' ')}</td><td class="muted">{p.source}</td>
            <td class="acts"><span class="small" role="status">{answers[p.name]}</span><button onClick={() => void echo(p.name)}>{t('echo')}</button>{admin && p.source !== 'configuration' && <button onClick={() => void act(() => write('DELETE', `/peers/${seg(p.name)}`))}>{t('remove')}</button>}</td></tr>))}
        </tbody></table>}
      {admin && (
        <form class="inline" onSubmit={add}>
          <input name="name" placeholder={t('title')} aria-label={t('title')} required /><input name="ae" placeholder={t('aeTitle')} aria-label={t('aeTitle')} maxLength={16} required />
          <input name="host" placeholder={t('host')} aria-label={t('host')} required /><input name="port" type="number" min={1} max={65535} placeholder="104" aria-label={t('port')} required />
          {['store', 'query', 'retrieve', 'commit'].map((s) => <label key={s}><input type="checkbox" name="allow" value={s} defaultChecked={s === 'store'} />{s}</label>)}
          {['sr'].map((s) => <label key={s}><input type="checkbox" name="deliver" value={s} />→ {s}</label>)}
          <button>{t('add')}</button>
        </form>
      )}
      {failed && <p role="alert" class="bad">{failed}</p>}
    </article>
  );
}

const roles: Role[] = ['radiologist', 'technologist', 'admin', 'service'];

function Users({ me }: { me: string }) {
  const { data, error, reload } = useList<{ users: User[] }>('/users', []);
  const [failed, setFailed] = useState('');
  const act = async (f: () => Promise<unknown>): Promise<void> => { setFailed(''); try { await f(); reload(); } catch (e) { setFailed((e as Error).message); } };
  const add = (e: Event): void => {
    e.preventDefault();
    const form = e.target as HTMLFormElement, d = new FormData(form);
    void act(async () => { await write('POST', '/users', { name: d.get('name'), full_name: d.get('full'), role: d.get('role'), disabled: false, password: d.get('password') }); form.reset(); });
  };
  return (
    <article class="box"><h2>{t('users')}</h2>
      {error && <p role="alert" class="bad">{error}</p>}
      <table><thead><tr><th scope="col">{t('name')}</th><th scope="col">{t('fullName')}</th><th scope="col">{t('role')}</th><th scope="col" /></tr></thead>
        <tbody>{(data?.users ?? []).map((u) => <tr key={u.name} class={u.disabled ? 'muted' : ''}><td><b>{u.name}</b></td><td>{u.full_name && personName(u.full_name)}</td><td>{u.role}{u.disabled ? ` · ${t('disabled')}` : ''}</td>
          <td class="acts">{u.name !== me && <button onClick={() => void act(() => write('PATCH', `/users/${seg(u.name)}`, { disabled: !u.disabled }))}>{u.disabled ? t('enable') : t('disable')}</button>}</td></tr>)}</tbody></table>
      <form class="inline" onSubmit={add} autocomplete="off">
        <input name="name" placeholder={t('name')} aria-label={t('name')} required /><input name="full" placeholder="Kim^Ann^^Dr." aria-label={t('fullName')} />
        <select name="role" aria-label={t('role')}>{roles.map((r) => <option key={r} value={r}>{r}</option>)}</select>
        <input name="password" type="password" placeholder={t('password')} aria-label={t('password')} minLength={8} autocomplete="new-password" required /><button>{t('add')}</button>
      </form>
      {failed && <p role="alert" class="bad">{failed}</p>}
    </article>
  );
}

function Tokens() {
  const { data, reload } = useList<{ tokens: Token[] }>('/tokens', []);
  const [made, setMade] = useState(''), [failed, setFailed] = useState('');
  const add = async (e: Event): Promise<void> => {
    e.preventDefault();
    const form = e.target as HTMLFormElement, d = new FormData(form);
    setFailed('');
    try { setMade((await write<{ token: string }>('POST', '/tokens', { name: d.get('title'), role: d.get('role') })).token); form.reset(); reload(); } catch (err) { setFailed((err as Error).message); }
  };
  return (
    <article class="box"><h2>{t('tokens')}</h2>
      <table><thead><tr><th scope="col">{t('title')}</th><th scope="col">{t('role')}</th><th scope="col">{t('when')}</th><th scope="col" /></tr></thead>
        <tbody>{(data?.tokens ?? []).map((k) => <tr key={k.name}><td><b>{k.name}</b></td><td>{k.role}</td><td class="muted">{k.created_at}</td><td class="acts"><button onClick={() => write('DELETE', `/tokens/${seg(k.name)}`).then(reload, (e: unknown) => setFailed((e as Error).message))}>{t('remove')}</button></td></tr>)}</tbody></table>
      <form class="inline" onSubmit={(e) => void add(e)}><input name="name" placeholder={t('title')} aria-label={t('title')} required /><select name="role" aria-label={t('role')}>{[...roles].reverse().map((r) => <option key={r} value={r}>{r}</option>)}</select><button>{t('add')}</button></form>
      {made && <p role="status">{t('newToken')} <code>{made}</code></p>}
      {failed && <p role="alert" class="bad">{failed}</p>}
    </article>
  );
}

function Audit() {
  const [open, setOpen] = useState(false);
  return <article class="box"><h2>{t('audit')}</h2>{open ? <AuditTable /> : <button onClick={() => setOpen(true)}>{t('audit')} …</button>}</article>;
}

function AuditTable() {
  const { data, error } = useList<{ events: AuditEvent[] }>('/audit?limit=200', []);
  return (
    <>
      {error && <p role="alert" class="bad">{error}</p>}
      <table class="small"><thead><tr><th scope="col">{t('when')}</th><th scope="col">{t('who')}</th><th scope="col">{t('what')}</th><th scope="col">{t('study')}</th><th scope="col">{t('from')}</th></tr></thead>
        <tbody>{(data?.events ?? []).map((e) => <tr key={e.id} class={e.failed ? 'bad' : ''}><td class="num">{moment(e.at)}</td><td>{e.actor}</td><td>{e.action} {e.object_id} <span class="muted">{e.detail}</span></td><td class="num break">{e.study_uid}</td><td class="num">{e.remote}</td></tr>)}</tbody></table>
    </>
  );
}
