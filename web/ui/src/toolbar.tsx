import type { ComponentChildren } from 'preact';
import { t, type Key } from './i18n';
import type { Status, Tool, Viewport } from './viewport';

const icons: Record<string, string> = {
  window: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18', pan: 'M12 3v18M3 12h18M12 3l-3 3m3-3 3 3M12 21l-3-3m3 3 3-3M3 12l3-3m-3 3 3 3M21 12l-3-3m3 3-3 3', zoom: 'M10.500 4a6.500 6.500 0 1 1 0 13 6.500 6.500 0 0 1 0-13M15.500 15.500 21 21M10.500 7.500v6M7.500 10.500h6',
  length: 'M4 20 20 4M3 17l4 4M17 3l4 4', ellipse: 'M12 6c5 0 9 2.700 9 6s-4 6-9 6-9-2.700-9-6 4-6 9-6', probe: 'M12 3v6M12 15v6M3 12h6M15 12h6', fit: 'M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5', invert: 'M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18M12 3v18M15 5v14M18 6.500v11',
  rotate: 'M20 11a8 8 0 1 0-2.300 6.700M20 4v7h-7', flipH: 'M12 3v18M9 7 3 17h6zM15 7l6 10h-6z', flipV: 'M3 12h18M7 9 17 3v6zM7 15l10 6v-6z', reset: 'M4 12a8 8 0 1 1 2.500 5.800M4 19v-5h5', play: 'M8 5l11 7-11 7z', pause: 'M8 5v14M16 5v14', text: 'M5 6h14M12 6v13M9 19h6', stages: 'M4 5h6v6H4zM14 5h6v6h-6zM4 14h6v6H4zM14 14h6v6h-6z',
};

export function Icon({ name }: { name: string }) {
  return <svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d={icons[name] ?? ''} fill="none" stroke="currentColor" stroke-width="1.7" stroke-linecap="round" stroke-linejoin="round" /></svg>;
}

function Tip({ name, keys, on, onClick, disabled, children }: { name: Key; keys: string; on?: boolean; onClick: () => void; disabled?: boolean; children?: ComponentChildren }) {
  return <button class="icon" aria-pressed={on ?? undefined} disabled={disabled ?? false} title={`${t(name)}  ${keys}`} aria-label={t(name)} onClick={(e) => { onClick(); e.currentTarget.blur(); }}>{children}</button>;
}

interface Props { vp: { current: Viewport | null }; status: Status | null; stagesOn: boolean; textOn: boolean; hasStages: boolean; onStages: () => void; onText: () => void }

const tools: [Tool, Key, string][] = [['window', 'window', 'W'], ['pan', 'panTool', 'Shift'], ['zoom', 'zoomTool', 'Z'], ['length', 'length', 'D'], ['ellipse', 'ellipse', 'O'], ['probe', 'probe', 'Q']];

export function Toolbar({ vp, status, stagesOn, textOn, hasStages, onStages, onText }: Props) {
  const v = (): Viewport | null => vp.current;
  return (
    <div class="tools" role="toolbar" aria-label={t('image')}>
      {tools.map(([tool, name, key]) => <Tip key={tool} name={name} keys={key} on={status?.tool === tool} onClick={() => v()?.setTool(tool)}><Icon name={tool} /></Tip>)}
      <i class="gap" />
      <select aria-label={t('preset')} disabled={(status?.vois.length ?? 0) === 0} value={status?.voi && status.vois[status.voiIndex] === status.voi ? status.voiIndex : -1} onChange={(e) => { v()?.choose(Number(e.currentTarget.value)); e.currentTarget.blur(); }}>
        <option value={-1} hidden>{t('manual')}</option>
        {(status?.vois ?? []).map((x, i) => <option key={i} value={i}>{i < 9 ? `${i + 1}  ` : ''}{x.name}</option>)}
      </select>
      <i class="gap" />
      <Tip name="fit" keys="=" onClick={() => v()?.fit()}><Icon name="fit" /></Tip>
      <Tip name="actual" keys="0" onClick={() => v()?.actual()}><b>1:1</b></Tip>
      <Tip name="invert" keys="I" on={status?.invert ?? false} onClick={() => v()?.invertGrey()}><Icon name="invert" /></Tip>
      <Tip name="rotate" keys="R" onClick={() => v()?.turn(1)}><Icon name="rotate" /></Tip>
      <Tip name="flipH" keys="H" on={status?.view.flipH ?? false} onClick={() => v()?.flip(true)}><Icon name="flipH" /></Tip>
      <Tip name="flipV" keys="V" on={status?.view.flipV ?? false} onClick={() => v()?.flip(false)}><Icon name="flipV" /></Tip>
      <Tip name="reset" keys="Space" onClick={() => v()?.reset()}><Icon name="reset" /></Tip>
      {(status?.slots ?? 0) > 1 && <Tip name={status?.playing ? 'pause' : 'play'} keys="C" on={status?.playing ?? false} onClick={() => v()?.play()}><Icon name={status?.playing ? 'pause' : 'play'} /></Tip>}
      <i class="gap" />
      <Tip name="text" keys="U" on={textOn} onClick={onText}><Icon name="text" /></Tip>
      <Tip name="stages" keys="J" on={stagesOn} disabled={!hasStages} onClick={onStages}><Icon name="stages" /></Tip>
    </div>
  );
}
