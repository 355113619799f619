// How a case is called in a list: by its candidate, else its sheet, else its file.

import type { DeskCase } from "../app/contract";

export function titleOf(one: DeskCase): string {
  return one.candidate || one.sheet || one.frame?.name || `#${one.id}`;
}
