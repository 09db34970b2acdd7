//! Pure: the users that came last, as one node knows them.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

/// Those that came last. It keeps some more than it lists, so that it need not ask again
/// each time that one of them leaves.
#[derive(Debug)]
pub(super) struct Roster {
    listed: usize,
    kept: usize,
    /// By the number of their join or rename.
    by_number: BTreeMap<u64, (Arc<str>, Arc<str>)>,
    numbers: HashMap<Arc<str>, u64>,
    /// Some were let go for want of room, so there are more than these.
    is_short: bool,
    /// While a list is read: who has left since, and when.
    left: Option<HashMap<Arc<str>, u64>>,
}

impl Roster {
    /// A roster that lists so many, and keeps twice as many.
    pub(super) fn new(listed: usize) -> Self {
        Self::keeping(listed, listed.saturating_mul(2))
    }

    /// A roster that keeps everybody.
    pub(super) fn of_all(listed: usize) -> Self {
        Self::keeping(listed, usize::MAX)
    }

    fn keeping(listed: usize, kept: usize) -> Self {
        Self {
            listed,
            kept,
            by_number: BTreeMap::new(),
            numbers: HashMap::new(),
            is_short: false,
            left: None,
        }
    }

    /// How many it keeps at most.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// A user came, or has another name.
    pub(super) fn came(&mut self, id: Arc<str>, name: Arc<str>, number: u64) {
        let left_later =
            |left: &HashMap<Arc<str>, u64>| left.get(&id).is_some_and(|&at| at > number);
        if self.left.as_ref().is_some_and(left_later) {
            return;
        }
        match self.numbers.insert(id.clone(), number) {
            Some(newer) if newer > number => {
                self.numbers.insert(id, newer);
                return;
            }
            Some(older) => drop(self.by_number.remove(&older)),
            None => {}
        }
        self.by_number.insert(number, (id, name));
        if self.by_number.len() > self.kept
            && let Some((_, (oldest, _))) = self.by_number.pop_first()
        {
            self.numbers.remove(&oldest);
            self.is_short = true;
        }
    }

    /// A user left.
    pub(super) fn left(&mut self, id: &str, number: u64) {
        if let Some(left) = &mut self.left {
            let last = left.entry(id.into()).or_default();
            *last = number.max(*last);
        }
        if let Some(&came) = self.numbers.get(id)
            && came < number
        {
            self.numbers.remove(id);
            self.by_number.remove(&came);
        }
    }

    /// A list is about to be read, which may be older than what is heard meanwhile.
    pub(super) fn begin(&mut self) {
        self.left = Some(HashMap::new());
    }

    /// Takes the list that was read, in place of what came before it began.
    pub(super) fn take(&mut self, list: Vec<(Arc<str>, Arc<str>, u64)>) {
        let heard = std::mem::take(&mut self.by_number);
        self.numbers.clear();
        self.is_short = list.len() >= self.kept;
        let newest = list.iter().map(|(_, _, number)| *number).max();
        for (id, name, number) in list {
            self.came(id, name, number);
        }
        // What is newer than the list was heard while it was read.
        let newer = newest.map_or(0, |newest| newest + 1);
        for (number, (id, name)) in heard.into_iter().filter(|(number, _)| *number >= newer) {
            self.came(id, name, number);
        }
        self.left = None;
    }

    /// Whether it knows fewer than it lists although there are more: time to read the list again.
    pub(super) fn is_hungry(&self) -> bool {
        self.is_short && self.by_number.len() < self.listed
    }

    /// Ids and names of all that it keeps, who came first before who came later.
    pub(super) fn everyone(&self) -> impl Iterator<Item = &(Arc<str>, Arc<str>)> {
        self.by_number.values()
    }

    /// Ids and names of the newest, who came first before who came later.
    pub(super) fn list(&self) -> Vec<(Arc<str>, Arc<str>)> {
        let more = self.by_number.len().saturating_sub(self.listed);
        self.by_number.values().skip(more).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(roster: &Roster) -> Vec<String> {
        let list = roster.list().into_iter();
        list.map(|(id, name)| format!("{id}={name}")).collect()
    }

    fn came(roster: &mut Roster, id: &str, name: &str, number: u64) {
        roster.came(id.into(), name.into(), number);
    }

    #[test]
    fn the_newest_come_last_and_a_rename_makes_one_new() {
        let mut roster = Roster::new(10);
        came(&mut roster, "1", "a", 1);
        came(&mut roster, "2", "b", 2);
        came(&mut roster, "1", "c", 3);
        came(&mut roster, "2", "late", 1);

        assert_eq!(names(&roster), ["2=b", "1=c"]);

        roster.left("1", 4);
        roster.left("2", 1);
        assert_eq!(names(&roster), ["2=b"], "it came after it left");
    }

    #[test]
    fn a_roster_that_has_let_some_go_asks_again_once_it_is_short() {
        let mut roster = Roster::new(2);
        for number in 1..=5 {
            came(&mut roster, &number.to_string(), "x", number);
        }
        assert_eq!(names(&roster), ["4=x", "5=x"]);
        for (number, is_hungry) in [(5, false), (4, false), (3, true)] {
            roster.left(&number.to_string(), 10 + number);
            assert_eq!(roster.is_hungry(), is_hungry);
        }

        roster.begin();
        roster.take(vec![
            ("2".into(), "x".into(), 2),
            ("1".into(), "x".into(), 1),
        ]);

        assert_eq!(names(&roster), ["1=x", "2=x"]);
        assert!(!roster.is_hungry());
    }

    #[test]
    fn what_is_heard_while_a_list_is_read_counts_more_than_the_list() {
        let mut roster = Roster::new(10);
        came(&mut roster, "old", "x", 1);
        roster.begin();
        came(&mut roster, "new", "x", 5);
        roster.left("gone", 6);

        roster.take(vec![
            ("gone".into(), "x".into(), 4),
            ("there".into(), "x".into(), 3),
        ]);

        assert_eq!(names(&roster), ["there=x", "new=x"]);
    }

    proptest! {
        /// Whatever comes in whatever order, the last word on each user counts.
        #[test]
        fn the_order_of_arrival_does_not_matter(
            events in proptest::collection::vec((0..5_u8, any::<bool>()), 0..20),
            seed: u64,
        ) {
            let events: Vec<_> = events.into_iter().zip(1_u64..).collect();
            let play = |events: &[((u8, bool), u64)]| {
                let mut roster = Roster::new(10);
                // As while a list is read: a departure that is heard first is remembered.
                roster.begin();
                for ((user, comes), number) in events {
                    if *comes {
                        came(&mut roster, &user.to_string(), "x", *number);
                    } else {
                        roster.left(&user.to_string(), *number);
                    }
                }
                names(&roster)
            };
            let mut shuffled = events.clone();
            shuffled.sort_by_key(|(_, number)| number.wrapping_mul(seed | 1).rotate_left(17));

            prop_assert_eq!(play(&events), play(&shuffled));
        }
    }
}
