import type { ComponentChildren } from 'preact';
import { keepLayout, layouts, type Hanging } from './hanging';
import { t, type Key } from './i18n';
import { useStatus } from './pane';
import type { Tool, Viewport } from './viewport';

const icons: Record<string, string> = {
  window: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18', pan: 'M12 3v18M3 12h18M12 3l-3 3m3-3 3 3M12 21l-3-3m3 3 3-3M3 12l3-3m-3 3 3 3M21 12l-3-3m3 3-3 3', zoom: 'M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13M15.500 15.500 21 21M10.500 7.500v6M7.500 10.500h6',
  length: 'M4 20 20 4M3 17l4 4M17 3l4 4', ellipse: 'M12 6c5 0 9 2.700 9 6s-4 6-9 6-9-2.700-9-6 4-6 9-6', probe: 'M12 3v6M12 15v6M3 12h6M15 12h6', fit: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5', invert: 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18M12 3v18M15 5v14M18 6.500v11',
  lens: 'M11 4a7 7 0 1 1 0 14 7 7 0 0 1 0-14M16 16l5 5', angle: 'M20 19H4L15 5M10 19a6 6 0 0 0-2.300-4.700', cobb: 'M4 5l14 4M4 20l14-5M17 3l2 11', rectangle: 'M4 6h16v12H4z', freehand: 'M4 14c0-7 6-9 9-6s7-2 7 4-7 8-10 6-6 1-6-4', arrow: 'M20 4 5 19M5 12v7h7', link: 'M10 14a4 4 0 0 0 6 0l3-3a4 4 0 0 0-6-6l-1 1M14 10a4 4 0 0 0-6 0l-3 3a4 4 0 0 0 6 6l1-1', header: 'M4 5h16M4 10h16M4 15h10M4 20h10',
  rotate: 'M20 11a8 8 0 1 0-2.300 6.700M20 4v7h-7', flipH: 'M12 3v18M9 7 3 17h6zM15 7l6 10h-6z', flipV: 'M3 12h18M7 9 17 3v6zM7 15l10 6v-6z', reset: 'M4 12a8 8 0 1 1 2.500 5.800M4 19v-5h5', play: 'M8 5l11 7-11 7z', pause: 'M8 5v14M16 5v14', text: 'M5 6h14M12 6v13M9 19h6', stages: 'M4 5h6v6H4zM14 5h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
};

export function Icon({ name }: { name: string }) {
  return <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d={icons[name] ?? ''} fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" /></svg>;
}

function Tip({ name, keys, on, onClick, disabled, children }: { name: Key; keys: string; on?: boolean; onClick: () => void; disabled?: boolean; children?: ComponentChildren }) {
  return <button class="icon" aria-pressed={on ?? undefined} disabled={disabled ?? false} title={`${t(name)}  ${keys}`} aria-label={t(name)} onClick={(e) => { onClick(); e.currentTarget.blur(); }}>{children}</button>;
}

interface Props {
  v: Viewport | null; hanging: Hanging; linked: boolean; modality: string; stagesOn: boolean; textOn: boolean; hasStages: boolean;
  onStages: () => void; onText: () => void; onLink: () => void; onLayout: (rows: number, columns: number) => void; onCuts: () => void; onHeader: () => void;
}

const tools: [Tool, Key, string][] = [
  ['window', 'window', 'W'], ['pan', 'panTool', 'Shift'], ['zoom', 'zoomTool', 'Z'], ['lens', 'lens', 'L'], ['length', 'length', 'D'], ['angle', 'angle', 'G'], ['cobb', 'cobb', 'K'], ['ellipse', 'ellipse', 'O'],
  ['rectangle', 'rectangle', 'B'], ['freehand', 'freehand', 'F'], ['arrow', 'arrow', 'T'], ['probe', 'probe', 'Q'],
];

export function Toolbar({ v, hanging, linked, modality, stagesOn, textOn, hasStages, onStages, onText, onLink, onLayout, onCuts, onHeader }: Props) {
  const status = useStatus(v), many = hanging.rows * hanging.columns > 1, now = `${hanging.rows}×${hanging.columns}`;
  const choose = (value: string): void => {
    if (value === 'mpr') onCuts(); else if (value === 'keep') keepLayout(modality, hanging.rows, hanging.columns); else { const [r, c] = value.split('×').map(Number); onLayout(r as number, c as number); }
  };
  return (
    <div class="tools" role="toolbar" aria-label={t('image')}>
      {tools.map(([tool, name, key]) => <Tip key={tool} name={name} keys={key} on={status?.tool === tool} onClick={() => v?.setTool(tool)}><Icon name={tool} /></Tip>)}
      <i class="gap" />
      <select aria-label={t('preset')} disabled={(status?.vois.length ?? 0) === 0} value={status?.voi && status.vois[status.voiIndex] === status.voi ? status.voiIndex : -1} onChange={(e) => { v?.choose(Number(e.currentTarget.value)); e.currentTarget.blur(); }}>
        <option value={-1} hidden>{t('manual')}</option>
        {(status?.vois ?? []).map((x, i) => <option key={i} value={i}>{i < 9 ? `${i + 1}  ` : ''}{x.name}</option>)}
      </select>
      <select aria-label={t('layout')} title={t('layout')} value={now} onChange={(e) => { const value = e.currentTarget.value; e.currentTarget.value = now; choose(value); e.currentTarget.blur(); }}>
        {layouts.map(([r, c]) => <option key={`${r}${c}`} value={`${r}×${c}`}>{r}×{c}</option>)}
        <option value="mpr">{t('cuts')}</option>
        {modality && <option value="keep">{t('keepLayout', { what: modality })}</option>}
      </select>
      {many && <Tip name="link" keys="S" on={linked} onClick={onLink}><Icon name="link" /></Tip>}
      <i class="gap" />
      <Tip name="fit" keys="=" onClick={() => v?.fit()}><Icon name="fit" /></Tip>
      <Tip name="actual" keys="0" onClick={() => v?.actual()}><b>1:1</b></Tip>
      <Tip name="invert" keys="I" on={status?.invert ?? false} onClick={() => v?.invertGrey()}><Icon name="invert" /></Tip>
      <Tip name="rotate" keys="R" onClick={() => v?.turn(1)}><Icon name="rotate" /></Tip>
      <Tip name="flipH" keys="H" on={status?.view.flipH ?? false} onClick={() => v?.flip(true)}><Icon name="flipH" /></Tip>
      <Tip name="flipV" keys="V" on={status?.view.flipV ?? false} onClick={() => v?.flip(false)}><Icon name="flipV" /></Tip>
      <Tip name="reset" keys="Space" onClick={() => v?.reset()}><Icon name="reset" /></Tip>
      {(status?.slots ?? 0) > 1 && <>
        <Tip name={status?.playing ? 'pause' : 'play'} keys="C" on={status?.playing ?? false} onClick={() => v?.play()}><Icon name={status?.playing ? 'pause' : 'play'} /></Tip>
        {status?.playing && <label class="slider num"><input type="range" min={1} max={60} value={status.fps} aria-label={t('fps')} onInput={(e) => v?.play(Number(e.currentTarget.value))} />{status.fps}/s</label>}
      </>}
      <i class="gap" />
      <Tip name="text" keys="U" on={textOn} onClick={onText}><Icon name="text" /></Tip>
      <Tip name="stages" keys="J" on={stagesOn} disabled={!hasStages} onClick={onStages}><Icon name="stages" /></Tip>
      <Tip name="header" keys="Y" onClick={onHeader}><Icon name="header" /></Tip>
    </div>
  );
}
