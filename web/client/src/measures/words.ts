// The texts of the leaders' room: [Chinese, English]. They come with the room, so that a marker's page need not carry them.

import { language } from "../app/language.svelte";

const words = {
  title: ["阅卷员", "Markers"],
  lead: ["每位阅卷员的评分指标，数秒内更新。", "How each marker marks, a few seconds old."],
  all: ["全部题组", "All groups"],
  group: ["题组", "Item group"],
  groups: ["题组", "Item groups"],
  none: ["没有由您负责的题组。", "You lead no item group."],
  nothing: ["还没有评分可供统计。", "Nothing is measured here yet."],
  markers: ["阅卷员", "Markers"],
  marker: ["阅卷员", "Marker"],
  everyone: ["全组", "The group"],
  item: ["题", "Question"],
  alarms: ["报警", "Alarms"],
  noAlarm: ["没有报警。", "No alarm."],
  open: ["未处理", "open"],
  seen: ["已知悉", "seen"],
  over: ["已解除", "over"],
  see: ["知悉", "I have seen it"],
  stopped: ["已停止该阅卷员", "the marker was stopped"],
  value: ["{value}，界限 {limit}，共 {n}", "{value}, limit {limit}, over {n}"],
  since: ["自 {at}", "since {at}"],
  ended: ["{at} 解除", "over since {at}"],
  asOf: ["截至 {at}", "as of {at}"],
  export: ["导出 XLSX", "Export XLSX"],
  n: ["份数", "Marks"],
  speed: ["每小时", "An hour"],
  seconds: ["秒/份", "Seconds"],
  third_rate: ["三评率", "Third"],
  mean: ["平均分", "Mean"],
  sd: ["标准差", "SD"],
  exact: ["完全一致", "Exact"],
  adjacent: ["相邻一致", "Adjacent"],
  kappa: ["Kappa", "Kappa"],
  self_consistency: ["自评一致", "Self"],
  expert_consistency: ["标准卷一致", "Seeds"],
  bias: ["平均偏差", "Bias"],
  error: ["绝对差", "Error"],
  play_safe: ["保险分", "Play-safe"],
  distance: ["分布距离", "Distance"],
  drift: ["漂移", "Drift"],
  severity: ["严厉度", "Severity"],
  beyond: ["超出界限", "beyond its limits"],
  unconnected: ["有的阅卷员与他人没有共同评过的答卷，严厉度只作参考。", "Some markers share no answer with the others: take their severity as a hint."],
  hour: ["时段", "Hour"],
  given: ["给分分布", "Marks given"],
  mark: ["分数", "Mark"],
  times: ["次数", "Times"],
  stop: ["停评", "Stop"],
  idle: ["此人在本题组还没有评分。", "No mark of this person in this group yet."],
} satisfies Record<string, [string, string]>;

export type MeasureWord = keyof typeof words;

export function word(name: MeasureWord, values: Record<string, string | number> = {}): string {
  const text = words[name][language.now === "zh" ? 0 : 1] ?? "";
  return text.replace(/\{(\w+)\}/g, (_, key: string) => String(values[key] ?? ""));
}
