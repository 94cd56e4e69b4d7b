// Talks with a memwatch-ebpf agent on this host: reports what a program holds and how long its requests took,
// and asks how things are. No dependencies. An ECMAScript module; from CommonJS: await import('./memwatch.js').
//
//   import { Memwatch } from './memwatch.js';
//   const memwatch = new Memwatch({ socketPath: '/run/memwatch-ebpf/memwatch-ebpf.sock' });
//   memwatch.trackResource('cache', 'users', { size: 1024 });
//   console.log((await memwatch.getHealth()).status);
//
// What reports (trackResource, untrackResource, trackRequest, registerComponent) never throws and is never in
// the way: a program must not fail because nobody watches it. What asks (getHealth, getMetrics, getReport)
// rejects with an Error whose `status` is that of the HTTP answer.

const BASE = '/api/monitoring';
const URL_OF_HOST = 'http://127.0.0.1:9890';
const TTL_SECONDS = 3600;
const MAX_WAITING = 10000;
const MAX_BATCH = 1000;

/** The id of this process, where the runtime tells. */
function ownPid() {
  return globalThis.process?.pid;
}

/** Leaves out what is not set: the agent refuses what it does not know. */
function set(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** One agent. */
export class Memwatch {
  /**
   * @param {object} [options]
   * @param {string} [options.url] where the agent listens; http://127.0.0.1:9890 if nothing is said
   * @param {string} [options.socketPath] its unix socket instead, which needs no token (node only)
   * @param {string} [options.token] what reporting over TCP needs
   * @param {number} [options.pid] whose reports these are; this process's if nothing is said
   * @param {string} [options.component] the component they belong to
   * @param {number} [options.flushMs] how long reports may wait for others
   * @param {number} [options.timeoutMs] how long a call may take
   * @param {(error: Error) => void} [options.onError] is told of reports that did not arrive
   */
  constructor(options = {}) {
    this.url = (options.url ?? URL_OF_HOST).replace(/\/+$/, '');
    this.socketPath = options.socketPath;
    this.token = options.token;
    this.pid = options.pid ?? ownPid();
    this.component = options.component;
    this.flushMs = options.flushMs ?? 1000;
    this.timeoutMs = options.timeoutMs ?? 5000;
    this.onError = options.onError ?? (() => {});
    this.requests = [];
    this.lost = 0;
    this.timer = undefined;
    this.last = Promise.resolve();
  }

  /** Reports a resource that the program holds; under the same id it is reported anew. */
  trackResource(type, id, fields = {}) {
    const { size, source, metadata, createdAt, ttlSeconds = TTL_SECONDS } = fields;
    const at = createdAt instanceof Date ? createdAt.toISOString() : createdAt;
    const resource = { type, id: String(id), size, source, metadata, createdAt: at, ttlSeconds };
    return this.#report('POST', '/resources', set({ ...resource, ...this.#owner() }));
  }

  /** Reports that it was given back. */
  untrackResource(id) {
    return this.#report('DELETE', `/resources/${encodeURIComponent(String(id))}`);
  }

  /** Registers a component with thresholds of its own (memoryWarning in MB, cpuCritical in percent, …). */
  registerComponent(name, fields = {}) {
    const { thresholds, pids = this.pid === undefined ? [] : [this.pid] } = fields;
    const { ttlSeconds = TTL_SECONDS } = fields;
    return this.#report('POST', '/components', set({ name, pids, thresholds, ttlSeconds }));
  }

  /** Reports how long a request took, in milliseconds. Many go in one call. */
  trackRequest(durationMs, fields = {}) {
    if (!Number.isFinite(durationMs) || durationMs < 0) return;
    if (this.requests.length >= MAX_WAITING) {
      this.lost += 1;
      return;
    }
    const { component = this.component } = fields;
    this.requests.push(set({ durationMs, pid: this.pid, component }));
    if (this.timer === undefined) {
      this.timer = setTimeout(() => this.flush(), this.flushMs);
      // A report does not keep a program from ending.
      this.timer.unref?.();
    }
  }

  /** Sends what waits; resolves when everything reported so far has arrived or failed. */
  flush() {
    clearTimeout(this.timer);
    this.timer = undefined;
    while (this.requests.length > 0) {
      const requests = this.requests.splice(0, MAX_BATCH);
      this.#report('POST', '/requests', { requests });
    }
    return this.last;
  }

  /** How it is: status, components, memory, recommendations. */
  getHealth(scope = {}) {
    return this.#ask('/health', scope);
  }

  /** Averages and peaks over the last minutes. */
  getMetrics(period = 60, scope = {}) {
    return this.#ask('/metrics', { period, ...scope });
  }

  /** The time watched on one page. */
  getReport(scope = {}) {
    return this.#ask('/report', scope);
  }

  #owner() {
    return { pid: this.pid, component: this.component };
  }

  #ask(path, query) {
    const text = new URLSearchParams(set(query)).toString();
    return this.#call('GET', text === '' ? path : `${path}?${text}`);
  }

  /** One after the other, so that what was given back is not reported after that. */
  #report(method, path, body) {
    const sent = this.last.then(() => this.#call(method, path, body));
    this.last = sent.catch((error) => this.onError(error));
    return this.last;
  }

  async #call(method, path, body) {
    const headers = { accept: 'application/json' };
    if (body !== undefined) headers['content-type'] = 'application/json';
    if (this.token !== undefined) headers.authorization = `Bearer ${this.token}`;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const send = this.socketPath === undefined ? this.#overTcp : this.#overSocket;
    const answer = await send.call(this, method, BASE + path, headers, text);
    const value = answer.text === '' ? undefined : JSON.parse(answer.text);
    if (answer.status >= 200 && answer.status < 300) return value;
    const error = new Error(value?.detail ?? `the agent answered ${answer.status}`);
    error.status = answer.status;
    throw error;
  }

  async #overTcp(method, path, headers, body) {
    const signal = AbortSignal.timeout(this.timeoutMs);
    const answer = await fetch(this.url + path, { method, headers, body, signal });
    return { status: answer.status, text: await answer.text() };
  }

  async #overSocket(method, path, headers, body) {
    const { request } = await import('node:http');
    const { socketPath, timeoutMs } = this;
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(timeoutMs);
      const call = request({ socketPath, path, method, headers, signal }, (answer) => {
        let text = '';
        answer.setEncoding('utf8');
        answer.on('data', (piece) => { text += piece; });
        answer.on('end', () => resolve({ status: answer.statusCode, text }));
        answer.on('error', reject);
      });
      call.on('error', reject);
      call.end(body);
    });
  }
}

let shared = new Memwatch();

/** Sets where the functions below report to and ask. */
export function configure(options) {
  shared = new Memwatch(options);
  return shared;
}

export const trackResource = (...given) => shared.trackResource(...given);
export const untrackResource = (...given) => shared.untrackResource(...given);
export const registerComponent = (...given) => shared.registerComponent(...given);
export const trackRequest = (...given) => shared.trackRequest(...given);
export const flush = () => shared.flush();
export const getHealth = (...given) => shared.getHealth(...given);
export const getMetrics = (...given) => shared.getMetrics(...given);
export const getReport = (...given) => shared.getReport(...given);
