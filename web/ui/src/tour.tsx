import { useEffect, useState } from 'preact/hooks';
import { currentLanguage, t } from './i18n';

/** What a first visit is told, beside the thing it is about; a step waits until its thing is on the page. */
const steps: [string, string, string][] = [
  ['.rows', 'The worklist: urgent findings come first, nothing is hidden. ↑ ↓ choose a study, Enter opens it.', '工作列表：紧急发现排在最前，不隐藏任何检查。↑ ↓ 选择，Enter 打开。'],
  ['.panes', 'The images. Wheel scrolls, left drag sets the window. The light at the top right says when the full data are shown.', '图像。滚轮翻页，左键拖动调窗。右上角的指示灯表示已显示完整数据。'],
  ['.findings', 'What the models found, with their scores. N goes to the next finding, A accepts, X rejects. Click an evidence map to find who said so.', '模型的发现与评分。N 下一项，A 接受，X 拒绝。点击证据图可定位对应发现。'],
  ['.report', 'The report. It holds what you accepted and your own words; nothing is sent before you sign.', '报告：包含您接受的发现和您的文字；签署前不会发送。'],
];

export function Tour({ onEnd }: { onEnd: () => void }) {
  const [at, setAt] = useState(0), [, look] = useState(0);
  const [selector, en, zh] = steps[at] as [string, string, string], thing = document.querySelector(selector);
  useEffect(() => { const id = setInterval(() => look((n) => n + 1), 500); return () => clearInterval(id); }, []);
  useEffect(() => { thing?.classList.add('toured'); return () => thing?.classList.remove('toured'); }, [thing]);
  return (
    <aside class="tour box" aria-label={t('tour')}>
      <p role="status"><b>{at + 1} / {steps.length}</b> {currentLanguage() === 'zh' ? zh : en}{!thing && <em class="muted"> {t('tourOpen')}</em>}</p>
      <div class="acts"><button onClick={onEnd}>{t('close')}</button>{at + 1 < steps.length && <button class="primary" onClick={() => setAt(at + 1)}>{t('next')}</button>}</div>
    </aside>
  );
}
