//! Pure: who closes how many.

use super::Share;
use crate::{drain::Phase, nodes::NodeStatus};

/// Has every node that serves close what it has above the average, which is rounded up: nobody goes below it. Nodes that
/// are draining get no clients and have none to give; those that do not say how many they have are left alone.
pub(super) fn plan(nodes: &[NodeStatus]) -> Vec<Share> {
    let serving = nodes.iter().filter_map(|node| {
        let serves = node.about.state.as_deref() == Some(Phase::Serving.as_str());
        Some((&node.id, node.about.connections.filter(|_| serves)?))
    });
    let serving: Vec<_> = serving.collect();
    let all = serving.iter().fold(0, |sum: u64, (_, connections)| {
        sum.saturating_add(*connections)
    });
    let count = u64::try_from(serving.len()).unwrap_or(u64::MAX).max(1);
    let average = all.div_ceil(count);
    serving
        .into_iter()
        .map(|(id, connections)| Share {
            id: id.clone(),
            connections,
            to_close: connections.saturating_sub(average),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nodes::About;

    fn node(id: &str, state: &str, connections: Option<u64>) -> NodeStatus {
        NodeStatus {
            id: id.to_owned(),
            about: About {
                connections,
                state: Some(state.to_owned()),
                ..About::default()
            },
        }
    }

    fn to_close(nodes: &[NodeStatus]) -> Vec<(String, u64)> {
        let shares = plan(nodes).into_iter();
        shares.map(|share| (share.id, share.to_close)).collect()
    }

    #[test]
    fn the_surplus_above_the_average_goes() {
        let nodes = [
            node("a", "serving", Some(90)),
            node("b", "serving", Some(30)),
            node("c", "serving", Some(0)),
        ];

        assert_eq!(
            to_close(&nodes),
            [
                ("a".to_owned(), 50),
                ("b".to_owned(), 0),
                ("c".to_owned(), 0)
            ]
        );
    }

    #[test]
    fn nodes_that_drain_or_do_not_say_how_many_they_have_are_left_out() {
        let nodes = [
            node("a", "serving", Some(20)),
            node("b", "serving", Some(0)),
            node("c", "draining", Some(1000)),
            node("d", "serving", None),
        ];

        assert_eq!(
            to_close(&nodes),
            [("a".to_owned(), 10), ("b".to_owned(), 0)]
        );
        assert!(plan(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn nobody_goes_below_the_average_and_all_fit_into_the_others(counts in prop::collection::vec(0u64..10_000, 1..20)) {
            let nodes: Vec<_> = counts.iter().map(|count| node("n", "serving", Some(*count))).collect();
            let all: u64 = counts.iter().sum();
            let average = all.div_ceil(counts.len() as u64);

            for share in plan(&nodes) {
                let left = share.connections - share.to_close;
                prop_assert!(left <= average);
                prop_assert!(share.to_close == 0 || left == average);
            }
        }
    }
}
