/** What every view gives, and what it is given. */

import type { Api } from "./api";
import type { Finding } from "./types";

export interface View {
  title: string;
  element: HTMLElement;
  /** Asks anew for what it shows. */
  refresh(): Promise<void>;
  /** A finding opened, changed or ended. */
  finding?(finding: Finding): void;
  /** It is left for another. */
  leave?(): void;
}

export interface Given {
  api: Api;
  item: string | null;
  query: URLSearchParams;
  /** Keeps something of the view in its address, without a new entry in the history. */
  keep(query: Record<string, string | null>): void;
}
