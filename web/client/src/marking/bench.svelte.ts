// A marker at work: what lies on the table, what Enter does, what can be taken back. No markup, no key codes.

import { asProblem, freshKey, type Problem } from "../app/call";
import type { Marks, MarksReply } from "../app/contract";
import { pick, say } from "../app/language.svelte";
import { Held, Hold, HOLD } from "./hold.svelte";
import { inWords } from "./marks";
import { outbox, type Unsent } from "./outbox.svelte";
import { counted, today, Watch, type Today } from "./today";

/** An Enter this soon after an answer appears was meant for the one before. */
const SETTLE_MS = 150;
const UNDO_DEPTH = 5;
const RETRY_MS = 5_000;

/** The bench that was left before: what it gives back must be back before another one takes, or both would go. */
let leaving: Promise<void> = Promise.resolve();

export class Bench {
  readonly hold: Hold;
  revising = $state<Held | null>(null);
  images = $state<HTMLImageElement[] | null>(null);
  pictureFailed = $state(false);
  trouble = $state<Problem | null>(null);
  /** The last thing that happened, in a sentence; read out by screen readers. */
  news = $state("");
  tally = $state<Today>({ day: "", count: 0, seconds: 0 });
  secondsLeft = $state<number | null>(null);
  asking = $state(false);
  private given: { held: Held; marks: Marks }[] = $state([]);
  private turn = 0;
  private shown: { held: Held; at: number } | null = null;
  private active = true;
  private filling = false;
  private filled: Promise<void> = Promise.resolve();
  private lastTry = 0;
  private left = false;
  private readonly watch = new Watch();
  private readonly unlisten: () => void;

  constructor(
    readonly login: string,
    readonly exam: string,
    readonly group: string,
  ) {
    this.hold = new Hold(exam, group);
    this.tally = today(login, exam);
    this.unlisten = outbox.onSent((entry, reply) => this.sent(entry, reply));
  }

  get table(): Held | null {
    return this.revising ?? this.hold.current;
  }

  get canUndo(): boolean {
    return this.given.length > 0;
  }

  fill(): Promise<void> {
    if (!this.filling && !this.left) this.filled = this.fillOnce();
    return this.filled;
  }

  private async fillOnce(): Promise<void> {
    this.filling = true;
    this.lastTry = performance.now();
    try {
      await leaving;
      await this.hold.fill();
      this.trouble = null;
    } catch (error) {
      this.trouble = asProblem(error);
    } finally {
      this.filling = false;
      this.active = false;
    }
  }

  /** Puts the pictures of what lies on the table before the marker's eyes; only then does Enter count. */
  async show(held: Held | null): Promise<void> {
    const turn = ++this.turn;
    this.images = null;
    this.pictureFailed = false;
    this.shown = null;
    if (!held) return;
    try {
      const images = await held.pictures.ready;
      if (turn !== this.turn) return;
      this.images = images;
      this.shown = { held, at: performance.now() };
      this.watch.restart();
    } catch {
      if (turn === this.turn) this.pictureFailed = true;
    }
  }

  /** Fetches the pictures once more; an answer that is no longer kept for this marker makes room for the next. */
  async pictureAgain(): Promise<void> {
    const held = this.table;
    if (!held) return;
    if (held === this.hold.current) await this.fill();
    if (held === this.hold.current && !this.hold.currentIsKept) {
      this.news = say("lease.gone");
      this.hold.done();
      return;
    }
    held.pictures.again();
    await this.show(held);
  }

  confirm(): void {
    const held = this.table;
    if (!held || this.asking || this.shown?.held !== held || performance.now() - this.shown.at < SETTLE_MS) return;
    if (held.entry.advance() !== "complete") return;
    if (held === this.revising) this.sendRevision(held);
    else this.sendMarks(held);
  }

  undo(): void {
    const now = this.revising ? this.given.findIndex((one) => one.held.task.task === this.revising?.task.task) : this.given.length;
    const before = this.given[now - 1];
    if (!before) {
      this.news = say("undo.none");
      return;
    }
    this.revising = new Held(before.held.task, before.marks, before.held.pictures);
    this.news = say("undo.shown");
  }

  cancelRevision(): void {
    this.revising = null;
    this.news = say("undo.kept");
  }

  report(reason: string, note: string): void {
    this.asking = false;
    const held = this.hold.current;
    if (!held || this.revising) return;
    const body = { task: held.task.task, key: held.key, reason, note, group: this.group, hold: HOLD };
    outbox.add({ key: held.key, exam: this.exam, kind: "problem", body, label: `${pick(held.task.title)} · ${say("problem.title")}` });
    this.news = say("problem.sent");
    this.hold.done();
  }

  touch(): void {
    this.active = true;
  }

  /** Once a second: renews what a working marker holds, and asks for work when the table is empty. */
  tick(): void {
    const held = this.hold.current;
    const now = performance.now();
    this.secondsLeft = held ? Math.max(0, Math.round((held.deadline - now) / 1000)) : null;
    const due = now - this.lastTry > RETRY_MS;
    if (!held && due && outbox.waiting.length === 0) void this.fill();
    else if (held && due && this.active && held.deadline - now < held.task.lease_seconds * 500) void this.fill();
  }

  leave(): void {
    this.left = true;
    this.unlisten();
    this.watch.stop();
    leaving = leaving.then(async () => {
      await Promise.all([this.filled, outbox.send()]);
      await this.hold.giveBack().catch(() => undefined);
    });
  }

  private sendMarks(held: Held): void {
    const { task } = held.task;
    const marks = held.entry.marks;
    const seconds = this.watch.seconds;
    const body = { task, key: held.key, marks, seconds, group: this.group, hold: HOLD };
    outbox.add({ key: held.key, exam: this.exam, kind: "marks", body, label: `${pick(held.task.title)} · ${inWords(marks)}` });
    this.given = [...this.given, { held, marks }].slice(-UNDO_DEPTH);
    this.tally = counted(this.login, this.exam, seconds);
    this.news = say("mark.given", { marks: inWords(marks) });
    this.hold.done();
  }

  private sendRevision(held: Held): void {
    const marks = held.entry.marks;
    this.revising = null;
    if (inWords(marks) === inWords(held.given ?? {})) {
      this.news = say("undo.kept");
      return;
    }
    const key = freshKey();
    const body = { task: held.task.task, key, marks };
    outbox.add({ key, exam: this.exam, kind: "revise", body, label: `${pick(held.task.title)} · ${inWords(marks)}` });
    this.given = this.given.map((one) => (one.held.task.task === held.task.task ? { ...one, marks } : one));
    this.news = say("undo.revised", { marks: inWords(marks) });
  }

  private sent(entry: Unsent, reply: MarksReply): void {
    if (entry.exam !== this.exam || this.left) return;
    this.trouble = null;
    this.hold.take(reply);
    if (reply.saved?.outcome === "surplus") this.news = say("mark.surplus");
    if (!this.hold.current && outbox.waiting.length === 0) void this.fill();
  }
}
