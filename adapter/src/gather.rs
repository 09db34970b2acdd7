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
    /// Nodes of this crate that are known, but that the bus does not reach, or that are silent, by the id of their adapter.
    pub(crate) unreached: HashMap<String, String>,
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
    /// Who is not waited for, by the id of its adapter: it was gone before it had answered, or cannot be reached.
    gone: HashMap<String, String>,
    /// Nodes that were gone before it was known who has to answer.
    gone_early: Vec<String>,
    /// The bus did not say who is there.
    is_blind: bool,
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
    pub(crate) fn expect(&mut self, mut census: Census) {
        let unreached = std::mem::take(&mut census.unreached).into_iter();
        self.gone
            .extend(unreached.filter(|(uid, _)| !self.answered.contains(uid)));
        self.census = Some(census);
        for node in std::mem::take(&mut self.gone_early) {
            self.gone(&node);
        }
    }

    /// The bus does not say who has to answer; these are the nodes that are heard.
    pub(crate) fn expect_heard(&mut self, named: HashMap<String, String>) {
        self.is_blind = true;
        self.expect(Census {
            named,
            ..Census::default()
        });
    }

    /// Takes an answer; false if this server has answered already.
    pub(crate) fn answer(&mut self, uid: Option<&str>) -> bool {
        if let Some(uid) = uid
            && !self.answered.insert(uid.to_owned())
        {
            return false;
        }
        // One that was given up answers after all, and nobody waits for it.
        let was_gone = uid.is_some_and(|uid| self.gone.remove(uid).is_some());
        self.answers += usize::from(!was_gone);
        true
    }

    /// A server has asked that many clients; false if it has said so already.
    pub(crate) fn clients(&mut self, uid: Option<&str>, clients: usize) -> bool {
        if !self.answer(uid) {
            return false;
        }
        self.clients = self.clients.saturating_add(clients);
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
            return self.gone_early.push(node.to_owned());
        };
        let found = census.named.iter().find(|(_, name)| *name == node);
        let Some(uid) = found.map(|(uid, _)| uid.clone()) else {
            return;
        };
        if !self.answered.contains(&uid) {
            census.named.remove(&uid);
            self.gone.insert(uid, node.to_owned());
        } else if let Some((clients, acks)) = self.clients_of.remove(&uid) {
            let silent = clients.saturating_sub(acks);
            self.clients = self.clients.saturating_sub(silent);
            self.lost = self.lost.saturating_add(silent);
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
            nodes: self.gone.values().cloned().collect(),
            bus: self.is_blind,
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
        self.clients
            .saturating_sub(self.acks)
            .saturating_add(self.lost)
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
            unreached: HashMap::new(),
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
    fn an_answer_that_comes_after_its_node_was_given_up_ends_nobody_elses_wait() {
        let mut gather = Gather::default();
        gather.expect(census(&[("a", "n1")], 1));
        gather.gone("n1");

        assert!(gather.answer(Some("a")));
        assert!(!gather.is_done(), "the other has not answered");
        assert!(gather.missing().nodes.is_empty());
        gather.answer(None);

        assert!(gather.is_done());
        assert!(gather.missing().is_nobody());
    }

    #[test]
    fn a_node_that_is_gone_before_all_are_known_is_not_waited_for() {
        let mut gather = Gather::default();
        gather.gone("n1");
        gather.expect(census(&[("a", "n1")], 0));

        assert!(gather.is_done());
        assert_eq!(gather.missing().nodes, ["n1"]);
    }

    #[test]
    fn who_is_known_but_not_reached_is_missing() {
        let mut gather = Gather::default();
        gather.expect(Census {
            unreached: [("b".to_owned(), "n2".to_owned())].into(),
            ..census(&[], 0)
        });

        assert!(gather.is_done());
        assert_eq!(gather.missing().nodes, ["n2"]);
    }

    #[test]
    fn counts_from_the_network_overflow_nothing() {
        let mut gather = Gather::default();
        for uid in ["a", "b", "c"] {
            gather.clients(Some(uid), usize::MAX);
        }
        gather.expect(census(&[("a", "n1")], 0));
        gather.gone("n1");

        assert_eq!(gather.silent(), usize::MAX);
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
