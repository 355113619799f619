// What this browser remembers. A full or forbidden storage costs the memory, never the work.

const PREFIX = "markhall.";

export function recall<T>(name: string): T | null {
  try {
    const text = localStorage.getItem(PREFIX + name);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

export function remember(name: string, value: unknown): boolean {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

export function forget(name: string): void {
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // Nothing was stored, so nothing is left to forget.
  }
}

export function namesUnder(folder: string): string[] {
  try {
    const start = PREFIX + folder;
    return Object.keys(localStorage)
      .filter((name) => name.startsWith(start))
      .map((name) => name.slice(PREFIX.length));
  } catch {
    return [];
  }
}
