// What a clerk decides for the items in doubt of one case. An item is undecided until a key or a button decides
// it: what the readers said is shown, never taken by itself.

import type { CaseItem } from "../app/contract";

const SEPARATOR = "|";

export class Answers {
  /** null: undecided; "": decided to be blank. */
  values = $state<(string | null)[]>([]);
  active = $state(0);
  refused = $state(false);

  constructor(readonly items: readonly CaseItem[]) {
    this.values = items.map(() => null);
  }

  chosen(item: number): string[] {
    return this.values[item]?.split(SEPARATOR).filter(Boolean) ?? [];
  }

  toggle(option: string, item = this.active): void {
    const chosen = new Set(this.chosen(item));
    if (!chosen.delete(option)) chosen.add(option);
    const inOrder = this.items[item]?.options.filter((one) => chosen.has(one)) ?? [];
    this.put(item, inOrder.length > 0 ? inOrder.join(SEPARATOR) : null);
  }

  blank(item = this.active): void {
    this.put(item, "");
  }

  unset(): void {
    this.put(this.active, null);
  }

  take(value: string, item: number): void {
    this.put(item, value);
  }

  /** The option that a key stands for in the active item: its letter, whatever the case. */
  optionOf(key: string): string | null {
    return this.items[this.active]?.options.find((one) => one.toLowerCase() === key.toLowerCase()) ?? null;
  }

  move(by: number): void {
    this.active = Math.min(this.items.length - 1, Math.max(0, this.active + by));
    this.refused = false;
  }

  /** What Enter means: "complete", or a step to the item that is still undecided. */
  advance(): "complete" | "moved" | "refused" {
    if (this.values[this.active] == null) {
      this.refused = true;
      return "refused";
    }
    const wanting = this.values.indexOf(null);
    if (wanting < 0) return "complete";
    this.active = wanting;
    return "moved";
  }

  get decided(): Record<string, string> {
    return Object.fromEntries(this.items.map((item, n) => [item.item, this.values[n] ?? ""]));
  }

  private put(item: number, value: string | null): void {
    this.active = item;
    this.values[item] = value;
    this.refused = false;
  }
}
