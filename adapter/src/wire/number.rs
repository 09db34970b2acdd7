//! Numbers as JavaScript has them: one kind only, integral ones written without a fraction.

use std::fmt::Write as _;

/// 2⁶⁴, the first integer that does not fit into 64 bits.
const TOO_HIGH: f64 = 18_446_744_073_709_551_616.0;
/// −2⁶³, the last that does.
const LOWEST: f64 = -9_223_372_036_854_775_808.0;

/// A number in the form in which it goes on the wire.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// An integer that is not negative.
    Unsigned(u64),
    /// A negative integer.
    Signed(i64),
    /// All others, integers beyond 64 bits included.
    Float(f64),
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        if value.fract() != 0.0 {
            // NaN and the infinities come here, too.
            Self::Float(value)
        } else if (0.0..TOO_HIGH).contains(&value) {
            Self::Unsigned(value as u64)
        } else if (LOWEST..0.0).contains(&value) {
            Self::Signed(value as i64)
        } else {
            Self::Float(value)
        }
    }
}

/// Appends `value` as JSON text, to the letter what `JSON.stringify` gives: `null` where JSON has no such number.
pub(super) fn push_float(out: &mut String, value: f64) {
    let size = value.abs();
    if !value.is_finite() {
        out.push_str("null");
    } else if value == 0.0 {
        out.push('0');
    } else if (1e-6..1e21).contains(&size) {
        let _ = write!(out, "{value}");
    } else {
        let start = out.len();
        let _ = write!(out, "{value:e}");
        // Rust writes 1e21 where JavaScript writes 1e+21.
        if size > 1.0
            && let Some(exponent) = out[start..].find('e')
        {
            out.insert(start + exponent + 1, '+');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integral_floats_become_integers_as_far_as_64_bits_go() {
        assert_eq!(Number::from(5.0), Number::Unsigned(5));
        assert_eq!(Number::from(-0.0), Number::Unsigned(0));
        assert_eq!(Number::from(-3.0), Number::Signed(-3));
        assert_eq!(Number::from(1.5), Number::Float(1.5));
        assert_eq!(Number::from(TOO_HIGH), Number::Float(TOO_HIGH));
        assert_eq!(Number::from(LOWEST), Number::Signed(i64::MIN));
        assert_eq!(Number::from(-1e19), Number::Float(-1e19));
        assert_eq!(Number::from(f64::INFINITY), Number::Float(f64::INFINITY));
    }

    #[test]
    fn floats_read_as_in_javascript() {
        let cases = [
            (5.0, "5"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (f64::from(0.1_f32), "0.10000000149011612"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (1e20, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e300, "-1.25e+300"),
            (5e-324, "5e-324"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::NAN, "null"),
            (f64::NEG_INFINITY, "null"),
        ];
        for (value, text) in cases {
            let mut out = String::new();
            push_float(&mut out, value);
            assert_eq!(out, text);
        }
    }
}
