//! The packets of the chat at `/chat`. Pure.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

/// The event that brings a message.
pub(in crate::scenario) const NEW_MESSAGE: &str = "newMessage";

/// The most bytes that a message may have.
pub(super) const LONGEST: u32 = 4096;

/// How many users a node lists, where its settings do not say otherwise.
pub(super) const LISTED: usize = 1000;

/// What happens to who is there.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News<'a> {
    /// These are online.
    Listed(Vec<&'a str>),
    Online(&'a str),
    Offline(&'a str),
    /// This client has joined the chat.
    Joined,
    Types,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    client_id: &'a str,
}

/// Joins the chat.
pub(super) fn join(username: &str) -> String {
    format!(r#"2["joinChat",{}]"#, json!({ "username": username }))
}

/// Says that a user begins to type, or has ended.
pub(super) fn types(is_typing: bool) -> String {
    format!(r#"2["typing",{{"isTyping":{is_typing}}}]"#)
}

/// What stands before and after the text of a message to a room.
pub(in crate::scenario) fn message(room: &str) -> (String, &'static str) {
    let room = Value::from(room);
    (
        format!(r#"2["sendMessage",{{"room":{room},"message":"#),
        "}]",
    )
}

/// The text of a message, from what follows the event's name and comma, and the bracket that closes the packet.
pub(super) fn text(data: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Said {
        message: String,
    }

    let said: Said = serde_json::from_str(data.strip_suffix(']')?).ok()?;
    Some(said.message + "]")
}

/// What a packet says of who is there, if it does.
pub(super) fn news(packet: &str) -> Option<News<'_>> {
    let (name, data) = packet
        .strip_prefix("2[\"")?
        .strip_suffix(']')?
        .split_once("\",")?;
    let user = || Some(serde_json::from_str::<User<'_>>(data).ok()?.client_id);
    Some(match name {
        "userTyping" => News::Types,
        "userOnline" => News::Online(user()?),
        "userOffline" => News::Offline(user()?),
        "joined" => News::Joined,
        "onlineUsers" => {
            let users: Vec<(&str, IgnoredAny)> = serde_json::from_str(data).ok()?;
            News::Listed(users.into_iter().map(|(id, _)| id).collect())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_message_goes_and_comes() {
        let text = r#"{"publisher":3}"#;
        let (head, tail) = message("r");
        let sent = format!("{head}{}{tail}", Value::from(text));

        assert_eq!(
            sent,
            r#"2["sendMessage",{"room":"r","message":"{\"publisher\":3}"}]"#
        );
        let came = r#"{"username":"a","message":"{\"publisher\":3}","timestamp":"T"}]"#;
        assert_eq!(super::text(came).unwrap(), format!("{text}]"));
        assert_eq!(super::text("nonsense]"), None);
    }

    #[test]
    fn what_is_said_of_users_is_read() {
        for (packet, said) in [
            (
                r#"2["onlineUsers",[["~1","\"a\""]]]"#,
                News::Listed(vec!["~1"]),
            ),
            (
                r#"2["userOnline",{"username":"a","clientId":"~1"}]"#,
                News::Online("~1"),
            ),
            (
                r#"2["userOffline",{"clientId":"~1","username":"a"}]"#,
                News::Offline("~1"),
            ),
            (r#"2["joined",{"username":"a"}]"#, News::Joined),
            (r#"2["userTyping",{"isTyping":true}]"#, News::Types),
        ] {
            assert_eq!(news(packet), Some(said), "{packet}");
        }
        for other in [r#"2["exception",{}]"#, r#"2["userOnline",1]"#, "30[1]", "1"] {
            assert_eq!(news(other), None, "{other}");
        }
    }
}
