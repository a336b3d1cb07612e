export type Language = 'en' | 'zh';

/** Every string of the front end, English and Chinese side by side. {x} is filled in. */
const strings = {
  worklist: ['Worklist', '工作列表'], models: ['Models', '模型'], node: ['Node', '节点'], signOut: ['Sign out', '退出'], language: ['Language', '语言'],
  signIn: ['Sign in', '登录'], name: ['User name', '用户名'], title: ['Name', '名称'], password: ['Password', '密码'], signingIn: ['Signing in …', '正在登录…'],
  signInAgain: ['Your session has ended. Sign in again; nothing on this page is lost.', '会话已结束。请重新登录，本页内容不会丢失。'],
  tagline: ['Radiology AI node', '放射影像 AI 节点'],
  live: ['live', '实时'], offline: ['offline', '离线'], offlineTitle: ['No connection to the node: this page shows what was last known', '与节点断开：本页显示最后已知内容'],
  search: ['Search name, ID, accession or UID', '搜索姓名、ID、检查号或 UID'], allStates: ['All states', '所有状态'], allModalities: ['All modalities', '所有设备'],
  today: ['Today', '今天'], days3: ['3 days', '3 天'], days7: ['7 days', '7 天'], anyTime: ['Any time', '不限时间'], order: ['Order', '排序'],
  byUrgency: ['by urgency', '按紧急程度'], byReceived: ['by arrival', '按到达时间'], byName: ['by name', '按姓名'], byDate: ['by study date', '按检查日期'],
  prio: ['Prio', '优先'], wait: ['Wait', '等待'], patient: ['Patient', '患者'], id: ['ID', '编号'], study: ['Study', '检查'], img: ['Images', '图像'],
  aiResult: ['AI result', 'AI 结果'], state: ['State', '状态'], reader: ['Reader', '阅片医生'], sent: ['Sent', '发送'],
  urgent: ['urgent', '紧急'], raised: ['raised', '优先'], routine: ['routine', '常规'],
  noneAbove: ['none above threshold', '无超过阈值的发现'], noneAssessed: ['no model looked for findings of the patient', '没有模型评估患者的病变'], stillArriving: ['still arriving', '仍在接收'], running: ['running', '分析中'],
  notAnalysedBecause: ['not analysed because {why}', '未分析：{why}'], noReason: ['the node gives no reason', '节点未给出原因'],
  arriving: ['arriving', '接收中'], analysing: ['analysing', '分析中'], to_review: ['to review', '待审阅'], not_analysed: ['not analysed', '未分析'],
  signed: ['signed', '已签署'], delivered: ['delivered', '已送达'], undelivered: ['delivery failed', '送达失败'], unprovable: ['sent, not provable', '已发送，无法证明'],
  queued: ['queued', '排队'], sentState: ['sent, proof outstanding', '已发送，待确认'], failed: ['failed', '失败'],
  studies: ['{n} studies', '{n} 个检查'], noStudies: ['No studies yet. Send one to this node by DICOM; it appears here by itself.', '暂无检查。通过 DICOM 发送后会自动出现。'],
  noMatch: ['No study matches this search.', '没有符合条件的检查。'], loading: ['Loading …', '加载中…'], newOnes: ['{n} changed – show', '{n} 项更新 – 显示'],
  minutes: ['{n} min', '{n} 分钟'], hours: ['{h} h {m} min', '{h} 小时 {m} 分'], daysAgo: ['{n} d', '{n} 天'],
  ctr: ['AI: cardiothoracic ratio {value}', 'AI：心胸比 {value}'],
  series: ['Series', '序列'], stages: ['Pipeline stages', '处理步骤'], findings: ['Findings', '发现'], report: ['Report', '报告'], features: ['Measurements and features', '测量与特征'],
  provenance: ['Provenance', '来源'], original: ['Original', '原图'], preview: ['preview', '预览'], full: ['full data', '完整数据'], failedImage: ['not shown', '无法显示'],
  previewTitle: ['Preview: compressed picture, do not measure', '预览：压缩图像，请勿测量'], fullTitle: ['Full stored values', '完整原始像素'],
  cannotShow: ['This image cannot be shown: {why}', '无法显示此图像：{why}'], retry: ['Try again', '重试'], noImages: ['This series has no images.', '该序列没有图像。'],
  aiNotVerified: ['AI, not verified', 'AI 结果，未经核实'], verifiedBy: ['Verified by {who}', '已由 {who} 核实'], notDiagnosis: ['A second opinion from a program, not a diagnosis.', '程序提供的参考意见，并非诊断。'],
  score: ['model score', '模型评分'], probability: ['calibrated probability', '校准概率'], threshold: ['threshold {n}', '阈值 {n}'], accept: ['Accept', '接受'], reject: ['Reject', '拒绝'], undo: ['Undo', '撤销'],
  tooClose: ['too close to call: the model says neither yes nor no', '难以判定：模型既不肯定也不否定'], spread: ['{low}–{high} over {n} small changes of the image', '图像经 {n} 次微小改变后为 {low}–{high}'],
  agreement: ['{n} of {all} models say so ({low}–{high})', '{all} 个模型中有 {n} 个如此判断（{low}–{high}）'],
  largestOfGroup: ['the likeliest of its group', '同组中最可能'], accepted: ['accepted', '已接受'], rejected: ['rejected', '已拒绝'], undecided: ['undecided', '未决定'], by: ['{what} by {who}', '{who} {what}'],
  whyReject: ['Why? (Esc: no reason)', '原因？（Esc：不填）'], wrongPlace: ['wrong place', '位置错误'], wrongLabel: ['wrong label', '标签错误'], notPresent: ['not present', '不存在'],
  artefact: ['artefact', '伪影'], known: ['known or irrelevant', '已知或无关'],
  below: ['{n} below threshold', '{n} 项低于阈值'], notAssessed: ['{n} not assessed', '{n} 项未评估'], quality: ['Film quality', '图像质量'], noFindings: ['No finding above threshold', '无超过阈值的发现'],
  nothingToDecide: ['Nothing needs a decision.', '无需决定的项目。'], heatmap: ['Evidence map', '证据图'], heatLegend: ['relative to this image', '相对于本图像'], low: ['low', '低'], high: ['high', '高'],
  opacity: ['Opacity', '不透明度'], mix: ['Original ↔ stage', '原图 ↔ 步骤'], beside: ['Side by side', '并排显示'], noHeatmap: ['this finding has no evidence map', '此项没有证据图'],
  impression: ['Impression', '印象'], impressionHint: ['Your own words; they stand in the report.', '您的文字，将写入报告。'], saved: ['saved', '已保存'], saving: ['saving …', '保存中…'], notSaved: ['not saved', '未保存'],
  sign: ['Sign', '签署'], signTitle: ['Sign and send the report', '签署并发送报告'], repeatPassword: ['Repeat your password', '请再次输入密码'], cancel: ['Cancel', '取消'], signNow: ['Sign and send', '签署并发送'],
  decideFirst: ['Decisions outstanding: {n}', '待决定：{n} 项'], onlyRadiologist: ['Only a radiologist may sign.', '仅放射科医生可签署。'],
  signedBy: ['Signed by {who}, {when}', '{who} 于 {when} 签署'], amend: ['Amend', '修订'], amends: ['amends an earlier report', '修订先前报告'], superseded: ['superseded', '已被取代'], draft: ['draft', '草稿'],
  deliveries: ['Delivery', '送达'], noDeliveries: ['No destination is configured; the report stays on this node.', '未配置目的地，报告保留在本节点。'], attempts: ['{n} tries', '{n} 次尝试'], proof: ['proof: {what}', '证明：{what}'],
  changedMeanwhile: ['Somebody changed this report meanwhile. It was loaded again; look before you go on.', '报告已被他人修改并重新加载，请核对后继续。'],
  noReport: ['There is no report yet.', '尚无报告。'], versions: ['Versions', '版本'], nextStudy: ['Next study', '下一个检查'], back: ['Back to the worklist', '返回列表'],
  window: ['Window', '窗宽窗位'], panTool: ['Pan', '平移'], zoomTool: ['Zoom', '缩放'], length: ['Length', '长度'], ellipse: ['Ellipse', '椭圆'], probe: ['Probe', '取值'], fit: ['Fit', '适应'], actual: ['1:1', '1:1'],
  invert: ['Invert', '反相'], rotate: ['Rotate', '旋转'], flipH: ['Flip left–right', '左右翻转'], flipV: ['Flip top–bottom', '上下翻转'], reset: ['Reset', '复位'], play: ['Play', '播放'], pause: ['Pause', '暂停'],
  text: ['Text', '文字'], preset: ['Preset', '预设'], manual: ['manual', '手动'], image: ['Image', '图像'], mean: ['mean', '均值'], lossy: ['lossy {n}:1', '有损 {n}:1'], derived: ['derived', '派生'], burnedIn: ['burned-in text', '含烧录文字'],
  shortcuts: ['Keyboard', '快捷键'], close: ['Close', '关闭'], help: ['Keyboard shortcuts', '快捷键'], error: ['Error', '错误'], reload: ['Load again', '重新加载'], notFound: ['There is nothing at this address.', '此地址没有内容。'],
  model: ['Model', '模型'], version: ['Version', '版本'], device: ['Device', '设备'], intendedUse: ['Intended use', '预期用途'], notFor: ['Not for', '不适用于'], evaluation: ['Evaluation', '评估'], licence: ['Licence', '许可'],
  accepts: ['Accepts', '适用输入'], pipeline: ['Pipeline', '处理流程'], labels: ['Labels', '标签'], card: ['Model card', '模型卡'], digest: ['Digest', '摘要'], calibrated: ['calibrated', '已校准'], notCalibrated: ['not calibrated', '未校准'],
  ready: ['ready', '就绪'], refused: ['refused', '拒绝加载'], fallbacks: ['Why not a better device', '未使用更好设备的原因'], tryModel: ['Try on a picture', '试用图片'], tryHint: ['DICOM, PNG or JPEG; nothing is kept.', 'DICOM、PNG 或 JPEG；不会保存。'],
  ledger: ['Ledger', '台账'], balanced: ['Balanced: everything accepted is accounted for.', '平衡：所有接收内容均有记录。'], unbalanced: ['Not balanced: look at the marked rows.', '不平衡：请查看标记行。'], kind: ['Kind', '类别'], count: ['Count', '数量'],
  peers: ['Peers', '对端'], aeTitle: ['AE title', 'AE 标题'], address: ['Address', '地址'], allow: ['May', '允许'], deliverTo: ['Gets', '接收'], source: ['Source', '来源'], echo: ['Echo', '连通测试'], remove: ['Remove', '删除'], add: ['Add', '添加'],
  host: ['Host', '主机'], port: ['Port', '端口'], users: ['Users', '用户'], tokens: ['Tokens', '令牌'], role: ['Role', '角色'], fullName: ['Full name', '全名'], audit: ['Audit trail', '审计记录'], when: ['When', '时间'], who: ['Who', '用户'], what: ['What', '操作'],
  from: ['From', '来自'], enable: ['Enable', '启用'], disable: ['Disable', '停用'], disabled: ['disabled', '已停用'], newToken: ['The token is shown this once:', '令牌仅显示一次：'], answered: ['answered in {n} ms', '{n} 毫秒应答'], forbidden: ['Your role may not see this.', '您的角色无权查看。'],
  version2: ['Program', '程序'], took: ['{n} ms', '{n} 毫秒'], value: ['Value', '值'], yearsOld: ['{n} y', '{n} 岁'], monthsOld: ['{n} mo', '{n} 个月'], warnings: ['Warnings', '警告'], sortedNote: ['Urgency re-orders the list; it hides and clears nothing.', '紧急程度仅改变排序，不隐藏也不排除任何检查。'],
  openPrevious: ['Images', '图像'], slice: ['{i} / {n}', '{i} / {n}'], unreachable: ['The node cannot be reached.', '无法连接节点。'], clock: ['The clock of this computer differs from the node\'s by {n} minutes.', '本机时钟与节点相差 {n} 分钟。'], first: ['first', '首要'],
  segElsewhere: ['This segmentation does not lie in the plane of the image: it is not shown.', '该分割与图像不在同一平面，不予显示。'],
  layout: ['Layout', '布局'], cuts: ['Axial, coronal, sagittal', '轴位、冠状位、矢状位'], axial: ['axial', '轴位'], coronal: ['coronal', '冠状位'], sagittal: ['sagittal', '矢状位'], keepLayout: ['Keep this layout for {what}', '将此布局用于 {what}'], link: ['Link scroll and window', '联动滚动与窗'],
  notVolume: ['These images are no stack of parallel slices: no cuts can be made.', '这些图像不是平行层面，无法重建。'], tooManySlices: ['The series is larger than a browser may hold at once: no cuts can be made.', '该序列超出浏览器可用内存，无法重建。'], tilted: ['The gantry was tilted: cuts would be wrong.', '机架倾斜，重建会不准确。'], lens: ['Magnifier', '放大镜'], angle: ['Angle', '角度'], cobb: ['Cobb angle', 'Cobb 角'], rectangle: ['Rectangle', '矩形'], freehand: ['Freehand', '手绘区域'], arrow: ['Arrow with words', '箭头与文字'],
  fps: ['Images a second', '每秒图像数'], header: ['Header', '头信息'], chooseSeries: ['Choose a series for this place.', '请为此处选择序列。'], prior: ['PRIOR', '既往'], priors: ['Earlier studies', '既往检查'], compare: ['Compare', '对比'], from_: ['From', '起始'],
  awaiting_second: ['awaits a second signature', '待第二签署'], cosign: ['Sign second', '第二签署'], reopen: ['Take signature back', '撤回签署'], addendum: ['Addendum', '补充报告'], findingsText: ['Findings in words', '所见'], compose: ['Compose from decisions', '根据决定生成'], composeTitle: ['Replaces both texts', '将替换两段文字'],
  print: ['Print', '打印'], priorReports: ['Earlier reports', '既往报告'], ownFinding: ['Own finding', '自行添加'], finding: ['Finding', '发现'], words: ['In your words', '描述'], reason: ['Reason', '原因'], withMark: ['with the mark on the image', '附带图上标记'], keep: ['Keep', '保存'], edit: ['Edit', '编辑'],
  modelSaid: ['The model said: {what}', '模型判断：{what}'], aboveThreshold: ['above threshold', '高于阈值'], belowThreshold: ['below threshold', '低于阈值'],
  veryUnlikely: ['very unlikely', '极不可能'], unlikely: ['unlikely', '不太可能'], possible: ['possible', '可能'], likely: ['likely', '很可能'], veryLikely: ['very likely', '极可能'],
  views: ['Views', '视图'], usualView: ['Usual view', '默认视图'], columns: ['Columns', '列'], accession: ['Accession', '检查号'], station: ['From', '来源'], theme: ['Light or dark', '浅色或深色'],
  use: ['Use at this site', '本站使用情况'], unused: ['Not used yet', '尚未使用'],
  usedSince: ['Since {when}: {read} images read, {refused} it is not for, {failed} not analysed', '自 {when}：已分析 {read} 幅，不适用 {refused} 幅，未能分析 {failed} 幅'], usedMs: ['median {median} ms, p95 {p95} ms', '中位数 {median} 毫秒，p95 {p95} 毫秒'],
  usedPresent: ['{n} at or above {at}', '{n} 幅达到或超过 {at}'], usedDecided: ['in signed reports {accepted} accepted ({edited} edited), {rejected} rejected', '已签报告中接受 {accepted}（修改 {edited}），拒绝 {rejected}'],
  activity: ['Last 24 hours', '最近 24 小时'], imagesIn: ['images received', '接收图像'], drafted: ['reports drafted', '生成报告草稿'], most: ['most in an hour: {n}', '每小时最多 {n}'], queue: ['Queue', '队列'], due: ['due', '待处理'], later: ['later', '稍后'], runningNow: ['running', '运行中'], lastError: ['Last error', '最近错误'],
  noPeers: ['No peers yet: add the machines that send images, and the PACS that gets the reports.', '暂无对端：请添加发送图像的设备和接收报告的 PACS。'], noModels: ['No model is loaded: studies are kept and shown, not analysed.', '未加载模型：检查会被保存和显示，但不会被分析。'],
  failures: ['Failed deliveries', '送达失败'], noFailures: ['No delivery has failed.', '没有失败的送达。'], retryAll: ['Retry all', '全部重试'], settings: ['Settings in force', '当前设置'], settingsHint: ['Set by file, environment or flags; radnode config prints them.', '通过文件、环境变量或参数设置；radnode config 可打印。'], changed: ['not the default', '非默认'], selfTest: ['Self-test', '自检'],
  tour: ['Guided tour', '导览'], tourOpen: ['(open a study to see it)', '（打开检查后可见）'], next: ['Next', '下一步'],
} satisfies Record<string, [string, string]>;

export type Key = keyof typeof strings;

function initial(): Language {
  const kept = localStorage.getItem('language');
  return kept === 'en' || kept === 'zh' ? kept : navigator.language.startsWith('zh') ? 'zh' : 'en';
}

let language: Language = initial();
export const currentLanguage = (): Language => language;

export function setLanguage(l: Language): void {
  language = l;
  localStorage.setItem('language', l);
  document.documentElement.lang = l === 'zh' ? 'zh-CN' : 'en';
}

export function t(key: Key, fill?: Record<string, string | number>): string {
  let s: string = strings[key][language === 'zh' ? 1 : 0];
  for (const [k, v] of Object.entries(fill ?? {})) s = s.replace(`{${k}}`, String(v));
  return s;
}

/** Names of findings by code and of technical labels; English falls back to the code's own meaning. */
const names: Record<string, [string, string]> = {
  '233604007': ['Pneumonia', '肺炎'], pneumonia: ['Pneumonia', '肺炎'], chest_film: ['Frontal chest film', '胸部正位片'], view_ap: ['AP view', '前后位'], inverted: ['Greys inverted', '灰阶反相'],
  orientation_upright: ['Upright', '方向正确'], orientation_rotated_90: ['Turned 90°', '旋转 90°'], orientation_rotated_180: ['Turned 180°', '旋转 180°'], orientation_rotated_270: ['Turned 270°', '旋转 270°'],
  orientation_mirrored: ['Mirrored', '镜像'], orientation_mirrored_90: ['Mirrored, turned 90°', '镜像并旋转 90°'], orientation_mirrored_180: ['Mirrored, turned 180°', '镜像并旋转 180°'], orientation_mirrored_270: ['Mirrored, turned 270°', '镜像并旋转 270°'],
};

/** learn takes over the words of the node's vocabulary. */
export function learn(terms: { label: string; code: { value: string } | null; en: string; zh: string }[]): void {
  for (const w of terms) { names[w.label] ??= [w.en, w.zh]; if (w.code) names[w.code.value] ??= [w.en, w.zh]; }
}

export function findingName(f: { label: string; code: { value: string; meaning: string } | null }): string {
  const known = names[f.code?.value ?? ''] ?? names[f.label];
  const plain = known?.[language === 'zh' ? 1 : 0] ?? f.code?.meaning ?? f.label.replace(/_/g, ' ');
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** A finding of the worklist ("pneumonia 91") in the reader's language. */
export function findingLine(line: string): string {
  const [, label = line, score = ''] = /^(.*?)( \d+)?$/.exec(line) ?? [];
  return findingName({ label: label.toLowerCase().replace(/ /g, '_') in names ? label.toLowerCase().replace(/ /g, '_') : label, code: null }) + score;
}

/** A DICOM person name for reading: the group of the language first, the others in brackets (PS3.5 6.2.1). */
export function personName(pn: string): string {
  const groups = pn.split('=').map((g) => {
    const [family = '', given = '', middle = '', prefix = '', suffix = ''] = g.split('^').map((p) => p.trim());
    const rest = [prefix, given, middle].filter(Boolean).join(' ');
    const tail = suffix ? `, ${suffix}` : '';
    return family && rest ? `${family}, ${rest}${tail}` : (family || rest) + tail;
  }).filter(Boolean);
  const [latin = '', ideographic = ''] = groups;
  if (!ideographic) return latin || '—';
  const plain = ideographic.replace(/, /g, '');
  return language === 'zh' ? `${plain} (${latin})` : `${latin} (${plain})`;
}

// A formatter costs much to make (0.1 ms and more) and nothing to use again.
const clocks = new Map<string, Intl.DateTimeFormat>();

function clock(options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${language} ${options.timeStyle ?? ''}`, known = clocks.get(key);
  if (known) return known;
  const made = new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en-GB', options);
  clocks.set(key, made);
  return made;
}

export function date(da: string): string {
  if (!/^\d{8}$/.test(da)) return da;
  const d = new Date(+da.slice(0, 4), +da.slice(4, 6) - 1, +da.slice(6, 8));
  return clock({ dateStyle: 'medium' }).format(d);
}

export function moment(iso: string): string {
  return clock({ dateStyle: 'medium', timeStyle: 'short' }).format(new Date(iso));
}

/** A DICOM age (PS3.5 6.2 AS), else from the birth date. */
export function age(as: string, birth: string, studyDate: string): string {
  const m = /^(\d{3})([DWMY])$/.exec(as);
  if (m) {
    const n = Number(m[1]);
    return m[2] === 'Y' ? t('yearsOld', { n }) : m[2] === 'M' ? t('monthsOld', { n }) : `${n} ${m[2]?.toLowerCase()}`;
  }
  if (!/^\d{8}$/.test(birth) || !/^\d{8}$/.test(studyDate)) return '';
  const years = Math.floor((Number(studyDate) - Number(birth)) / 10000);
  return years >= 0 && years < 150 ? t('yearsOld', { n: years }) : '';
}

export function waiting(since: string, now: number): string {
  const min = Math.max(0, Math.floor((now - Date.parse(since)) / 60000));
  if (min < 60) return t('minutes', { n: min });
  if (min < 48 * 60) return t('hours', { h: Math.floor(min / 60), m: min % 60 });
  return t('daysAgo', { n: Math.floor(min / 1440) });
}
