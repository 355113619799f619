// How many answers this marker has marked today in this browser, and how fast.

import { recall, remember } from "../app/keep";

export interface Today {
  day: string;
  count: number;
  seconds: number;
}

const LONGEST_COUNTED_S = 600;

function day(): string {
  const now = new Date();
  return `${now.getFullYear()}-${now.getMonth() + 1}-${now.getDate()}`;
}

export function today(login: string, exam: string): Today {
  const kept = recall<Today>(`today.${login}.${exam}`);
  return kept?.day === day() ? kept : { day: day(), count: 0, seconds: 0 };
}

export function counted(login: string, exam: string, seconds: number): Today {
  const before = today(login, exam);
  const after = { ...before, count: before.count + 1, seconds: before.seconds + Math.min(seconds, LONGEST_COUNTED_S) };
  remember(`today.${login}.${exam}`, after);
  return after;
}

/** Seconds that the page was in view since the watch was started. */
export class Watch {
  private total = 0;
  private since = performance.now();
  private seen = !document.hidden;
  private readonly look = (): void => {
    this.total = this.milliseconds;
    this.since = performance.now();
    this.seen = !document.hidden;
  };

  constructor() {
    document.addEventListener("visibilitychange", this.look);
  }

  restart(): void {
    this.total = 0;
    this.since = performance.now();
  }

  stop(): void {
    document.removeEventListener("visibilitychange", this.look);
  }

  get seconds(): number {
    return Math.round(this.milliseconds / 100) / 10;
  }

  private get milliseconds(): number {
    return this.total + (this.seen ? performance.now() - this.since : 0);
  }
}
