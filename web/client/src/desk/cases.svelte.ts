// The open cases of an exam as far as they are listed, the one on the desk, and what is done with it. Each action is sent once.

import { asProblem, call, type Problem } from "../app/call";
import type { DeskCase, ProblemData, Settled } from "../app/contract";
import { say, sayIfKnown } from "../app/language.svelte";
import { Pictures } from "../marking/pictures";

/** The second click of a double click, or an echo of Enter, must not settle the case that came after. */
const SETTLE_MS = 400;

const KEPT_AHEAD = 4;
/** So many of a kind are listed at first, and come with each "more". */
const EACH = 50;

export interface Resolution {
  action: string;
  reason?: string;
  values?: Record<string, string>;
  candidate?: string;
  sheet?: string;
  side?: number;
}

export interface Filters {
  paper: string;
  station: string;
  room: string;
}

export interface Result {
  case: number;
  state?: string;
  problem?: ProblemData;
}

interface Listed {
  cases: DeskCase[];
  counts?: Record<string, number>;
}

/** The cases on which two clerks differ are listed as a kind of their own, for those who decide them. */
export const DIFFERS = "differs";

export const groupOf = (one: DeskCase): string => (one.state === "differs" ? DIFFERS : one.kind);

export class Cases {
  open = $state<DeskCase[] | null>(null);
  counts = $state<Record<string, number>>({});
  filters = $state<Filters>({ paper: "", station: "", room: "" });
  trouble = $state<Problem | null>(null);
  busy = $state(false);
  news = $state("");
  last = $state<DeskCase | null>(null);
  private longer = new Map<string, number>();
  private shownAt = 0;
  private ahead = new Map<string, Pictures>();

  constructor(
    readonly exam: string,
    readonly decides: boolean,
  ) {}

  get path(): string {
    return `/api/desk/${encodeURIComponent(this.exam)}/cases`;
  }

  get total(): number {
    const known = Object.values(this.counts).reduce((sum, n) => sum + n, 0);
    return Math.max(known, this.open?.length ?? 0);
  }

  /** How many of a kind there are, listed or not. */
  countOf(kind: string): number {
    const listed = this.open?.filter((one) => groupOf(one) === kind).length ?? 0;
    const differing = this.open?.filter((one) => groupOf(one) === DIFFERS && one.kind === kind).length ?? 0;
    return Math.max(listed, (this.counts[kind] ?? 0) - differing);
  }

  async look(): Promise<void> {
    if (this.busy) return;
    try {
      const listed = await call<Listed>("GET", `${this.path}?${this.asked({ state: "open", each: String(EACH), limit: "5000" })}`);
      const cases = [...listed.cases];
      for (const [kind, limit] of this.longer) {
        const more = await call<Listed>("GET", `${this.path}?${this.asked({ state: "open", kind, limit: String(limit) })}`);
        cases.push(...more.cases.filter((one) => !cases.some((other) => other.id === one.id)));
      }
      if (this.decides) {
        const differing = (await call<Listed>("GET", `${this.path}?${this.asked({ state: "differs", limit: String(EACH) })}`)).cases;
        cases.push(...differing.filter((one) => !cases.some((other) => other.id === one.id)));
      }
      if (this.busy) return;
      this.counts = listed.counts ?? {};
      this.open = cases.sort((a, b) => Number(groupOf(b) === DIFFERS) - Number(groupOf(a) === DIFFERS) || groupOf(a).localeCompare(groupOf(b)));
    } catch (error) {
      this.trouble = asProblem(error);
    }
  }

  async more(kind: string): Promise<void> {
    this.longer.set(kind, (this.longer.get(kind) ?? EACH) + 4 * EACH);
    await this.look();
  }

  async narrow(filters: Filters): Promise<void> {
    this.filters = filters;
    this.longer.clear();
    await this.look();
  }

  find(id: string | null): DeskCase | null {
    return this.open?.find((one) => String(one.id) === id) ?? null;
  }

  after(one: DeskCase, by = 1): DeskCase | null {
    const at = this.open?.findIndex((other) => other.id === one.id) ?? -1;
    return this.open?.[at + by] ?? null;
  }

  shown(): void {
    this.shownAt = performance.now();
    this.trouble = null;
  }

  /** The scan that a case is compared with. */
  otherOf(one: DeskCase): Pictures | null {
    return one.other ? new Pictures([{ url: one.other }]) : null;
  }

  /** The page of a case; that of the next one is fetched at the same time. */
  pictureOf(one: DeskCase): Pictures | null {
    const next = this.after(one);
    if (next) this.fetch(next);
    return this.fetch(one);
  }

  /** Null when the case stays; otherwise the one to look at next ("none" after the last). */
  async resolve(one: DeskCase, resolution: Resolution): Promise<DeskCase | "none" | null> {
    if (this.busy || performance.now() - this.shownAt < SETTLE_MS) return null;
    this.busy = true;
    this.trouble = null;
    try {
      const path = resolution.action === "undo" ? "undo" : "resolve";
      const reply = await call<Settled>("POST", `${this.path}/${one.id}/${path}`, path === "undo" ? {} : { ...resolution, version: one.version });
      const next = this.after(one) ?? this.after(one, -1);
      this.ahead.delete(String(one.id));
      if (reply.state === "open") {
        // A rescan was asked for, or is not any more: the case stays, with a version of its own.
        this.open = this.open?.map((other) => (other.id === one.id ? reply.case : other)) ?? null;
      } else {
        this.away([one]);
        this.last = one;
      }
      this.news = say("desk.settled", { case: one.id, action: sayIfKnown("action", resolution.action) });
      return next ?? "none";
    } catch (error) {
      this.trouble = asProblem(error);
      return null;
    } finally {
      this.busy = false;
    }
  }

  /** The same decision for many; what became of each. */
  async resolveAlike(those: readonly DeskCase[], action: string, reason: string): Promise<Result[]> {
    if (this.busy) return [];
    this.busy = true;
    this.trouble = null;
    try {
      const cases = those.map((one) => ({ case: one.id, version: one.version }));
      const { results } = await call<{ results: Result[] }>("POST", `${this.path}/resolve`, { cases, action, reason });
      const settled = new Set(results.filter((one) => one.state && one.state !== "open").map((one) => String(one.case)));
      this.away(those.filter((one) => settled.has(String(one.id))));
      this.news = say("desk.settledMany", { n: results.filter((one) => !one.problem).length, action: sayIfKnown("action", action) });
      return results;
    } catch (error) {
      this.trouble = asProblem(error);
      return [];
    } finally {
      this.busy = false;
      void this.look();
    }
  }

  async undo(): Promise<DeskCase | null> {
    const last = this.last;
    if (!last || this.busy) return null;
    this.busy = true;
    try {
      await call<Settled>("POST", `${this.path}/${last.id}/undo`, {});
      this.last = null;
      this.news = say("desk.undone", { case: last.id });
    } catch (error) {
      this.trouble = asProblem(error);
      return null;
    } finally {
      this.busy = false;
    }
    await this.look();
    return this.find(String(last.id));
  }

  private away(settled: readonly DeskCase[]): void {
    const ids = new Set(settled.map((one) => one.id));
    for (const one of settled) this.counts[one.kind] = Math.max(0, (this.counts[one.kind] ?? 0) - 1);
    this.open = this.open?.filter((other) => !ids.has(other.id)) ?? null;
  }

  private asked(values: Record<string, string>): string {
    const filters = Object.entries(this.filters).filter(([, value]) => value);
    return new URLSearchParams([...Object.entries(values), ...filters]).toString();
  }

  private fetch(one: DeskCase): Pictures | null {
    if (!one.picture) return null;
    const id = String(one.id);
    const kept = this.ahead.get(id) ?? new Pictures([{ url: one.picture }]);
    if (this.ahead.size >= KEPT_AHEAD && !this.ahead.has(id)) this.ahead.clear();
    this.ahead.set(id, kept);
    return kept;
  }
}
