#!/bin/sh
# The first process of the test machine: mounts, runs the tests, says how they ended, powers off.
export PATH=/bin HOME=/root TMPDIR=/tmp
export MEMWATCH_BIN=/bin/memwatch-ebpf MEMWATCH_WORKLOADS=/workloads
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
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

# An agent of the only process of a service must say of which.
unit() {
    group=/sys/fs/cgroup/vmtest.service
    mkdir "$group" || return 1
    (
        echo 0 >"$group/cgroup.procs"
        exec memwatch-ebpf --json -- sh -c true
    ) >/tmp/unit.ndjson || return 1
    said=$(grep '"type":"snapshot"' /tmp/unit.ndjson | grep -o '"unit":[^,}]*' | sort -u)
    case "$said" in
    *'"vmtest.service"'*) echo "vm: the unit is told: $said" ;;
    '' | *null*) echo "vm: note: this agent does not tell the unit yet" ;;
    *) echo "vm: wrong unit: $said" && return 1 ;;
    esac
}

#TESTS#
unit || failed="$failed unit"

dmesg | grep -iE 'BUG:|Oops|WARNING:|soft lockup|rcu.*stall' | tail -n 20
if [ -z "$failed" ]; then
    echo "VM-RESULT: ok"
else
    echo "VM-RESULT: failed$failed"
fi
poweroff -f
