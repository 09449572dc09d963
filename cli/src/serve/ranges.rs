//! Parses the `Range` header: which parts of a file a request asks for. RFC 9110, section 14.

use std::ops::Range;

/// A request for more parts than this gets the whole file.
const MOST_PARTS: usize = 100;

/// The selected parts of a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Selection {
    /// The whole file: the header asks for no part, or is invalid and therefore ignored.
    Whole,
    /// Parts that the file has, none of them empty; overlapping ones are joined.
    Parts(Vec<Range<u64>>),
    /// Only parts that the file does not have.
    Nothing,
}

/// Parses a header for a file of `length` bytes.
pub fn asked(header: &str, length: u64) -> Selection {
    let Some((unit, list)) = header.split_once('=') else { return Selection::Whole };
    if !unit.eq_ignore_ascii_case("bytes") {
        return Selection::Whole;
    }
    let (mut parts, mut count) = (Vec::new(), 0);
    for spec in list.split(',').map(|spec| spec.trim_matches([' ', '\t'])) {
        // A list may have empty entries.
        if spec.is_empty() {
            continue;
        }
        count += 1;
        match part(spec, length) {
            Some(part) if count <= MOST_PARTS => {
                parts.extend(Some(part).filter(|part| !part.is_empty()))
            }
            _ => return Selection::Whole,
        }
    }
    match (count, parts.len()) {
        (0, _) => Selection::Whole,
        (_, 0) => Selection::Nothing,
        _ => Selection::Parts(apart(parts)),
    }
}

/// Parses one range; empty if the file has nothing of it, `None` if it is invalid.
fn part(spec: &str, length: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    match (first, last) {
        ("", last) => Some(length.saturating_sub(number(last)?)..length),
        (first, "") => Some(number(first)?.min(length)..length),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            let end = last.saturating_add(1).min(length);
            (first <= last).then(|| first.min(end)..end)
        }
    }
}

/// Parses digits; a number that overflows becomes the greatest number.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Joins overlapping ranges, so that no byte is sent twice. Without overlaps the requested order is kept.
fn apart(parts: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted = parts.clone();
    sorted.sort_by_key(|part| part.start);
    if sorted.windows(2).all(|pair| pair[0].end <= pair[1].start) {
        return parts;
    }
    let mut joined: Vec<Range<u64>> = Vec::new();
    for part in sorted {
        match joined.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => joined.push(part),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::{Selection, asked};

    #[test]
    fn parts_are_those_that_the_rfc_means() {
        use Selection::*;
        let parts = |list: &[(u64, u64)]| Parts(list.iter().map(|&(from, to)| from..to).collect());
        let many = format!("bytes={}", "0-0,".repeat(101));
        for (header, wanted) in [
            ("bytes=0-63", parts(&[(0, 64)])),
            ("Bytes=0-63", parts(&[(0, 64)])),
            ("bytes=100-", parts(&[(100, 1000)])),
            ("bytes=-10", parts(&[(990, 1000)])),
            ("bytes=-5000", parts(&[(0, 1000)])),
            ("bytes=999-99999999999999999999999", parts(&[(999, 1000)])),
            ("bytes= 0-0 ,\t, 5-6", parts(&[(0, 1), (5, 7)])),
            // In the requested order, unless they overlap.
            ("bytes=500-509,0-9", parts(&[(500, 510), (0, 10)])),
            ("bytes=500-509,0-9,5-99", parts(&[(0, 100), (500, 510)])),
            ("bytes=2000-,5-5", parts(&[(5, 6)])),
            ("bytes=1000-", Nothing),
            ("bytes=1000-2000,3000-", Nothing),
            ("bytes=-0", Nothing),
            ("bytes=", Whole),
            ("bytes=5", Whole),
            ("bytes=-", Whole),
            ("bytes=9-5", Whole),
            ("bytes=0-5,x", Whole),
            ("bytes=+1-5", Whole),
            ("bytes=1-5-9", Whole),
            ("rows=0-5", Whole),
            ("bytes", Whole),
            (&many, Whole),
        ] {
            assert_eq!(asked(header, 1000), wanted, "{header}");
        }
        assert_eq!(asked("bytes=0-", 0), Nothing);
    }
}
