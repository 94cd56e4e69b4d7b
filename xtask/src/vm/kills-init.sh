#!/bin/sh
# A machine with two disks, which is killed: the agent keeps its state on one, who hears its alerts what it heard on
# the other. Programs that wait make rows for the history; others come and go, and each is a finding.
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /tmp
mount -t cgroup2 cgroup2 /sys/fs/cgroup
ip link set lo up
hostname vm
for module in /modules/*; do
    insmod "$module" || poweroff -f
done
until [ -b /dev/vda ] && [ -b /dev/vdb ]; do sleep 0.1; done
mount -t ext4 /dev/vda /state && mount -t ext4 /dev/vdb /told || poweroff -f
chown nobody /told
chmod 666 /dev/console
# What the kernel does not know of its command line is in our environment.
echo "$boot" >/tmp/boot
echo "vm: Linux $(uname -r), boot $boot, up after $(cut -d' ' -f1 /proc/uptime) s"

mkfifo /tmp/never
exec 3<>/tmp/never
for _ in $(seq "$waiting"); do
    (read -r _ <&3) &
done
memwatch-ebpf serve --no-ebpf --interval 1s --history-interval 1s --state /state --socket /tmp/agent.sock \
    --listen 127.0.0.1:80 --config /etc/agent.toml --rules /etc/rules.toml >/tmp/findings 2>/dev/console &

if [ "$boot" != last ]; then
    while :; do
        (worker idle /dev/null & sleep 3; kill $!) &
        sleep 1
    done &
fi
now_ms() {
    adjtimex | awk '/tv_sec/ { seconds = $2 } /tv_usec/ { printf "%d%03d", seconds, $2 / 1000 }'
}
while :; do
    status=$(wget -q -O - http://127.0.0.1/api/monitoring/agent 2>/dev/null) && echo "VM-AGENT: $(now_ms) $status"
    sleep 0.1
done
