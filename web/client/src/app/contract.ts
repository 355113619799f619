// What the server says and is told: the shapes of its HTTP contract, nothing else.

export interface Text {
  zh: string;
  en: string;
}

export interface Role {
  role: string;
  exam: string | null;
  scope: string;
}

export interface User {
  id: number | string;
  login: string;
  name: string;
  roles: Role[];
}

export interface Exam {
  code: string;
  title: Text;
}

export interface Me {
  user: User;
  exams: Exam[];
}

export type Level = "marker" | "leader" | "arbiter";

export interface WorkGroup {
  paper: string;
  group: string;
  title: Text;
  level: Level;
  open: number;
  done_by_me: number;
}

export interface PictureRef {
  url: string;
  width: number;
  height: number;
}

export interface StepToMark {
  id: string;
  title: Text | null;
  full: string;
}

export interface ItemToMark {
  id: string;
  title: Text | null;
  full: string;
  step: string;
  steps: StepToMark[];
}

/** Marks by item; an item with named steps has marks by step. */
export type Marks = Record<string, string | Record<string, string>>;

export interface Task {
  task: string;
  paper: string;
  group: string;
  title: Text;
  pictures: PictureRef[];
  items: ItemToMark[];
  lease_seconds: number;
  level: Level;
  shown?: { marks: Marks }[];
}

export interface NextReply {
  tasks: Task[];
  open: number;
}

export interface MarksReply extends Partial<NextReply> {
  saved?: { task: string; outcome: string };
}

export interface CaseItem {
  item: string;
  value: string;
  first: string;
  second: string;
  options: string[];
  p_wrong: number;
  why?: string;
  picture: string | null;
}

export interface DeskCase {
  id: number | string;
  kind: string;
  state: string;
  version: number;
  opened_at: string;
  frame: { station: string; batch: string; sequence: number; side: number; name: string } | null;
  sheet: string | null;
  candidate: string | null;
  side: number | null;
  paper: string | null;
  evidence: Record<string, unknown>;
  picture: string | null;
  /** The scan that it is compared with, where there are two. */
  other?: string | null;
  actions: string[];
  items: CaseItem[];
  room?: string;
  /** The sheet is an extra one. */
  extra?: boolean;
  /** Another frame that came with the very same bytes. */
  same_bytes?: DeskCase["frame"];
  /** What two clerks said differently; only who decides sees it. */
  words?: Record<string, string>[];
}

export interface Settled {
  case: DeskCase;
  state: string;
}

export interface LawResult {
  law: string;
  name: Text;
  holds: boolean;
  checked?: number;
  detail: unknown;
}

export interface Release {
  release?: string | number;
  number: number;
  state: string;
  files?: string[];
  signatures?: unknown[];
  laws?: LawResult[];
  overrides?: { law: string; by: string }[];
  digest?: string;
}

export interface ProblemData {
  code: string;
  title: string;
  detail: string;
  where: string;
  remedy: string;
  status: number;
}
