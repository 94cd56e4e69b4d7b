/** Which view an address names: everything after `#`, so that a view can be linked. Pure. */

export interface Route {
  view: string;
  /** What of it: a pid, an id. */
  item: string | null;
  query: URLSearchParams;
}

export function parsed(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#?\/?/, "").split("?", 2);
  const [view = "", item] = path.split("/", 2);
  return { view: view || "overview", item: item ? decoded(item) : null, query: new URLSearchParams(query) };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function to(view: string, item?: string | number | null, query: Record<string, string> = {}): string {
  const path = item === undefined || item === null ? view : `${view}/${encodeURIComponent(String(item))}`;
  const asked = new URLSearchParams(query).toString();
  return `#/${path === "overview" ? "" : path}${asked ? `?${asked}` : ""}`;
}
