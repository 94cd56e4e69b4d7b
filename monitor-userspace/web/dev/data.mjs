// A host as the agent would describe it: values of the schema, made to look like a busy server, among them
// leaks of several kinds and names that mean harm.

import { HOSTILE } from "./hostile.mjs";
import { drawn, random } from "./schema.mjs";

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const NAMES = ["nginx", "postgres", "redis-server", "node", "python3", "java", "sshd", "systemd-journal", "containerd", "kubelet", "php-fpm", "envoy", "beam.smp", "chronyd", "bash"];
const USERS = ["root", "www-data", "postgres", "redis", "app", "nobody", null];
const LEAKER = 4242;

const iso = (ms) => new Date(ms).toISOString();

/** What leaks on this host: pid, rule, what grows, how fast a minute, how much of it there was. */
const LEAKS = [
  { pid: LEAKER, comm: "leaker", rule: "heap_growth", resource: "heap", unit: "bytes", rate: 59.5 * MIB, severity: "high", verdict: "leak", confidence: 0.953, limit: "memory of the host", hours: 6 },
  { pid: 2011, comm: "api", rule: "socket_growth", resource: "sockets", unit: "items", rate: 14.2, severity: "critical", verdict: "leak", confidence: 0.962, limit: "open files (RLIMIT_NOFILE)", hours: 0.6 },
  { pid: 2204, comm: "worker", rule: "timer_growth", resource: "timers", unit: "items", rate: 60, severity: "medium", verdict: "leak", confidence: 0.93 },
  { pid: 3100, comm: HOSTILE[0], rule: "anon_mapping_growth", resource: "anonymous mappings", unit: "bytes", rate: 3.1 * MIB, severity: "low", verdict: "possible_fill", confidence: 0.61, limit: HOSTILE[2], hours: 90 },
  { pid: 3101, comm: "java", rule: "thread_growth", resource: "threads", unit: "items", rate: 2.4, severity: "low", verdict: "suspect", confidence: 0.55 },
];

export class Host {
  constructor(processes) {
    this.startMs = Date.now();
    this.next = random(20260117);
    this.processes = Array.from({ length: processes }, (_, at) => this.#process(at));
    LEAKS.forEach((leak, at) => this.#leaking(this.processes[at + 3], leak));
    this.components = this.#components();
    this.findings = LEAKS.map((leak, at) => this.#finding(leak, at));
    this.findings.push(this.#threshold());
    this.resolved = [{ ...this.#finding(LEAKS[4], 90), id: "resolved000000001", state: "resolved", verdict: "stopped", severity: "medium" }];
    this.rules = this.#rules();
    this.status = drawn("Stats", this.next);
  }

  #process(at) {
    const next = this.next;
    const hostile = at % 40 === 7 ? HOSTILE[Math.floor(at / 40) % HOSTILE.length] : null;
    const name = NAMES[Math.floor(next() * NAMES.length)];
    const anon = Math.floor(next() ** 6 * 3 * GIB) + 300 * KIB;
    const service = Math.floor(next() * 60);
    const files = Math.floor(next() ** 2 * 40);
    const sockets = Math.floor(next() ** 4 * 300);
    return {
      ...drawn("Snapshot", next),
      pid: 1000 + at * 7,
      ppid: at === 0 ? 0 : 1,
      comm: hostile ? hostile.slice(0, 200) : name,
      cmdline: hostile ?? `/usr/sbin/${name} --worker ${at}`,
      user: at % 173 === 5 ? HOSTILE[1] : USERS[Math.floor(next() * USERS.length)],
      component: service === 7 ? HOSTILE[2] : `${name}-${service}.service`,
      unit: `${name}-${service}.service`,
      container: null,
      pod: null,
      start_time: iso(this.startMs - next() * 9e8),
      rss_anon_bytes: anon,
      rss_bytes: anon + Math.floor(next() * 40 * MIB),
      heap_bytes: Math.floor(anon * (0.3 + 0.5 * next())),
      anon_mapped_bytes: Math.floor(anon * 1.4),
      swap_bytes: next() < 0.8 ? 0 : Math.floor(next() * 20 * MIB),
      files,
      sockets,
      descriptors: files + sockets + 6,
      timers: Math.floor(next() ** 5 * 30),
      threads: 1 + Math.floor(next() ** 4 * 60),
      cpu_percent: Math.round(next() ** 8 * 1000) / 10,
      final: false,
    };
  }

  #leaking(process, leak) {
    Object.assign(process, { pid: leak.pid, comm: leak.comm, cmdline: `/opt/app/${leak.comm} --serve`, component: "api.service", unit: "api.service", user: "app", start_time: iso(this.startMs - 5400e3) });
    const holds = {
      heap_growth: [3.3 * GIB, 220 * MIB, 12, 4, 9],
      socket_growth: [180 * MIB, 96 * MIB, 870, 12, 24],
      timer_growth: [64 * MIB, 31 * MIB, 40, 3560, 8],
      anon_mapping_growth: [20 * MIB, 1.3 * GIB, 31, 2, 40],
      thread_growth: [240 * MIB, 2.1 * GIB, 77, 6, 261],
    }[leak.rule];
    const [heap, mapped, sockets, timers, threads] = holds.map(Math.floor);
    const anon = heap + Math.floor(mapped * 0.6);
    Object.assign(process, { rss_anon_bytes: anon, swap_bytes: 0, rss_bytes: anon + 12 * MIB, heap_bytes: heap, anon_mapped_bytes: mapped });
    Object.assign(process, { sockets, descriptors: sockets + 42, files: 36, timers, threads, cpu_percent: 12.4, source: "events" });
  }

  #components() {
    const groups = new Map();
    for (const process of this.processes) {
      const list = groups.get(process.component) ?? [];
      list.push(process);
      groups.set(process.component, list);
    }
    return [...groups].map(([component, members]) => {
      const total = (field) => members.reduce((sum, it) => sum + (it[field] ?? 0), 0);
      const sums = ["rss_bytes", "rss_anon_bytes", "heap_bytes", "anon_mapped_bytes", "swap_bytes", "descriptors", "sockets", "timers", "threads", "cpu_percent"];
      const working = total("rss_anon_bytes");
      const limit = { path: "/system.slice", limit_bytes: Math.ceil(working * 1.6), current_bytes: working, working_set_bytes: working };
      return {
        ...drawn("ComponentSnapshot", this.next),
        component,
        cgroup: `/system.slice/${component}`,
        processes: members.length,
        working_set_bytes: working,
        memory_max: this.next() < 0.5 ? limit : null,
        oom_kills: 0,
        ...Object.fromEntries(sums.map((field) => [field, total(field)])),
      };
    });
  }

  #finding(leak, at) {
    const now = Date.now();
    const forecast = leak.hours && {
      limit: leak.limit,
      limit_value: leak.unit === "bytes" ? 3.4 * GIB + leak.rate * 60 * leak.hours : 912 + leak.rate * 60 * leak.hours,
      at: iso(now + leak.hours * 3600e3),
      interval: [iso(now + leak.hours * 3240e3), at % 2 ? iso(now + leak.hours * 3960e3) : null],
    };
    return {
      ...drawn("Finding", this.next),
      ts: iso(now),
      id: `f${String(at).padStart(2, "0")}8fe3fd857222`,
      rule: leak.rule,
      state: "open",
      severity: leak.severity,
      verdict: leak.verdict,
      pid: leak.pid,
      start_time: iso(this.startMs - 5400e3),
      comm: leak.comm,
      component: "api.service",
      resource: leak.resource,
      rate_per_min: leak.rate,
      rate_unit: leak.unit,
      rate_interval: [leak.rate * 0.96, leak.rate * 1.01],
      confidence: leak.confidence,
      e_value_log10: 11.8,
      rival: { hypothesis: "fill", probability: 0.96 - leak.confidence > 0 ? 0.96 - leak.confidence : 0.02, decided_by: "another hour: what fills slows down before its bound" },
      since: iso(this.startMs - 3000e3),
      forecast: forecast || null,
      evidence: [
        { name: "staleness", value: 0.99, says: "leak", text: "99 % of what was added within the last ten minutes was not touched again within a minute" },
        { name: "linearity", value: 0.97, says: "growth", text: `${leak.resource} rose in 21 of 21 floors` },
        { name: "stack", value: 1, says: "leak", text: `most of it came from one place: ${HOSTILE[1]}` },
        { name: "load", value: 0.1, says: "use", text: "CPU time of the process does not move with it" },
        { name: "grew", value: 1, says: "process", text: "the process is 90 min old, the growth 50 min" },
      ],
      explanations: [
        { hypothesis: "steady_leak", is_leak: true, probability: leak.confidence - 0.02 },
        { hypothesis: "accelerating_leak", is_leak: true, probability: 0.02 },
        { hypothesis: "fill", is_leak: false, probability: 0.96 - leak.confidence > 0 ? 0.96 - leak.confidence : 0.02 },
        { hypothesis: "settling", is_leak: false, probability: 0.012 },
      ],
      limits: [{ limit: leak.limit ?? "open files", limit_value: 64 * GIB, used: 31 * GIB }],
      runs: at === 0 ? { grew_alike: 2, grew_since: iso(this.startMs - 9e7), first_finding: "aa", siblings: 1, earlier: [{ started: iso(this.startMs - 9e7), uptime_seconds: 43000, state: "grew", level: 9 * GIB, rate_per_min: 58 * MIB, settled_after_seconds: null }] } : null,
      stacks: [],
      recommendation: "Take a profile of its allocations (memwatch-ebpf explain), and look at what was deployed about when the growth began.",
    };
  }

  #threshold() {
    const finding = this.#finding(LEAKS[0], 50);
    return {
      ...finding, rule: "cgroup_limit", severity: "medium", verdict: "threshold", pid: null, comm: null, start_time: null,
      component: HOSTILE[2], resource: "memory of the cgroup", rate_per_min: null, rate_unit: null, rate_interval: null,
      confidence: null, e_value_log10: null, rival: null, forecast: null, explanations: [], runs: null,
      evidence: [{ name: "working_set", value: 0.93, says: "threshold", text: "93 % of memory.max of /system.slice is used" }],
      recommendation: "Raise memory.max, or find out who in it holds most.",
    };
  }

  #rules() {
    const names = ["heap_growth", "anon_mapping_growth", "rss_growth", "fd_growth", "fd_limit", "socket_growth", "close_wait", "timer_growth", "thread_growth", "zombie_children", "cgroup_limit", "host_pressure", "oom_forecast", HOSTILE[0]];
    return names.map((name, at) => ({
      name,
      description: at === 13 ? HOSTILE[1] : `What ${name.replaceAll("_", " ")} catches, in a sentence for a person.`,
      condition: "descriptors > 0.8 * limit.descriptors && known(limit.descriptors)",
      holdSeconds: at * 15,
    }));
  }

  /** How far the leaks came since the start, in minutes. */
  #minutes() {
    return (Date.now() - this.startMs) / 60_000;
  }

  process(pid) {
    const process = this.processes.find((it) => it.pid === pid);
    if (!process) return null;
    const now = iso(Date.now());
    const trends = [drawn("Trend", this.next), drawn("Trend", this.next)].map((it, at) => ({ ...it, resource: ["heap", "descriptors"][at], unit: ["bytes", "items"][at], direction: ["rising", "steady"][at], first: [3 * GIB, 900][at], last: [3.3 * GIB, 912][at], ratePerMin: [59.5 * MIB, 0.1][at], overSeconds: 3000 }));
    return { timestamp: now, scope: "every process", process: { ...process, ts: now }, trends, findings: this.findings.filter((it) => it.pid === pid) };
  }

  host() {
    const total = 64 * GIB;
    const memory = {
      free_bytes: 8.1 * GIB, anon_bytes: 29.4 * GIB + Math.floor(59.5 * MIB * this.#minutes()), file_cache_bytes: 17.8 * GIB, shmem_bytes: 2.2 * GIB,
      slab_reclaimable_bytes: 1.9 * GIB, slab_unreclaimable_bytes: 1.1 * GIB, kernel_stack_bytes: 120 * MIB, page_table_bytes: 480 * MIB,
      percpu_bytes: 96 * MIB, vmalloc_bytes: 210 * MIB, hugetlb_bytes: 1 * GIB, other_kernel_bytes: 340 * MIB, unexplained_bytes: 0,
    };
    for (const field of Object.keys(memory)) memory[field] = Math.round(memory[field]);
    const known = Object.values(memory).reduce((sum, it) => sum + it, 0);
    memory.unexplained_bytes = total - known;
    const stall = (some) => ({ some: { avg10: some, avg60: some, total_us: 1e6 }, full: { avg10: 0, avg60: 0, total_us: 0 } });
    return {
      ...drawn("HostSnapshot", this.next), ts: iso(Date.now()), memory,
      mem_total_bytes: total, mem_available_bytes: 27 * GIB, swap_total_bytes: 8 * GIB, swap_free_bytes: 7.6 * GIB,
      unowned: { kernel_bytes: 2.4 * GIB, tmpfs_bytes: 1.3 * GIB, orphan_shm_bytes: 64 * MIB, socket_buffer_bytes: 12 * MIB },
      processes: this.processes.length, zombies: 3, threads: 18_211, tracked_descriptors: 41_877, sockets: 9120, timers: 4212,
      cpu_percent: 31.4, pressure: { memory: stall(1.2), cpu: stall(8.4), io: stall(0.3) },
    };
  }

  stats() {
    return { ...this.status, ts: iso(Date.now()), events_seen: 81_223_004, events_lost: 0, lost_by_family: { memory: 0 }, processes: this.processes.length, agent_rss_anon_bytes: 41 * MIB, agent_kernel_bytes: 23 * MIB, agent_cpu_percent: 2.1, reading_cpu_percent: 1.3, inventory_bytes: 18 * MIB };
  }

  /** Samples of half a minute. */
  history(pid, minutes) {
    const step = Math.max(30, Math.ceil((minutes * 60) / 720 / 30) * 30);
    const seen = Math.min(minutes, pid === null ? minutes : 90);
    const length = Math.floor((seen * 60) / step);
    const now = Date.now();
    const next = random(pid ?? 1);
    const process = this.processes.find((it) => it.pid === pid);
    const leak = LEAKS.find((it) => it.pid === pid);
    const columns = pid === null
      ? ["ts", "memory_used_bytes", "mem_total_bytes", "swap_used_bytes", "cpu_percent"]
      : ["ts", "rss_bytes", "rss_anon_bytes", "swap_bytes", "heap_bytes", "anon_mapped_bytes", "descriptors", "sockets", "timers", "threads", "cpu_percent"];
    const grown = { heap: "heap_bytes", sockets: "sockets", timers: "timers", threads: "threads", "anonymous mappings": "anon_mapped_bytes" }[leak?.resource];
    const row = (at) => {
      const ago = (length - 1 - at) * (step / 60);
      const burst = 1 + (next() < 0.1 ? 0.05 * next() : 0.004 * next());
      if (pid === null) return [now - ago * 60_000, Math.round((37 * GIB - 59.5 * MIB * Math.min(ago, 50)) * burst), 64 * GIB, 400 * MIB, 30 + 10 * next()];
      return columns.map((field) => {
        if (field === "ts") return now - ago * 60_000;
        if (at > length * 0.3 && at < length * 0.33 && !leak) return null;
        const less = leak && (field === grown || (grown === "heap_bytes" && /rss/.test(field)) || (grown === "sockets" && field === "descriptors")) ? leak.rate * Math.min(ago, 50) : 0;
        const value = (process?.[field] ?? 0) - less;
        return Math.max(0, field === "cpu_percent" ? value : Math.round(value * (/bytes/.test(field) ? burst : 1)));
      });
    };
    const rows = process || pid === null ? Array.from({ length }, (_, at) => row(at)) : [];
    return { timestamp: iso(now), scope: "every process", stepSeconds: step, columns, rows };
  }

  /** A finding that comes while somebody looks. */
  news() {
    const leak = { pid: this.processes[20].pid, comm: HOSTILE[1], rule: "fd_growth", resource: "descriptors", unit: "items", rate: 30, severity: "high", verdict: "leak", confidence: 0.94, limit: "open files (RLIMIT_NOFILE)", hours: 11 };
    const finding = { ...this.#finding(leak, 60), id: "news000000000001" };
    if (!this.findings.some((it) => it.id === finding.id)) this.findings.push(finding);
    return finding;
  }
}
