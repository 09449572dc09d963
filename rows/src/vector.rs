//! Vectors as text: JSON lists of numbers, which is also pgvector's format.

/// The lists of numbers among the values of a column.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    /// The number of lists, and the length of the first.
    pub count: u64,
    pub dimensions: usize,
    /// Whether all have the same length.
    pub even: bool,
}

impl Lists {
    /// Counts a value if it is a list of numbers.
    pub fn note(&mut self, text: &str) {
        let Some(length) = length(text) else { return };
        if self.count == 0 {
            (self.dimensions, self.even) = (length, true);
        }
        self.even &= length == self.dimensions;
        self.count += 1;
    }

    /// Whether each of `rows` rows can be a vector.
    pub fn are_all(&self, rows: u64) -> bool {
        self.count == rows && self.even
    }
}

/// The length of a list, if it contains only numbers.
pub fn length(text: &str) -> Option<usize> {
    let inside = inside(text)?;
    let flat = inside.bytes().all(|c| is_of_number(c) || c == b',' || c.is_ascii_whitespace());
    (flat && !inside.trim().is_empty()).then(|| 1 + inside.bytes().filter(|&c| c == b',').count())
}

fn inside(text: &str) -> Option<&str> {
    text.trim().strip_prefix('[')?.strip_suffix(']')
}

fn is_of_number(c: u8) -> bool {
    matches!(c, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Parses a list directly to f32: going through f64 would round twice.
pub fn parse(text: &str, dimensions: usize, out: &mut Vec<f32>) -> Result<(), String> {
    out.clear();
    let Some(list) = inside(text) else {
        return Err(match text {
            "null" | "" => "is null, and every row needs a vector".into(),
            _ => format!("is {}, and vectors are lists of numbers", shorten(text)),
        });
    };
    if !list.trim().is_empty() {
        for number in list.split(',') {
            let number = number.trim();
            // Rust would also accept "inf" and "NaN".
            let value = number.parse().ok().filter(|_| number.bytes().all(is_of_number));
            let value: f32 = value.ok_or_else(|| {
                format!(
                    "holds {} at {}, and vectors are lists of numbers",
                    shorten(number),
                    out.len()
                )
            })?;
            if !value.is_finite() {
                return Err(format!(
                    "holds {} at {}, which is beyond float32 (±3.4e38)",
                    shorten(number),
                    out.len()
                ));
            }
            out.push(value);
        }
    }
    match out.len() == dimensions && dimensions > 0 {
        true => Ok(()),
        false => Err(format!(
            "has {} values where the first vector has {dimensions}; all must have the same number, at least 1",
            out.len()
        )),
    }
}

/// The beginning of a text, for messages.
pub fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_vectors_and_those_that_are_none() {
        let mut out = Vec::new();
        parse(" [1, -2.5e0,\t3E-2 ] ", 3, &mut out).unwrap();
        assert_eq!(out, [1.0, -2.5, 0.03]);
        for (text, part) in [
            ("", "is null"),
            ("null", "is null"),
            ("1,2", "lists of numbers"),
            ("[1,2", "lists of numbers"),
            ("[]", "has 0 values"),
            ("[1]", "has 1 values where the first vector has 2"),
            ("[1,]", "holds  at 1"),
            ("[1,nan]", "holds nan at 1, and vectors are lists"),
            ("[inf,1]", "holds inf at 0, and"),
            ("[1 2]", "holds 1 2 at 0"),
            ("[[1,2]]", "holds [1 at 0"),
            ("[1e39,1]", "beyond float32"),
        ] {
            let reason = parse(text, 2, &mut out).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }

    #[test]
    fn columns_of_lists() {
        for (values, all) in [
            (&["[1,2]", "[3,4]"][..], true),
            (&["[1,2]", "[3]"], false),
            (&["[1,2]", "x"], false),
            (&["[]", "[]"], false),
            (&["[\"a\"]", "[1]"], false),
        ] {
            let mut lists = Lists::default();
            values.iter().for_each(|value| lists.note(value));
            assert_eq!(lists.are_all(values.len() as u64), all, "{values:?}");
        }
    }
}
