// Marks as people type them: whole hundredths inside, never a float. Pure.

import type { Marks, Task, Text } from "../app/contract";

/** One box to type into: an item, or one named step of it. */
export interface Field {
  item: string;
  step: string | null;
  title: Text | null;
  full: number;
  grain: number;
}

export type Fault = "empty" | "number" | "over" | "grain";

const LONGEST = 6;
const FULL_WIDTH = /[０-９]/g;

export function toHundredths(text: string): number | null {
  const found = /^(0|[1-9]\d{0,3})(?:\.(\d{1,2}))?$/.exec(text);
  if (!found) return null;
  return Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0"));
}

export function fromHundredths(marks: number): string {
  const rest = marks % 100;
  const decimals = rest === 0 ? "" : "." + String(rest).padStart(2, "0").replace(/0$/, "");
  return `${Math.floor(marks / 100)}${decimals}`;
}

export function fieldsOf(task: Task): Field[] {
  return task.items.flatMap((item): Field[] => {
    const grain = toHundredths(item.step) ?? 100;
    if (item.steps.length === 0) {
      return [{ item: item.id, step: null, title: item.title, full: toHundredths(item.full) ?? 0, grain }];
    }
    return item.steps.map((step) => ({ item: item.id, step: step.id, title: step.title, full: toHundredths(step.full) ?? 0, grain }));
  });
}

export function faultOf(field: Field, text: string): Fault | null {
  if (text === "") return "empty";
  const marks = toHundredths(text);
  if (marks === null) return "number";
  if (marks > field.full) return "over";
  return marks % field.grain === 0 ? null : "grain";
}

/** The text after a key: a digit or a point in either width; null when the key is neither or there is no room. */
export function typed(text: string, key: string): string | null {
  const plain = key.replace(FULL_WIDTH, (c) => String(c.charCodeAt(0) - 0xff10)).replace(/[。．]/, ".");
  if (!/^[0-9.]$/.test(plain) || text.length >= LONGEST) return null;
  if (plain === "." && (text === "" || text.includes("."))) return null;
  return text + plain;
}

export function choicesOf(field: Field): string[] {
  return Array.from({ length: Math.floor(field.full / field.grain) + 1 }, (_, n) => fromHundredths(n * field.grain));
}

export function sumOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + (toHundredths(text) ?? 0), 0);
}

export function marksOf(fields: readonly Field[], texts: readonly string[]): Marks {
  const marks: Marks = {};
  fields.forEach((field, n) => {
    const text = fromHundredths(toHundredths(texts[n] ?? "") ?? 0);
    if (field.step === null) marks[field.item] = text;
    else marks[field.item] = { ...(marks[field.item] as Record<string, string> | undefined), [field.step]: text };
  });
  return marks;
}

export function textsOf(fields: readonly Field[], marks: Marks): string[] {
  return fields.map((field) => {
    const value = marks[field.item];
    if (typeof value === "string") return field.step === null ? value : "";
    return (field.step === null ? undefined : value?.[field.step]) ?? "";
  });
}

/** The marks of a whole answer in one line: "7.5", or "4 + 7 = 11". */
export function inWords(marks: Marks): string {
  return Object.values(marks)
    .map((value) => {
      if (typeof value === "string") return value;
      const parts = Object.values(value);
      return parts.length > 1 ? `${parts.join(" + ")} = ${fromHundredths(sumOf(parts))}` : (parts[0] ?? "");
    })
    .join(" · ");
}
