//! nginx that serves one small file, under wrk, whose connections stay open.

use std::fs;

use anyhow::{Context as _, Result};

use super::server::{Cpus, Dir, Server, answers, free_port, number_after};
use crate::sh;

const CONNECTIONS: &str = "16";
const FILE: &str = "file";
const FILE_BYTES: usize = 1024;

pub(super) struct Nginx {
    _server: Server,
    _dir: Dir,
    port: u16,
}

impl Nginx {
    pub(super) fn start(cpus: &Cpus) -> Result<Self> {
        let (dir, port) = (Dir::make("nginx")?, free_port()?);
        let path = dir.path().display();
        let config = format!(
            "worker_processes 1;\ndaemon off;\npid {path}/pid;\nerror_log {path}/error.log;\n\
             events {{}}\nhttp {{\n access_log off;\n keepalive_requests 1000000000;\n \
             client_body_temp_path {path}/body;\n proxy_temp_path {path}/proxy;\n \
             fastcgi_temp_path {path}/fastcgi;\n uwsgi_temp_path {path}/uwsgi;\n \
             scgi_temp_path {path}/scgi;\n \
             server {{ listen 127.0.0.1:{port}; root {path}; }}\n}}\n"
        );
        let file = dir.path().join("nginx.conf");
        let text = "x".repeat(FILE_BYTES);
        fs::write(&file, config)
            .and_then(|()| fs::write(dir.path().join(FILE), text))
            .with_context(|| format!("failed to write into {path}"))?;
        let mut command = cpus.server("nginx");
        command.arg("-p").arg(dir.path()).arg("-c").arg(&file);
        let server = Server::start(&mut command, || answers(port))?;
        Ok(Self { _server: server, _dir: dir, port })
    }

    pub(super) fn requests_per_second(&self, cpus: &Cpus, seconds: u32) -> Result<f64> {
        let mut command = cpus.client("wrk");
        command.args(["-t1", "-c", CONNECTIONS, "-d", &format!("{seconds}s")]);
        let text = sh::output(command.arg(format!("http://127.0.0.1:{}/{FILE}", self.port)))?;
        anyhow::ensure!(!text.contains("Non-2xx"), "nginx refuses requests: {text}");
        number_after(&text, "Requests/sec:")
            .with_context(|| format!("`{}` printed {text:?}", sh::quoted(&command)))
    }
}
