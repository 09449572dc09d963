//! Moments as text: RFC 3339, to and from microseconds since 1970 UTC.

const DAY: i64 = 86_400_000_000;

/// Reads RFC 3339 text with date, time and offset (`2024-02-29T12:30:00.5+01:00`; a space may stand
/// for the T), `infinity` and `-infinity`. Digits beyond microseconds are dropped. Years beyond 9999
/// carry a sign, as [`format_timestamp`] writes them. A moment without an offset is none.
pub fn parse_timestamp(text: &str) -> Option<i64> {
    match text {
        "infinity" => return Some(i64::MAX),
        "-infinity" => return Some(i64::MIN),
        _ => {}
    }
    let bytes = text.as_bytes();
    let (sign, signed) = match bytes.first()? {
        b'+' => (1, true),
        b'-' => (-1, true),
        _ => (1, false),
    };
    let start = usize::from(signed);
    let digits = bytes[start..].iter().take_while(|c| c.is_ascii_digit()).count();
    if !(if signed { 4..=6 } else { 4..=4 }).contains(&digits) {
        return None;
    }
    let year = sign * number(&bytes[start..start + digits])?;
    let rest = &bytes[start + digits..];
    // -MM-DDTHH:MM:SS
    if rest.len() < 16
        || rest[0] != b'-'
        || rest[3] != b'-'
        || !matches!(rest[6], b'T' | b't' | b' ')
        || rest[9] != b':'
        || rest[12] != b':'
    {
        return None;
    }
    let (month, day) = (number(&rest[1..3])?, number(&rest[4..6])?);
    let (hour, minute) = (number(&rest[7..9])?, number(&rest[10..12])?);
    let second = number(&rest[13..15])?;
    // A leap second is the first moment of the next minute, as in Postgres.
    if !(1..=12).contains(&month) || day < 1 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if day > days_in_month(year, month) {
        return None;
    }
    let (micros, zone) = fraction(&rest[15..])?;
    let time = ((hour * 60 + minute) * 60 + second) * 1_000_000 + micros;
    days_from_civil(year, month, day)
        .checked_mul(DAY)?
        .checked_add(time)?
        .checked_sub(offset(zone)?)
}

/// Writes microseconds since 1970 UTC so that [`parse_timestamp`] reads them back.
pub fn format_timestamp(micros: i64) -> String {
    match micros {
        i64::MAX => return "infinity".into(),
        i64::MIN => return "-infinity".into(),
        _ => {}
    }
    let (year, month, day) = civil_from_days(micros.div_euclid(DAY));
    let time = micros.rem_euclid(DAY);
    let (seconds, fraction) = (time / 1_000_000, time % 1_000_000);
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

/// The microseconds of `.123`, and what follows them.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    if rest.first() != Some(&b'.') {
        return Some((0, rest));
    }
    let digits = rest[1..].iter().take_while(|c| c.is_ascii_digit()).count();
    let kept = &rest[1..1 + digits.min(6)];
    Some((number(kept)? * 10_i64.pow(6 - kept.len() as u32), &rest[1 + digits..]))
}

/// The microseconds of `Z`, `+01:00` or Postgres' `+01`.
fn offset(zone: &[u8]) -> Option<i64> {
    let sign = match zone.first()? {
        b'Z' | b'z' if zone.len() == 1 => return Some(0),
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = match zone.len() {
        3 => (number(&zone[1..3])?, 0),
        6 if zone[3] == b':' => (number(&zone[1..3])?, number(&zone[4..6])?),
        _ => return None,
    };
    (hours <= 23 && minutes <= 59).then_some(sign * (hours * 60 + minutes) * 60_000_000)
}

fn number(digits: &[u8]) -> Option<i64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, with years that start in March so
/// that the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        // From `date -u -d TEXT +%s`.
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2024-02-29T12:30:00+01:00", 1_709_206_200),
            ("1969-12-31 23:59:59z", -1),
            ("2000-03-01t00:00:00-00:30", 951_870_600),
            ("0001-01-01T00:00:00Z", -62_135_596_800),
            ("2016-12-31T23:59:60Z", 1_483_228_800),
            ("2024-01-01 00:00:00+05", 1_704_049_200),
        ] {
            assert_eq!(parse_timestamp(text), Some(seconds * 1_000_000), "{text}");
        }
        assert_eq!(parse_timestamp("1970-01-01T00:00:00.0000019Z"), Some(1));
    }

    #[test]
    fn what_is_no_moment() {
        for text in [
            "",
            "2024",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-13-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-01-01T24:00:00Z",
            "2024-01-01T00:00:00.Z",
            "2024-01-01T00:00:00+1:00",
            "20x4-01-01T00:00:00Z",
            "Infinity",
            "2024-01-01T00:00:00Zé",
            "+1234567-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_timestamp(text), None, "{text}");
        }
    }

    #[test]
    fn text_and_back() {
        let mut micros = 1_i64;
        for step in 0..20_000_i64 {
            micros = micros.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step | 1);
            for value in [micros, micros >> 8, micros >> 20, step - 10_000, i64::MIN, i64::MAX] {
                assert_eq!(parse_timestamp(&format_timestamp(value)), Some(value), "{value}");
            }
        }
    }
}
