//! Channel names: who is addressed by which, and back.
//!
//! Node's names end in `#` and are never escaped, so a room may hold `#`, spaces or glob characters, and the channel of
//! room `b#r` in `/a` is that of room `r` in `/a#b`. The namespace inside the message settles it.

/// The channel of broadcasts to a whole namespace, or to no room or several: `KEY#NSP#`.
pub(crate) fn namespace(key: &str, namespace: &str) -> String {
    format!("{key}#{namespace}#")
}

/// The channel of broadcasts to exactly one room: `KEY#NSP#ROOM#`.
pub(crate) fn room(key: &str, namespace: &str, room: &str) -> String {
    format!("{key}#{namespace}#{room}#")
}

/// The pattern that matches all broadcasts of a namespace, glob characters in its name escaped.
pub(crate) fn pattern(key: &str, namespace: &str) -> String {
    let mut pattern = String::with_capacity(key.len() + namespace.len() + 3);
    for character in format!("{key}#{namespace}#").chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '^' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('*');
    pattern
}

/// The channel of requests to every node that serves a namespace: `KEY-request#NSP#`.
pub(crate) fn request(key: &str, namespace: &str) -> String {
    format!("{key}-request#{namespace}#")
}

/// The channel of responses that every node gets, for whoever asked: `KEY-response#NSP#`.
pub(crate) fn response(key: &str, namespace: &str) -> String {
    format!("{key}-response#{namespace}#")
}

/// The channel of responses to one adapter: `KEY-response#NSP#UID#`.
pub(crate) fn response_to(key: &str, namespace: &str, uid: &str) -> String {
    format!("{key}-response#{namespace}#{uid}#")
}

/// The channel on which nodes of this crate say that they are there, and hear themselves. The braces keep all that is ours
/// in one slot of a Redis Cluster.
pub(crate) fn nodes(key: &str) -> String {
    format!("roomcast:{{{key}}}:nodes")
}

/// What a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Broadcast,
    Request,
    Response,
}

/// What a channel is for, and what follows the name of that: the namespace, and what is behind it. `None` for a channel
/// of somebody else.
pub(crate) fn purpose<'a>(key: &str, channel: &'a str) -> Option<(Purpose, &'a str)> {
    let rest = channel.strip_prefix(key)?;
    let purposes = [
        ("#", Purpose::Broadcast),
        ("-request#", Purpose::Request),
        ("-response#", Purpose::Response),
    ];
    purposes
        .into_iter()
        .find_map(|(name, purpose)| Some((purpose, rest.strip_prefix(name)?)))
}

/// The ways to read what follows a channel's [purpose](purpose()) as a namespace and a room, or the id of an adapter, the
/// shortest namespace first.
///
/// The room is `None` on the namespace's own channel. More than one reading is only possible where a `#` stands in the
/// name of a namespace or room.
pub(crate) fn readings(rest: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    rest.match_indices('#').map(move |(at, _)| {
        let (namespace, room) = (&rest[..at], &rest[at + 1..]);
        // Every channel ends in `#`, but for those of a publisher that forgot it.
        let room = (!room.is_empty()).then(|| room.strip_suffix('#').unwrap_or(room));
        (namespace, room)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_node() {
        assert_eq!(namespace("socket.io", "/"), "socket.io#/#");
        assert_eq!(room("my:app", "/chat", "room1"), "my:app#/chat#room1#");
        assert_eq!(room("socket.io", "/", ""), "socket.io#/##");
        assert_eq!(pattern("socket.io", "/chat"), "socket.io#/chat#*");
        assert_eq!(pattern("k", "/a[b]"), r"k#/a\[b\]#*");
        assert_eq!(request("socket.io", "/"), "socket.io-request#/#");
        assert_eq!(response("socket.io", "/"), "socket.io-response#/#");
        assert_eq!(
            response_to("socket.io", "/", "Un3KfT"),
            "socket.io-response#/#Un3KfT#"
        );
        assert_eq!(nodes("socket.io"), "roomcast:{socket.io}:nodes");
    }

    #[test]
    fn a_channel_reads_as_every_namespace_it_can_mean() {
        let all = |rest| readings(rest).collect::<Vec<_>>();

        assert_eq!(all("/#"), [("/", None)]);
        assert_eq!(all("/#room1#"), [("/", Some("room1")), ("/#room1", None)]);
        assert_eq!(all("/##")[0], ("/", Some("")));
        assert_eq!(all("/#forgot")[0], ("/", Some("forgot")));
        assert_eq!(
            all("/a#b#r#")[..2],
            [("/a", Some("b#r")), ("/a#b", Some("r"))]
        );
    }

    #[test]
    fn a_channel_tells_what_it_is_for() {
        assert_eq!(purpose("k", "k#/#r#"), Some((Purpose::Broadcast, "/#r#")));
        assert_eq!(purpose("k", "k-request#/#"), Some((Purpose::Request, "/#")));
        assert_eq!(
            purpose("k", "k-response#/#uid#"),
            Some((Purpose::Response, "/#uid#"))
        );
        assert_eq!(purpose("k", "other#/#"), None);
        assert_eq!(purpose("k", "kk#/#"), None);
    }
}
