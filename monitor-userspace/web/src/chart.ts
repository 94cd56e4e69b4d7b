/** Lines over time, by uPlot, with a legend and a text alternative of our own. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

import { h, renew, table, type Child } from "./dom";
import { amount, clock, UNKNOWN } from "./format";
import { extremes, type Values } from "./series";
import { colour, onTheme } from "./theme";

const HEIGHT = 210;
/** Steps of an axis of bytes: powers of two, so that its marks are round. */
const BINARY_STEPS = Array.from({ length: 46 }, (_, power) => 2 ** power);
/** Steps of an axis of items, of which there are no halves. */
const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();
/** What a time takes beneath an axis, in pixels: "13:46:30" and some room. */
const TIME_SPACE = 76;

export interface Line {
  label: string;
  values: Values;
  /** Variable of the style sheet. */
  colour: string;
  /** Dashes tell lines apart that are not measured. */
  dash?: number[];
  width?: number;
  /** Draws it as steps: a level that is held. */
  isStep?: boolean;
  /** The band between this line and the next. */
  hasBand?: boolean;
  /** Left out of the legend and of the text. */
  isAid?: boolean;
}

export interface Drawing {
  unit: "bytes" | "items" | "percent";
  /** Seconds since 1970. */
  times: number[];
  lines: Line[];
  /** What it shows, in a sentence. */
  says: string;
}

export class Chart {
  readonly element: HTMLElement;
  private readonly place = h("div", { class: "chart", role: "img" });
  private readonly legend = h("ul", { class: "legend" });
  private readonly text = h("div");
  private drawing: Drawing | null = null;
  private plot: uPlot | null = null;
  private readonly stop: () => void;

  constructor(private readonly title: string) {
    const observer = new ResizeObserver(() => this.resize());
    observer.observe(this.place);
    const unlisten = onTheme(() => this.draw());
    this.stop = () => {
      observer.disconnect();
      unlisten();
    };
    const figures = h("details", { key: `figures of ${title}` }, h("summary", {}, "Figures of this chart"), this.text);
    this.element = h("figure", { class: "figure-box" }, h("figcaption", {}, title), this.legend, this.place, figures);
  }

  set(drawing: Drawing): void {
    this.drawing = drawing;
    this.place.setAttribute("aria-label", `${this.title}: ${drawing.says}`);
    this.draw();
  }

  remove(): void {
    this.stop();
    this.plot?.destroy();
  }

  private resize(): void {
    const width = this.place.clientWidth;
    if (this.plot && width > 0 && width !== this.plot.width) this.plot.setSize({ width, height: HEIGHT });
  }

  private draw(): void {
    const drawing = this.drawing;
    if (!drawing) return;
    this.plot?.destroy();
    this.plot = new uPlot(this.options(drawing), data(drawing), this.place);
    this.showLegend(null);
    renew(this.text, figures(this.title, drawing));
  }

  private options(drawing: Drawing): uPlot.Options {
    const axis = { stroke: colour("--muted"), grid: { stroke: colour("--grid"), width: 1 }, ticks: { show: false } };
    const bands: uPlot.Band[] = [];
    drawing.lines.forEach((line, at) => {
      if (line.hasBand) bands.push({ series: [at + 2, at + 1], fill: colour("--band") });
    });
    return {
      width: Math.max(this.place.clientWidth, 240),
      height: HEIGHT,
      legend: { show: false },
      padding: [8, TIME_SPACE / 2, 0, 0],
      cursor: { sync: { key: "process" }, drag: { x: true, y: false } },
      scales: { y: { range: (_plot, _least, most) => [0, most > 0 ? most * 1.08 : 1] } },
      axes: [
        { ...axis, size: 30, space: TIME_SPACE, values: (_plot, ticks) => ticks.map((tick) => tickTime(tick, drawing)) },
        {
          ...axis,
          size: 76,
          ...(drawing.unit === "percent" ? {} : { incrs: drawing.unit === "bytes" ? BINARY_STEPS : WHOLE_STEPS }),
          values: (_plot, ticks) => ticks.map((tick) => amount(tick, drawing.unit).replace(".0 ", " ")),
        },
      ],
      series: [{}, ...drawing.lines.map(series)],
      bands,
      hooks: { setCursor: [(plot) => this.showLegend(plot.cursor.idx ?? null)] },
    };
  }

  /** The legend, with what the lines are worth where the pointer is, else last. */
  private showLegend(at: number | null): void {
    const drawing = this.drawing;
    if (!drawing) return;
    const items: Child[] = drawing.lines
      .filter((line) => !line.isAid)
      .map((line) => {
        const value = at === null ? extremes(line.values)?.last : line.values[at];
        const mark = h("span", { class: line.dash ? "mark dashed" : "mark", "aria-hidden": "true" });
        mark.style.color = `var(${line.colour})`;
        return h("li", {}, mark, `${line.label} `, h("b", {}, amount(value, drawing.unit)));
      });
    const time = at === null ? null : drawing.times[at];
    const moment = time === undefined || time === null ? "last" : clock(new Date(time * 1000).toISOString(), Date.now());
    renew(this.legend, ...items, h("li", { class: "muted" }, moment));
  }
}

function series(line: Line): uPlot.Series {
  const steps = line.isStep ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
  return {
    label: line.label,
    stroke: colour(line.colour),
    width: line.width ?? 2,
    points: { show: false },
    spanGaps: false,
    ...(line.dash ? { dash: line.dash } : {}),
    ...(steps ? { paths: steps } : {}),
  };
}

function data(drawing: Drawing): uPlot.AlignedData {
  return [drawing.times, ...drawing.lines.map((line) => line.values)] as uPlot.AlignedData;
}

function tickTime(seconds: number, drawing: Drawing): string {
  const time = new Date(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const hours = `${two(time.getHours())}:${two(time.getMinutes())}`;
  const length = (drawing.times.at(-1) ?? 0) - (drawing.times[0] ?? 0);
  if (length < 600) return `${hours}:${two(time.getSeconds())}`;
  return length > 2 * 86_400 ? `${two(time.getMonth() + 1)}-${two(time.getDate())} ${hours}` : hours;
}

/** The text alternative. */
function figures(title: string, drawing: Drawing): HTMLElement {
  const rows = drawing.lines
    .filter((line) => !line.isAid)
    .map((line) => {
      const known = extremes(line.values);
      const cells = known ? [known.first, known.last, known.least, known.most] : [];
      const texts = cells.map((cell) => amount(cell, drawing.unit));
      return [line.label, ...(texts.length > 0 ? texts : Array<string>(4).fill(UNKNOWN))];
    });
  return table(`Figures of ${title}`, ["Measure", "First", "Last", "Least", "Most"], rows);
}
