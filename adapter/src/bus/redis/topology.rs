//! The nodes of a Redis Cluster, as one of them tells.

use std::ops::RangeInclusive;

use fred::{
    clients::Client,
    error::Error,
    interfaces::ClientLike,
    types::{ClusterHash, CustomCommand, config::Server},
};

use super::client::once;

/// One node of a Redis Cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClusterNode {
    pub(super) server: Server,
    /// The one that was asked.
    pub(super) is_self: bool,
    pub(super) is_master: bool,
    /// The cluster has agreed that it is dead.
    pub(super) has_failed: bool,
    /// The node that was asked is in touch with it.
    pub(super) is_in_touch: bool,
    /// Grows with each change of what it serves.
    pub(super) epoch: u64,
    pub(super) slots: Vec<RangeInclusive<u16>>,
}

/// Asks the node that `client` is connected to.
pub(super) async fn ask(client: &Client) -> Result<Vec<ClusterNode>, Error> {
    let command = CustomCommand::new_static("CLUSTER", ClusterHash::Random, false);
    let text: String = once(client).custom(command, vec!["NODES"]).await?;
    let config = client.client_config();
    let uses_names = config.tls.is_some();
    let asked = config.server.hosts().into_iter().next();
    Ok(read(&text, asked.as_ref(), uses_names))
}

/// Whether the node that was asked is on the side of the cluster that has most of the masters.
pub(super) fn is_whole(nodes: &[ClusterNode]) -> bool {
    let masters = || {
        nodes
            .iter()
            .filter(|node| node.is_master && !node.slots.is_empty())
    };
    let in_touch = masters().filter(|node| node.is_self || node.is_in_touch);
    2 * in_touch.count() >= masters().count()
}

/// Reads the answer to CLUSTER NODES. A line that cannot be read is left out.
///
/// `asked` is where the answer came from: a node may not know its own address, and is reached there in any case. With
/// `uses_names` a node's announced name counts, and not its address, for that is what certificates are made out to.
fn read(text: &str, asked: Option<&Server>, uses_names: bool) -> Vec<ClusterNode> {
    let nodes = text.lines().filter_map(|line| node(line, uses_names));
    nodes
        .map(|mut node| {
            if let (true, Some(asked)) = (node.is_self, asked) {
                node.server = asked.clone();
            }
            node
        })
        .filter(|node| !node.server.host.is_empty())
        .collect()
}

/// `ID HOST:PORT@BUS,NAME FLAG,FLAG MASTER PING PONG EPOCH LINK SLOTS SLOTS`
fn node(line: &str, uses_names: bool) -> Option<ClusterNode> {
    let mut words = line.split_ascii_whitespace();
    let address = words.nth(1)?;
    let flags: Vec<&str> = words.next()?.split(',').collect();
    let epoch = words.nth(3)?.parse().ok()?;
    let is_linked = words.next()? == "connected";
    let has = |flag: &str| flags.contains(&flag);
    if has("noaddr") || has("handshake") {
        return None;
    }
    let mut parts = address.split(',');
    let (address, _) = parts.next()?.split_once('@')?;
    let (host, port) = address.rsplit_once(':')?;
    let name = parts
        .next()
        .filter(|name| uses_names && !name.is_empty() && !name.contains('='));
    Some(ClusterNode {
        server: Server::new(name.unwrap_or(host), port.parse().ok()?),
        is_self: has("myself"),
        is_master: has("master"),
        has_failed: has("fail"),
        is_in_touch: is_linked && !has("fail") && !has("fail?"),
        epoch,
        slots: words.filter_map(slots).collect(),
    })
}

/// `5` or `0-5460`; one that is just moving, as `[93->-ID]`, still is where it was.
fn slots(word: &str) -> Option<RangeInclusive<u16>> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some(first.parse().ok()?..=last.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = "\
        a1 :7000@17000,,tls-port=0,shard-id=f1 myself,master - 0 0 3 connected 0-5460 5462 [93->-b2]\n\
        b2 10.0.0.2:7001@17001,two.example slave c3 0 1426238316232 4 connected\n\
        c3 2001:db8::3:7002@17002 master - 0 1426238318243 2 connected 10923-16383\n\
        d4 10.0.0.4:7003@17003 master,fail? - 1426238316232 1426238318243 1 connected 5461 5463-10922\n\
        e5 10.0.0.5:7004@17004 slave,fail d4 0 1426238318243 1 disconnected\n\
        f6 :0@0 slave,noaddr - 0 0 1 disconnected\n\
        not a line\n";

    #[test]
    fn nodes_are_read_with_their_slots() {
        let asked = Server::new("localhost", 17);

        let nodes = read(ANSWER, Some(&asked), false);

        let hosts: Vec<_> = nodes
            .iter()
            .map(|node| (&*node.server.host, node.server.port))
            .collect();
        assert_eq!(
            hosts,
            [
                ("localhost", 17),
                ("10.0.0.2", 7001),
                ("2001:db8::3", 7002),
                ("10.0.0.4", 7003),
                ("10.0.0.5", 7004)
            ]
        );
        assert!(nodes[0].is_self && nodes[0].is_master && nodes[0].epoch == 3);
        assert_eq!(nodes[0].slots, [0..=5460, 5462..=5462]);
        assert!(!nodes[1].is_master && nodes[1].is_in_touch);
        assert!(!nodes[3].is_in_touch && !nodes[3].has_failed);
        assert!(nodes[4].has_failed);
        let named = read(ANSWER, None, true);
        assert_eq!(&*named[0].server.host, "two.example");
        assert_eq!(named.len(), 4, "a node without an address is left out");
    }

    #[test]
    fn a_node_that_sees_less_than_half_of_the_masters_is_cut_off() {
        let mut nodes = read(ANSWER, Some(&Server::new("localhost", 17)), false);
        assert!(is_whole(&nodes));

        nodes[2].is_in_touch = false;

        assert!(!is_whole(&nodes));
        assert!(is_whole(&[]));
    }

    proptest! {
        #[test]
        fn reading_never_panics(text in "([a-z0-9:@,?\\[\\]> \n-]{0,20}(myself|master|connected| ){0,3}){0,9}") {
            let _ = read(&text, None, true);
        }
    }
}
