//! Which rooms: patterns of their names, checked where they enter.

use std::sync::Arc;

use serde::Deserialize;

use crate::room::{RoomName, RoomNameError};

/// What stands for any characters.
const ANY: char = '*';

/// A pattern of room names: `*` stands for any characters, also for none, and everything else for itself. It is matched
/// against the whole name, capital letters apart from small ones.
///
/// `news` is that room alone, `team-*` all that begin so, and `*` is every room. Like a name it has 1 to 256 bytes.
///
/// ```
/// use roomcast_gateway::{RoomName, RoomPattern};
///
/// let pattern = RoomPattern::try_from("team-*-public".to_owned())?;
/// assert!(pattern.matches(&RoomName::try_from("team-7-public".to_owned())?));
/// assert!(!pattern.matches(&RoomName::try_from("team-7".to_owned())?));
/// # Ok::<(), roomcast_gateway::RoomNameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct RoomPattern(String);

/// Patterns, of which a room has to match one. A cheap clone, that can be a gateway's [state](crate::Gateway::state).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<RoomPattern>")]
pub struct RoomPatterns(Arc<[RoomPattern]>);

impl RoomPattern {
    /// Whether `room` is one of those that are meant.
    pub fn matches(&self, room: &RoomName) -> bool {
        let name = room.as_str();
        let Some((start, rest)) = self.0.split_once(ANY) else {
            return self.0 == name;
        };
        let (middle, end) = rest.rsplit_once(ANY).unwrap_or(("", rest));
        let Some(name) = name.strip_prefix(start) else {
            return false;
        };
        let Some(mut name) = name.strip_suffix(end) else {
            return false;
        };
        // The first place of each part is as good as any later one, so nothing is ever tried again.
        for part in middle.split(ANY) {
            match name.split_once(part) {
                Some((_, behind)) => name = behind,
                None => return false,
            }
        }
        true
    }
}

impl RoomPatterns {
    /// Every room.
    pub fn all() -> Self {
        Self::from(vec![RoomPattern(ANY.to_string())])
    }

    /// Whether `room` matches a pattern; without any pattern no room does.
    pub fn allow(&self, room: &RoomName) -> bool {
        self.0.iter().any(|pattern| pattern.matches(room))
    }
}

impl TryFrom<String> for RoomPattern {
    type Error = RoomNameError;

    fn try_from(pattern: String) -> Result<Self, RoomNameError> {
        RoomName::try_from(pattern).map(|pattern| Self(pattern.into()))
    }
}

impl From<Vec<RoomPattern>> for RoomPatterns {
    fn from(patterns: Vec<RoomPattern>) -> Self {
        Self(patterns.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(pattern: &str, room: &str) -> bool {
        let pattern = RoomPattern::try_from(pattern.to_owned()).unwrap();
        pattern.matches(&RoomName::try_from(room.to_owned()).unwrap())
    }

    #[test]
    fn a_star_stands_for_any_characters_and_all_else_for_itself() {
        for (pattern, room) in [
            ("*", "a"),
            ("*", "*"),
            ("**", "a"),
            ("news", "news"),
            ("team-*", "team-"),
            ("team-*", "team-7"),
            ("*-public", "a-public"),
            ("team-*-public", "team-7-public"),
            ("a*a", "aa"),
            ("a*b*c", "a.b.b.c"),
            ("a*bc*bc", "abcbc"),
            ("房*", "房间"),
            ("[a-z]?", "[a-z]?"),
        ] {
            assert!(matches(pattern, room), "{pattern} {room}");
        }
        for (pattern, room) in [
            ("news", "news2"),
            ("news", "New"),
            ("news", "NEWS"),
            ("team-*", "my-team-7"),
            ("*-public", "a-public-b"),
            ("a*a", "a"),
            ("a*bc*bc", "abc"),
            ("a*b*c", "acb"),
            ("?", "a"),
        ] {
            assert!(!matches(pattern, room), "{pattern} {room}");
        }
    }

    #[test]
    fn one_pattern_of_several_is_enough_and_none_is_no_room() {
        let of = |patterns: &[&str]| {
            serde_json::from_value::<RoomPatterns>(serde_json::json!(patterns)).unwrap()
        };
        let room = RoomName::try_from("b".to_owned()).unwrap();

        assert!(of(&["a", "b"]).allow(&room));
        assert!(!of(&["a", "c"]).allow(&room));
        assert!(!of(&[]).allow(&room));
        assert!(RoomPatterns::all().allow(&room));
    }

    #[test]
    fn what_can_be_no_name_is_no_pattern() {
        let read = serde_json::from_value::<RoomPatterns>;

        for wrong in [
            serde_json::json!("a"),
            serde_json::json!([""]),
            serde_json::json!(["a", 7]),
            serde_json::json!(["a\0"]),
            serde_json::json!(["a".repeat(257)]),
            serde_json::json!({}),
            serde_json::json!(null),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_name_whose_parts_are_hidden_still_matches(name in "[ab]{1,12}", cuts in prop::collection::vec((0..12usize, 0..4usize), 0..4)) {
            // Some parts of the name, each in place of a star.
            let mut pattern = String::new();
            let mut rest = &name[..];
            for (keep, hide) in cuts {
                let (kept, more) = rest.split_at(keep.min(rest.len()));
                pattern = format!("{pattern}{kept}*");
                rest = &more[hide.min(more.len())..];
            }
            pattern.push_str(rest);
            prop_assert!(matches(&pattern, &name), "{} {}", pattern, name);
        }
    }
}
