//! Keeps secrets of command lines out of what is shown, recorded and written. Pure. What looks like
//! a secret goes, at the price of some that is none: a name that is missing can be asked for, a
//! password in a report cannot be taken back.

#[cfg(test)]
mod tests;

/// What stands for a secret.
const HIDDEN: &str = "***";
/// Parts of the name of a secret, without dashes, dots and underscores.
const SECRET_NAMES: [&str; 12] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PWD",
    "TOKEN",
    "SECRET",
    "APIKEY",
    "ACCESSKEY",
    "PRIVATEKEY",
    "CREDENTIAL",
    "AUTH",
    "BEARER",
];
/// How tokens of well-known services start, and how many characters follow at least.
const TOKEN_STARTS: [(&str, usize); 8] = [
    ("ghp_", 8),
    ("github_pat_", 8),
    ("glpat-", 8),
    ("xoxb-", 8),
    ("xoxp-", 8),
    ("sk-", 20),
    ("AKIA", 12),
    // `{"` in base64: the start of a JSON web token.
    ("eyJ", 10),
];

/// A command line as /proc has it, arguments ended by NUL, as text with blanks between arguments
/// and without secrets. Programs that write their own title have it all in one argument.
pub(super) fn command_line(bytes: &[u8]) -> String {
    let end = bytes.iter().rposition(|&byte| byte != 0 && byte != b' ').map_or(0, |at| at + 1);
    let mut line = Line::default();
    for argument in bytes[..end].split(|&byte| byte == 0) {
        if !line.text.is_empty() {
            line.text.push(' ');
        }
        line.argument(&String::from_utf8_lossy(argument));
    }
    line.text
}

/// A line as far as it is made.
#[derive(Default)]
struct Line {
    text: String,
    /// Whether what follows is the value of a secret.
    hides_next: bool,
    /// Whether a client of MySQL was named, whose `-pSECRET` has no blank.
    is_mysql: bool,
}

impl Line {
    fn argument(&mut self, argument: &str) {
        if std::mem::take(&mut self.hides_next) && !argument.starts_with('-') {
            self.text.push_str(HIDDEN);
            return;
        }
        // A value that is an argument's may hold blanks.
        if let Some((key, _)) = argument.split_once('=')
            && key.bytes().all(is_key_byte)
            && is_secret_name(key)
        {
            self.text.push_str(key);
            self.text.push('=');
            self.text.push_str(HIDDEN);
            return;
        }
        let mut rest = argument;
        while !rest.is_empty() {
            let word_at = rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len());
            self.text.push_str(&rest[..word_at]);
            rest = self.word(&rest[word_at..]);
        }
    }

    /// Takes one word or one hidden value off the start of `rest`; gives what is left.
    fn word<'a>(&mut self, rest: &'a str) -> &'a str {
        let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if std::mem::take(&mut self.hides_next) && !word.starts_with('-') && !word.is_empty() {
            self.text.push_str(HIDDEN);
            return &rest[value_len(rest)..];
        }
        if let Some(at) = value_start(word) {
            self.text.push_str(&clean(&word[..at]));
            self.text.push_str(HIDDEN);
            return &rest[at + value_len(&rest[at..])..];
        }
        if let Some(name) = word.strip_suffix(':')
            && is_secret_name(name)
        {
            self.text.push_str(word);
            // A header: its value goes on to the end of the argument, or is the next.
            if after.trim().is_empty() {
                self.hides_next = true;
                return after;
            }
            self.text.push(' ');
            self.text.push_str(HIDDEN);
            return "";
        }
        if self.is_mysql && word.len() > 2 && word.starts_with("-p") {
            self.text.push_str("-p");
            self.text.push_str(HIDDEN);
            return after;
        }
        let is_flag = word.starts_with('-') && is_secret_name(word);
        self.hides_next = is_flag || word.trim_matches(is_quote).eq_ignore_ascii_case("bearer");
        let program = word.rsplit('/').next().unwrap_or(word);
        self.is_mysql |= program.starts_with("mysql") || program.starts_with("mariadb");
        self.text.push_str(&clean(word));
        after
    }
}

/// Where in a word the value of a secret starts: after `name=`, or after `"name":`.
fn value_start(word: &str) -> Option<usize> {
    let signs = word.char_indices().filter(|(_, c)| matches!(c, '=' | ':'));
    let mut signs = signs.filter(|&(at, sign)| {
        let before = &word[..at];
        let quoted = before.ends_with(is_quote);
        let name = before.trim_end_matches(is_quote);
        let name_at = name.bytes().rposition(|byte| !is_key_byte(byte)).map_or(0, |at| at + 1);
        (sign == '=' || quoted) && name.get(name_at..).is_some_and(is_secret_name)
    });
    signs.next().map(|(at, _)| at + 1).filter(|&at| at < word.len())
}

/// How much of the text is one value: to the closing quote, or to the next blank.
fn value_len(text: &str) -> usize {
    let quote = text.chars().next().filter(|&c| is_quote(c));
    let quoted = quote.map(|quote| text[1..].find(quote).map_or(text.len(), |at| at + 2));
    let from = quoted.unwrap_or(0);
    from + text[from..].find(char::is_whitespace).unwrap_or(text.len() - from)
}

/// Whether a name is that of a secret. An author is none.
fn is_secret_name(name: &str) -> bool {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    let name: String = letters.map(|c| c.to_ascii_uppercase()).collect();
    let name = name.replace("AUTHORIZ", "AUTH.").replace("AUTHOR", "");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')
}

const fn is_quote(c: char) -> bool {
    matches!(c, '"' | '\'')
}

/// A word without passwords of URLs and without tokens.
fn clean(word: &str) -> String {
    hide_tokens(&hide_user_info(word))
}

/// `scheme://user:password@host` without the password.
fn hide_user_info(word: &str) -> String {
    let mut parts = word.split("://");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("://");
        let end = part.find(['/', '?', '#']).unwrap_or(part.len());
        let at = part[..end].rfind('@');
        match at.and_then(|at| part[..at].find(':').map(|colon| (colon, at))) {
            Some((colon, at)) => {
                out.push_str(&part[..=colon]);
                out.push_str(HIDDEN);
                out.push_str(&part[at..]);
            }
            None => out.push_str(part),
        }
    }
    out
}

/// A word without tokens, each known by its start.
fn hide_tokens(word: &str) -> String {
    let mut out = String::with_capacity(word.len());
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let may_start = !out.ends_with(|c: char| c.is_ascii_alphanumeric());
        if let Some(len) = token_len(rest).filter(|_| may_start) {
            out.push_str(HIDDEN);
            rest = &rest[len..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

/// Bytes of the token that the text starts with.
fn token_len(text: &str) -> Option<usize> {
    let len = text.bytes().position(|byte| !is_key_byte(byte)).unwrap_or(text.len());
    let mut starts = TOKEN_STARTS.iter().filter(|(start, _)| text.starts_with(start));
    let (start, least) = starts.next()?;
    // A token has digits; the name of a package or of a language has none.
    let has_digit = text[..len].bytes().any(|byte| byte.is_ascii_digit());
    (len >= start.len() + least && (has_digit || *start != "sk-")).then_some(len)
}
