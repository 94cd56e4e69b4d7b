/** Where the memory of the host went, as parts in the order in which they are drawn. Pure. */

import type { HostSnapshot } from "./types";

export interface Part {
  field: string;
  label: string;
  says: string;
  bytes: number;
  share: number;
}

/** The order of the bar: what programs hold, what the kernel keeps, what can be had. */
export const PARTS: readonly (readonly [string, string, string])[] = [
  ["anon_bytes", "Programs", "Private anonymous memory of processes"],
  ["shmem_bytes", "Shared", "tmpfs, shared anonymous memory, memfds, System V segments"],
  ["hugetlb_bytes", "Huge pages", "Pools of huge pages"],
  ["slab_unreclaimable_bytes", "Slab, kept", "Kernel objects that it cannot give back"],
  ["page_table_bytes", "Page tables", "Tables that map the memory of processes"],
  ["kernel_stack_bytes", "Kernel stacks", "Stacks of threads in the kernel"],
  ["percpu_bytes", "Per CPU", "Per-CPU memory of the kernel"],
  ["vmalloc_bytes", "vmalloc", "Other memory of the kernel's own address space"],
  ["other_kernel_bytes", "Other kernel", "What else the kernel accounts for"],
  ["unexplained_bytes", "Unexplained", "What nothing accounts for: pages that drivers and the kernel took directly"],
  ["slab_reclaimable_bytes", "Slab, reclaimable", "Kernel objects that it can give back"],
  ["file_cache_bytes", "File cache", "Cached file pages"],
  ["free_bytes", "Free", "Nobody's"],
];

export function parts(host: HostSnapshot): Part[] {
  return PARTS.map(([field, label, says]) => {
    const bytes = host.memory[field] ?? 0;
    return { field, label, says, bytes, share: host.mem_total_bytes > 0 ? bytes / host.mem_total_bytes : 0 };
  });
}
