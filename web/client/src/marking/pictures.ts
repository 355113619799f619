// The pictures of an answer, fetched and decoded before they are wanted. The same elements are later shown.

/** Where a picture is; its size where that is known before it has come. */
export interface Ref {
  url: string;
  width?: number;
  height?: number;
}

const TRIES = 3;
const PAUSE_MS = 600;

async function decoded(ref: Ref): Promise<HTMLImageElement> {
  for (let attempt = 1; ; attempt++) {
    const image = new Image(ref.width, ref.height);
    image.draggable = false;
    image.src = ref.url;
    try {
      await image.decode();
      return image;
    } catch (error) {
      if (attempt === TRIES) throw error;
      await new Promise((resume) => setTimeout(resume, PAUSE_MS * attempt));
    }
  }
}

export class Pictures {
  private images: Promise<HTMLImageElement[]>;

  constructor(private readonly refs: readonly Ref[]) {
    this.images = this.fetch();
  }

  get ready(): Promise<HTMLImageElement[]> {
    return this.images;
  }

  again(): void {
    this.images = this.fetch();
  }

  private fetch(): Promise<HTMLImageElement[]> {
    const images = Promise.all(this.refs.map(decoded));
    // Who shows the pictures tells of the failure; decoding ahead must not raise it as unhandled.
    images.catch(() => undefined);
    return images;
  }
}
