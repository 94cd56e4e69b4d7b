//! Lines that keep what is ordinary and lose what is secret.

use super::*;
use proptest::prelude::*;

/// A line given with blanks for NULs, and with `_` where an argument has a blank.
fn redacted(line: &str) -> String {
    command_line(line.replace(' ', "\0").replace('~', " ").as_bytes())
}

#[test]
fn ordinary_lines_stay() {
    for line in [
        "/usr/sbin/nginx -g daemon off;",
        "python3 -m http.server 8080 --bind 127.0.0.1",
        "git log --author=me --oneline",
        "ssh -p 2222 user@host",
        "curl https://host:8443/a@b?x=1",
        "tar -pxf a.tar",
        "java -Xmx1g -Dfile.encoding=UTF-8 -jar x.jar",
        "find . -print",
        "pip install sk-learn-contrib-something-long-name",
        "postgres: writer process",
        "",
    ] {
        assert_eq!(redacted(line), line);
    }
    assert_eq!(command_line(b"a\xffb\0\0c\0\0"), "a\u{fffd}b  c");
}

#[test]
fn values_of_secrets_are_hidden() {
    for (line, expected) in [
        ("x --password=a~b c", "x --password=*** c"),
        ("x --password a~b c", "x --password *** c"),
        ("x --no-auth --verbose", "x --no-auth --verbose"),
        ("env DB_PASSWORD=a run", "env DB_PASSWORD=*** run"),
        ("docker -e AWS_SECRET_ACCESS_KEY=a/b+c img", "docker -e AWS_SECRET_ACCESS_KEY=*** img"),
        ("x --set=api-key=a", "x --set=api-key=***"),
        ("sh -c cd~/x;~TOKEN='a~b'~run~y", "sh -c cd /x; TOKEN=*** run y"),
        ("psql postgres://u:p:w@h/db?x=y", "psql postgres://u:***@h/db?x=y"),
        ("curl -H Authorization:~Basic~abc u", "curl -H Authorization: *** u"),
        ("curl -H X:~Bearer~abc u", "curl -H X: Bearer *** u"),
        ("curl -d {\"password\":\"a\"} u", "curl -d {\"password\":*** u"),
        ("curl http://h/?access_token=a u", "curl http://h/?access_token=*** u"),
        ("mysql -u root -psecret db", "mysql -u root -p*** db"),
        ("sh -c mariadb-dump~-psecret~db", "sh -c mariadb-dump -p*** db"),
        ("x eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln y", "x *** y"),
        ("x AKIAIOSFODNN7EXAMPLE", "x ***"),
    ] {
        assert_eq!(redacted(line), expected, "{line}");
    }
}

proptest! {
    #[test]
    fn a_planted_secret_never_survives(
        secret in "[0-9][A-Za-z0-9]{23}",
        name in "(DB_)?(password|PASSWD|Token|client-secret|api_key|APIKEY|access[._-]key|\
                 private_key|credentials|auth|PWD)",
        form in 0_usize..14,
        before in "[a-z/. -]{0,20}",
    ) {
        let s = &secret;
        let planted = match form {
            0 => format!("--{name}={s}"),
            1 => format!("--{name}\0{s}"),
            2 => format!("{name}={s}"),
            3 => format!("https://user:{s}@host/x"),
            4 => format!("-H\0Authorization: Bearer {s}"),
            5 => format!("Bearer {s}"),
            6 => format!("mysqldump\0-p{s}"),
            7 => format!("sh\0-c\0x --{name} '{s} {s}' y"),
            8 => format!("ghp_{s}"),
            9 => format!("github_pat_{s}"),
            10 => format!("xoxb-{s}"),
            11 => format!("sk-{s}"),
            12 => format!("--{name}={s} {s}"),
            _ => format!("glpat-{s}"),
        };
        let line = command_line(format!("prog\0{before}\0{planted}\0end").as_bytes());
        prop_assert!(!line.contains(s), "{line}");
    }

    #[test]
    fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _any = command_line(&bytes);
    }

    #[test]
    fn any_text_is_taken(text in "[-=:'\" pé@/\0a-zBearer]{0,60}") {
        let _any = command_line(text.as_bytes());
    }
}
