/** Light or dark: as the system says, unless the reader has chosen. */

const KEPT = "memwatch-theme";
export type Theme = "system" | "light" | "dark";
const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };

export function theme(): Theme {
  const kept = localStorage.getItem(KEPT);
  return kept === "light" || kept === "dark" ? kept : "system";
}

export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

export function switchTheme(): Theme {
  const next = NEXT[theme()];
  localStorage.setItem(KEPT, next);
  applyTheme();
  window.dispatchEvent(new Event("theme"));
  return next;
}

/** Calls back when colours change, by choice or by the system; gives what ends that. */
export function onTheme(callback: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  window.addEventListener("theme", callback);
  system.addEventListener("change", callback);
  return () => {
    window.removeEventListener("theme", callback);
    system.removeEventListener("change", callback);
  };
}

/** The colour that a variable of the style sheet stands for now. */
export function colour(variable: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${variable})`;
  probe.hidden = true;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}
