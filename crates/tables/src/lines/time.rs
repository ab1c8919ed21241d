//! Times as text, without a time zone data base: always UTC.

const DAY: i64 = 86_400;

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Counted from 1 March of the year 0, so that the leap day ends a year; eras have 400 years.
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `2026-11-25T16:05:09.000000001Z`.
pub fn write_rfc3339(out: &mut String, time_ns: i64) {
    write_parts(out, time_ns, 'T');
    out.push('.');
    write_digits(out, time_ns.rem_euclid(1_000_000_000), 9);
    out.push('Z');
}

/// `2026-11-25 16:05:09.000000`.
pub fn write_short(out: &mut String, time_ns: i64) {
    write_parts(out, time_ns, ' ');
    out.push('.');
    write_digits(out, time_ns.rem_euclid(1_000_000_000) / 1000, 6);
}

fn write_parts(out: &mut String, time_ns: i64, between: char) {
    let seconds = time_ns.div_euclid(1_000_000_000);
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    let parts = [
        (year, 4, '-'),
        (month, 2, '-'),
        (day, 2, between),
        (h, 2, ':'),
        (m, 2, ':'),
    ];
    for (n, digits, then) in parts {
        write_digits(out, n, digits);
        out.push(then);
    }
    write_digits(out, s, 2);
}

/// Format strings took a twentieth of the time of `px decode`.
fn write_digits(out: &mut String, n: i64, digits: u32) {
    for place in (0..digits).rev() {
        let digit = n / 10i64.pow(place) % 10;
        out.push(char::from(b'0' + digit as u8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_all_kinds_of_years() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00"),
            (951_782_399, "2000-02-28T23:59:59"),
            (951_782_400, "2000-02-29T00:00:00"),
            (1_709_164_800, "2024-02-29T00:00:00"),
            (1_795_622_709, "2026-11-25T16:05:09"),
            (4_107_542_400, "2100-03-01T00:00:00"),
            (-1, "1969-12-31T23:59:59"),
        ] {
            let mut out = String::new();
            write_rfc3339(&mut out, seconds * 1_000_000_000 + 1);
            assert_eq!(out, format!("{text}.000000001Z"));
        }
    }
}
