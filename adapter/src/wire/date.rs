//! Dates as JavaScript writes them into JSON.

use std::fmt::Write as _;

const DAY: i64 = 86_400_000;

/// Appends the moment `milliseconds` after 1970 began, in UTC, as `2023-11-14T22:13:20.123Z`.
pub(super) fn push_iso(out: &mut String, milliseconds: i64) {
    let (year, month, day) = civil(milliseconds.div_euclid(DAY));
    let of_day = milliseconds.rem_euclid(DAY);
    let (seconds, fraction) = (of_day / 1_000, of_day % 1_000);
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let (sign, width) = match year {
        0..=9999 => ("", 4),
        10_000.. => ("+", 6),
        _ => ("-", 6),
    };
    let year = year.abs();
    let _ = write!(
        out,
        "{sign}{year:0width$}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:03}Z"
    );
}

/// Year, month and day of the Gregorian calendar, that many days after 1970-01-01.
pub(crate) fn civil(days: i64) -> (i64, i64, i64) {
    // Counted in years that begin in March, so that the leap day comes last, and in eras of 400 years, which are all
    // equally long. 719,468 days lie between 0000-03-01 and 1970-01-01.
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let era = days.div_euclid(ERA);
    let of_era = days.rem_euclid(ERA);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    (400 * era + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iso(milliseconds: i64) -> String {
        let mut out = String::new();
        push_iso(&mut out, milliseconds);
        out
    }

    #[test]
    fn dates_read_as_in_javascript() {
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
        assert_eq!(iso(1_700_000_000_123), "2023-11-14T22:13:20.123Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(4_107_542_400_000), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn years_beyond_four_digits_have_a_sign_and_six() {
        assert_eq!(iso(8_640_000_000_000_000), "+275760-09-13T00:00:00.000Z");
        assert_eq!(iso(-8_640_000_000_000_000), "-271821-04-20T00:00:00.000Z");
        assert_eq!(iso(253_402_300_800_000), "+010000-01-01T00:00:00.000Z");
        assert_eq!(iso(-62_167_219_200_001), "-000001-12-31T23:59:59.999Z");
    }
}
