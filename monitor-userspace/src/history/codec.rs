//! A column of an hour of looks as a few bytes. Documented in docs/history.md, so that others can read it.
//!
//! The first byte is how many zero bits all values end with, which are left out. Then tokens follow, LEB128
//! numbers: 0 is an unknown value; 1 is the last known value again (0 at first); any other odd one repeats what
//! stood before (token >> 1) times; any other even one is a value, (token >> 1) is its difference to the last
//! known one in zigzag code.

/// Repetitions that one token may ask for: more is damage, not data.
const MAX_VALUES: usize = 1 << 20;

/// The bytes of a column; `None` where nothing in it is known.
pub(super) fn encode(values: &[Option<i64>]) -> Option<Vec<u8>> {
    let known = || values.iter().flatten();
    known().next()?;
    let shift = known().map(|value| value.trailing_zeros()).min().unwrap_or(0).min(63);
    let mut bytes = vec![shift as u8];
    let (mut last, mut previous, mut repeats) = (0_i64, None, 0_u64);
    for &value in values {
        let value = value.map(|value| value >> shift);
        if previous == Some(value) {
            repeats += 1;
            continue;
        }
        repeat(repeats, &mut bytes);
        repeats = 0;
        previous = Some(value);
        let Some(value) = value else {
            bytes.push(0);
            continue;
        };
        let step = value.wrapping_sub(last);
        last = value;
        if step == 0 {
            bytes.push(1);
        } else {
            number(u128::from(zigzag(step)) << 1, &mut bytes);
        }
    }
    repeat(repeats, &mut bytes);
    Some(bytes)
}

/// The values of a column; `None` where its bytes make no sense.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<Option<i64>>> {
    let (&shift, mut rest) = bytes.split_first()?;
    if shift > 63 {
        return None;
    }
    let mut values = Vec::new();
    let (mut last, mut previous) = (0_i64, None);
    while !rest.is_empty() {
        let token = take(&mut rest)?;
        let times = if token == 1 {
            previous = Some(last);
            1
        } else if token & 1 == 1 {
            usize::try_from(token >> 1).ok()?
        } else {
            previous = if token == 0 {
                None
            } else {
                last = last.wrapping_add(unzigzag(u64::try_from(token >> 1).ok()?));
                Some(last)
            };
            1
        };
        if times > MAX_VALUES - values.len().min(MAX_VALUES) {
            return None;
        }
        values.extend(std::iter::repeat_n(previous.map(|value| value << shift), times));
    }
    Some(values)
}

fn repeat(times: u64, bytes: &mut Vec<u8>) {
    if times > 0 {
        number(u128::from(times) << 1 | 1, bytes);
    }
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

fn unzigzag(code: u64) -> i64 {
    ((code >> 1) as i64) ^ -((code & 1) as i64)
}

fn number(mut value: u128, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

fn take(bytes: &mut &[u8]) -> Option<u128> {
    let mut value = 0_u128;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        value |= u128::from(byte & 0x7f) << (7 * at);
        if byte < 0x80 {
            *bytes = &bytes[at + 1..];
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_hour_of_what_does_not_change_takes_a_few_bytes() {
        let hour = vec![Some(300 << 20); 120];
        assert_eq!(encode(&hour).unwrap().len(), 5);
        assert_eq!(encode(&[None; 120]), None, "nothing known is no column at all");
    }

    #[test]
    fn the_bytes_of_the_documented_example() {
        let values = [Some(8192), Some(8192), Some(8192), None, Some(8192), Some(4096)];
        let bytes = encode(&values).unwrap();
        assert_eq!(bytes, [12, 8, 5, 0, 1, 2], "see docs/history.md");
        assert_eq!(decode(&bytes).unwrap(), values);
    }

    #[test]
    fn damage_is_no_panic_and_no_flood() {
        assert_eq!(decode(&[]), None);
        assert_eq!(decode(&[64, 8]), None);
        assert_eq!(decode(&[0, 0x80]), None, "a number that does not end");
        assert_eq!(decode(&[0, 0xff, 0xff, 0xff, 0xff, 0x7f]), None, "a thousand million values");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(values in prop::collection::vec(prop::option::of(prop_oneof![
            any::<i64>(), (0_i64..5).prop_map(|n| n << 12), Just(0)
        ]), 0..200)) {
            let read = encode(&values).map(|bytes| decode(&bytes).unwrap());
            let known = values.iter().flatten().next().is_some();
            prop_assert_eq!(read, known.then_some(values));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&bytes);
        }
    }
}
