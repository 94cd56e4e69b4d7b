//! Figures that advise something though nothing is found: shares of a limit that are large but below
//! the rules' thresholds, and memory that is held for nothing. What a rule finds is left to its finding.

use super::{
    super::{ComponentSnapshot, HostSnapshot, Snapshot, Stats, View},
    optimize::{Advice, Figure},
};

/// Shares of a limit worth a word. From the second on a rule finds it.
const OF_A_LIMIT: [f64; 2] = [0.5, 0.9];
const OF_MEMORY_MAX: [f64; 2] = [0.8, 0.95];
/// Memory worth a word, in bytes, and as a share of what a process or the host has.
const MUCH_BYTES: u64 = 64 << 20;
const MUCH_OF_A_PROCESS: f64 = 0.1;
const MUCH_OF_A_HOST: f64 = 0.1;
/// The same of page tables: 8 bytes for each page that is mapped are 0.2 % of it.
const MUCH_PAGE_TABLES: f64 = 0.02;
/// Threads that do next to nothing: so many in a process that uses less than so much of a core.
const MANY_THREADS: u32 = 64;
const IDLE_CPU: f64 = 1.0;
/// Huge pages worth a word, in bytes, where less than so much of the memory was used in a look.
const MUCH_HUGE_BYTES: u64 = 256 << 20;
const LITTLE_USED: f64 = 0.5;
/// Timers of one process that are many.
const MANY_TIMERS: u64 = 1000;
/// Sockets in CLOSE_WAIT, and zombies: fewer come and go. From the second on a rule finds them.
const FORGOTTEN_SOCKETS: [u64; 2] = [3, 5];
const FORGOTTEN_CHILDREN: [u64; 2] = [2, 9];
/// Percent of the last minute lost to waiting.
const MUCH_WAITING: f64 = 1.0;

/// What the figures of a view advise: of processes by pid, of components, of the host, of the agent.
pub(super) fn advice(view: &View) -> Vec<Advice> {
    let living = view.processes.iter().map(|it| &it.snapshot).filter(|it| !it.is_final);
    let processes = living.flat_map(|snapshot| of_process(view, snapshot));
    let components = view.components.iter().flat_map(of_component);
    let host = view.host.iter().flat_map(of_host);
    let agent = view.stats.iter().flat_map(of_agent);
    processes.chain(components).chain(host).chain(agent).collect()
}

/// Whether a part is between these shares of a whole.
fn is_between(part: u64, whole: u64, [least, found]: [f64; 2]) -> bool {
    let share = part as f64 / whole.max(1) as f64;
    share >= least && share < found
}

fn is_much(part: u64, whole: u64, share: f64) -> bool {
    part >= MUCH_BYTES && part as f64 >= share * whole as f64
}

fn of_process<'a>(view: &'a View, it: &'a Snapshot) -> impl Iterator<Item = Advice> + 'a {
    let found = [
        descriptors(it),
        mappings(view.host.as_ref(), it),
        address_space(it),
        close_wait(it),
        zombies(it),
        threads(it),
        lazyfree(it),
        huge_pages(view, it),
        swapped(it),
        timers(it),
        watches(view.host.as_ref(), it),
    ];
    let advise = |(figure, text)| Advice::of_process(it, figure, text);
    found.into_iter().flatten().map(advise)
}

type Found = Option<(Figure, String)>;

fn descriptors(it: &Snapshot) -> Found {
    let (held, limit) = (it.descriptors?, it.limits?.open_files?);
    let kinds = [
        ("files", it.files),
        ("sockets", it.sockets),
        ("pipes", it.pipes),
        ("eventfds", it.eventfds),
        ("timerfds", it.timerfds),
        ("memfds", it.memfds),
    ];
    let most = kinds.into_iter().filter_map(|(name, count)| Some((count?, name))).max();
    let most = most.map_or(String::new(), |(count, name)| format!(", {count} of them {name}"));
    let text = format!(
        "more than half of its descriptors are taken{most}: look at ls -l /proc/{}/fd, and raise \
         LimitNOFILE if it needs them",
        it.pid
    );
    let figure = Figure::new("descriptors", held, "items").of(limit);
    is_between(held, limit, OF_A_LIMIT).then_some((figure, text))
}

fn mappings(host: Option<&HostSnapshot>, it: &Snapshot) -> Found {
    let (held, limit) = (u64::from(it.mappings?), host?.limits.max_map_count?);
    let text = "more than half of the mappings it may have: look for many of one size in its maps, or \
                raise vm.max_map_count";
    let figure = Figure::new("mappings", held, "items").of(limit);
    is_between(held, limit, OF_A_LIMIT).then(|| (figure, text.to_owned()))
}

fn address_space(it: &Snapshot) -> Found {
    let (held, limit) = (it.virtual_bytes?, it.limits?.address_space_bytes?);
    let text = "more than half of its address space is taken: raise LimitAS, or find what it maps and \
                never touches";
    let figure = Figure::new("virtual size", held, "bytes").of(limit);
    is_between(held, limit, [OF_A_LIMIT[0], 0.95]).then(|| (figure, text.to_owned()))
}

fn close_wait(it: &Snapshot) -> Found {
    let held = it.connections?.close_wait;
    let text = "the peers closed these connections, the program did not: it must close when reading \
                ends";
    let figure = Figure::new("sockets in CLOSE_WAIT", held, "items");
    let [least, found] = FORGOTTEN_SOCKETS;
    (held >= least && held < found).then(|| (figure, text.to_owned()))
}

fn zombies(it: &Snapshot) -> Found {
    let text = "these children ended and it has not waited for them: each keeps its pid";
    let figure = Figure::new("zombies", it.zombies, "items");
    let [least, found] = FORGOTTEN_CHILDREN;
    (it.zombies >= least && it.zombies < found).then(|| (figure, text.to_owned()))
}

fn threads(it: &Snapshot) -> Found {
    let (threads, cpu) = (it.threads?, it.cpu_percent?);
    let text = format!(
        "{threads} threads use {cpu:.1} % of a core together: make its pool smaller; each has a stack, \
         and the allocator an arena for many of them"
    );
    let figure = Figure::new("threads", threads.into(), "items");
    (threads >= MANY_THREADS && cpu < IDLE_CPU).then_some((figure, text))
}

fn lazyfree(it: &Snapshot) -> Found {
    let (free, anon) = (it.lazyfree_bytes?, it.rss_anon_bytes?);
    let text = "freed by the program and left to the kernel to take (MADV_FREE): it is no leak, though it \
                counts as resident; an allocator set to MADV_DONTNEED gives it back at once";
    let figure = Figure::new("lazily freed memory", free, "bytes").of(anon);
    is_much(free, anon, MUCH_OF_A_PROCESS).then(|| (figure, text.to_owned()))
}

/// Huge pages waste what of them is not used; how much that is can only be said where it was looked at.
fn huge_pages(view: &View, it: &Snapshot) -> Found {
    let (huge, anon) = (it.thp_bytes?, it.rss_anon_bytes?);
    let of_this = view.findings.iter().filter(|finding| finding.pid == Some(it.pid));
    let mut evidence = of_this.flat_map(|finding| &finding.evidence);
    let used = evidence.find(|evidence| evidence.name == "touched_share")?.value;
    let text = format!(
        "huge pages hold most of its memory and {:.0} % of it was used while it was looked at: try it without \
         them (transparent_hugepage=madvise, or prctl PR_SET_THP_DISABLE)",
        used * 100.0
    );
    let figure = Figure::new("memory in huge pages", huge, "bytes").of(anon);
    let is_waste = huge >= MUCH_HUGE_BYTES && is_between(huge, anon, [0.5, 2.0]);
    (is_waste && used < LITTLE_USED).then_some((figure, text))
}

fn swapped(it: &Snapshot) -> Found {
    let (swap, anon) = (it.swap_bytes?, it.rss_anon_bytes?);
    let text = "it does not use what is swapped out, or waits for the disk when it does: find what it \
                keeps and never reads";
    let figure = Figure::new("swapped out", swap, "bytes").of(swap + anon);
    is_much(swap, swap + anon, MUCH_OF_A_PROCESS).then(|| (figure, text.to_owned()))
}

fn timers(it: &Snapshot) -> Found {
    let timers = it.timers?;
    let text = format!("look at /proc/{}/timers for those it forgot to delete", it.pid);
    (timers >= MANY_TIMERS).then(|| (Figure::new("timers", timers, "items"), text))
}

fn watches(host: Option<&HostSnapshot>, it: &Snapshot) -> Found {
    let (held, limit) = (it.inotify_watches?, host?.limits.inotify_max_user_watches?);
    let text = "it alone takes more than half of its user's inotify watches: watch fewer directories, or \
                raise fs.inotify.max_user_watches";
    let figure = Figure::new("inotify watches", held, "items").of(limit);
    is_between(held, limit, [OF_A_LIMIT[0], 2.0]).then(|| (figure, text.to_owned()))
}

fn of_component(it: &ComponentSnapshot) -> impl Iterator<Item = Advice> {
    let memory = it.memory_max.as_ref().and_then(|max| {
        let text = format!(
            "little room below memory.max of {}: raise it, or find which of its processes needs the \
             memory",
            max.path
        );
        let figure =
            Figure::new("working set", max.working_set_bytes, "bytes").of(max.limit_bytes);
        let is_near = is_between(max.working_set_bytes, max.limit_bytes, OF_MEMORY_MAX);
        is_near.then_some((figure, text))
    });
    let throttled = it.memory_high.as_ref().and_then(|high| {
        let text = format!(
            "it runs at memory.high of {}, where the kernel slows it down: raise it",
            high.path
        );
        let figure =
            Figure::new("working set", high.working_set_bytes, "bytes").of(high.limit_bytes);
        let is_near = is_between(high.working_set_bytes, high.limit_bytes, [0.95, 2.0]);
        is_near.then_some((figure, text))
    });
    let tasks = it.pids_max.as_ref().and_then(|max| {
        let text = format!(
            "more than half of the tasks that pids.max of {} allows: find what starts them, or raise it",
            max.path
        );
        let figure = Figure::new("tasks", max.current, "items").of(max.limit);
        is_between(max.current, max.limit, [OF_A_LIMIT[0], 2.0]).then_some((figure, text))
    });
    let killed = it.oom_kills.filter(|kills| *kills > 0).map(|kills| {
        let text =
            "its processes were killed for want of memory: raise its limit, or find which grows";
        (Figure::new("killed since it was made", kills, "items"), text.to_owned())
    });
    let component = it.component.clone();
    [memory, throttled, tasks, killed].into_iter().flatten().map(move |(figure, text)| Advice {
        component: Some(component.clone()),
        text,
        figure,
        ..Advice::default()
    })
}

fn of_host(it: &HostSnapshot) -> impl Iterator<Item = Advice> {
    let all = it.mem_total_bytes;
    let part = |name: &str, bytes: u64, share: f64, text: &str| {
        let figure = Figure::new(name, bytes, "bytes").of(all);
        is_much(bytes, all, share).then(|| (figure, text.to_owned()))
    };
    let found = [
        unused_huge_pages(it),
        orphans(it),
        part(
            "files in tmpfs",
            it.unowned.tmpfs_bytes,
            MUCH_OF_A_HOST,
            "they are memory until somebody removes them: look at df -t tmpfs",
        ),
        part(
            "slab that cannot be given back",
            it.memory.slab_unreclaimable_bytes,
            MUCH_OF_A_HOST,
            "the kernel holds it for somebody: slabtop -s c shows which cache",
        ),
        part(
            "page tables",
            it.memory.page_table_bytes,
            MUCH_PAGE_TABLES,
            "many processes map the same large memory: huge pages make the tables small",
        ),
        waiting(it),
        table("open files", it.limits.open_files, it.limits.file_max, "fs.file-max"),
        table(
            "tracked connections",
            it.limits.conntrack,
            it.limits.conntrack_max,
            "nf_conntrack_max",
        ),
        table("tasks", it.limits.tasks, it.limits.threads_max, "kernel.threads-max"),
        ports(it),
    ];
    let advise = |(figure, text)| Advice { text, figure, ..Advice::default() };
    found.into_iter().flatten().map(advise)
}

fn unused_huge_pages(it: &HostSnapshot) -> Found {
    let (all, free) = (it.limits.huge_pages?, it.limits.huge_pages_free?);
    let bytes = (it.memory.hugetlb_bytes as f64 * free as f64 / all.max(1) as f64) as u64;
    let text = "huge pages are set aside and nobody uses them: lower vm.nr_hugepages";
    let figure = Figure::new("unused huge pages", bytes, "bytes").of(it.memory.hugetlb_bytes);
    (bytes >= MUCH_BYTES).then(|| (figure, text.to_owned()))
}

fn orphans(it: &HostSnapshot) -> Found {
    let bytes = it.unowned.orphan_shm_bytes;
    let text = format!(
        "{} System V segments that nobody has attached: ipcs -m -p shows who made them, ipcrm -m ID \
         removes one",
        it.orphan_shm_segments
    );
    (bytes > 0).then(|| (Figure::new("orphaned shared memory", bytes, "bytes"), text))
}

fn waiting(it: &HostSnapshot) -> Found {
    let share = it.pressure.memory?.some.avg60;
    let text = "programs wait for memory: what holds most of it is in report";
    let name = "time lost to waiting for memory in the last minute".to_owned();
    let figure = Figure { name, value: share, unit: "percent", of: None };
    (share >= MUCH_WAITING).then(|| (figure, text.to_owned()))
}

fn table(name: &str, used: Option<u64>, limit: Option<u64>, setting: &str) -> Found {
    let (used, limit) = (used?, limit?);
    let text =
        format!("more than half of the table is taken: find who holds them, or raise {setting}");
    is_between(used, limit, OF_A_LIMIT).then(|| (Figure::new(name, used, "items").of(limit), text))
}

fn ports(it: &HostSnapshot) -> Found {
    let limits = &it.limits;
    let ports = limits.local_port_last?.saturating_sub(limits.local_port_first?) + 1;
    let used = limits.time_wait?;
    let text = "closed connections hold more than half of the local ports: keep connections open and \
                use them again";
    let figure = Figure::new("connections in TIME_WAIT", used, "items").of(ports);
    is_between(used, ports, [OF_A_LIMIT[0], f64::MAX]).then(|| (figure, text.to_owned()))
}

fn of_agent(it: &Stats) -> impl Iterator<Item = Advice> {
    let lost = (it.events_lost > 0).then(|| Advice {
        text:
            "the agent missed events and read again what they touched: watch less (--pid, --comm)"
                .to_owned(),
        figure: Figure::new("events lost", it.events_lost, "items")
            .of(it.events_seen + it.events_lost),
        ..Advice::default()
    });
    let folded = (it.folded > 0).then(|| Advice {
        text: "the agent gave up detail to stay within --max-memory: raise it".to_owned(),
        figure: Figure::new("pieces of detail given up", it.folded, "items"),
        ..Advice::default()
    });
    lost.into_iter().chain(folded)
}

#[cfg(test)]
#[path = "figures_tests.rs"]
mod tests;
