//! The README and the operations page say what the code does.

mod common;

use common::{TestNode, config};
use roomcast_node::config::key::{Key, keys};

const README: &str = include_str!("../../README.md");
const OPERATIONS: &str = include_str!("../docs/operations.md");

/// The code between the markers of an example.
fn example(path: &str) -> &'static str {
    let (_, rest) = README
        .split_once(&format!("<!-- {path} -->\n```rust\n"))
        .unwrap_or_else(|| panic!("the README has no marker for {path}"));
    let (text, _) = rest
        .split_once("```\n<!-- end -->\n")
        .expect("the README's marker has an end");
    text
}

fn row_of(key: &Key) -> Option<&'static str> {
    let start = format!("| `{}` |", key.path);
    OPERATIONS.lines().find(|line| line.starts_with(&start))
}

#[test]
fn the_examples_in_the_readme_are_the_ones_that_are_compiled() {
    assert_eq!(
        example("node/examples/gateway.rs"),
        include_str!("../examples/gateway.rs")
    );
    assert_eq!(
        example("node/examples/adapter.rs"),
        include_str!("../examples/adapter.rs")
    );
    assert_eq!(
        example("node/examples/emitter.rs"),
        include_str!("../examples/emitter.rs")
    );
}

#[test]
fn the_operations_page_has_every_key_with_its_names_and_its_default() {
    for key in keys() {
        let default = match key.default {
            Some("") | None => "none".to_owned(),
            Some(text) => format!("`{text}`"),
        };
        let names = format!(
            "| `{}` | `{}` | `{}` | {default} |",
            key.path,
            key.flag(),
            key.variable()
        );

        let row = row_of(key).unwrap_or_else(|| panic!("no row for {}", key.path));

        assert!(row.starts_with(&names), "{row}\nexpected {names}");
    }
}

#[tokio::test]
async fn both_have_every_metric_of_a_node_with_its_type() {
    let node = TestNode::start(config(), vec![]).await;

    let (_, text) = node.get("/metrics").await;

    let types: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .filter(|line| !line.starts_with("process_"))
        .collect();
    assert!(types.len() > 15, "{types:?}");
    for line in types {
        let (name, kind) = line.split_once(' ').expect("a name and a type");
        let row = format!("| `{name}` | {kind} |");
        assert!(README.contains(&row), "the README has no {row}");
        assert!(
            OPERATIONS.contains(&row),
            "the operations page has no {row}"
        );
    }
}
