use futures_util::FutureExt;
use roomcast_gateway::{
    platform::Selection,
    testing::{Client, Sent, block_on},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::*;
use crate::store::{self, MemoryStore};

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    text: String,
    #[serde(default)]
    done: bool,
}

fn client<T: Serialize + DeserializeOwned + 'static>(name: &str) -> Client {
    let store = Arc::new(MemoryStore::default());
    Client::of(Resource::<T>::named(name, store).mount(Gateway::new("/")))
}

fn ask(client: &Client, event: &str, body: impl Serialize) -> Vec<Sent> {
    block_on(client.emit_with_ack(event, &body));
    client.sent()
}

/// The message of the one exception that the client is sent.
fn refusal(client: &Client, event: &str, body: Value) -> String {
    match &ask(client, event, body)[..] {
        [Sent::Event { event, data, .. }] if event == "exception" => {
            data["message"].as_str().unwrap().to_owned()
        }
        sent => panic!("expected an exception: {sent:?}"),
    }
}

/// What is sent to those who watch `Aaa`.
fn told(event: &str, record: Value) -> Sent {
    let watchers = Selection {
        rooms: vec!["~watch/Aaa".into()],
        ..Selection::default()
    };
    Sent::broadcast("/", watchers, event, record)
}

#[test]
fn a_record_is_created_found_changed_and_removed_and_watchers_are_told() {
    let client = client::<Fields>("Aaa");
    let created = json!({ "id": 1, "name": "one", "tags": [] });
    let updated = json!({ "id": 1, "name": "eins", "tags": [], "new": null });

    assert_eq!(
        ask(&client, "createAaa", json!({ "name": "one", "tags": [] })),
        [
            told("AaaCreated", created.clone()),
            Sent::ack(created.clone())
        ]
    );
    assert_eq!(
        ask(&client, "findOneAaa", json!(1)),
        [Sent::ack(created.clone())]
    );
    assert_eq!(
        ask(&client, "findAllAaa", Value::Null),
        [Sent::ack(json!([created]))]
    );
    assert_eq!(
        ask(
            &client,
            "updateAaa",
            json!({ "id": 1, "name": "eins", "new": null })
        ),
        [
            told("AaaUpdated", updated.clone()),
            Sent::ack(updated.clone())
        ]
    );
    assert_eq!(
        ask(&client, "removeAaa", json!(1)),
        [told("AaaRemoved", updated.clone()), Sent::ack(updated)]
    );
    assert_eq!(
        ask(&client, "findAllAaa", Value::Null),
        [Sent::ack(json!([]))]
    );
}

#[test]
fn a_record_that_is_not_there_is_named() {
    let client = client::<Fields>("Aaa");

    for (event, body) in [
        ("findOneAaa", json!(7)),
        ("updateAaa", json!({ "id": 7, "a": 1 })),
        ("removeAaa", json!(7)),
    ] {
        assert_eq!(refusal(&client, event, body), "Aaa #7 not found");
    }
}

#[test]
fn a_body_that_does_not_fit_is_told_what_was_expected() {
    let client = client::<Fields>("Aaa");

    for body in [json!(null), json!([1]), json!("text"), json!(4)] {
        for event in ["createAaa", "updateAaa"] {
            assert_eq!(
                refusal(&client, event, body.clone()),
                "body: expected an object"
            );
        }
    }
    for body in [json!(0), json!(-1), json!(1.5), json!("1"), json!(null)] {
        for event in ["findOneAaa", "removeAaa"] {
            assert_eq!(
                refusal(&client, event, body.clone()),
                "body: expected a positive integer"
            );
        }
        assert_eq!(
            refusal(&client, "updateAaa", json!({ "id": body })),
            "id: expected a positive integer"
        );
    }
    assert_eq!(
        refusal(&client, "createAaa", json!({ "id": 1 })),
        "id: expected none, a new record is given one"
    );
    assert_eq!(
        refusal(&client, "updateAaa", json!({ "a": 1 })),
        "id: missing"
    );
}

#[test]
fn binary_data_is_refused() {
    let client = client::<Fields>("Aaa");

    block_on(client.emit_with_ack(
        "createAaa",
        &std::collections::BTreeMap::from([("a", roomcast_gateway::Binary::from(vec![1]))]),
    ));

    let sent = client.sent();
    let [Sent::Event { data, .. }] = &sent[..] else {
        panic!("expected an exception: {sent:?}");
    };
    assert_eq!(data["message"], "body: expected no binary data in a record");
}

#[test]
fn a_record_of_too_many_fields_is_refused() {
    let client = client::<Fields>("Aaa");
    let many: serde_json::Map<_, _> = (0..=MAX_FIELDS)
        .map(|number| (format!("f{number}"), json!(number)))
        .collect();

    assert_eq!(
        refusal(&client, "createAaa", json!(many)),
        "body: expected no more than 1000 fields in a record"
    );
}

#[test]
fn who_watches_is_in_the_room_until_it_unwatches() {
    let client = client::<Fields>("Aaa");
    let is_in = || client.socket().rooms().contains(&"~watch/Aaa".to_owned());

    assert_eq!(
        ask(&client, "watchAaa", Value::Null),
        [Sent::ack(json!({ "watching": true }))]
    );
    assert!(is_in());
    assert_eq!(
        ask(&client, "unwatchAaa", Value::Null),
        [Sent::ack(json!({ "watching": false }))]
    );
    assert!(!is_in());
}

#[test]
fn a_type_fills_in_drops_and_refuses() {
    let client = client::<Note>("Note");

    let sent = ask(&client, "createNote", json!({ "text": "milk", "other": 1 }));
    assert_eq!(
        sent.last(),
        Some(&Sent::ack(
            json!({ "id": 1, "text": "milk", "done": false })
        ))
    );
    let sent = ask(
        &client,
        "updateNote",
        json!({ "id": 1, "done": true, "other": 1 }),
    );
    assert_eq!(
        sent.last(),
        Some(&Sent::ack(json!({ "id": 1, "text": "milk", "done": true })))
    );
    assert_eq!(
        refusal(&client, "createNote", json!({ "done": true })),
        "text: missing"
    );
    assert_eq!(
        refusal(&client, "updateNote", json!({ "id": 1, "text": 5 })),
        "text: expected a string"
    );
    assert_eq!(
        refusal(&client, "updateNote", json!({ "id": 9, "text": 5 })),
        "Note #9 not found"
    );
}

#[test]
fn two_resources_share_a_gateway_and_a_store() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let gateway = Resource::<Fields>::named("Aaa", Arc::clone(&store)).mount(Gateway::new("/"));
    let client = Client::of(Resource::<Note>::named("Note", store).mount(gateway));

    ask(&client, "createAaa", json!({ "a": 1 }));
    let sent = ask(&client, "createNote", json!({ "text": "" }));

    assert_eq!(
        sent.last(),
        Some(&Sent::ack(json!({ "id": 1, "text": "", "done": false })))
    );
}

#[test]
fn what_is_wrong_with_the_store_is_not_told() {
    /// Never there.
    struct Away;

    fn away<'a, T: Send + 'a>() -> store::Answer<'a, T> {
        async { Err(StoreError::Unavailable("secret".into())) }.boxed()
    }

    impl Store for Away {
        fn create<'a>(&'a self, _: &'a str, _: Fields) -> store::Answer<'a, Record> {
            away()
        }
        fn find_all<'a>(&'a self, _: &'a str) -> store::Answer<'a, Vec<Record>> {
            away()
        }
        fn find_one<'a>(&'a self, _: &'a str, _: RecordId) -> store::Answer<'a, Record> {
            away()
        }
        fn update<'a>(&'a self, _: &'a str, _: RecordId, _: Fields) -> store::Answer<'a, Record> {
            away()
        }
        fn remove<'a>(&'a self, _: &'a str, _: RecordId) -> store::Answer<'a, Record> {
            away()
        }
    }

    let gateway = Resource::<Fields>::named("Aaa", Arc::new(Away)).mount(Gateway::new("/"));
    let client = Client::of(gateway);

    for (event, body) in [
        ("createAaa", json!({})),
        ("findAllAaa", json!(null)),
        ("findOneAaa", json!(1)),
        ("updateAaa", json!({ "id": 1 })),
        ("removeAaa", json!(1)),
    ] {
        assert_eq!(refusal(&client, event, body), "Internal server error");
    }
}

#[test]
#[should_panic(expected = "cannot be the name of a resource")]
fn a_name_with_a_brace_is_refused() {
    client::<Fields>("A}a");
}
