// The shapes of what leaders ask and say of markers over HTTP, nothing else.

import type { ItemToMark, Marks, Task, Text } from "../app/contract";

export interface Led {
  paper: string;
  group: string;
  title: Text;
  items: ItemToMark[];
  agrees: boolean;
  corrects: boolean;
  rounds: Round[];
  share: string;
  since: Since;
  hours: number | null;
  looks: number;
  problems: number;
  stopped: number;
}

export type Round = "trial" | "first" | "second";
export type Use = Round | "live";
export type Since = "last_passed_seed" | "hours" | "today" | "never";

export interface Person {
  id: number;
  login: string;
  name: string;
  state: string;
}

export interface Rate {
  marker: number;
  today: number;
  looked_today: number;
  missing: number;
  confirmed: number;
  corrected: number;
  sent_back: number;
}

export interface Look {
  mark: number;
  marks: Marks;
  pictures: string[];
  at: string;
  marker: number | null;
}

export interface HourBack {
  hour: string;
  marks: number;
  reopened: number;
  means: Record<string, string>;
}

export interface Preview {
  user_id: number;
  marks: number;
  reopened: number;
  kept: number;
  newest: number;
  digest: string;
  hours: HourBack[];
}

export interface Stop {
  id: number;
  marker: number;
  login: string;
  name: string;
  rule: string;
  reason: string;
  put_back: number;
  by: string;
  at: string;
  lifted_by: string;
  lifted_at: string | null;
}

export interface Standing {
  user: number;
  state: string;
  since: string;
  today: number;
  marks: number;
  done: number;
  asked: number;
  within: number;
  seeds: number;
  seeds_passed: number;
  selves: number;
  selves_passed: number;
}

export interface Seed {
  id: number;
  response: number;
  use: Use;
  marks: Marks;
  note: string;
  active: boolean;
  at: string;
  given: number;
  failed: number;
  pictures: string[];
}

export interface Fared {
  marker: number;
  name: string;
  marks: Marks;
  differences: Record<string, string>;
  within: boolean;
  at: string;
}

export interface Candidate {
  response: number;
  pictures: string[];
}

export interface OpenProblem {
  id: number;
  paper: string;
  group: string;
  reason: string;
  note: string;
  at: string;
  pictures: string[];
}

export function base(exam: string): string {
  return `/api/quality/${encodeURIComponent(exam)}`;
}

export function asked(led: Led): string {
  return `paper=${encodeURIComponent(led.paper)}&group=${encodeURIComponent(led.group)}`;
}

/** What the fields for marks are made from: an item group as if it were a task. */
export function asTask({ paper, group, title, items }: Led): Task {
  return { task: "", paper, group, title, items, pictures: [], lease_seconds: 0, level: "arbiter" };
}

export function nameOf(person: Pick<Person, "id" | "login" | "name">): string {
  return person.name || person.login || String(person.id);
}
