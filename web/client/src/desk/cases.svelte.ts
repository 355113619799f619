// The open cases of an exam, the one on the desk, and what is done with it. Each action is sent once.

import { asProblem, call, type Problem } from "../app/call";
import type { DeskCase, Settled } from "../app/contract";
import { say, sayIfKnown } from "../app/language.svelte";
import { Pictures } from "../marking/pictures";

/** The second click of a double click, or an echo of Enter, must not settle the case that came after. */
const SETTLE_MS = 400;

const KEPT_AHEAD = 4;

export interface Resolution {
  action: string;
  reason?: string;
  values?: Record<string, string>;
  candidate?: string;
  sheet?: string;
  side?: number;
}

export class Cases {
  open = $state<DeskCase[] | null>(null);
  trouble = $state<Problem | null>(null);
  busy = $state(false);
  news = $state("");
  last = $state<DeskCase | null>(null);
  private shownAt = 0;
  private ahead = new Map<string, Pictures>();

  constructor(readonly exam: string) {}

  get path(): string {
    return `/api/desk/${encodeURIComponent(this.exam)}/cases`;
  }

  async look(): Promise<void> {
    if (this.busy) return;
    try {
      const cases = (await call<{ cases: DeskCase[] }>("GET", `${this.path}?state=open`)).cases;
      if (!this.busy) this.open = [...cases].sort((a, b) => a.kind.localeCompare(b.kind));
    } catch (error) {
      this.trouble = asProblem(error);
    }
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
      const reply = await call<Settled>("POST", `${this.path}/${one.id}/resolve`, { ...resolution, version: one.version });
      const next = this.after(one) ?? this.after(one, -1);
      this.ahead.delete(String(one.id));
      if (reply.state === "open") {
        // A rescan was asked for: the case stays, with a version of its own, until the new scan is there.
        one.version = reply.case.version;
      } else {
        this.open = this.open?.filter((other) => other.id !== one.id) ?? null;
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

  private fetch(one: DeskCase): Pictures | null {
    if (!one.picture) return null;
    const id = String(one.id);
    const kept = this.ahead.get(id) ?? new Pictures([{ url: one.picture }]);
    if (this.ahead.size >= KEPT_AHEAD && !this.ahead.has(id)) this.ahead.clear();
    this.ahead.set(id, kept);
    return kept;
  }
}
