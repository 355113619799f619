// The shapes of the measures' HTTP contract, and which of them a table shows.

import type { Text } from "../app/contract";

export type Columns = Record<string, (number | null)[]>;
export type Figures = Record<string, number | null>;

export interface Led {
  paper: string;
  group: string;
  title: Text;
  marks: number;
  markers: number;
  at: string | null;
  alarms: number;
  seen: number;
}

export interface Snapshot {
  at: string;
  markers: number[];
  whole: { markers: Columns; group: Figures };
  items: Record<string, { full: string; step: string; markers: Columns; group: Figures; spread: number[] }>;
  severity: { at: string; marks: number; connected: Record<string, boolean> } | null;
}

export interface Alarm {
  id: number;
  rule: string;
  when: string;
  marker: number | null;
  item: string;
  value: number;
  limit: number;
  marks: number;
  state: "open" | "seen" | "over";
  by: string;
  at: string;
  ended_at: string | null;
}

export interface Group {
  title: Text;
  measures: Snapshot | null;
  names: Record<string, { login: string; name: string }>;
  alarms: Alarm[];
}

export interface Hour {
  hour: string;
  whole: Figures;
  items: Record<string, Figures>;
}

export interface MarkerHours {
  marker: { id: number; login: string; name: string };
  hours: Hour[];
  spread: Record<string, number[]>;
}

const SHARES = new Set(["third_rate", "play_safe", "exact", "adjacent", "self_consistency", "expert_consistency"]);
const WHOLE_NUMBERS = new Set(["n", "seconds", "speed", "pairs"]);
export const OF_RESPONSES = ["n", "speed", "seconds", "third_rate"] as const;
export const OF_ITEMS = ["mean", "sd", "exact", "adjacent", "kappa", "self_consistency", "expert_consistency", "bias", "error", "play_safe", "distance"] as const;

export function written(measure: string, value: number | null | undefined): string {
  if (value == null) return "–";
  if (SHARES.has(measure)) return `${(100 * value).toFixed(0)} %`;
  return WHOLE_NUMBERS.has(measure) ? value.toFixed(0) : value.toFixed(2);
}
