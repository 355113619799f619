// Words on their way to the desk's server. Each is kept in this browser until the server has it, and is sent again under
// the same key, so that a lost reply costs nothing. What is not sent yet can be taken out again.

import { asProblem, call, type Problem } from "../app/call";
import type { ProblemData } from "../app/contract";
import { forget, namesUnder, recall, remember } from "../app/keep";
import type { LooksReply } from "./looking";

export interface Said {
  key: string;
  login: string;
  exam: string;
  case: number;
  version: number;
  values: Record<string, string>;
  at: number;
}

const FOLDER = "said.";
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;

export class SaidBox {
  waiting = $state<Said[]>([]);
  trouble = $state<Problem | null>(null);
  private sendingKey = "";
  private sending: Promise<void> | null = null;
  private failures = 0;
  private timer = 0;
  private closed = false;

  constructor(
    readonly login: string,
    readonly exam: string,
    private readonly hold: number,
    private readonly onreply: (reply: LooksReply, said: Said) => void,
    private readonly onrefused: (problem: ProblemData, said: Said) => void,
  ) {
    const kept = namesUnder(FOLDER).map((name) => recall<Said>(name));
    this.waiting = kept.filter((one): one is Said => one?.login === login && one.exam === exam).sort((a, b) => a.at - b.at);
    void this.send();
  }

  get cases(): number[] {
    return this.waiting.map((one) => one.case);
  }

  add(word: Omit<Said, "login" | "exam" | "at">): void {
    const last = this.waiting.at(-1)?.at ?? 0;
    const whole: Said = { ...word, login: this.login, exam: this.exam, at: Math.max(Date.now(), last + 1) };
    remember(FOLDER + whole.key, whole);
    this.waiting.push(whole);
    void this.send();
  }

  /** True when the word had not left this browser: it is as if it had not been said. */
  withdraw(key: string): boolean {
    if (this.sendingKey === key || this.failures > 0 || !this.waiting.some((one) => one.key === key)) return false;
    this.remove(key);
    return true;
  }

  /** Settles when nothing waits, or when nothing can be sent now. */
  send(): Promise<void> {
    clearTimeout(this.timer);
    this.sending ??= this.sendAll().finally(() => {
      this.sending = null;
      this.sendingKey = "";
    });
    return this.sending;
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  private async sendAll(): Promise<void> {
    for (let word = this.waiting[0]; word; word = this.waiting[0]) {
      this.sendingKey = word.key;
      const { key, version, values } = word;
      const body = { case: word.case, version, values, key, hold: this.hold, done: this.cases };
      try {
        const reply = await call<LooksReply>("POST", `/api/desk/${encodeURIComponent(this.exam)}/looks`, body);
        this.failures = 0;
        this.trouble = null;
        this.remove(key);
        this.onreply(reply, word);
      } catch (error) {
        if (!this.failed(word, asProblem(error))) return;
      }
    }
  }

  /** True when the next word may be tried. A refused one is told and let go: the case stays with the others. */
  private failed(word: Said, problem: Problem): boolean {
    if (problem.passing || problem.status === 401) {
      this.trouble = problem;
      const pause = Math.min(FIRST_PAUSE_MS * 2 ** this.failures++, LONGEST_PAUSE_MS);
      if (!this.closed) this.timer = window.setTimeout(() => void this.send(), pause);
      return false;
    }
    this.remove(word.key);
    this.onrefused(problem, word);
    return true;
  }

  private remove(key: string): void {
    forget(FOLDER + key);
    this.waiting = this.waiting.filter((one) => one.key !== key);
  }
}
