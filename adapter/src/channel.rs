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

/// The channel on which a node hears itself. The braces keep all that is ours in one slot of a Redis Cluster.
pub(crate) fn node(key: &str, node_id: &str) -> String {
    format!("roomcast:{{{key}}}:node:{node_id}")
}

/// The ways to read a channel as a namespace and a room, the shortest namespace first.
///
/// The room is `None` on the namespace's own channel. More than one reading is only possible where a `#` stands in the
/// name of a namespace or room.
pub(crate) fn readings<'a>(
    key: &str,
    channel: &'a str,
) -> impl Iterator<Item = (&'a str, Option<&'a str>)> + use<'a> {
    let rest = channel
        .strip_prefix(key)
        .and_then(|rest| rest.strip_prefix('#'))
        .unwrap_or_default();
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
        assert_eq!(node("socket.io", "n1"), "roomcast:{socket.io}:node:n1");
    }

    #[test]
    fn a_channel_reads_as_every_namespace_it_can_mean() {
        let all = |channel| readings("k", channel).collect::<Vec<_>>();

        assert_eq!(all("k#/#"), [("/", None)]);
        assert_eq!(all("k#/#room1#"), [("/", Some("room1")), ("/#room1", None)]);
        assert_eq!(all("k#/##")[0], ("/", Some("")));
        assert_eq!(all("k#/#forgot")[0], ("/", Some("forgot")));
        assert_eq!(
            all("k#/a#b#r#")[..2],
            [("/a", Some("b#r")), ("/a#b", Some("r"))]
        );
        assert!(all("other#/#").is_empty());
    }
}
