// What the server says of doubtful answers that are handed out, and how this hour went.

import type { CaseItem } from "../app/contract";
import { recall, remember } from "../app/keep";

export interface LookItem extends CaseItem {
  multiple: boolean;
}

export interface LookData {
  case: number;
  version: number;
  kind: string;
  paper: string | null;
  items: LookItem[];
  lease_seconds: number;
}

export interface LooksReply {
  looks: LookData[];
  /** Only when it was asked for: a reply to a word does not count. */
  left: number | null;
  saved?: { case: number; outcome: "kept" | "gone" };
}

const HOUR_MS = 3_600_000;

/** How many answers this clerk gave in this browser in the last sixty minutes. */
export class Hourly {
  private times: number[];
  private readonly name: string;

  constructor(login: string, exam: string) {
    this.name = `looked.${login}.${exam}`;
    this.times = recall<number[]>(this.name) ?? [];
  }

  count(now = Date.now()): number {
    this.times = this.times.filter((time) => time > now - HOUR_MS);
    return this.times.length;
  }

  add(now = Date.now()): void {
    this.times.push(now);
    this.keep(now);
  }

  takeBack(): void {
    this.times.pop();
    this.keep(Date.now());
  }

  private keep(now: number): void {
    this.count(now);
    remember(this.name, this.times);
  }
}
