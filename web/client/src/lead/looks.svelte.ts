// A leader who looks over marked work: what lies there, what was said of it, what waits. No markup, no key codes.

import { asProblem, call, freshKey, type Problem } from "../app/call";
import { Entry } from "../marking/entry.svelte";
import { inWords } from "../marking/marks";
import { asked, asTask, base, type Led, type Look, type Rate } from "./contract";
import { word } from "./words";

type Outcome = "confirm" | "correct" | "send_back";

export class LookTable {
  look = $state<Look | null>(null);
  entry = $state<Entry | null>(null);
  note = $state("");
  /** Nothing is left to look at. */
  over = $state(false);
  busy = $state(false);
  done = $state(0);
  missing = $state<number | null>(null);
  news = $state("");
  trouble = $state<Problem | null>(null);
  /** What is tried again after a failure. */
  again: () => void = () => void this.next();
  private key = freshKey();
  /** What was said of this mark may have arrived, though no answer came. */
  private unsure = false;
  private gone = false;

  constructor(
    readonly exam: string,
    readonly led: Led,
    readonly marker: number | null,
    private readonly onchange: () => Promise<void>,
  ) {}

  async next(): Promise<void> {
    this.again = () => void this.next();
    try {
      const body = { paper: this.led.paper, group: this.led.group, marker: this.marker };
      const { look } = await call<{ look: Look | null }>("POST", `${base(this.exam)}/looks`, body);
      if (this.gone) return;
      this.look = look;
      this.over = look === null;
      this.entry = look && this.led.corrects ? new Entry(asTask(this.led)) : null;
      this.note = "";
      this.key = freshKey();
      this.unsure = false;
      this.trouble = null;
    } catch (error) {
      this.trouble = asProblem(error);
    }
    void this.count();
  }

  /** Enter: what was typed is a correction; where nothing was, the mark is right. */
  enter(): void {
    if (!this.entry || this.entry.empty) void this.say("confirm");
    else if (this.entry.advance() === "complete") void this.say("correct");
  }

  async say(outcome: Outcome): Promise<void> {
    const look = this.look;
    if (!look || this.busy) return;
    const marks = outcome === "correct" ? this.entry?.marks : undefined;
    const body = { outcome, note: this.note.trim(), ...(marks ? { marks, key: this.key } : {}) };
    this.busy = true;
    this.again = () => void this.say(outcome);
    try {
      await call("POST", `${base(this.exam)}/looks/${look.mark}`, body);
    } catch (error) {
      const problem = asProblem(error);
      const settled = [404, 409].includes(problem.status);
      // Said twice because no answer came to the first: then it is settled by oneself.
      if (!(settled && this.unsure)) {
        this.busy = false;
        this.trouble = problem;
        this.unsure ||= problem.passing;
        // Somebody else was quicker: there is nothing to try again here.
        if (settled) this.again = () => void this.next();
        return;
      }
    }
    this.done += 1;
    this.news = word(`looks.done.${outcome}`, { marks: marks ? inWords(marks) : "" });
    await this.next();
    this.busy = false;
    void this.onchange();
  }

  leave(): void {
    this.gone = true;
  }

  private async count(): Promise<void> {
    try {
      const { rates } = await call<{ rates: Rate[] }>("GET", `${base(this.exam)}/rates?${asked(this.led)}`);
      const counted = rates.filter((one) => this.marker === null || one.marker === this.marker);
      this.missing = counted.reduce((sum, one) => sum + one.missing, 0);
    } catch {
      // The count is a comfort: the next look asks again.
    }
  }
}
