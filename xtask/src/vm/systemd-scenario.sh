#!/bin/sh
# The life of the service: installed, started, a leak found, changed while it runs, stopped, taken away.
exec >/dev/console 2>&1
export PATH=/bin HOME=/root
unit=/etc/systemd/system/memwatch-ebpf.service
passed=0
failed=
echo "vm: Linux $(uname -r) with $(systemctl --version | head -n 1), up after $(cut -d' ' -f1 /proc/uptime) s"

step() {
    what=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
        echo "ok: $what"
    else
        failed="$failed $what,"
        echo "FAILED: $what"
        systemctl status --no-pager -l memwatch-ebpf
        journalctl --no-pager -n 30
    fi
}

# within SECONDS COMMAND…
within() {
    until=$(($(date +%s) + $1))
    shift
    until "$@"; do
        [ "$(date +%s)" -lt "$until" ] || return 1
        sleep 2
    done
}

says() { journalctl --no-pager -o cat -u memwatch-ebpf | grep -E "$1"; }
is_active() { [ "$(systemctl is-active memwatch-ebpf)" = active ]; }

installs() { memwatch-ebpf setup production --verbose && [ -f $unit ] && grep memwatch-ebpf: /etc/group; }
again() { memwatch-ebpf setup production | tee /tmp/again && ! grep -q write /tmp/again; }
verifies() { systemd-analyze verify $unit >/tmp/verify 2>&1; rc=$?; cat /tmp/verify; [ $rc = 0 ] && [ ! -s /tmp/verify ]; }
is_secure() { systemd-analyze security --no-pager --threshold=50 memwatch-ebpf | tail -n 1; systemd-analyze security --threshold=50 memwatch-ebpf >/dev/null; }
starts() { systemctl start memwatch-ebpf && is_active && systemctl show -p StatusText memwatch-ebpf | grep watching; }
socket_is_the_groups() { [ "$(stat -c %a:%G /run/memwatch-ebpf/memwatch-ebpf.sock)" = 660:memwatch-ebpf ]; }
answers() { memwatch-ebpf status | head -c 300; }
finds() { within 900 says 'FINDING.*(heap_growth|anon_mapping_growth|rss_growth) worker'; }

reloads() {
    cat >/etc/memwatch-ebpf/my.toml <<'RULES'
[[rule]]
name = "there_is_a_worker"
severity = "low"
condition = 'comm == "worker" && threads >= 1'
RULES
    echo 'watch.rules = ["/etc/memwatch-ebpf/my.toml"]' >/etc/memwatch-ebpf/conf.d/my.toml
    systemctl reload memwatch-ebpf && is_active && within 60 says 'FINDING.*there_is_a_worker worker'
}

keeps_what_is_right() {
    echo 'watch.rule = []' >/etc/memwatch-ebpf/conf.d/wrong.toml
    systemctl reload memwatch-ebpf
    within 30 says 'wrong.toml:1: there is no key "rule": did you mean "rules"' && is_active
    rm /etc/memwatch-ebpf/conf.d/wrong.toml
}

stops() { systemctl stop memwatch-ebpf && systemctl show -p Result -p ActiveState memwatch-ebpf | tr '\n' ' ' | grep -E 'Result=success.*inactive|inactive.*Result=success'; }

is_taken_away() {
    rm /etc/memwatch-ebpf/my.toml /etc/memwatch-ebpf/conf.d/my.toml
    memwatch-ebpf setup --remove && [ ! -e $unit ] && [ ! -e /etc/memwatch-ebpf ]
}

worker leak /tmp/progress &
step "setup installs it" installs
step "a second setup changes nothing" again
step "systemd-analyze verify is clean" verifies
step "systemd-analyze security is OK" is_secure
step "it starts" starts
step "its socket is the group's" socket_is_the_groups
step "it answers" answers
step "it finds the leak" finds
step "systemctl reload takes new rules" reloads
step "a wrong configuration changes nothing" keeps_what_is_right
step "it stops" stops
step "setup --remove takes it away" is_taken_away
dmesg | grep -E 'BUG: |Oops: |WARNING: ' && failed="$failed kernel"
if [ -z "$failed" ]; then
    echo "test result: ok. $passed passed; 0 failed; 0 ignored"
    echo "VM-RESULT: ok"
else
    echo "VM-RESULT: failed$failed"
fi
poweroff -f
