// What a marker is typing for one answer: a text a field, which field is active, and what is wrong with it.

import type { Marks, Task } from "../app/contract";
import { faultOf, fieldsOf, fromHundredths, marksOf, sumOf, textsOf, typed, type Fault, type Field } from "./marks";

export class Entry {
  readonly fields: readonly Field[];
  texts = $state<string[]>([]);
  active = $state(0);
  /** The fault that a person has been told of, and where. */
  told = $state<{ field: number; fault: Fault } | null>(null);
  /** The next digit replaces the active text: true when a field with a mark is entered. */
  private fresh = true;

  constructor(task: Task, marks?: Marks) {
    this.fields = fieldsOf(task);
    this.texts = marks ? textsOf(this.fields, marks) : this.fields.map(() => "");
  }

  enter(field: number): void {
    if (field === this.active) return;
    this.active = field;
    this.fresh = true;
  }

  type(key: string): boolean {
    const text = typed(this.fresh ? "" : (this.texts[this.active] ?? ""), key);
    if (text === null) return false;
    this.put(text);
    const fault = faultOf(this.fields[this.active]!, text);
    if (fault === "over") this.told = { field: this.active, fault };
    return true;
  }

  erase(): void {
    this.put((this.texts[this.active] ?? "").slice(0, -1));
  }

  clear(): void {
    this.put("");
  }

  put(text: string): void {
    this.texts[this.active] = text;
    this.told = null;
    this.fresh = false;
  }

  full(): void {
    const field = this.fields[this.active];
    if (field) this.put(fromHundredths(field.full));
    this.fresh = true;
  }

  fullEverywhere(): void {
    this.fields.forEach((field, n) => (this.texts[n] = fromHundredths(field.full)));
    this.told = null;
    this.fresh = true;
  }

  /** What Enter means here: "complete", or it has moved to the field that still wants something. */
  advance(): "complete" | "moved" | "refused" {
    const here = this.fault(this.active);
    if (here) {
      this.told = { field: this.active, fault: here };
      return "refused";
    }
    const wanting = this.fields.findIndex((_, n) => this.fault(n) !== null);
    if (wanting < 0) return "complete";
    this.enter(wanting);
    return "moved";
  }

  fault(field: number): Fault | null {
    return faultOf(this.fields[field]!, this.texts[field] ?? "");
  }

  get empty(): boolean {
    return this.texts.every((text) => text === "");
  }

  get marks(): Marks {
    return marksOf(this.fields, this.texts);
  }

  get sum(): string {
    return fromHundredths(sumOf(this.texts));
  }

  get fullMarks(): string {
    return fromHundredths(this.fields.reduce((sum, field) => sum + field.full, 0));
  }
}
