// Which of the two languages is spoken, and how a word is said in it.

import type { Text } from "./contract";
import { recall, remember } from "./keep";
import { words, type Word } from "./words";

export type Tongue = "zh" | "en";

function first(): Tongue {
  const kept = recall<Tongue>("language");
  if (kept === "zh" || kept === "en") return kept;
  return navigator.language.toLowerCase().startsWith("en") ? "en" : "zh";
}

class Language {
  now = $state<Tongue>(first());

  constructor() {
    this.announce();
  }

  choose(tongue: Tongue): void {
    this.now = tongue;
    remember("language", tongue);
    this.announce();
  }

  private announce(): void {
    document.documentElement.lang = this.now === "zh" ? "zh-CN" : "en";
  }
}

export const language = new Language();

export function say(word: Word, values: Record<string, string | number> = {}): string {
  const text = words[word][language.now === "zh" ? 0 : 1];
  return text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

export function pick(text: Text | null | undefined): string {
  return text ? text[language.now] || text.en || text.zh : "";
}

/** A word that may be missing: what the server names and this client has no text for is shown as it is. */
export function sayIfKnown(prefix: string, name: string): string {
  const word = `${prefix}.${name}`;
  return word in words ? say(word as Word) : name.replaceAll("_", " ");
}

export function clock(iso: string): string {
  const when = new Date(iso);
  if (Number.isNaN(when.getTime())) return iso;
  return when.toLocaleString(language.now === "zh" ? "zh-CN" : "en-GB", { dateStyle: "short", timeStyle: "short" });
}
