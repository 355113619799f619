// A leader who resolves what markers reported: which answer lies there, what became of it. No markup, no key codes.

import { asProblem, call, freshKey, type Problem } from "../app/call";
import { Entry } from "../marking/entry.svelte";
import { inWords } from "../marking/marks";
import { asTask, type Led, type OpenProblem } from "./contract";
import { word } from "./words";

export type Action = "back" | "mark" | "void";

export class ProblemTable {
  waiting = $state<OpenProblem[] | null>(null);
  on = $state.raw<OpenProblem | null>(null);
  entry = $state<Entry | null>(null);
  note = $state("");
  busy = $state(false);
  news = $state("");
  trouble = $state<Problem | null>(null);
  again: () => void = () => void this.look();
  private key = freshKey();
  private skipped = new Set<number>();

  constructor(
    readonly exam: string,
    readonly led: Led,
    private readonly onchange: () => Promise<void>,
  ) {}

  get path(): string {
    return `/api/marking/${encodeURIComponent(this.exam)}/problems`;
  }

  async look(): Promise<void> {
    this.again = () => void this.look();
    try {
      await this.refresh();
      this.trouble = null;
    } catch (error) {
      this.trouble = asProblem(error);
    }
  }

  /** What waits now. What lies on the table stays there while it waits. */
  async refresh(): Promise<void> {
    const { problems } = await call<{ problems: OpenProblem[] }>("GET", this.path);
    this.waiting = problems.filter((one) => one.paper === this.led.paper && one.group === this.led.group);
    if (!this.on || !this.waiting.some((one) => one.id === this.on?.id)) this.turn();
  }

  skip(): void {
    if (!this.on) return;
    this.skipped.add(this.on.id);
    this.turn();
  }

  /** Enter: what was typed decides. */
  enter(): void {
    if (this.entry && this.entry.advance() === "complete") void this.say("mark");
  }

  async say(action: Action): Promise<void> {
    const { on, entry } = this;
    if (!on || !entry || this.busy) return;
    const marks = action === "mark" ? entry.marks : undefined;
    this.busy = true;
    this.again = () => void this.say(action);
    try {
      await call("POST", `${this.path}/${on.id}/resolve`, { action, key: this.key, note: this.note.trim(), ...(marks ? { marks } : {}) });
      this.news = word(`problems.done.${action}`, { marks: marks ? inWords(marks) : "" });
      this.on = null;
      await this.look();
      void this.onchange();
    } catch (error) {
      this.trouble = asProblem(error);
      if ([404, 409].includes(this.trouble.status)) this.again = () => void this.look();
    }
    this.busy = false;
  }

  /** The oldest that was not put aside; when all were, from the first again. */
  private turn(): void {
    const waiting = this.waiting ?? [];
    let next = waiting.find((one) => !this.skipped.has(one.id));
    if (!next) {
      this.skipped.clear();
      next = waiting[0];
    }
    this.on = next ?? null;
    this.entry = next ? new Entry(asTask(this.led)) : null;
    this.note = "";
    this.key = freshKey();
  }
}
