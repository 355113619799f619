// The shapes of the scan hall's and of reconciliation's HTTP contract.

import type { Text } from "../app/contract";

export interface Station {
  station: string;
  last_minute: number;
  a_minute: number;
  last_frame: string | null;
  batches: Record<string, number>;
  frames: number;
  doubtful: number;
}

export interface Batch {
  station: string;
  batch: string;
  state: string;
  declared: number | null;
  received: number;
  missing: string[];
}

export interface Reader {
  machine: string;
  process: number;
  last: string;
  alive: boolean;
}

export interface Reading {
  machine: string;
  process: number;
  frames: number;
  station: string;
  batch: string;
  sequence: number | null;
}

export interface ImprintFault {
  kind: "gap" | "repeat" | "two_numbers";
  station: string;
  batch: string;
  first: string;
  last: string;
  places: string[];
}

export interface HallNow {
  at: string;
  stations: Station[];
  batches: Batch[];
  waiting: number;
  queued: number;
  oldest: string | null;
  reading: Reading[];
  readers: Reader[] | null;
  alarms: { kind: string; about: string; since: string; sentence: Text }[];
  imprints: ImprintFault[];
  imprint_faults: number;
}

export const COLUMNS = ["expected", "present", "absent", "withheld", "missing", "unclear", "extra", "waiting"] as const;

export type Counts = Record<(typeof COLUMNS)[number], number> & { balances: boolean };

export interface Row {
  paper: string;
  school?: string;
  name?: string;
  room?: string;
  counts: Counts;
  rooms?: number;
  closed?: number | boolean;
  changed?: boolean;
  closing?: { by_name: string; at: string; reason: string } | null;
}

export interface Rows {
  level: "paper" | "school" | "room";
  rows: Row[];
  total: Counts;
}

export interface Seat {
  seat: string;
  number: string;
  name: string;
  stand: string;
  sheets: { serial: string; sides: number[]; other: string }[];
  cases: { id: number; kind: string }[];
}

export interface Scanned {
  paper: string;
  over: boolean;
  by_name: string;
  at: string | null;
  waits_for: Record<string, number>;
}
