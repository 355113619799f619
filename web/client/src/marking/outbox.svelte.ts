// Marks on their way. Each is kept in this browser before it is sent and until the server has it; it is sent
// again under the same key, so that a lost reply costs nothing. Only who gave a mark can send it.

import { asProblem, call, type Problem } from "../app/call";
import type { MarksReply, ProblemData } from "../app/contract";
import { forget, namesUnder, recall, remember } from "../app/keep";

export interface Unsent {
  key: string;
  login: string;
  exam: string;
  kind: "marks" | "revise" | "problem";
  body: Record<string, unknown>;
  /** What it was, for a person: question and marks. */
  label: string;
  at: number;
  refused?: ProblemData;
}

type Listener = (entry: Unsent, reply: MarksReply) => void;

const FOLDER = "unsent.";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

class Outbox {
  entries = $state<Unsent[]>([]);
  trouble = $state<Problem | null>(null);
  private login = "";
  private sending: Promise<void> | null = null;
  private failures = 0;
  private timer = 0;
  private had = new Set<string>();
  private listeners = new Set<Listener>();

  constructor() {
    addEventListener("online", () => void this.send());
    addEventListener("beforeunload", (event) => {
      if (this.waiting.length > 0) event.preventDefault();
    });
  }

  get waiting(): Unsent[] {
    return this.entries.filter((entry) => !entry.refused);
  }

  get refused(): Unsent[] {
    return this.entries.filter((entry) => entry.refused);
  }

  onSent(listener: Listener): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** The marks that this browser still holds of a user, from before too. */
  open(login: string): void {
    this.login = login;
    const kept = namesUnder(FOLDER).map((name) => recall<Unsent>(name));
    this.entries = kept.filter((entry): entry is Unsent => entry?.login === login).sort((a, b) => a.at - b.at);
    for (const entry of this.entries) this.note(entry);
    void this.send();
  }

  /** Whether this task's outcome went through here, since the page was loaded or kept from before. */
  hasHad(task: string): boolean {
    return this.had.has(task);
  }

  add(entry: Omit<Unsent, "login" | "at">): void {
    const last = this.entries.at(-1)?.at ?? 0;
    const whole: Unsent = { ...entry, login: this.login, at: Math.max(Date.now(), last + 1) };
    remember(FOLDER + whole.key, whole);
    this.entries.push(whole);
    this.note(whole);
    void this.send();
  }

  /** A refused mark is put away only by the person whose it is. */
  dismiss(key: string): void {
    this.remove(key);
  }

  send(): Promise<void> {
    clearTimeout(this.timer);
    this.sending ??= this.sendAll().finally(() => (this.sending = null));
    return this.sending;
  }

  private async sendAll(): Promise<void> {
    for (let entry = this.waiting[0]; entry && entry.login === this.login; entry = this.waiting[0]) {
      try {
        const reply = await call<MarksReply>("POST", `/api/marking/${encodeURIComponent(entry.exam)}/${entry.kind}`, entry.body);
        this.remove(entry.key);
        this.failures = 0;
        this.trouble = null;
        for (const listener of this.listeners) listener(entry, reply);
      } catch (error) {
        if (!this.failed(entry, asProblem(error))) return;
      }
    }
  }

  /** True when the next entry may be tried. */
  private failed(entry: Unsent, problem: Problem): boolean {
    if (problem.passing || problem.status === 401) {
      this.trouble = problem;
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.failures++, LONGEST_PAUSE_MS);
      if (problem.status !== 401) this.timer = window.setTimeout(() => void this.send(), pause);
      return false;
    }
    const { code, title, detail, where, remedy, status } = problem;
    entry.refused = { code, title, detail, where, remedy, status };
    remember(FOLDER + entry.key, entry);
    return true;
  }

  private note(entry: Unsent): void {
    this.had.add(String(entry.body["task"]));
  }

  private remove(key: string): void {
    forget(FOLDER + key);
    this.entries = this.entries.filter((entry) => entry.key !== key);
  }
}

export const outbox = new Outbox();
