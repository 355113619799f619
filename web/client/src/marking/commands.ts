// Which key means what on the marking page. Pure: a held key repeats only what moves the picture.

export type Command =
  | { do: "type"; key: string }
  | { do: "erase" | "clear" | "confirm" | "full" | "fullEverywhere" | "undo" | "problem" | "keys" | "contrast" }
  | { do: "zoom"; by: number }
  | { do: "fit"; to: "width" | "whole" }
  | { do: "pan"; x: number; y: number };

export type Press = Pick<KeyboardEvent, "key" | "repeat" | "ctrlKey" | "metaKey" | "altKey" | "shiftKey" | "isComposing">;

const ZOOM = 1.2;
const NUDGE = 0.12;
const PAGE = 0.85;

const moving: Record<string, Command> = {
  "+": { do: "zoom", by: ZOOM },
  "=": { do: "zoom", by: ZOOM },
  "-": { do: "zoom", by: 1 / ZOOM },
  _: { do: "zoom", by: 1 / ZOOM },
  ArrowLeft: { do: "pan", x: NUDGE, y: 0 },
  ArrowRight: { do: "pan", x: -NUDGE, y: 0 },
  ArrowUp: { do: "pan", x: 0, y: NUDGE },
  ArrowDown: { do: "pan", x: 0, y: -NUDGE },
  PageUp: { do: "pan", x: 0, y: PAGE },
  PageDown: { do: "pan", x: 0, y: -PAGE },
};

const once: Record<string, Command> = {
  enter: { do: "confirm" },
  backspace: { do: "erase" },
  delete: { do: "clear" },
  escape: { do: "clear" },
  f: { do: "full" },
  "*": { do: "full" },
  u: { do: "undo" },
  p: { do: "problem" },
  c: { do: "contrast" },
  w: { do: "fit", to: "width" },
  h: { do: "fit", to: "whole" },
  "?": { do: "keys" },
};

export function commandOf(press: Press): Command | null {
  if (press.isComposing || press.altKey || press.metaKey) return null;
  const key = press.key.toLowerCase();
  if (press.ctrlKey) return key === "z" && !press.repeat ? { do: "undo" } : null;
  const move = moving[press.key] ?? (press.key === " " ? { do: "pan", x: 0, y: press.shiftKey ? PAGE : -PAGE } : undefined);
  if (move) return move;
  if (press.repeat) return null;
  if (key === "f" && press.shiftKey) return { do: "fullEverywhere" };
  return once[key] ?? (press.key.length === 1 ? { do: "type", key: press.key } : null);
}
