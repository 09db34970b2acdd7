//! What a token says of its bearer.

use std::time::{Duration, SystemTime};

use roomcast_gateway::{RoomName, RoomPatterns};
use serde::Deserialize as _;
use serde_json::{Map, Value};

/// The longest name that a user can have, in Unicode scalar values.
const LONGEST_NAME: usize = 64;

/// What the name of a user's room begins with. Clients can join no such room, and no socket's id has a slash.
const USER: &str = "~user/";

/// The furthest second that times are told apart to, some 34,000 years from now: later ones could overflow a clock.
const FURTHEST: u64 = 1 << 40;

/// The claims of a token that was verified.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claims {
    all: Map<String, Value>,
    expires: SystemTime,
    rooms: Option<RoomPatterns>,
}

impl Claims {
    /// The claims of a token that is taken until `expires`.
    ///
    /// # Errors
    ///
    /// Where the claim `rooms` is there and no list of patterns: what was to narrow something must not be passed over.
    pub(super) fn new(
        all: Map<String, Value>,
        expires: SystemTime,
    ) -> Result<Self, serde_json::Error> {
        let rooms = all
            .get("rooms")
            .map(RoomPatterns::deserialize)
            .transpose()?;
        Ok(Self {
            all,
            expires,
            rooms,
        })
    }

    /// All claims, as they stand in the token.
    #[cfg(test)]
    pub(crate) fn all(&self) -> &Map<String, Value> {
        &self.all
    }

    /// All claims as a JSON object, for the socket's data.
    pub(crate) fn into_all(self) -> Map<String, Value> {
        self.all
    }

    /// From when on the token is not taken any more: `exp` and the leeway.
    pub(crate) fn expires(&self) -> SystemTime {
        self.expires
    }

    /// The rooms that the bearer may join; all where the token says nothing of them.
    pub(crate) fn rooms(&self) -> Option<&RoomPatterns> {
        self.rooms.as_ref()
    }

    /// The room of all sockets of the bearer: none without a `sub` that can be a part of a room's name.
    pub(crate) fn user_room(&self) -> Option<RoomName> {
        let sub = self.all.get("sub")?.as_str()?;
        let room = RoomName::try_from(format!("{USER}{sub}"));
        room.ok().filter(|_| !sub.is_empty())
    }

    /// The name that the bearer goes by: the claim `name` if it is one, or else `sub` if it is one.
    pub(crate) fn username(&self) -> Option<&str> {
        let name = |claim| username(self.all.get(claim)?.as_str()?);
        name("name").or_else(|| name("sub"))
    }
}

/// `text` as the name of a user: trimmed, and of 1 to 64 characters.
pub(crate) fn username(text: &str) -> Option<&str> {
    let name = text.trim();
    let is_name = !name.is_empty() && name.chars().count() <= LONGEST_NAME;
    is_name.then_some(name)
}

/// The time that a `NumericDate` means (RFC 7519, section 2): seconds, which may have a fraction.
pub(super) fn time(date: &Value) -> Option<SystemTime> {
    let since_epoch = match date.as_u64() {
        Some(seconds) => Duration::from_secs(seconds.min(FURTHEST)),
        // JSON has no numbers that are not finite, so that this cannot fail once it is clamped.
        None => Duration::try_from_secs_f64(date.as_f64()?.clamp(0.0, FURTHEST as f64)).ok()?,
    };
    Some(SystemTime::UNIX_EPOCH + since_epoch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn name(claims: Value) -> Option<String> {
        let Value::Object(all) = claims else {
            panic!("{claims} is no object");
        };
        let claims = Claims::new(all, SystemTime::UNIX_EPOCH).unwrap();
        claims.username().map(str::to_owned)
    }

    #[test]
    fn a_name_that_is_none_leaves_it_to_the_subject() {
        let longest = "长".repeat(64);
        let too_long = "长".repeat(65);
        for (claims, expected) in [
            (json!({ "name": " Alice ", "sub": "user-1" }), Some("Alice")),
            (json!({ "name": "  ", "sub": "user-1" }), Some("user-1")),
            (json!({ "name": 7, "sub": " user-1" }), Some("user-1")),
            (json!({ "name": longest, "sub": "a" }), Some(&*longest)),
            (json!({ "name": too_long, "sub": "a" }), Some("a")),
            (json!({ "name": too_long, "sub": too_long }), None),
            (json!({ "sub": null }), None),
            (json!({}), None),
        ] {
            assert_eq!(name(claims).as_deref(), expected);
        }
    }

    #[test]
    fn a_users_room_is_named_by_the_subject_as_it_stands() {
        let room = |claims: Value| {
            let all = claims.as_object().unwrap().clone();
            let room = Claims::new(all, SystemTime::UNIX_EPOCH)
                .unwrap()
                .user_room();
            room.map(String::from)
        };
        let longest = "a".repeat(250);

        assert_eq!(room(json!({ "sub": "alice" })).unwrap(), "~user/alice");
        assert_eq!(room(json!({ "sub": " 爱 " })).unwrap(), "~user/ 爱 ");
        assert_eq!(
            room(json!({ "sub": longest })).unwrap(),
            format!("~user/{longest}")
        );
        for sub in [json!("a".repeat(251)), json!(""), json!("a\0"), json!(7)] {
            assert_eq!(room(json!({ "sub": sub })), None, "{sub}");
        }
        assert_eq!(room(json!({ "name": "alice" })), None);
    }

    proptest! {
        #[test]
        fn a_name_is_what_its_own_trimming_leaves(text in "\\PC{0,80}") {
            if let Some(name) = username(&text) {
                prop_assert_eq!(username(name), Some(name));
                prop_assert!((1..=64).contains(&name.chars().count()));
            }
        }

        #[test]
        fn no_number_is_too_large_for_a_clock(number in any::<f64>(), whole in any::<u64>(), less in any::<i64>()) {
            for date in [json!(whole), json!(less)] {
                prop_assert!(time(&date).is_some());
            }
            // What is not finite becomes `null` in JSON.
            prop_assert_eq!(time(&json!(number)).is_some(), number.is_finite());
        }

        #[test]
        fn later_dates_are_later_times(one in any::<u32>(), other in any::<u32>()) {
            let order = time(&json!(one)).cmp(&time(&json!(other)));

            prop_assert_eq!(order, one.cmp(&other));
            prop_assert_eq!(time(&json!(one)), time(&json!(f64::from(one))));
        }
    }
}
