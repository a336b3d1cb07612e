import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { get, seg } from './api';
import { currentLanguage } from './i18n';
import type { Concept, Instance, Series, UID } from './types';

// Objects that are no pictures: reports, documents, curves, and whatever else
// comes, by its attributes.

export interface Attribute { tag: string; keyword: string; vr: string; values?: string[]; bytes?: number; items?: Attribute[][] }
interface Attributes { sop_class: string; sop_class_uid: UID; attributes: Attribute[]; truncated: boolean; warnings: string[] }
interface Item { type: string; name: Concept; text?: string; code?: Concept; number?: { value: number; text?: string; unit: Concept; missing?: boolean }; reference?: { sop_instance_uid: UID }; items?: Item[] }
interface Channel { name: string; unit: string; low: number[]; high: number[] }
interface Group { label: string; frequency: number; samples: number; channels: Channel[] }

const said = (en: string, zh: string): string => (currentLanguage() === 'zh' ? zh : en);

/** What is shown of a class before its attributes. */
const kinds: [RegExp, (uid: UID) => Promise<ComponentChildren>][] = [
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.88\./, async (uid) => <Tree item={(await get<{ content: Item }>(`/instances/${seg(uid)}/sr`)).content} />],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.104\./, (uid) => Promise.resolve(<a class="button" target="_blank" rel="noopener" href={`/api/v1/instances/${seg(uid)}/document`}>{said('Open the document', '打开文档')}</a>)],
  [/^1\.2\.840\.10008\.5\.1\.4\.1\.1\.9\./, async (uid) => (await get<{ groups: Group[] }>(`/instances/${seg(uid)}/waveform`)).groups.map((g) => <Curves g={g} />)],
];

/** Objects shows the objects of a series that has no images. */
export function Objects({ series }: { series: Series }) {
  const [at, pick] = useState(0), one = series.instances[Math.min(at, series.instances.length - 1)];
  const stop = (e: Event): void => e.stopPropagation();
  return (
    <div class="objects" onPointerDown={stop} onWheel={stop} onDblClick={stop} onKeyDown={stop}>
      {series.instances.length > 1 && <nav>{series.instances.map((i, n) => <button key={i.sop_instance_uid} aria-pressed={i === one} onClick={() => pick(n)}>{i.instance_number || n + 1}</button>)}</nav>}
      {one && <One key={one.sop_instance_uid} instance={one} />}
    </div>
  );
}

function One({ instance }: { instance: Instance }) {
  const uid = instance.sop_instance_uid, [table, setTable] = useState<Attributes | null>(null), [body, setBody] = useState<ComponentChildren>(null), [why, setWhy] = useState('');
  useEffect(() => {
    const failed = (e: unknown): void => setWhy((e as Error).message);
    get<Attributes>(`/instances/${seg(uid)}/attributes`).then(setTable, failed);
    kinds.find(([k]) => k.test(instance.sop_class_uid))?.[1](uid).then(setBody, failed);
  }, [uid]);
  return (
    <>
      <h2>{table?.sop_class || instance.sop_class_uid}</h2>
      {why && <p role="alert" class="warn">{why}</p>}
      {table?.warnings.map((w) => <p key={w} class="small warn">{w}</p>)}
      {body}
      {table && <details open={!kinds.some(([k]) => k.test(instance.sop_class_uid))}>
        <summary>{said('Attributes', '属性')}{table.truncated && said(' (the first of them)', '（部分）')}</summary>
        <Rows list={table.attributes} />
      </details>}
    </>
  );
}

export function Rows({ list }: { list: Attribute[] }) {
  return <table><tbody>{list.map((a) => (
    <tr key={a.tag}><th title={`${a.tag} ${a.vr}`}>{a.keyword === 'Unknown' ? a.tag : a.keyword}</th><td>
      {a.values?.join(' \\ ')}{a.bytes ? `${a.bytes} B` : ''}{a.items?.map((i, n) => <details key={n} open={n < 3}><summary>{n + 1}</summary><Rows list={i} /></details>)}
    </td></tr>
  ))}</tbody></table>;
}

function Tree({ item }: { item: Item }) {
  const n = item.number;
  return <ul class="tree"><li><b>{item.name.meaning}</b> {item.text ?? item.code?.meaning ?? (n && !n.missing ? `${n.text || n.value} ${n.unit.value === '1' ? '' : n.unit.meaning || n.unit.value}` : '')}
    {item.reference && <code>{item.reference.sop_instance_uid}</code>}{item.items?.map((i, k) => <Tree key={k} item={i} />)}</li></ul>;
}

function Curves({ g }: { g: Group }) {
  return <figure><figcaption>{g.label} {g.channels.length} × {(g.samples / g.frequency).toFixed(1)} s</figcaption>{g.channels.map((c, k) => {
    const low = Math.min(...c.low), span = Math.max(...c.high) - low || 1, y = (v: number): string => (38 - (36 * (v - low)) / span).toFixed(1);
    return <div key={k} class="curve"><span>{c.name}<small>{` ${+low.toPrecision(3)} … ${+(low + span).toPrecision(3)} ${c.unit}`}</small></span>
      <svg viewBox={`0 0 ${c.low.length} 40`} preserveAspectRatio="none" role="img" aria-label={c.name}><path vector-effect="non-scaling-stroke" d={'M' + c.low.map((v, x) => `${x} ${y(v)}L${x} ${y(c.high[x] as number)}`).join('L')} /></svg></div>;
  })}</figure>;
}
