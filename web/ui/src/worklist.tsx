import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { APIError, get, stream } from './api';
import { age, date, findingLine, personName, t, waiting } from './i18n';
import { warm } from './glrenderer';
import { open as ask } from './opening';
import { deliveryWords } from './report';
import { go } from './route';
import type { StudyState, StudySummary } from './types';

const rowHeight = 46, pageSize = 100, overscan = 8;
const states: StudyState[] = ['arriving', 'analysing', 'to_review', 'not_analysed', 'signed', 'delivered', 'undelivered'];

interface Filter { q: string; days: string; modality: string; state: string; sort: string }
const nothing: Filter = { q: '', days: '', modality: '', state: '', sort: 'urgency' };

type Column = 'prio' | 'wait' | 'patient' | 'id' | 'study' | 'accession' | 'img' | 'aiResult' | 'state' | 'reader' | 'sent' | 'station';
const columns: Column[] = ['prio', 'wait', 'patient', 'id', 'study', 'accession', 'img', 'aiResult', 'state', 'reader', 'sent', 'station'];

/** A view is a filter with its columns, kept under a name on this computer. */
interface View { filter: Filter; columns: Column[] }
const usual: View = { filter: nothing, columns: columns.filter((c) => c !== 'accession' && c !== 'station') };
function read<T>(key: string, otherwise: T): T { try { return JSON.parse(localStorage.getItem(key) ?? 'null') as T ?? otherwise; } catch { return otherwise; } }

/** What the list looked like when a study was opened, for "next study". */
export const opened = { order: [] as string[], filter: nothing, selected: 0 };

function query(f: Filter, offset: number): string {
  const p = new URLSearchParams({ sort: f.sort, limit: String(pageSize), offset: String(offset) });
  if (f.q) p.set('q', f.q);
  if (f.modality) p.set('modality', f.modality);
  if (f.state) p.set('state', f.state);
  if (f.days) {
    const d = new Date(Date.now() - (Number(f.days) - 1) * 86400e3);
    p.set('from', `${d.getFullYear()}${String(d.getMonth() + 1).padStart(2, '0')}${String(d.getDate()).padStart(2, '0')}`);
  }
  return `/studies?${p}`;
}

/** Pages of the list as they are needed; every change on the node fetches the pages on screen anew. */
function usePages(f: Filter, first: number, last: number) {
  const [generation, setGeneration] = useState(0); // grows with every change on the node
  const [, redraw] = useState(0);
  const [total, setTotal] = useState(-1);
  const [error, setError] = useState('');
  const pages = useRef(new Map<number, { of: string; rows: StudySummary[] }>());
  const key = JSON.stringify(f), of = `${generation} ${key}`;
  const from = Math.floor(first / pageSize), to = Math.floor(Math.max(first, last) / pageSize);
  useEffect(() => {
    let timer = 0;
    const stop = stream.listen(() => { if (!timer) timer = window.setTimeout(() => { timer = 0; setGeneration((g) => g + 1); }, 250); });
    return () => { stop(); clearTimeout(timer); };
  }, []);
  useEffect(() => {
    const control = new AbortController();
    const fetchPage = async (p: number): Promise<void> => {
      try {
        const answer = await get<{ studies: StudySummary[]; total: number }>(query(f, p * pageSize), control.signal);
        pages.current.set(p, { of, rows: answer.studies });
        for (const k of pages.current.keys()) if (k > 0 && k * pageSize >= answer.total) pages.current.delete(k);
        setTotal(answer.total); setError('');
        redraw((n) => n + 1);
      } catch (e) {
        if (!control.signal.aborted) setError(e instanceof APIError ? e.message : String(e));
      }
    };
    for (let p = from; p <= to; p++) if (p * pageSize <= Math.max(0, total) && pages.current.get(p)?.of !== of) void fetchPage(p);
    return () => control.abort();
  }, [of, from, to]);
  const at = (i: number): StudySummary | undefined => pages.current.get(Math.floor(i / pageSize))?.rows[i % pageSize];
  return { total, at, error };
}

export function Worklist() {
  const [filter, setFilter] = useState<Filter>(opened.filter);
  const [text, setText] = useState(opened.filter.q);
  const [shown, setShown] = useState<Column[]>(() => read('columns', usual.columns)), [views, setViews] = useState<Record<string, View>>(() => read('views', {}));
  const keepColumns = (c: Column[]): void => { setShown(c); localStorage.setItem('columns', JSON.stringify(c)); };
  const keepViews = (v: Record<string, View>): void => { setViews(v); localStorage.setItem('views', JSON.stringify(v)); };
  const pickView = (name: string): void => { const v = views[name] ?? usual; setFilter({ ...nothing, ...v.filter }); setText(v.filter.q); keepColumns(columns.filter((c) => v.columns.includes(c))); setSelected(0); };
  const [scroll, setScroll] = useState(0), [height, setHeight] = useState(600);
  const [selected, setSelected] = useState(opened.selected);
  const [now, setNow] = useState(Date.now());
  const box = useRef<HTMLDivElement>(null), search = useRef<HTMLInputElement>(null);
  const first = Math.max(0, Math.floor(scroll / rowHeight) - overscan);
  const last = Math.ceil((scroll + height) / rowHeight) + overscan;
  const list = usePages(filter, first, last);
  const end = Math.min(list.total, last);

  useEffect(() => { const id = setTimeout(warm, 400); return () => clearTimeout(id); }, []);
  useEffect(() => { const id = setInterval(() => setNow(Date.now()), 15_000); return () => clearInterval(id); }, []);
  useEffect(() => { const id = setTimeout(() => change({ q: text.trim() }), 200); return () => clearTimeout(id); }, [text]);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const size = new ResizeObserver(() => setHeight(el.clientHeight));
    size.observe(el);
    return () => size.disconnect();
  }, []);
  const change = (c: Partial<Filter>): void => {
    if (Object.entries(c).every(([k, v]) => filter[k as keyof Filter] === v)) return;
    setFilter({ ...filter, ...c });
    setSelected(0); // another list: the first of it, not the old place
  };
  const open = (i: number): void => {
    const s = list.at(i);
    if (!s) return;
    opened.order = [];
    for (let k = 0; k < Math.min(list.total, 500); k++) { const u = list.at(k)?.study_uid; if (u) opened.order.push(u); }
    opened.filter = filter; opened.selected = i;
    ask(s.study_uid); // before the page is drawn
    go(`/study/${s.study_uid}`);
  };
  const at = useRef(selected); // keys may come faster than the page is drawn
  at.current = selected;
  const select = (i: number): void => {
    const n = Math.max(0, Math.min(list.total - 1, i)), el = box.current;
    at.current = n;
    setSelected(n);
    if (!el) return;
    if (n * rowHeight < el.scrollTop) el.scrollTop = n * rowHeight;
    const head = 36;
    if ((n + 1) * rowHeight + head > el.scrollTop + el.clientHeight) el.scrollTop = (n + 1) * rowHeight + head - el.clientHeight;
  };
  useEffect(() => {
    const key = (e: KeyboardEvent): void => {
      const typing = (e.target as Element).closest('input, select, textarea');
      const moves: Record<string, number> = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 };
      if (e.key === '/' && !typing) { search.current?.focus(); search.current?.select(); } else if (e.key === 'Escape' && typing) { (typing as HTMLElement).blur(); return; } else if (typing && e.target !== search.current) return;
      else if (e.key in moves) select(at.current + (moves[e.key] as number));
      else if (e.key === 'Home' && !typing) select(0);
      else if (e.key === 'End' && !typing) select(list.total - 1);
      else if (e.key === 'Enter' && !(e.target as Element).closest('a, button')) open(at.current);
      else return;
      e.preventDefault();
    };
    document.addEventListener('keydown', key);
    return () => document.removeEventListener('keydown', key);
  });
  const rows = [];
  for (let i = first; i < end; i++) rows.push(<Row key={i} index={i} study={list.at(i)} selected={i === selected} now={now} shown={shown} onOpen={() => open(i)} onSelect={() => setSelected(i)} />);
  const filtered = filter.q !== '' || filter.days !== '' || filter.modality !== '' || filter.state !== '';
  return (
    <main class="worklist">
      <h1 class="hidden">{t('worklist')}</h1>
      <div class="filters" role="search">
        <input ref={search} type="search" class="search" placeholder={`${t('search')}   /`} aria-label={t('search')} value={text} maxLength={128} onInput={(e) => setText(e.currentTarget.value)} />
        <Choice label={t('anyTime')} value={filter.days} onChange={(days) => change({ days })} options={[['', t('anyTime')], ['1', t('today')], ['3', t('days3')], ['7', t('days7')]]} />
        <Choice label={t('allModalities')} value={filter.modality} onChange={(modality) => change({ modality })} options={[['', t('allModalities')], ...['CR', 'DX', 'CT', 'MR', 'US', 'XA', 'MG', 'NM', 'PT', 'SC', 'OT'].map((m): [string, string] => [m, m])]} />
        <Choice label={t('allStates')} value={filter.state} onChange={(state) => change({ state })} options={[['', t('allStates')], ...states.map((s): [string, string] => [s, t(s)])]} />
        <Choice label={t('order')} value={filter.sort} onChange={(sort) => change({ sort })} options={[['urgency', t('byUrgency')], ['received', t('byReceived')], ['name', t('byName')], ['-date', t('byDate')]]} />
        <Menu views={views} shown={shown} onPick={pickView} onShown={keepColumns} onViews={keepViews} now={{ filter, columns: shown }} />
        <span class="count" aria-live="polite">{list.total >= 0 ? t('studies', { n: list.total }) : ''}</span>
      </div>
      {list.error && <p role="alert" class="banner bad">{list.error}</p>}
      <div class="rows" ref={box} onScroll={(e) => setScroll(e.currentTarget.scrollTop)} tabIndex={0} role="region" aria-label={t('worklist')}>
        <table role="grid" aria-rowcount={list.total}>
          <thead><tr>{shown.map((k) => <th key={k} scope="col" class={`c-${k}`}>{t(k)}</th>)}</tr></thead>
          <tbody>
            {first > 0 && <Spacer height={first * rowHeight} />}
            {rows}
            {end < list.total && <Spacer height={(list.total - end) * rowHeight} />}
          </tbody>
        </table>
        {list.total === 0 && <p class="empty">{filtered ? t('noMatch') : t('noStudies')}</p>}
      </div>
      <p class="foot muted">{t('sortedNote')}</p>
    </main>
  );
}

/** Menu holds the saved views and the choice of columns. */
function Menu({ views, shown, now, onPick, onShown, onViews }: { views: Record<string, View>; shown: Column[]; now: View; onPick: (name: string) => void; onShown: (c: Column[]) => void; onViews: (v: Record<string, View>) => void }) {
  return (
    <details class="menu" onKeyDown={(e) => { if (e.key === 'Escape') e.currentTarget.open = false; }}>
      <summary>{t('views')}</summary>
      <div class="box">
        <ul><li><button onClick={() => onPick('')}>{t('usualView')}</button></li>
          {Object.keys(views).map((name) => <li key={name}><button onClick={() => onPick(name)}>{name}</button><button class="icon" title={t('remove')} aria-label={`${t('remove')}: ${name}`} onClick={() => { const { [name]: _, ...rest } = views; onViews(rest); }}>✕</button></li>)}</ul>
        <form class="inline" onSubmit={(e) => { e.preventDefault(); const f = e.currentTarget, name = String(new FormData(f).get('view')).trim(); if (name) { onViews({ ...views, [name]: now }); f.reset(); } }}><input name="view" maxLength={40} placeholder={t('title')} aria-label={t('title')} required /><button>{t('keep')}</button></form>
        <fieldset><legend>{t('columns')}</legend>{columns.map((c) => <label key={c} class="switch"><input type="checkbox" checked={shown.includes(c)} disabled={c === 'patient'} onChange={() => onShown(columns.filter((x) => (x === c) !== shown.includes(x)))} />{t(c)}</label>)}</fieldset>
      </div>
    </details>
  );
}

function Spacer({ height }: { height: number }) {
  return <tr aria-hidden="true"><td colSpan={12} class="spacer" style={{ height: `${height}px` }} /></tr>;
}

function Choice({ label, value, options, onChange }: { label: string; value: string; options: [string, string][]; onChange: (v: string) => void }) {
  return <select aria-label={label} value={value} class={value && value !== 'urgency' ? 'set' : ''} onChange={(e) => onChange(e.currentTarget.value)}>{options.map(([v, text]) => <option key={v} value={v}>{text}</option>)}</select>;
}

export function Priority({ urgency }: { urgency: number }) {
  const [mark, word] = urgency >= 7 ? ['!!', t('urgent')] : urgency >= 1 ? ['!', t('raised')] : ['', t('routine')];
  return <span class={`prio p${mark.length}`} title={word}>{mark && <b aria-hidden="true">{mark}</b>}<span class="hidden">{word}</span></span>;
}

/** whyNot is the reason alone: the words "not analysed" are said once, by us. */
export function whyNot(s: StudySummary): string {
  return s.state_reason.replace(/not analysed(: | because )?/gi, '').trim() || t('noReason');
}

export function aiWords(s: StudySummary): { text: string; strong: boolean } {
  if (s.state === 'arriving') return { text: t('stillArriving'), strong: false };
  if (s.state === 'analysing') return { text: t('running'), strong: false };
  const found = s.findings ?? [];
  if (found.length > 0) return { text: found.slice(0, 2).map(findingLine).join(' · ') + (found.length > 2 ? ` · +${found.length - 2}` : ''), strong: true };
  if (s.state === 'not_analysed') {
    return { text: t('notAnalysedBecause', { why: whyNot(s) }), strong: false };
  }
  return { text: t(s.assessed ? 'noneAbove' : 'noneAssessed'), strong: false };
}

interface RowProps { index: number; study: StudySummary | undefined; selected: boolean; now: number; shown: Column[]; onOpen: () => void; onSelect: () => void }

const unread: StudyState[] = ['to_review', 'arriving', 'analysing', 'not_analysed'];
const cells: Record<Column, (s: StudySummary, now: number, open: () => void) => ComponentChildren> = {
  prio: (s) => <Priority urgency={s.urgency} />,
  wait: (s, now) => (unread.includes(s.state) ? waiting(s.last_received_at, now) : ''),
  patient: (s, _, open) => <><a href={`/study/${s.study_uid}`} onClick={(e) => { e.preventDefault(); e.stopPropagation(); open(); }}>{personName(s.patient_name)}</a><span class="muted"> {s.patient_sex} {age(s.patient_age, s.patient_birth_date, s.study_date)}</span></>,
  id: (s) => s.patient_id,
  study: (s) => <><span class="mod">{(s.modalities ?? []).join(' ')}</span> {s.description || '—'} <span class="muted">{date(s.study_date)}</span></>,
  accession: (s) => s.accession_number,
  img: (s) => s.instance_count,
  aiResult: (s) => { const ai = aiWords(s); return ai.strong ? <strong class="found">{ai.text}</strong> : <span class="muted" title={ai.text}>{ai.text}</span>; },
  state: (s) => <State state={s.state} title={s.state_reason} />,
  reader: (s) => (s.reader ? personName(s.reader) : ''),
  sent: (s) => (s.delivery_state ? <span class={`state d-${s.delivery_state}`}>{t(deliveryWords[s.delivery_state as keyof typeof deliveryWords] ?? 'queued')}</span> : ''),
  station: (s) => s.source,
};

function Row({ index, study: s, selected, now, shown, onOpen, onSelect }: RowProps) {
  if (!s) return <tr class="row loading" aria-rowindex={index + 1}><td colSpan={12}><span class="bone" /></td></tr>;
  return (
    <tr class={`row s-${s.state}${selected ? ' selected' : ''}`} aria-rowindex={index + 1} aria-selected={selected} onClick={onOpen} onMouseDown={onSelect} data-uid={s.study_uid}>
      {shown.map((c) => <td key={c} class={`c-${c}`}>{cells[c](s, now, onOpen)}</td>)}
    </tr>
  );
}

const marks: Record<StudyState, string> = { arriving: '↓', analysing: '…', to_review: '●', not_analysed: '○', signed: '✓', delivered: '✓✓', undelivered: '✕' };

export function State({ state, title }: { state: StudyState; title?: string }) {
  return <span class={`state ${state}`} title={title ?? ''}><i aria-hidden="true">{marks[state]}</i>{t(state)}</span>;
}
