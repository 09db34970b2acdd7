//! The model. Pure.
//!
//! A message is published once, and sent by Redis to each node that is subscribed: to those that have a member of the room,
//! or, by pattern, to all. A node that is sent a message takes it, and where it has members delivers it.

use serde::Serialize;

/// Shards of a Redis Cluster in the reckoning.
const SHARDS: f64 = 8.0;

/// How nodes subscribe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Way {
    /// To the rooms of their own clients.
    Rooms,
    /// To everything.
    Pattern,
    /// To the rooms of their own clients, over the shards of a cluster.
    Sharded,
}

impl Way {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Rooms => "rooms",
            Self::Pattern => "pattern",
            Self::Sharded => "sharded",
        }
    }
}

/// What a run has shown, in microseconds of processor time per message.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Observation {
    pub(super) way: Way,
    pub(super) nodes: u32,
    pub(super) servers_us: f64,
    pub(super) redis_us: f64,
}

/// What the single steps cost, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Costs {
    /// One node: taking an event, delivering it to the members, and publishing it.
    pub(super) alone: f64,
    /// Each further node with members: taking the message; deliveries cost the same wherever they are made.
    pub(super) applied: f64,
    /// Each further node without one: taking the message and dropping it.
    pub(super) dropped: f64,
    /// Redis: taking a message.
    pub(super) redis_taken: f64,
    /// The same where a pattern is subscribed, which is matched too.
    pub(super) redis_taken_by_pattern: f64,
    /// Redis: sending it to one node by its room, and by pattern.
    pub(super) redis_by_room: f64,
    pub(super) redis_by_pattern: f64,
}

/// How many of the nodes have one of the members at least, if each member is on any node by chance.
pub(super) fn spread(nodes: u32, members: u32) -> f64 {
    let nodes = f64::from(nodes);
    let none = (1.0 - 1.0 / nodes).powi(i32::try_from(members).unwrap_or(i32::MAX));
    nodes * (1.0 - none)
}

impl Costs {
    /// What runs say in which each room has members on all nodes: the lines that fit them best. `dropped` is what a node was
    /// seen to pay for messages to rooms of which it has no member.
    pub(super) fn of(observations: &[Observation], dropped: f64) -> Option<Self> {
        let line = |way, value: fn(&Observation) -> f64| {
            let seen = observations.iter().filter(|seen| seen.way == way);
            let points: Vec<_> = seen
                .map(|seen| (f64::from(seen.nodes), value(seen)))
                .collect();
            fitted(points.into_iter())
        };
        let (alone, applied) = line(Way::Rooms, |seen| seen.servers_us)?;
        let (redis_taken, redis_by_room) = line(Way::Rooms, |seen| seen.redis_us)?;
        let (redis_taken_by_pattern, redis_by_pattern) = line(Way::Pattern, |seen| seen.redis_us)?;
        Some(Self {
            alone: alone + applied,
            applied,
            dropped,
            redis_taken,
            redis_taken_by_pattern,
            redis_by_room,
            redis_by_pattern,
        })
    }

    /// What all nodes pay for a message that reaches so many of them.
    pub(super) fn servers_us(&self, way: Way, nodes: u32, reached: f64) -> f64 {
        let others = (reached - 1.0).max(0.0);
        let beside = (f64::from(nodes) - reached).max(0.0);
        let dropped = match way {
            Way::Pattern => beside * self.dropped,
            Way::Rooms | Way::Sharded => 0.0,
        };
        self.alone + others * self.applied + dropped
    }

    /// What a node pays for a message on average.
    pub(super) fn per_node_us(&self, way: Way, nodes: u32, members: u32) -> f64 {
        self.servers_us(way, nodes, spread(nodes, members)) / f64::from(nodes)
    }

    /// What Redis pays, or each of its shards on average.
    pub(super) fn redis_us(&self, way: Way, nodes: u32, reached: f64) -> f64 {
        match way {
            Way::Rooms => self.redis_taken + reached * self.redis_by_room,
            Way::Pattern => self.redis_taken_by_pattern + f64::from(nodes) * self.redis_by_pattern,
            Way::Sharded => (self.redis_taken + reached * self.redis_by_room) / SHARDS,
        }
    }
}

/// The line through points with the least squares of what is missed: its value at 0, and its slope.
fn fitted(points: impl Iterator<Item = (f64, f64)> + Clone) -> Option<(f64, f64)> {
    let count = points.clone().count() as f64;
    let mean = |value: fn((f64, f64)) -> f64| points.clone().map(value).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let across: f64 = points.clone().map(|point| (point.0 - x).powi(2)).sum();
    let along: f64 = points.map(|point| (point.0 - x) * (point.1 - y)).sum();
    (across > 0.0).then(|| (y - along / across * x, along / across))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_on_fewer_nodes_than_there_are_of_either() {
        assert!((spread(1, 10) - 1.0).abs() < 1e-9);
        assert!((spread(2, 1) - 1.0).abs() < 1e-9);
        assert!((spread(2, 2) - 1.5).abs() < 1e-9);
        assert!(spread(1000, 10) > 9.9 && spread(1000, 10) < 10.0);
    }

    #[test]
    fn what_was_measured_follows_from_what_was_made_of_it() {
        let seen = |way, nodes, servers_us, redis_us| Observation {
            way,
            nodes,
            servers_us,
            redis_us,
        };
        let observations = [
            seen(Way::Rooms, 1, 100.0, 8.0),
            seen(Way::Rooms, 2, 110.0, 9.0),
            seen(Way::Pattern, 1, 100.0, 9.0),
            seen(Way::Pattern, 2, 110.0, 11.0),
        ];

        let costs = Costs::of(&observations, 5.0).unwrap();

        assert!((costs.servers_us(Way::Rooms, 2, 2.0) - 110.0).abs() < 1e-9);
        assert!((costs.redis_us(Way::Rooms, 2, 2.0) - 9.0).abs() < 1e-9);
        assert!((costs.redis_us(Way::Sharded, 2, 2.0) - 9.0 / 8.0).abs() < 1e-9);
        assert_eq!(
            Costs::of(&observations[..3], 5.0),
            None,
            "one point is no line"
        );
    }

    #[test]
    fn only_by_pattern_do_nodes_without_members_pay() {
        let costs = Costs {
            alone: 100.0,
            applied: 10.0,
            dropped: 10.0,
            redis_taken: 7.0,
            redis_taken_by_pattern: 8.0,
            redis_by_room: 1.0,
            redis_by_pattern: 1.0,
        };

        assert!(costs.per_node_us(Way::Rooms, 100, 10) < 2.0);
        assert!(costs.per_node_us(Way::Pattern, 100, 10) > 10.0);
    }
}
