#!/bin/sh
# The first process of the test machine: mounts, runs the tests, says how they ended, powers off.
export PATH=/bin HOME=/root TMPDIR=/tmp
export MEMWATCH_BIN=/bin/memwatch-ebpf MEMWATCH_WORKLOADS=/workloads
# Everything must run but what needs an interpreter and its library.
export MEMWATCH_NO_SKIP=1 MEMWATCH_LACKS=/usr/bin/python3
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mkdir /dev/shm
mount -t tmpfs tmpfs /dev/shm
mount -t tracefs tracefs /sys/kernel/tracing
mount -t bpf bpf /sys/fs/bpf
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
hostname vm
echo "vm: Linux $(uname -r), up after $(cut -d' ' -f1 /proc/uptime) s"

failed=
run() {
    name=$1
    shift
    echo "vm: $name $*"
    "/tests/$name" --test-threads=1 --show-output "$@" 2>&1 || failed="$failed $name"
}

#TESTS#
# A kernel that complains has something to complain of, however the tests ended.
dmesg | grep -E 'BUG: |Oops: |WARNING: ' >/tmp/complaints && failed="$failed kernel"
tail -n 20 /tmp/complaints
if [ -z "$failed" ]; then
    echo "VM-RESULT: ok"
else
    echo "VM-RESULT: failed$failed"
fi
poweroff -f
