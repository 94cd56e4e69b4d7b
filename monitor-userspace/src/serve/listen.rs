//! The doors of the service: bound before anything is loaded, so that a port that is taken is said at once.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::{fs::PermissionsExt as _, net::UnixListener},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use socket2::SockRef;

use super::Where;
use crate::api::{self, Door, Token};

/// Who may use the unix socket: its owner and its group.
const SOCKET_MODE: u32 = 0o660;
/// Connections that the kernel keeps for us while all places are taken: one more tries again after a second,
/// then after two, and so on. The kernel's own limit (net.core.somaxconn) may be lower.
const WAITING: i32 = 4096;

/// Bound sockets.
#[derive(Debug)]
pub struct Doors {
    tcp: Vec<std::net::TcpListener>,
    unix: Option<(UnixListener, SocketName)>,
    pub(super) token: Option<Token>,
    pub(super) options: api::Options,
}

/// Doors that are open.
pub(super) struct Open {
    pub(super) tcp: Vec<tokio::net::TcpListener>,
    pub(super) unix: Option<tokio::net::UnixListener>,
    /// Goes when nobody listens any more.
    pub(super) _name: Option<SocketName>,
}

/// The name of a unix socket, which is taken away with this.
#[derive(Debug)]
pub(super) struct SocketName(PathBuf);

impl Doors {
    /// Binds all of them, or none. None either that others than this host reach, without a token.
    pub fn bind(place: &Where, options: api::Options) -> Result<Self> {
        let token = options.token_file.as_deref().map(Token::of_file).transpose()?;
        for address in &place.listen {
            ensure!(
                token.is_some() || door_of(*address) == Door::Loopback,
                "{address} can be reached from other hosts, and nobody would need a token there: name a file \
                 with one (--token-file FILE; it is made if it is not there), or listen on 127.0.0.1"
            );
        }
        let bind = |address: &SocketAddr| {
            let listener = std::net::TcpListener::bind(address)
                .with_context(|| format!("listen on http://{address}"))?;
            SockRef::from(&listener).listen(WAITING)?;
            listener.set_nonblocking(true)?;
            Ok(listener)
        };
        let tcp = place.listen.iter().map(bind).collect::<Result<Vec<_>>>()?;
        let unix = place.socket.as_deref().map(bind_unix).transpose()?;
        Ok(Self { tcp, unix, token, options })
    }

    /// Addresses that were bound, with the ports that the kernel chose.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.tcp.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Hands the sockets to the runtime it is called in.
    pub(super) fn open(self) -> Result<Open> {
        let tcp = self.tcp.into_iter().map(tokio::net::TcpListener::from_std);
        let tcp = tcp.collect::<io::Result<_>>().context("listen for HTTP")?;
        let (unix, name) = self.unix.unzip();
        let unix = unix.map(tokio::net::UnixListener::from_std).transpose();
        Ok(Open { tcp, unix: unix.context("listen on the unix socket")?, _name: name })
    }
}

impl Drop for SocketName {
    fn drop(&mut self) {
        // Nobody is there any more, whether or not the name goes.
        let _ = fs::remove_file(&self.0);
    }
}

/// What kind of door an address is.
pub(super) fn door_of(address: SocketAddr) -> Door {
    if address.ip().is_loopback() { Door::Loopback } else { Door::Open }
}

fn bind_unix(path: &Path) -> Result<(UnixListener, SocketName)> {
    let what = || format!("listen on {}", path.display());
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).with_context(|| {
            format!(
                "make {} for the unix socket (as root, or name another with --socket)",
                dir.display()
            )
        })?;
    }
    // What an agent that was killed left behind is taken over; one that answers is not.
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        anyhow::bail!("{}: another agent answers there", what());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(error).with_context(what);
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(what)?;
    let name = SocketName(path.to_owned());
    fs::set_permissions(path, fs::Permissions::from_mode(SOCKET_MODE)).with_context(what)?;
    // Without the group it is its owner's alone.
    api::give_to_group(path);
    listener.set_nonblocking(true).with_context(what)?;
    Ok((listener, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_reach_is_not_opened_without_a_token() {
        let place = |address: &str| Where { listen: vec![address.parse().unwrap()], socket: None };
        for open in ["0.0.0.0:0", "[::]:0", "10.1.2.3:0"] {
            let refused = Doors::bind(&place(open), api::Options::default()).unwrap_err();
            assert!(refused.to_string().contains("--token-file"), "{refused}");
        }
        Doors::bind(&place("127.0.0.1:0"), api::Options::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let token_file = Some(dir.path().join("token"));
        let options = api::Options { token_file, ..<_>::default() };
        Doors::bind(&place("0.0.0.0:0"), options).unwrap();
    }
}
