// The one way to the server: JSON in, JSON out, every failure a Problem that can be shown to a person.

import type { ProblemData } from "./contract";

const PATIENCE_MS = 20_000;

export class Problem extends Error implements ProblemData {
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly where: string;
  readonly remedy: string;
  readonly status: number;

  constructor(data: Partial<ProblemData>) {
    super(data.detail ?? data.title ?? data.code ?? "problem");
    this.code = data.code ?? "error";
    this.title = data.title ?? "";
    this.detail = data.detail ?? "";
    this.where = data.where ?? "";
    this.remedy = data.remedy ?? "";
    this.status = data.status ?? 0;
  }

  /** The server did not get it or could not deal with it now: the same request may be sent again. */
  get passing(): boolean {
    return this.status === 0 || this.status >= 500 || [408, 425, 429].includes(this.status);
  }
}

type Listener = () => void;
let whenSignedOut: Listener = () => undefined;

export function onSignedOut(listener: Listener): void {
  whenSignedOut = listener;
}

async function problemOf(reply: Response): Promise<Problem> {
  const base = { code: "http", title: `HTTP ${reply.status}`, status: reply.status };
  try {
    const body = (await reply.json()) as Partial<ProblemData>;
    const text = (value: unknown): string => (typeof value === "string" ? value : value == null ? "" : JSON.stringify(value));
    return new Problem({
      code: text(body.code) || base.code,
      title: text(body.title) || base.title,
      detail: text(body.detail),
      where: text(body.where),
      remedy: text(body.remedy),
      status: reply.status,
    });
  } catch {
    return new Problem(base);
  }
}

async function reach(method: string, path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (method !== "GET") headers["X-Markhall"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const options: RequestInit = { method, headers, credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body !== undefined) options.body = JSON.stringify(body);
  try {
    return await fetch(path, options);
  } catch {
    throw new Problem({ code: "network", status: 0 });
  }
}

export async function call<T>(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<T> {
  const reply = await reach(method, path, body);
  if (!reply.ok) {
    const problem = await problemOf(reply);
    if (problem.status === 401 && !path.endsWith("/api/session")) whenSignedOut();
    throw problem;
  }
  if (reply.status === 204) return undefined as T;
  try {
    return (await reply.json()) as T;
  } catch {
    throw new Problem({ code: "network", status: 0 });
  }
}

export function asProblem(error: unknown): Problem {
  return error instanceof Problem ? error : new Problem({ code: "client", detail: String(error), status: -1 });
}

/** A version 4 UUID. crypto.randomUUID exists only on https and localhost; a marking hall's server may be neither. */
export function freshKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
