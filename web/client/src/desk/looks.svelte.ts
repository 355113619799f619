// A clerk looking at one doubtful answer after the other: which lies there, what a key means, what can be taken back.

import { asProblem, call, freshKey, type Problem } from "../app/call";
import type { ProblemData } from "../app/contract";
import { say } from "../app/language.svelte";
import { Pictures } from "../marking/pictures";
import { Hourly, type LookData, type LookItem, type LooksReply } from "./looking";
import { SaidBox, type Said } from "./said.svelte";

/** The one on the table and three behind it, whose pictures are there before they are wanted. */
export const HOLD = 4;
/** A key this soon after a picture appears was meant for the one before. */
const SETTLE_MS = 120;
const RETRY_MS = 5_000;
/** So often a working clerk's leases are renewed and what is left is counted. */
const RENEW_MS = 30_000;
const UNDO_DEPTH = 20;
const SEPARATOR = "|";

export class HeldLook {
  readonly key = freshKey();
  readonly pictures: Pictures[];
  readonly values: (string | null)[];

  constructor(
    readonly data: LookData,
    /** What was said of it before it was taken back. */
    readonly before: Record<string, string> | null = null,
  ) {
    this.pictures = data.items.map((item) => new Pictures(item.picture ? [{ url: item.picture }] : []));
    this.values = data.items.map(() => null);
  }

  get id(): string {
    return `${this.data.case}.${this.data.version}`;
  }
}

export class LookBench {
  current = $state<HeldLook | null>(null);
  at = $state(0);
  chosen = $state<string[]>([]);
  images = $state<HTMLImageElement[] | null>(null);
  failed = $state(false);
  left = $state<number | null>(null);
  hour = $state(0);
  news = $state("");
  trouble = $state<Problem | ProblemData | null>(null);
  busy = $state(false);
  readonly box: SaidBox;
  private waiting: HeldLook[] = [];
  private given: { held: HeldLook; values: Record<string, string> }[] = $state([]);
  private had = new Set<string>();
  private readonly hourly: Hourly;
  private shownAt = Infinity;
  private turn = 0;
  private lastTry = 0;
  private lastDone = performance.now();
  private gone = false;

  constructor(
    readonly login: string,
    readonly exam: string,
  ) {
    this.hourly = new Hourly(login, exam);
    this.hour = this.hourly.count();
    this.box = new SaidBox(
      login,
      exam,
      HOLD,
      (reply, said) => this.sent(reply, said),
      (problem, said) => this.refused(problem, said),
    );
  }

  get path(): string {
    return `/api/desk/${encodeURIComponent(this.exam)}/looks`;
  }

  get item(): LookItem | null {
    return this.current?.data.items[this.at] ?? null;
  }

  get canGoBack(): boolean {
    return this.at > 0 || this.given.length > 0;
  }

  /** What was said of this item before it was taken back; null when it is looked at for the first time. */
  get before(): string | null {
    const item = this.item;
    return item ? (this.current?.values[this.at] ?? this.current?.before?.[item.item] ?? null) : null;
  }

  async fill(): Promise<void> {
    if (this.gone) return;
    this.lastTry = performance.now();
    try {
      const reply = await call<LooksReply>("POST", `${this.path}/next`, { hold: HOLD, done: this.box.cases });
      const kept = new Set(reply.looks.map((one) => `${one.case}.${one.version}`));
      this.waiting = this.waiting.filter((held) => kept.has(held.id));
      this.take(reply);
      this.trouble = null;
    } catch (error) {
      this.trouble = asProblem(error);
    }
  }

  /** The option that a key stands for: its own sign, or its place counted from 1. */
  optionOf(key: string): string | null {
    const options = this.item?.options ?? [];
    const own = options.find((one) => one.toLowerCase() === key.toLowerCase());
    if (own !== undefined) return own;
    return /^[1-9]$/.test(key) ? (options[Number(key) - 1] ?? null) : null;
  }

  /** One key decides, but where several options may be meant: then keys gather and Enter decides. */
  choose(option: string, several: boolean): void {
    if (!this.ready) return;
    if (!several && !this.item?.multiple && this.chosen.length === 0) {
      this.decide(option);
      return;
    }
    const now = new Set(this.chosen);
    if (!now.delete(option)) now.add(option);
    this.chosen = this.item?.options.filter((one) => now.has(one)) ?? [];
  }

  blank(): void {
    if (this.ready) this.decide("");
  }

  /** Enter: what was gathered, or else what the reader says. */
  accept(): void {
    if (!this.ready || !this.item) return;
    this.decide(this.chosen.length > 0 ? this.chosen.join(SEPARATOR) : this.item.value);
  }

  async back(): Promise<void> {
    if (this.busy) return;
    if (this.chosen.length > 0) {
      this.chosen = [];
      return;
    }
    if (this.at > 0) {
      this.at -= 1;
      this.hourly.takeBack();
      this.hour = this.hourly.count();
      this.show();
      return;
    }
    const last = this.given.at(-1);
    if (last) await this.takeBack(last);
  }

  /** Once a second: asks for work when the table is empty, and renews what a working clerk holds. */
  tick(): void {
    const now = performance.now();
    this.hour = this.hourly.count();
    if (now - this.lastTry < RETRY_MS || this.box.waiting.length > 0 || this.busy) return;
    const working = now - this.lastDone < (this.current?.data.lease_seconds ?? 0) * 1000;
    if (!this.current || (working && now - this.lastTry > RENEW_MS)) void this.fill();
  }

  touch(): void {
    this.lastDone = performance.now();
  }

  leave(): void {
    this.gone = true;
    this.box.close();
    void this.box.send().then(() => call("POST", `${this.path}/give-back`, {}).catch(() => undefined));
  }

  private get ready(): boolean {
    return !this.busy && this.item !== null && performance.now() - this.shownAt >= SETTLE_MS;
  }

  private decide(value: string): void {
    const held = this.current;
    if (!held) return;
    held.values[this.at] = value;
    this.hourly.add();
    this.hour = this.hourly.count();
    this.touch();
    if (this.at + 1 < held.data.items.length) {
      this.at += 1;
      this.show();
      return;
    }
    const values = Object.fromEntries(held.data.items.map((item, n) => [item.item, held.values[n] ?? ""]));
    this.given = [...this.given, { held, values }].slice(-UNDO_DEPTH);
    this.had.add(held.id);
    this.left = Math.max(0, (this.left ?? 1) - 1);
    this.news = say("look.said", { values: Object.values(values).map((one) => one.replaceAll(SEPARATOR, "") || say("desk.blank")).join(" · ") });
    this.advance();
    this.box.add({ key: held.key, case: held.data.case, version: held.data.version, values });
  }

  private async takeBack(last: { held: HeldLook; values: Record<string, string> }): Promise<void> {
    this.busy = true;
    try {
      let data = last.held.data;
      if (!this.box.withdraw(last.held.key)) {
        await this.box.send();
        data = (await call<{ look: LookData }>("POST", `${this.path}/${data.case}/take-back`, {})).look;
      }
      this.given = this.given.slice(0, -1);
      this.had.delete(`${data.case}.${data.version}`);
      this.left = (this.left ?? 0) + 1;
      if (this.current) this.waiting.unshift(this.current);
      this.current = new HeldLook(data, last.values);
      this.at = data.items.length - 1;
      data.items.forEach((item, n) => this.current && n < this.at && (this.current.values[n] = last.values[item.item] ?? null));
      this.hourly.takeBack();
      this.news = say("look.back");
      this.show();
    } catch (error) {
      this.given = this.given.slice(0, -1);
      this.trouble = asProblem(error);
    } finally {
      this.busy = false;
    }
  }

  private sent(reply: LooksReply, said: Said): void {
    if (reply.saved?.outcome === "gone") {
      this.news = say("look.gone");
      this.given = this.given.filter((one) => one.held.key !== said.key);
    }
    if (!this.gone) this.take(reply);
  }

  private refused(problem: ProblemData, said: Said): void {
    this.trouble = problem;
    this.given = this.given.filter((one) => one.held.key !== said.key);
  }

  private take(reply: LooksReply): void {
    if (reply.left !== null) this.left = reply.left;
    for (const data of reply.looks) {
      const id = `${data.case}.${data.version}`;
      if (this.had.has(id) || this.current?.id === id || this.waiting.some((held) => held.id === id)) continue;
      this.waiting.push(new HeldLook(data));
    }
    if (!this.current) this.advance();
  }

  private advance(): void {
    this.current = this.waiting.shift() ?? null;
    this.at = 0;
    this.show();
  }

  /** Puts the item's picture before the clerk's eyes; only then do keys count. */
  private show(): void {
    const turn = ++this.turn;
    this.chosen = [];
    this.shownAt = Infinity;
    this.failed = false;
    const pictures = this.current?.pictures[this.at];
    if (!pictures) {
      this.images = null;
      return;
    }
    pictures.ready.then(
      (images) => {
        if (turn !== this.turn) return;
        this.images = images;
        this.shownAt = performance.now();
      },
      () => turn === this.turn && ((this.images = null), (this.failed = true)),
    );
  }
}
