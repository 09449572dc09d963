//! The text of timestamps: the only parser and the only formatter.

use alloc::format;
use alloc::string::String;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Parses an ISO 8601 timestamp into microseconds since 1970 UTC: `2024-05-01`, optionally followed by `T` or a
/// space and `12:00`, `12:00:00` or `12:00:00.25`, optionally followed by `Z`, `+02`, `+02:00` or `+0200`. Years
/// have 4 to 6 digits, and may have a sign. Without an offset the time is UTC. Digits beyond microseconds are
/// rounded to the nearest microsecond, halves to the later one. `infinity` and `-infinity` are the extremes.
/// None for other texts, and for times that microseconds in 64 bits cannot hold: those outside the years -290308
/// to 294247.
///
/// ```
/// use hither::parse_timestamp;
///
/// assert_eq!(parse_timestamp("1970-01-01T00:00:01.5Z"), Some(1_500_000));
/// assert_eq!(parse_timestamp("infinity"), Some(i64::MAX));
/// assert_eq!(parse_timestamp("yesterday"), None);
/// ```
pub fn parse_timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let mut rest = text.as_bytes();
    let sign = sign(&mut rest).unwrap_or(1);
    let year_digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    if !(4..=6).contains(&year_digits) {
        return None;
    }
    let year = sign * number(&mut rest, year_digits)?;
    let month = skip(&mut rest, b'-').then(|| number(&mut rest, 2)).flatten()?;
    let day = skip(&mut rest, b'-').then(|| number(&mut rest, 2)).flatten()?;
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    let mut seconds = days_since_1970(year, month, day) * 86_400;
    let mut micros = 0;
    if skip(&mut rest, b'T') || skip(&mut rest, b't') || skip(&mut rest, b' ') {
        let (hour, minute) = clock(&mut rest)?;
        let mut second = 0;
        if skip(&mut rest, b':') {
            second = number(&mut rest, 2)?;
            if skip(&mut rest, b'.') {
                micros = fraction(&mut rest)?;
            }
        }
        // A leap second counts as the first second of the next minute.
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        seconds += hour * 3600 + minute * 60 + second - offset(&mut rest)?;
    }
    if !rest.is_empty() {
        return None;
    }
    // i128, because the seconds alone may overflow where the sum with the fraction does not.
    let whole = i128::from(seconds) * i128::from(SECOND) + i128::from(micros);
    i64::try_from(whole).ok().filter(|&micros| micros != i64::MIN && micros != i64::MAX)
}

/// Formats microseconds since 1970 UTC so that [`parse_timestamp`] reads them: RFC 3339 with a `Z`, as many
/// fraction digits as needed, and a sign if the year is outside of 0 to 9999.
///
/// ```
/// use hither::format_timestamp;
///
/// assert_eq!(format_timestamp(1_500_000), "1970-01-01T00:00:01.5Z");
/// assert_eq!(format_timestamp(-62_167_219_200_000_001), "-0001-12-31T23:59:59.999999Z");
/// assert_eq!(format_timestamp(i64::MAX), "infinity");
/// ```
pub fn format_timestamp(micros: i64) -> String {
    match micros {
        i64::MAX => return "infinity".into(),
        i64::MIN => return "-infinity".into(),
        _ => {}
    }
    let (year, month, day) = date(micros.div_euclid(DAY));
    let time = micros.rem_euclid(DAY);
    let (seconds, fraction) = (time / SECOND, time % SECOND);
    let year = match year {
        0..=9999 => format!("{year:04}"),
        _ => format!("{year:+05}"),
    };
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let mut text = format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
    if fraction != 0 {
        text += format!(".{fraction:06}").trim_end_matches('0');
    }
    text + "Z"
}

/// Parses `digits` decimal digits.
fn number(rest: &mut &[u8], digits: usize) -> Option<i64> {
    let (taken, left) = rest.split_at_checked(digits)?;
    *rest = left;
    taken.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

fn skip(rest: &mut &[u8], wanted: u8) -> bool {
    let Some(left) = rest.strip_prefix(&[wanted]) else { return false };
    *rest = left;
    true
}

/// 1 or -1 for a sign.
fn sign(rest: &mut &[u8]) -> Option<i64> {
    let signs = [(b'+', 1), (b'-', -1)];
    signs.into_iter().find_map(|(written, sign)| skip(rest, written).then_some(sign))
}

/// Hours and minutes, `12:00`.
fn clock(rest: &mut &[u8]) -> Option<(i64, i64)> {
    let hour = number(rest, 2)?;
    let minute = skip(rest, b':').then(|| number(rest, 2)).flatten()?;
    Some((hour, minute))
}

/// The digits after the decimal point of a second, as microseconds, rounded.
fn fraction(rest: &mut &[u8]) -> Option<i64> {
    let digits = rest.iter().take_while(|c| c.is_ascii_digit()).count();
    let (taken, left) = rest.split_at(digits);
    *rest = left;
    let digit = |at: usize| taken.get(at).map_or(0, |c| i64::from(c - b'0'));
    let micros = (0..6).fold(0, |n, at| n * 10 + digit(at));
    (digits > 0).then(|| micros + i64::from(digit(6) >= 5))
}

/// Seconds by which the written time is ahead of UTC.
fn offset(rest: &mut &[u8]) -> Option<i64> {
    if rest.is_empty() || skip(rest, b'Z') || skip(rest, b'z') {
        return Some(0);
    }
    let sign = sign(rest)?;
    let hours = number(rest, 2)?;
    let minutes = if skip(rest, b':') || !rest.is_empty() { number(rest, 2)? } else { 0 };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days of the proleptic Gregorian calendar. Years begin in March, so that a leap day is the last.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month < 3 { year - 1 } else { year };
    let from_march = (month + 9) % 12;
    let day_of_year = (153 * from_march + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    // 1970-01-01 is day 719,468 counted from 0000-03-01.
    365 * year + leap_days + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970: the inverse.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year + i64::from(month < 3), month, day)
}

#[cfg(test)]
mod tests {
    use super::{format_timestamp, parse_timestamp};

    #[test]
    fn timestamps_are_read() {
        let day = 86_400_000_000;
        for (text, expected) in [
            ("1970-01-01", 0),
            ("1970-01-02T00:00:00Z", day),
            ("1969-12-31t23:59:59.999999z", -1),
            ("2024-05-01", 1_714_521_600_000_000),
            ("2024-05-01 12:00", 1_714_564_800_000_000),
            ("2024-05-01T12:00:00+02:00", 1_714_557_600_000_000),
            ("2024-05-01T12:00:00-0230", 1_714_573_800_000_000),
            ("2024-05-01T12:00:00+02", 1_714_557_600_000_000),
            ("2024-02-29T00:00:00.25Z", 1_709_164_800_250_000),
            ("1970-01-01T00:00:00.1234567Z", 123_457),
            ("1970-01-01T00:00:00.9999999Z", 1_000_000),
            ("0000-03-01", -719_468 * day),
            ("2000-02-29", 951_782_400_000_000),
            ("infinity", i64::MAX),
            ("-infinity", i64::MIN),
            // From `date -u -d @SECONDS`.
            ("294247-01-10T04:00:53Z", 9_223_372_036_853_000_000),
            ("-290308-12-21T19:59:06Z", -9_223_372_036_854_000_000),
            ("+10000-01-01", 253_402_300_800_000_000),
            ("-0001-12-31T23:59:59", -62_167_219_201_000_000),
            ("+012023-04-18T12:00", 317_251_339_200_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000),
            ("1969-12-31T23:59:59.9999995Z", 0),
            ("1969-12-31T23:59:59.9999994Z", -1),
        ] {
            assert_eq!(parse_timestamp(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "2024",
            "2024-5-1",
            "2024-13-01",
            "2023-02-29",
            "2024-05-01T",
            "2024-05-01T24:00",
            "2024-05-01T12:00:00.",
            "2024-05-01T12:00:00+",
            "2024-05-01T12:00:00+2",
            "2024-05-01T12:00:00Zx",
            "2024-05-01Z",
            "999999-01-01",
            "+999-01-01",
            "+-2024-01-01",
            "+1234567-01-01",
            // The values that stand for infinity, and later ones.
            "294247-01-10T04:00:54.775807Z",
            "-290308-12-21T19:59:05.224192Z",
            "-290308-12-21T19:59:05Z",
            "Infinity",
            "١٩٧٠-01-01",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        let mut micros = 1_i64;
        for step in 0..20_000_i64 {
            micros = micros.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step | 1);
            let edges = [i64::MIN + step, i64::MAX - step, step - 10_000];
            for value in [micros, micros >> 8, micros >> 20].into_iter().chain(edges) {
                let text = format_timestamp(value);
                assert_eq!(parse_timestamp(&text), Some(value), "{text}");
            }
        }
    }
}
