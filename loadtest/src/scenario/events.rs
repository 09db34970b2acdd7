//! What the events of the server under load are called: those of the `/` gateway, unless said otherwise.

use clap::Args;
use serde_json::Value;

use super::flow::{Audience, chat};

/// The names of the events.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
#[command(next_help_heading = "Names of events")]
pub struct EventNames {
    /// Joins the room that is its body, and answers {"joined":true}
    #[arg(long = "event-join", default_value = "joinRoom")]
    pub join_room: String,
    /// Leaves the room that is its body, and answers {"joined":false}
    #[arg(long = "event-leave", default_value = "leaveRoom")]
    pub leave_room: String,
    /// Sends "data" to everyone in "room"
    #[arg(long = "event-send", default_value = "sendToRoom")]
    pub send_to_room: String,
    /// What everyone in the room gets
    #[arg(long = "event-room-message", default_value = "roomMsg")]
    pub room_message: String,
    /// Sends its body to everyone
    #[arg(long = "event-broadcast", default_value = "broadcast")]
    pub broadcast: String,
    /// What everyone gets
    #[arg(long = "event-broadcast-message", default_value = "msgToAll")]
    pub broadcast_message: String,
    /// Answers with its body
    #[arg(long = "event-echo", default_value = "echo")]
    pub echo: String,
}

impl EventNames {
    /// The packet that asks for a room, with an ack of the id 0.
    pub(super) fn join(&self, room: &str) -> String {
        format!("20[{},{}]", quoted(&self.join_room), quoted(room))
    }

    /// What stands before and after the data of a message to this room, or to everyone.
    pub(super) fn publish(&self, audience: Audience, room: &str) -> (String, &'static str) {
        match audience {
            Audience::Rooms(_) => {
                let event = quoted(&self.send_to_room);
                (
                    format!(r#"2[{event},{{"room":{},"data":"#, quoted(room)),
                    "}]",
                )
            }
            Audience::Everyone => (format!("2[{},", quoted(&self.broadcast)), "]"),
            Audience::Chat(_) => chat::message(room),
        }
    }

    /// The event that brings a message.
    pub(super) fn delivery(&self, audience: Audience) -> &str {
        match audience {
            Audience::Rooms(_) => &self.room_message,
            Audience::Everyone => &self.broadcast_message,
            Audience::Chat(_) => chat::NEW_MESSAGE,
        }
    }

    /// The event that gives back its body, as JSON.
    pub(super) fn echo(&self) -> String {
        quoted(&self.echo).to_string()
    }

    /// The events that join and leave a room, as JSON.
    pub(super) fn moves(&self) -> (String, String) {
        let (join, leave) = (quoted(&self.join_room), quoted(&self.leave_room));
        (join.to_string(), leave.to_string())
    }
}

fn quoted(text: &str) -> Value {
    Value::from(text)
}
