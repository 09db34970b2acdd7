//! What MessagePack extensions mean to Node.

const MILLISECONDS_PER_SECOND: i128 = 1_000;
const NANOSECONDS_PER_MILLISECOND: i128 = 1_000_000;
/// JavaScript has no dates further than this from 1970.
const LAST_MILLISECOND: i128 = 8_640_000_000_000_000;

/// An extension, by its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension<'a> {
    /// JavaScript's `undefined`.
    Undefined,
    /// A date in milliseconds since 1970; `None` if it is one that JavaScript does not have.
    Date(Option<i64>),
    /// Bytes, in the form of older adapters.
    Binary(&'a [u8]),
    /// Any other: Node makes the list `[type, bytes]` of it.
    Other(i8, &'a [u8]),
}

impl<'a> Extension<'a> {
    /// The meaning of one of the forms of fixed length.
    pub(super) fn fixed(kind: i8, data: &'a [u8]) -> Self {
        match (kind, data) {
            (0, [_]) => Self::Undefined,
            (0, &[a, b, c, d, e, f, g, h]) => {
                date(i64::from_be_bytes([a, b, c, d, e, f, g, h]).into())
            }
            (-1, &[a, b, c, d]) => {
                date(i128::from(u32::from_be_bytes([a, b, c, d])) * MILLISECONDS_PER_SECOND)
            }
            (-1, &[a, b, c, d, e, f, g, h]) => {
                // 30 bits of nanoseconds, then 34 of seconds.
                let both = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
                moment((both & 0x3_ffff_ffff).into(), (both >> 34).into())
            }
            _ => Self::Other(kind, data),
        }
    }

    /// The meaning of one of the forms that state their length.
    pub(super) fn sized(kind: i8, data: &'a [u8]) -> Self {
        match (kind, data) {
            (0, _) => Self::Binary(data),
            (-1, &[a, b, c, d, e, f, g, h, i, j, k, l]) => moment(
                i64::from_be_bytes([e, f, g, h, i, j, k, l]).into(),
                u32::from_be_bytes([a, b, c, d]).into(),
            ),
            _ => Self::Other(kind, data),
        }
    }
}

fn moment(seconds: i128, nanoseconds: i128) -> Extension<'static> {
    // The sum first, then cut off towards zero, as JavaScript's Date does.
    let total = seconds * MILLISECONDS_PER_SECOND * NANOSECONDS_PER_MILLISECOND + nanoseconds;
    date(total / NANOSECONDS_PER_MILLISECOND)
}

fn date(milliseconds: i128) -> Extension<'static> {
    let known = (-LAST_MILLISECOND..=LAST_MILLISECOND).contains(&milliseconds);
    Extension::Date(known.then_some(milliseconds as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_of_all_three_lengths_are_dates() {
        assert_eq!(
            Extension::fixed(-1, &[0x65, 0x53, 0xf1, 0x00]),
            Extension::Date(Some(1_700_000_000_000))
        );
        assert_eq!(
            Extension::fixed(-1, &[0x1d, 0x53, 0x53, 0x00, 0x65, 0x53, 0xf1, 0x00]),
            Extension::Date(Some(1_700_000_000_123))
        );
        let before_1970 = [
            0x3b, 0x8b, 0x87, 0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
        ];
        assert_eq!(
            Extension::sized(-1, &before_1970),
            Extension::Date(Some(-1))
        );
    }

    #[test]
    fn older_adapters_have_their_own_forms() {
        assert_eq!(Extension::fixed(0, &[0]), Extension::Undefined);
        assert_eq!(
            Extension::fixed(0, &1_700_000_000_123_i64.to_be_bytes()),
            Extension::Date(Some(1_700_000_000_123))
        );
        assert_eq!(Extension::sized(0, &[1]), Extension::Binary(&[1]));
    }

    #[test]
    fn a_date_that_javascript_lacks_is_none() {
        assert_eq!(
            Extension::fixed(0, &i64::MAX.to_be_bytes()),
            Extension::Date(None)
        );
        let mut far = [0xff; 12];
        far[4] = 0x7f;
        assert_eq!(Extension::sized(-1, &far), Extension::Date(None));
    }

    #[test]
    fn unknown_extensions_keep_their_type() {
        assert_eq!(Extension::fixed(5, &[1, 2]), Extension::Other(5, &[1, 2]));
        assert_eq!(Extension::fixed(0, &[1, 2]), Extension::Other(0, &[1, 2]));
        assert_eq!(Extension::sized(-1, &[1]), Extension::Other(-1, &[1]));
    }
}
