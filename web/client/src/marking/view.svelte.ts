// How the pictures of an answer lie in their window: zoom and place. Numbers only; Viewer.svelte draws it.

export interface Size {
  width: number;
  height: number;
}

export type Mode = "width" | "whole" | "free";

const SMALLEST = 0.1;
const LARGEST = 8;
/** Fitting never blows a small picture up to more than this. */
const LARGEST_FIT = 1.5;
const GAP = 12;
/** Desk that stays visible around the paper. */
const MARGIN = 12;

/** Keeps an edge of paper that is larger than its window near the window's edge. */
function within(place: number, room: number): number {
  return Math.min(MARGIN, Math.max(room - MARGIN, place));
}

export class View {
  zoom = $state(1);
  x = $state(0);
  y = $state(0);
  mode = $state<Mode>("width");
  private box: Size = { width: 1, height: 1 };
  private pages: readonly Size[] = [];

  resize(box: Size): void {
    this.box = box;
    this.settle();
  }

  /** New pictures: a zoom that a person chose stays, with its place; a fitted view starts at the top. */
  show(pages: readonly Size[]): void {
    this.pages = pages;
    if (this.mode !== "free") this.y = MARGIN;
    this.settle();
  }

  fit(mode: "width" | "whole"): void {
    this.mode = mode;
    this.y = MARGIN;
    this.settle();
  }

  zoomBy(factor: number, x = this.box.width / 2, y = this.box.height / 2): void {
    const zoom = Math.min(LARGEST, Math.max(SMALLEST, this.zoom * factor));
    const ratio = zoom / this.zoom;
    this.mode = "free";
    this.zoom = zoom;
    this.x = x - (x - this.x) * ratio;
    this.y = y - (y - this.y) * ratio;
    this.settle();
  }

  pan(x: number, y: number): void {
    this.x += x;
    this.y += y;
    this.settle();
  }

  /** Steps as shares of the window. */
  panBy(x: number, y: number): void {
    this.pan(x * this.box.width, y * this.box.height);
  }

  get paper(): Size {
    const width = Math.max(1, ...this.pages.map((page) => page.width));
    const height = this.pages.reduce((sum, page) => sum + page.height, 0);
    return { width: width * this.zoom, height: Math.max(1, height) * this.zoom + GAP * Math.max(0, this.pages.length - 1) };
  }

  private settle(): void {
    if (this.mode !== "free") this.zoom = this.fitting();
    const { width, height } = this.paper;
    this.x = width + 2 * MARGIN <= this.box.width ? (this.box.width - width) / 2 : within(this.x, this.box.width - width);
    this.y = height + 2 * MARGIN <= this.box.height ? MARGIN : within(this.y, this.box.height - height);
  }

  private fitting(): number {
    const width = Math.max(1, ...this.pages.map((page) => page.width));
    const height = Math.max(
      1,
      this.pages.reduce((sum, page) => sum + page.height, 0),
    );
    const across = (this.box.width - 2 * MARGIN) / width;
    const down = (this.box.height - 2 * MARGIN - GAP * Math.max(0, this.pages.length - 1)) / height;
    return Math.max(SMALLEST, Math.min(LARGEST_FIT, this.mode === "whole" ? Math.min(across, down) : across));
  }
}
