//! Bytes as they come, cut into lines.

/// Bytes of a line at most.
const MAX_LINE: usize = 4096;

/// Takes a line with its number, or says why there is none.
pub(super) type TakeLine<'a> = dyn FnMut(&str, u64, Result<&[u8], &str>) + 'a;

/// The line under way of one writer.
#[derive(Debug, Default)]
pub(super) struct Lines {
    partial: Vec<u8>,
    is_too_long: bool,
    number: u64,
}

impl Lines {
    /// Takes bytes; tells of each line that ends in them. `who` goes before its number.
    pub(super) fn take(&mut self, bytes: &[u8], who: &str, take: &mut TakeLine<'_>) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.add(&rest[..end]);
            rest = &rest[end + 1..];
            self.number += 1;
            if self.is_too_long {
                take(who, self.number, Err("the line is too long: 4096 bytes are allowed"));
            } else if !self.partial.trim_ascii().is_empty() {
                take(who, self.number, Ok(&self.partial));
            }
            self.partial.clear();
            self.is_too_long = false;
        }
        self.add(rest);
    }

    fn add(&mut self, bytes: &[u8]) {
        self.is_too_long |= self.partial.len() + bytes.len() > MAX_LINE;
        if self.is_too_long {
            self.partial.clear();
        } else {
            self.partial.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_and_numbered_however_the_bytes_come() {
        let mut text = b"one\n\ntwo\n".to_vec();
        text.extend(vec![b'x'; MAX_LINE + 1]);
        text.extend(b"\nthree\nrest");
        for step in [1, 3, 1000, text.len()] {
            let (mut lines, mut seen) = (Lines::default(), Vec::new());
            for piece in text.chunks(step) {
                lines.take(piece, "", &mut |_, number, line| {
                    seen.push((number, line.map(<[u8]>::to_vec).map_err(str::to_owned)));
                });
            }
            let long = "the line is too long: 4096 bytes are allowed".to_owned();
            let expected = [
                (1, Ok(b"one".to_vec())),
                (3, Ok(b"two".to_vec())),
                (4, Err(long)),
                (5, Ok(b"three".to_vec())),
            ];
            assert_eq!(seen, expected, "in pieces of {step}");
        }
    }
}
