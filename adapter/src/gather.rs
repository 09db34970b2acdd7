//! Pure: whether everyone who was asked has answered.
//!
//! Answers of Node.js servers do not say whose they are, so those can only be counted. Nodes of this crate are known by
//! name: a second answer counts once, and one that is gone is not waited for.

use std::collections::{HashMap, HashSet};

/// Who should answer a question.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Census {
    /// Nodes of this crate, by the id of their adapter.
    pub(crate) named: HashMap<String, String>,
    /// How many others there are.
    pub(crate) others: usize,
}

/// Whose answers were missing when a question ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Missing {
    /// Nodes of this crate, by name.
    pub nodes: Vec<String>,
    /// How many other servers.
    pub others: usize,
    /// Whether the bus could not even be asked who is there.
    pub bus: bool,
}

impl Missing {
    /// Whether everyone has answered.
    pub fn is_nobody(&self) -> bool {
        *self == Self::default()
    }
}

/// The answers to one question: one from each server, and, where clients are asked, one from each of theirs.
#[derive(Debug, Default)]
pub(crate) struct Gather {
    /// Not known yet, or who has to answer and is not gone.
    census: Option<Census>,
    /// Who was gone before it had answered.
    gone: Vec<String>,
    answered: HashSet<String>,
    answers: usize,
    /// Clients that were asked, by all servers that have said so.
    clients: usize,
    acks: usize,
    /// The clients of each named server, and how many of them have answered.
    clients_of: HashMap<String, (usize, usize)>,
    /// Clients that are gone with their server.
    lost: usize,
}

impl Gather {
    /// Says who has to answer.
    pub(crate) fn expect(&mut self, census: Census) {
        self.census = Some(census);
    }

    /// Takes an answer; false if this server has answered already.
    pub(crate) fn answer(&mut self, uid: Option<&str>) -> bool {
        if let Some(uid) = uid
            && !self.answered.insert(uid.to_owned())
        {
            return false;
        }
        self.answers += 1;
        true
    }

    /// A server has asked that many clients; false if it has said so already.
    pub(crate) fn clients(&mut self, uid: Option<&str>, clients: usize) -> bool {
        if !self.answer(uid) {
            return false;
        }
        self.clients += clients;
        if let Some(uid) = uid {
            self.clients_of.insert(uid.to_owned(), (clients, 0));
        }
        true
    }

    /// A client has answered.
    pub(crate) fn ack(&mut self, uid: Option<&str>) {
        self.acks += 1;
        if let Some((_, acks)) = uid.and_then(|uid| self.clients_of.get_mut(uid)) {
            *acks += 1;
        }
    }

    /// A node is gone: neither it nor its clients will answer any more.
    pub(crate) fn gone(&mut self, node: &str) {
        let Some(census) = &mut self.census else {
            return;
        };
        let found = census.named.iter().find(|(_, name)| *name == node);
        let Some(uid) = found.map(|(uid, _)| uid.clone()) else {
            return;
        };
        if !self.answered.contains(&uid) {
            census.named.remove(&uid);
            self.gone.push(node.to_owned());
        } else if let Some((clients, acks)) = self.clients_of.remove(&uid) {
            let silent = clients.saturating_sub(acks);
            self.clients -= silent;
            self.lost += silent;
        }
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn is_done(&self) -> bool {
        let Some(census) = &self.census else {
            return false;
        };
        self.answers >= census.named.len() + census.others && self.acks >= self.clients
    }

    /// Whose answers are missing now.
    pub(crate) fn missing(&self) -> Missing {
        let mut missing = Missing {
            nodes: self.gone.clone(),
            ..Missing::default()
        };
        let Some(census) = &self.census else {
            missing.bus = true;
            return missing;
        };
        let open = (census.named.len() + census.others).saturating_sub(self.answers);
        let named = census.named.iter();
        let silent = named.filter(|(uid, _)| !self.answered.contains(*uid));
        missing
            .nodes
            .extend(silent.take(open).map(|(_, node)| node.clone()));
        missing.others = open.saturating_sub(missing.nodes.len() - self.gone.len());
        missing.nodes.sort();
        missing
    }

    /// How many clients were asked and have not answered.
    pub(crate) fn silent(&self) -> usize {
        self.clients.saturating_sub(self.acks) + self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn census(named: &[(&str, &str)], others: usize) -> Census {
        let named = named.iter();
        Census {
            named: named
                .map(|(uid, node)| ((*uid).to_owned(), (*node).to_owned()))
                .collect(),
            others,
        }
    }

    #[test]
    fn everyone_answers_once_whether_known_by_name_or_not() {
        let mut gather = Gather::default();
        assert!(gather.answer(Some("a")), "answers may come first");
        assert!(!gather.is_done());
        gather.expect(census(&[("a", "n1"), ("b", "n2")], 1));

        assert!(!gather.answer(Some("a")));
        assert!(gather.answer(None));
        assert!(!gather.is_done());
        assert_eq!(gather.missing().nodes, ["n2"]);
        assert!(gather.answer(Some("b")));

        assert!(gather.is_done());
        assert!(gather.missing().is_nobody());
    }

    #[test]
    fn a_node_that_is_gone_is_named_and_not_waited_for() {
        let mut gather = Gather::default();
        gather.expect(census(&[("a", "n1"), ("b", "n2")], 1));
        gather.answer(Some("a"));

        gather.gone("n2");
        assert!(!gather.is_done());
        assert_eq!(gather.missing().others, 1);
        gather.answer(None);

        assert!(gather.is_done());
        assert_eq!(gather.missing().nodes, ["n2"]);
        assert_eq!(gather.missing().others, 0);
    }

    #[test]
    fn clients_of_a_node_that_is_gone_are_silent() {
        let mut gather = Gather::default();
        gather.expect(census(&[("a", "n1")], 1));
        assert!(gather.clients(Some("a"), 3));
        assert!(!gather.clients(Some("a"), 3));
        assert!(gather.clients(None, 1));
        gather.ack(Some("a"));
        gather.ack(None);
        assert!(!gather.is_done());
        assert_eq!(gather.silent(), 2);

        gather.gone("n1");

        assert!(gather.is_done());
        assert_eq!(gather.silent(), 2);
        assert!(gather.missing().is_nobody(), "the node itself has answered");
    }

    #[test]
    fn without_a_census_the_bus_is_missing() {
        let mut gather = Gather::default();
        gather.answer(None);

        assert!(!gather.is_done());
        assert!(gather.missing().bus);
    }
}
