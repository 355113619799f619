// The answers that are leased to this marker: one on the table, the next ones behind it with their pictures decoded.

import { call, freshKey } from "../app/call";
import type { Marks, NextReply, Task } from "../app/contract";
import { Entry } from "./entry.svelte";
import { outbox } from "./outbox.svelte";
import { Pictures } from "./pictures";

export const HOLD = 3;

/** An answer in hand. The key goes with the one outcome that it can have, however often that is sent. */
export class Held {
  readonly key = freshKey();
  readonly pictures: Pictures;
  readonly entry: Entry;
  deadline = $state(0);

  constructor(
    readonly task: Task,
    /** The marks that are being revised; absent on an answer that has none yet. */
    readonly given: Marks | null = null,
    pictures?: Pictures,
  ) {
    this.pictures = pictures ?? new Pictures(task.pictures);
    this.entry = new Entry(task, given ?? undefined);
    this.renewed(task.lease_seconds);
  }

  renewed(seconds: number): void {
    this.deadline = performance.now() + seconds * 1000;
  }
}

export class Hold {
  current = $state<Held | null>(null);
  waiting = $state<Held[]>([]);
  open = $state<number | null>(null);
  /** False once the server no longer keeps the current answer for this marker. */
  currentIsKept = true;
  constructor(
    readonly exam: string,
    readonly group: string,
  ) {}

  get path(): string {
    return `/api/marking/${encodeURIComponent(this.exam)}`;
  }

  /** Leases what is missing and renews what is held. */
  async fill(): Promise<void> {
    const reply = await call<NextReply>("POST", `${this.path}/next`, { group: this.group, hold: HOLD });
    const held = new Set(reply.tasks.map((task) => task.task));
    this.currentIsKept = !this.current || held.has(this.current.task.task);
    this.waiting = this.waiting.filter((one) => held.has(one.task.task));
    this.take(reply);
  }

  take(reply: Partial<NextReply>): void {
    if (reply.open !== undefined) this.open = reply.open;
    for (const task of reply.tasks ?? []) {
      // An answer whose outcome is given, sent or not, is never put on the table again.
      if (outbox.hasHad(task.task) || `${task.paper}/${task.group}` !== this.group) continue;
      const known = [this.current, ...this.waiting].find((one) => one?.task.task === task.task);
      if (known) known.renewed(task.lease_seconds);
      else this.waiting.push(new Held(task));
    }
    if (!this.current) this.advance();
  }

  /** The current answer has its outcome; the next one comes to the table at once. */
  done(): void {
    this.advance();
  }

  async giveBack(): Promise<void> {
    this.current = null;
    this.waiting = [];
    await call("POST", `${this.path}/release`, {});
  }

  private advance(): void {
    this.current = this.waiting.shift() ?? null;
    this.currentIsKept = true;
  }
}
