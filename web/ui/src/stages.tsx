import { t } from './i18n';
import type { Result } from './types';

/** The steps of the pipeline as pictures: what the model was given, and how it came about. */
export function Stages({ result, picked, onPick, mix, onMix, onBeside }: { result: Result; picked: string | null; onPick: (name: string | null) => void; mix: number; onMix: (m: number) => void; onBeside: () => void }) {
  const stage = result.stages?.find((s) => s.name === picked);
  return (
    <div class="stages" aria-label={t('stages')} role="group">
      <div class="stagehead">
        <b>{t('stages')}</b> <span class="muted">{result.model.id} {result.model.version}</span>
        {stage && <span class="num muted">{stage.step} {parameters(stage.parameters)} · {t('took', { n: stage.ms.toFixed(1) })}{stage.note ? ` · ${stage.note}` : ''}</span>}
        <label class="slider">{t('mix')}<input type="range" min={0} max={1} step={0.02} value={mix} disabled={!stage} onInput={(e) => onMix(Number(e.currentTarget.value))} /></label>
        <button onClick={onBeside}>{t('beside')}</button>
      </div>
      <div class="strip-row">
        <button aria-pressed={picked === null} onClick={() => onPick(null)}><span class="noimg">{t('original')}</span></button>
        {(result.stages ?? []).map((s) => (
          <button key={s.name} aria-pressed={s.name === picked} onClick={() => onPick(s.name)} title={parameters(s.parameters)}>
            {s.file ? <img src={`/api/v1/results/${encodeURIComponent(result.id)}/stages/${encodeURIComponent(s.name)}`} alt="" loading="lazy" /> : <span class="noimg">—</span>}
            <span>{s.step}</span><small class="num">{t('took', { n: s.ms.toFixed(1) })}</small>
          </button>
        ))}
      </div>
    </div>
  );
}

export function parameters(p: Record<string, unknown> | undefined): string {
  return Object.entries(p ?? {}).map(([k, v]) => `${k}=${typeof v === 'object' ? JSON.stringify(v) : String(v)}`).join(' ');
}
