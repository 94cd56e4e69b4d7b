//! The systemd unit: what the service may, and nothing else.

use std::path::Path;

/// Name of the unit.
pub const UNIT_NAME: &str = "memwatch-ebpf.service";
/// Whose members may use the unix socket.
pub const GROUP: &str = "memwatch-ebpf";

/// The unit that starts this program.
///
/// Capabilities: SYS_ADMIN for tracepoints where Debian's kernels refuse CAP_PERFMON
/// (kernel.perf_event_paranoid=3) and for the sockets of other network namespaces; BPF and PERFMON for
/// what else the kernel side is; SYS_PTRACE for /proc of other users; DAC_READ_SEARCH to read and
/// DAC_OVERRIDE to write there (clear_refs); SETUID and SETGID to run the programs of alerts as somebody
/// else. Left out of the hardening is what would hide /proc or
/// tracefs from it.
pub fn unit_text(program: &Path) -> String {
    UNIT.replace("@PROGRAM@", &quoted(program))
}

/// As a word of ExecStart.
fn quoted(program: &Path) -> String {
    let text = program.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+".contains(c);
    if text.chars().all(is_plain) {
        return text;
    }
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text.replace('%', "%%").replace('$', "$$"))
}

const UNIT: &str = r"# Made by `memwatch-ebpf setup`, which leaves it alone once you change it.
# Changes of your own are better kept with `systemctl edit memwatch-ebpf`.
[Unit]
Description=memwatch-ebpf: says which program on this host is leaking
After=network.target sys-kernel-tracing.mount
StartLimitIntervalSec=300
StartLimitBurst=5

[Service]
Type=notify
ExecStart=@PROGRAM@ serve
ExecReload=/bin/kill -HUP $MAINPID
Restart=on-failure
# It says every minute that it still answers.
WatchdogSec=3min
RestartSec=5
# Detaching the probes takes the kernel some seconds, for which a child stays.
KillMode=mixed
TimeoutStopSec=30

Group=memwatch-ebpf
RuntimeDirectory=memwatch-ebpf
RuntimeDirectoryMode=0750
StateDirectory=memwatch-ebpf
StateDirectoryMode=0750
UMask=0027

CapabilityBoundingSet=CAP_BPF CAP_PERFMON CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_SETUID CAP_SETGID
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectClock=yes
ProtectHostname=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
RestrictNamespaces=net
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
LockPersonality=yes
MemoryDenyWriteExecute=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service bpf perf_event_open
SystemCallErrorNumber=EPERM

LimitMEMLOCK=infinity
MemoryMax=1G
TasksMax=64
OOMScoreAdjust=-500

[Install]
WantedBy=multi-user.target
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_one_word_of_the_unit() {
        let line = |path: &str| {
            let text = unit_text(Path::new(path));
            text.lines().find(|line| line.starts_with("ExecStart=")).map(str::to_owned)
        };
        assert_eq!(line("/usr/bin/a-b").unwrap(), "ExecStart=/usr/bin/a-b serve");
        assert_eq!(line("/o p/50%$x\"").unwrap(), "ExecStart=\"/o p/50%%$$x\\\"\" serve");
    }
}
