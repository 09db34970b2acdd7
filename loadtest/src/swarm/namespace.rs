//! The namespace that a connection's packets name, and that everything else here leaves out. Pure.

use std::borrow::Cow;
use std::sync::Arc;

/// What stands behind a packet's type: nothing for the namespace `/`, and else its name and a comma.
#[derive(Clone, Debug)]
pub(super) struct Namespace(Arc<str>);

impl Namespace {
    pub(super) fn new(name: &str) -> Self {
        Self(match name {
            "/" => "".into(),
            name => format!("{name},").into(),
        })
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.0.strip_suffix(',').unwrap_or("/")
    }

    /// The parts of a packet that names it.
    pub(super) fn parts<'a>(&'a self, packet: &'a str) -> [&'a str; 3] {
        let (kind, rest) = packet.split_at(packet.len().min(1));
        [kind, &self.0, rest]
    }

    /// The packet without it. One of another namespace stays as it is, for nobody here to know.
    pub(super) fn strip<'a>(&self, packet: &'a str) -> Cow<'a, str> {
        if self.0.is_empty() {
            return packet.into();
        }
        let rest = packet.get(1..).and_then(|rest| rest.strip_prefix(&*self.0));
        match rest {
            Some(rest) => format!("{}{rest}", &packet[..1]).into(),
            None => packet.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_names_its_namespace_on_the_way_and_nowhere_else() {
        for (name, here, there) in [
            ("/", r#"2["e",1]"#, r#"2["e",1]"#),
            ("/chat", r#"2["e",1]"#, r#"2/chat,["e",1]"#),
            ("/chat", r#"27["e"]"#, r#"2/chat,7["e"]"#),
            ("/chat", "1", "1/chat,"),
        ] {
            let namespace = Namespace::new(name);

            assert_eq!(namespace.parts(here).concat(), there);
            assert_eq!(namespace.strip(there), here);
        }
    }

    #[test]
    fn a_packet_of_another_namespace_is_not_taken_for_ours() {
        let chat = Namespace::new("/chat");

        for packet in [r#"2["e"]"#, r#"2/chats,["e"]"#, "", "é"] {
            assert_eq!(chat.strip(packet), packet);
        }
    }
}
