// An arbiter who agrees definitive marks: the answer on the table, its use, its marks. No markup, no key codes.

import { asProblem, call, type Problem } from "../app/call";
import { Entry } from "../marking/entry.svelte";
import { inWords } from "../marking/marks";
import { asked, asTask, base, type Candidate, type Fared, type Led, type Seed, type Use } from "./contract";
import { word } from "./words";

export class SeedTable {
  /** The answer on the table: a candidate, or one that is a seed already. */
  on = $state<Candidate | null>(null);
  entry = $state<Entry | null>(null);
  note = $state("");
  use = $state<Use>("live");
  /** What it is now, where it is a seed. */
  seed = $state<Seed | null>(null);
  fared = $state<Fared[] | null>(null);
  over = $state(false);
  busy = $state(false);
  news = $state("");
  trouble = $state<Problem | null>(null);
  again: () => void = () => void this.open();
  private waiting: Candidate[] = [];

  constructor(
    readonly exam: string,
    readonly led: Led,
    readonly id: number | null,
  ) {
    this.use = led.rounds[0] ?? "live";
  }

  get uses(): Use[] {
    return [...this.led.rounds, "live"];
  }

  open(): Promise<void> {
    return this.id === null ? this.next() : this.reopen(this.id);
  }

  /** The next answer that nobody has marked. */
  async next(): Promise<void> {
    this.again = () => void this.next();
    try {
      if (this.waiting.length === 0) this.waiting = (await call<{ responses: Candidate[] }>("GET", `${base(this.exam)}/seeds/candidates?${asked(this.led)}`)).responses;
      this.on = this.waiting.shift() ?? null;
      this.over = this.on === null;
      this.entry = this.on && new Entry(asTask(this.led));
      this.note = "";
      this.trouble = null;
    } catch (error) {
      this.trouble = asProblem(error);
    }
  }

  async enter(): Promise<void> {
    if (!this.on || !this.entry || this.busy || this.entry.advance() !== "complete") return;
    const { on, use } = this;
    const marks = this.entry.marks;
    if (this.seed?.active && inWords(marks) === inWords(this.seed.marks) && this.note.trim() === this.seed.note) {
      this.news = word("seeds.same");
      return;
    }
    this.busy = true;
    this.again = () => void this.enter();
    try {
      await call("POST", `${base(this.exam)}/seeds`, { response: on.response, use, marks, note: this.note.trim() });
      this.news = word("seeds.saved", { use: word(`state.${use}`), marks: inWords(marks) });
      await this.open();
    } catch (error) {
      this.trouble = asProblem(error);
      // Somebody has marked it meanwhile: another candidate.
      if (this.id === null && this.trouble.status === 409) this.again = () => void this.next();
    }
    this.busy = false;
  }

  async retire(): Promise<void> {
    if (!this.seed) return;
    try {
      await call("POST", `${base(this.exam)}/seeds/${this.seed.id}/withdraw`);
      this.news = word("seeds.retired");
      await this.open();
    } catch (error) {
      this.trouble = asProblem(error);
    }
  }

  private async reopen(id: number): Promise<void> {
    try {
      const { seeds } = await call<{ seeds: Seed[] }>("GET", `${base(this.exam)}/seeds?${asked(this.led)}`);
      const seed = seeds.find((one) => one.id === id) ?? null;
      this.seed = seed;
      this.on = seed;
      this.over = seed === null;
      this.trouble = null;
      if (!seed) return;
      this.use = seed.use;
      this.note = seed.note;
      this.entry = new Entry(asTask(this.led), seed.marks);
      this.fared = (await call<{ marks: Fared[] }>("GET", `${base(this.exam)}/seeds/${id}/marks`)).marks;
    } catch (error) {
      this.trouble = asProblem(error);
    }
  }
}
