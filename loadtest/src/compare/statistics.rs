//! Several values of one thing: the middle, the spread, and what they are worth beside another's. Pure.

use serde::Serialize;

/// Which values are good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Better {
    Lower,
    Higher,
}

/// The values of one peer in all repetitions.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Series {
    values: Vec<f64>,
    /// Runs that do not count.
    unsound: u32,
}

/// Middle and spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) min: f64,
    pub(super) median: f64,
    pub(super) max: f64,
}

impl Series {
    pub(super) fn push(&mut self, value: f64, is_sound: bool) {
        self.values.push(value);
        self.unsound += u32::from(!is_sound);
    }

    /// In how many of how many runs deliveries were lost, repeated or out of order.
    pub(super) fn unsound(&self) -> Option<(u32, usize)> {
        (self.unsound > 0).then_some((self.unsound, self.values.len()))
    }

    pub(super) fn spread(&self) -> Option<Spread> {
        let mut sorted = self.values.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        let median = match sorted.len() {
            0 => return None,
            len if len % 2 == 1 => sorted[middle],
            _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
        };
        Some(Spread {
            min: sorted[0],
            median,
            max: *sorted.last()?,
        })
    }

    /// How many times better the median is than that of `other`.
    pub(super) fn ratio_to(&self, other: &Self, better: Better) -> Option<f64> {
        let (own, other) = (self.spread()?.median, other.spread()?.median);
        let (good, bad) = match better {
            Better::Higher => (own, other),
            Better::Lower => (other, own),
        };
        (bad > 0.0).then_some(good / bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        let mut series = Series::default();
        values.iter().for_each(|value| series.push(*value, true));
        series
    }

    #[test]
    fn the_median_is_the_middle_value_or_between_two() {
        let odd = series(&[3.0, 1.0, 2.0]).spread().unwrap();
        assert_eq!(
            odd,
            Spread {
                min: 1.0,
                median: 2.0,
                max: 3.0
            }
        );
        assert!((series(&[4.0, 1.0, 2.0, 3.0]).spread().unwrap().median - 2.5).abs() < 1e-9);
        assert_eq!(series(&[]).spread(), None);
    }

    #[test]
    fn a_ratio_says_how_many_times_better() {
        let (own, other) = (series(&[10.0]), series(&[30.0]));

        assert_eq!(own.ratio_to(&other, Better::Lower), Some(3.0));
        assert_eq!(other.ratio_to(&own, Better::Higher), Some(3.0));
        assert_eq!(own.ratio_to(&series(&[]), Better::Lower), None);
        assert_eq!(series(&[0.0]).ratio_to(&other, Better::Lower), None);
    }

    #[test]
    fn runs_that_do_not_count_are_counted() {
        let mut series = series(&[1.0]);
        assert_eq!(series.unsound(), None);
        series.push(2.0, false);
        assert_eq!(series.unsound(), Some((1, 2)));
    }
}
