// Who is signed in. An expired session keeps the page and its work; signing in again goes on with it.

import { asProblem, call, onSignedOut } from "./call";
import type { Exam, Me, User } from "./contract";

class Session {
  user = $state<User | null>(null);
  exams = $state<Exam[]>([]);
  known = $state(false);
  expired = $state(false);

  constructor() {
    onSignedOut(() => {
      if (this.user) this.expired = true;
    });
  }

  async look(): Promise<void> {
    try {
      this.take(await call<Me>("GET", "/api/me"));
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
    } finally {
      this.known = true;
    }
  }

  async signIn(login: string, password: string): Promise<void> {
    const before = this.user?.login;
    await call("POST", "/api/session", { login, password });
    const me = await call<Me>("GET", "/api/me");
    this.take(me);
    if (before !== undefined && before !== me.user.login) location.reload();
  }

  /** The server gives the leases back with the session. */
  async signOut(): Promise<void> {
    try {
      await call("DELETE", "/api/session");
    } catch (error) {
      if (asProblem(error).status !== 401) throw error;
    }
    this.user = null;
    this.exams = [];
    this.expired = false;
    location.hash = "";
  }

  may(exam: string, ...roles: string[]): boolean {
    return this.user?.roles.some((r) => roles.includes(r.role) && (!r.exam || r.exam === exam)) ?? false;
  }

  private take(me: Me): void {
    this.user = me.user;
    this.exams = me.exams;
    this.expired = false;
  }
}

export const session = new Session();

export type Room = "work" | "desk" | "office" | "hall" | "rooms" | "markers" | "lead";

export function roomsOf(exam: string): Room[] {
  const rooms: Room[] = [];
  if (session.may(exam, "marker", "leader", "arbiter")) rooms.push("work");
  if (session.may(exam, "clerk", "office", "chief")) rooms.push("desk");
  if (session.may(exam, "office", "chief", "auditor")) rooms.push("office", "hall", "rooms");
  if (session.may(exam, "leader", "arbiter", "chief", "office")) rooms.push("markers");
  if (session.may(exam, "leader", "arbiter")) rooms.push("lead");
  return rooms;
}
