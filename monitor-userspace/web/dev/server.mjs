// A server that answers as the agent would, about a host that is not there: for work on the page, and for
// its tests. `npm run mock -- --port 9891`; it serves what `npm run build` made.

import { createReadStream, existsSync, readFileSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";

import { Host } from "./data.mjs";

const ROOT = new URL("../", import.meta.url);
const CSP = readFileSync(new URL("csp.txt", ROOT), "utf8").trim();
const KINDS = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8" };
const RANK = ["critical", "high", "medium", "low"];

/** Starts it; `missing` names routes that this agent does not have. */
export function start({ port = 0, processes = 5000, missing = [], everyMs = 5000 } = {}) {
  const host = new Host(processes);
  const streams = new Set();
  let lastId = 0;
  const send = (event, data) => {
    lastId += 1;
    for (const stream of streams) stream.write(`id: ${lastId}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  const timer = setInterval(() => send("interval", { timestamp: new Date().toISOString(), host: host.host(), stats: host.stats() }), everyMs);
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://mock");
    const route = url.pathname.replace(/^\/api\/monitoring\//, "");
    if (!url.pathname.startsWith("/api/")) return file(url.pathname, response);
    if (missing.includes(route.split("/")[0])) return problem(response, 404, `there is nothing at ${url.pathname}`);
    if (route === "events") return events(request, response, streams);
    const answer = answered(host, route, url.searchParams);
    return answer === null ? problem(response, 404, `there is nothing at ${url.pathname}`) : json(response, 200, answer, "application/json");
  });
  const close = () => {
    clearInterval(timer);
    for (const stream of streams) stream.destroy();
    server.closeAllConnections();
    return new Promise((resolve) => server.close(resolve));
  };
  return new Promise((resolve) => {
    server.listen(port, "127.0.0.1", () => {
      resolve({ url: `http://127.0.0.1:${server.address().port}`, host, close, news: () => send("finding", host.news()) });
    });
  });
}

function answered(host, route, query) {
  const timestamp = new Date().toISOString();
  const [what, item] = route.split("/");
  if (what === "agent") return { version: "0.1.0", since: new Date(host.startMs - 86_400e3).toISOString(), uptime: 86_400, processes: host.processes.length, openFindings: host.findings.length, complete: true, stats: host.stats() };
  if (what === "host") return { timestamp, host: host.host(), stats: host.stats() };
  if (what === "health") return health(host, timestamp);
  if (what === "components") return { timestamp, components: host.components };
  if (what === "rules") return { timestamp, rules: host.rules };
  if (what === "history") return host.history(query.has("pid") ? Number(query.get("pid")) : null, Number(query.get("minutes") ?? 60));
  if (what === "findings" && item) return one(host, item, timestamp);
  if (what === "findings") return { timestamp, scope: "every process", findings: query.get("state") === "resolved" ? host.resolved : sorted(host.findings) };
  if (what === "processes" && item) return host.process(Number(item));
  if (what === "processes") return listed(host, query, timestamp);
  return null;
}

function one(host, id, timestamp) {
  const finding = [...host.findings, ...host.resolved].find((it) => it.id === id);
  return finding ? { timestamp, finding } : null;
}

function listed(host, query, timestamp) {
  const fields = query.get("fields")?.split(",");
  const largest = [...host.processes].sort((one, other) => other.rss_anon_bytes - one.rss_anon_bytes);
  const all = largest.slice(0, Number(query.get("limit") ?? 100));
  const processes = fields ? all.map((it) => Object.fromEntries(fields.map((field) => [field, it[field]]))) : all;
  return { timestamp, scope: "every process", processes, total: host.processes.length };
}

function health(host, timestamp) {
  const known = host.host();
  return {
    status: "critical", timestamp, uptime: 86_400,
    components: { memory: "warning", cpu: "healthy", eventLoop: "unknown", resources: "critical" },
    memory: { heapUsed: known.mem_total_bytes - known.mem_available_bytes, heapTotal: known.mem_total_bytes, health: "warning" },
    recommendations: host.findings.slice(0, 2).map((it) => `${it.comm}: ${it.recommendation}`),
  };
}

function sorted(findings) {
  return [...findings].sort((one, other) => RANK.indexOf(one.severity) - RANK.indexOf(other.severity) || (other.confidence ?? 0) - (one.confidence ?? 0));
}

function events(request, response, streams) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  response.write(": hello\n\n");
  streams.add(response);
  request.on("close", () => streams.delete(response));
}

function json(response, status, body, type) {
  response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store", "Access-Control-Allow-Origin": "*" });
  response.end(JSON.stringify(body));
}

function problem(response, status, detail) {
  json(response, status, { type: "not-found", title: "Not found", status, detail }, "application/problem+json");
}

function file(path, response) {
  const target = new URL(`dist${path === "/" ? "/index.html" : path}`, ROOT);
  const name = fileURLToPath(target);
  const kind = KINDS[extname(name)];
  if (!kind || !existsSync(name) || !statSync(name).isFile()) return problem(response, 404, `there is nothing at ${path}`);
  response.writeHead(200, { "Content-Type": kind, "Content-Security-Policy": CSP, "X-Content-Type-Options": "nosniff" });
  return createReadStream(name).pipe(response);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const at = process.argv.indexOf("--port");
  const { url } = await start({ port: at < 0 ? 9891 : Number(process.argv[at + 1]) });
  console.log(`listening on ${url}`);
}
