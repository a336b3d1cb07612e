import { useEffect, useRef } from 'preact/hooks';
import { currentLanguage, t } from './i18n';

const keys: [string, string, string][] = [
  ['/', 'search the worklist', '搜索列表'], ['↑ ↓ Enter', 'choose and open a study', '选择并打开检查'],
  ['↑ ↓  Home End', 'previous, next, first, last image', '上一张、下一张、首张、末张'], ['PgUp PgDn', 'previous, next series', '上一、下一序列'],
  ['left drag · W', 'window and level', '窗宽窗位'], ['Alt + drag', 'window on a region', '区域窗'], ['middle or Shift + drag', 'pan', '平移'], ['right drag, wheel · + −', 'zoom', '缩放'],
  ['= · 0 · Space', 'fit · 1:1 · reset', '适应 · 1:1 · 复位'], ['I · R Shift+R · H V', 'invert · rotate · flip', '反相 · 旋转 · 翻转'], ['1 … 9', 'window presets', '窗预设'], ['C', 'play', '播放'],
  ['D · G · K', 'length · angle · Cobb angle', '长度 · 角度 · Cobb 角'], ['O · B · F', 'ellipse · rectangle · freehand', '椭圆 · 矩形 · 手绘'], ['T · Q · L', 'arrow · probe · magnifier', '箭头 · 取值 · 放大镜'],
  ['F1 F2 F4 · F3', 'one, two, four viewports · compare with the newest earlier study', '一、二、四视口 · 与最近既往检查对比'], ['S · Tab', 'link viewports · next viewport', '联动视口 · 下一视口'], ['double click', 'one viewport large, and back', '单个视口放大与还原'], ['Y', 'header of the image', '图像头信息'], ['Ctrl+Z Ctrl+Y Del', 'undo · redo · clear marks', '撤销 · 重做 · 清除'],
  ['N Shift+N', 'next, previous finding', '下一、上一发现'], ['A · X', 'accept · reject the finding', '接受 · 拒绝'], ['M', 'evidence map', '证据图'], ['J', 'pipeline stages', '处理步骤'], ['U', 'text on the image', '图上文字'],
  ['Enter', 'to the report', '转到报告'], ['Ctrl+Enter', 'sign', '签署'], ['Ctrl+→', 'next study', '下一个检查'], ['Backspace', 'back to the worklist', '返回列表'], ['?', 'this page', '本页'],
];

export function Help({ onClose, onTour }: { onClose: () => void; onTour: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => { dialog.current?.showModal(); }, []);
  return (
    <dialog ref={dialog} class="help" onClose={onClose} aria-labelledby="help-title">
      <h2 id="help-title">{t('shortcuts')}</h2>
      <dl>{keys.map(([k, en, zh]) => <div key={k}><dt>{k}</dt><dd>{currentLanguage() === 'zh' ? zh : en}</dd></div>)}</dl>
      <div class="acts"><button onClick={onTour}>{t('tour')}</button><button onClick={onClose}>{t('close')}</button></div>
    </dialog>
  );
}
