//! The token: a secret in a file that who may read it may use.

use std::{
    fs::{self, OpenOptions},
    hint::black_box,
    io::{self, Read as _, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown},
    path::Path,
};

use anyhow::{Context as _, Result, ensure};

/// The group whose members may use the service.
const GROUP: &str = "memwatch-ebpf";
/// Bytes of a token that is made here.
const FRESH: usize = 32;
/// Characters of a token at least: what is shorter can be guessed.
const LEAST: usize = 16;

/// A secret that callers show.
#[derive(Clone)]
pub struct Token(String);

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// Reads it; makes it if the file is not there.
    pub fn of_file(path: &Path) -> Result<Self> {
        let what = || format!("the token file {}", path.display());
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make(path).with_context(what)?
            }
            Err(error) => return Err(error).with_context(what),
        };
        let token = text.trim();
        ensure!(
            token.len() >= LEAST && token.bytes().all(|byte| byte.is_ascii_graphic()),
            "{} must hold at least {LEAST} characters without blanks; delete it and a good one is made",
            what()
        );
        Ok(Self(token.to_owned()))
    }

    /// Whether this is it. Takes as long whatever of it is right.
    pub fn is(&self, shown: &str) -> bool {
        let (own, shown) = (self.0.as_bytes(), shown.as_bytes());
        let difference =
            own.iter().enumerate().fold(own.len() ^ shown.len(), |difference, (at, byte)| {
                let other = shown.get(at).copied().unwrap_or_default();
                black_box(difference | usize::from(byte ^ other))
            });
        black_box(difference) == 0
    }
}

/// Makes a file with a random token that its owner and the service's group may read.
fn make(path: &Path) -> io::Result<String> {
    let mut random = [0; FRESH];
    fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or('0');
    let token: String =
        random.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect();
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir)?;
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    if give_to_group(path) {
        file.set_permissions(fs::Permissions::from_mode(0o640))?;
    }
    writeln!(file, "{token}")?;
    file.sync_all()?;
    Ok(token)
}

/// Lets the service's group have a file, where there is such a group.
pub(crate) fn give_to_group(path: &Path) -> bool {
    let group = nix::unistd::Group::from_name(GROUP).ok().flatten();
    group.is_some_and(|group| chown(path, None, Some(group.gid.as_raw())).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_made_once_for_its_owner_alone_and_only_it_is_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("below").join("token");
        let token = Token::of_file(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert!(mode == 0o600 || mode == 0o640, "{mode:o}");
        let text = fs::read_to_string(&path).unwrap();
        let text = text.trim();
        assert_eq!(text.len(), 2 * FRESH);
        assert!(token.is(text) && Token::of_file(&path).unwrap().is(text));
        for wrong in ["", &text[1..], &format!("{text}0"), &text.replace(&text[..1], "x")] {
            assert!(!token.is(wrong), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "Token(…)");
    }

    #[test]
    fn a_token_that_can_be_guessed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        for poor in ["", "secret", "has a blank in its middle"] {
            fs::write(&path, poor).unwrap();
            let error = Token::of_file(&path).unwrap_err().to_string();
            assert!(error.contains("at least 16 characters"), "{error}");
        }
    }
}
