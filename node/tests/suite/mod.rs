//! What every store promises. Each function is a test; `stores!` makes them all, over the store that it is given.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use proptest::{prelude::*, test_runner::TestRunner};
use roomcast_node::store::{Fields, MAX_FIELDS, Record, RecordId, Store, StoreError};

/// Makes a test of each promise. `$start` is an async block of a value to be kept alive and a store.
macro_rules! stores {
    ($start:expr) => {
        crate::suite::stores!(
            $start,
            [
                a_record_is_created_found_changed_and_removed
                every_value_is_read_as_it_was_written
                fields_keep_the_order_of_their_first_writing
                records_come_by_ascending_id_however_many_there_are
                an_id_is_never_given_twice
                what_is_not_there_is_not_found
                a_record_without_fields_is_a_record
                a_record_takes_so_many_fields_and_no_more
                resources_do_not_see_each_other
                updates_at_the_same_time_lose_no_field
                merges_are_those_of_a_map
            ]
        );
    };
    ($start:expr, [$($promise:ident)*]) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                let (_alive, store) = $start.await;
                suite::$promise(&store).await;
            }
        )*
    };
}
pub(crate) use stores;

/// Objects whose values a decoder could bend.
const DELICATE: &str = r#"{"float":1.0,"tiny":1e-7,"big":123456789012345678901234567890,"safe":9007199254740993,"minus":-0,"list":[],"nested":{"list":[],"object":{},"n":2.50},"text":"聊天室 🦀 \u0000 \" \\ \u2028","":null,"a b:{c}":true,"spaced":[ 1,  2 ],"long":"#;

pub(crate) fn fields(json: &str) -> Fields {
    serde_json::from_str(json).unwrap()
}

pub(crate) fn text(record: &Record) -> String {
    serde_json::to_string(record).unwrap()
}

fn id(number: u64) -> RecordId {
    RecordId::new(number).unwrap()
}

pub(crate) async fn a_record_is_created_found_changed_and_removed(store: &impl Store) {
    let created = store.create("Aaa", fields(r#"{"a":1}"#)).await.unwrap();
    assert_eq!(text(&created), r#"{"id":1,"a":1}"#);
    let found = store.find_one("Aaa", created.id).await.unwrap();
    assert_eq!(text(&found), r#"{"id":1,"a":1}"#);

    let updated = store
        .update("Aaa", created.id, fields(r#"{"b":2}"#))
        .await
        .unwrap();
    assert_eq!(text(&updated), r#"{"id":1,"a":1,"b":2}"#);

    let removed = store.remove("Aaa", created.id).await.unwrap();
    assert_eq!(text(&removed), r#"{"id":1,"a":1,"b":2}"#);
    assert!(store.find_all("Aaa").await.unwrap().is_empty());
}

pub(crate) async fn every_value_is_read_as_it_was_written(store: &impl Store) {
    let object = format!("{DELICATE}\"{}\"}}", "x".repeat(10_000));
    let with_id = object.replacen('{', r#"{"id":1,"#, 1);

    let created = store.create("Aaa", fields(&object)).await.unwrap();
    assert_eq!(text(&created), with_id);
    let updated = store.update("Aaa", id(1), fields(&object)).await.unwrap();
    assert_eq!(text(&updated), with_id);
    let found = store.find_one("Aaa", id(1)).await.unwrap();
    assert_eq!(text(&found), with_id);
    let all = store.find_all("Aaa").await.unwrap();
    assert_eq!(all.iter().map(text).collect::<Vec<_>>(), [with_id]);
}

pub(crate) async fn fields_keep_the_order_of_their_first_writing(store: &impl Store) {
    // Enough for Redis to keep the hash as a table, which has an order of its own.
    let many: Vec<_> = (0..600).rev().map(|n| format!("\"f{n}\":{n}")).collect();
    let created = store
        .create("Aaa", fields(&format!("{{{}}}", many.join(","))))
        .await
        .unwrap();

    let updated = store
        .update("Aaa", created.id, fields(r#"{"z":0,"f7":"seven","a":1}"#))
        .await
        .unwrap();

    let expected = many.join(",").replace("\"f7\":7,", "\"f7\":\"seven\",");
    assert_eq!(
        text(&updated),
        format!(r#"{{"id":1,{expected},"z":0,"a":1}}"#)
    );
}

pub(crate) async fn records_come_by_ascending_id_however_many_there_are(store: &impl Store) {
    // Of two pages of Redis, the second is full, too.
    for count in [0u64, 1, 255, 512] {
        let resource = format!("R{count}");
        for _ in 0..count {
            store.create(&resource, Fields::default()).await.unwrap();
        }

        let all = store.find_all(&resource).await.unwrap();

        let ids: Vec<_> = all.iter().map(|record| record.id.number()).collect();
        assert_eq!(ids, (1..=count).collect::<Vec<_>>());
    }
}

pub(crate) async fn an_id_is_never_given_twice(store: &impl Store) {
    let created = join_all((0..50).map(|_| store.create("Aaa", Fields::default()))).await;
    let mut ids: Vec<_> = created
        .into_iter()
        .map(|record| record.unwrap().id)
        .collect();
    ids.sort_unstable();
    for id in &ids {
        store.remove("Aaa", *id).await.unwrap();
    }

    let next = store.create("Aaa", Fields::default()).await.unwrap();

    assert_eq!(ids, (1..=50).map(id).collect::<Vec<_>>());
    assert_eq!(next.id, id(51));
}

pub(crate) async fn what_is_not_there_is_not_found(store: &impl Store) {
    for answer in [
        store.find_one("Aaa", id(9)).await,
        store.update("Aaa", id(9), fields(r#"{"a":1}"#)).await,
        store.remove("Aaa", id(u64::MAX)).await,
    ] {
        assert!(matches!(answer, Err(StoreError::NotFound(_))), "{answer:?}");
    }
    assert!(store.find_all("Aaa").await.unwrap().is_empty());
}

pub(crate) async fn a_record_without_fields_is_a_record(store: &impl Store) {
    let created = store.create("Aaa", Fields::default()).await.unwrap();
    let updated = store
        .update("Aaa", created.id, Fields::default())
        .await
        .unwrap();

    assert_eq!(text(&updated), r#"{"id":1}"#);
    assert_eq!(store.find_all("Aaa").await.unwrap().len(), 1);
}

pub(crate) async fn a_record_takes_so_many_fields_and_no_more(store: &impl Store) {
    let many: BTreeMap<_, _> = (0..MAX_FIELDS).map(|n| (format!("f{n}"), n)).collect();
    let full = Fields::of(&many).unwrap();
    let created = store.create("Aaa", full.clone()).await.unwrap();

    let again = store.update("Aaa", created.id, full.clone()).await;
    let more = fields(r#"{"f0":"changed","one more":1}"#);
    let refused = store.update("Aaa", created.id, more.clone()).await;
    let mut too_many = full;
    too_many.merge(more);
    let not_created = store.create("Aaa", too_many).await;

    assert!(again.is_ok());
    assert!(matches!(refused, Err(StoreError::TooManyFields)));
    assert!(matches!(not_created, Err(StoreError::TooManyFields)));
    let kept = store.find_one("Aaa", created.id).await.unwrap();
    assert_eq!(kept.fields.get("f0"), Some("0"), "nothing was changed");
    assert_eq!(store.find_all("Aaa").await.unwrap().len(), 1);
}

pub(crate) async fn resources_do_not_see_each_other(store: &impl Store) {
    store.create("A", fields(r#"{"of":"A"}"#)).await.unwrap();
    store.create("B", fields(r#"{"of":"B"}"#)).await.unwrap();

    store.remove("A", id(1)).await.unwrap();

    let kept = store.find_one("B", id(1)).await.unwrap();
    assert_eq!(text(&kept), r#"{"id":1,"of":"B"}"#);
}

pub(crate) async fn updates_at_the_same_time_lose_no_field(store: &impl Store) {
    lose_no_field(store, store).await;
}

/// Writers through two stores, which may be two connections to one Redis.
pub(crate) async fn lose_no_field(one: &impl Store, other: &impl Store) {
    const WRITES: usize = 100;

    let record = one.create("Aaa", Fields::default()).await.unwrap();
    let write = async |store: &dyn Store, who: &str| {
        for number in 0..WRITES {
            let change = format!(r#"{{"{who}{number}":{number},"last":"{who}"}}"#);
            let updated = store.update("Aaa", record.id, fields(&change)).await;
            assert!(
                updated
                    .unwrap()
                    .fields
                    .get(&format!("{who}{number}"))
                    .is_some()
            );
        }
    };

    tokio::join!(
        write(one, "a"),
        write(other, "b"),
        write(one, "c"),
        write(other, "d")
    );

    let whole = other.find_one("Aaa", record.id).await.unwrap();
    assert_eq!(whole.fields.len(), 4 * WRITES + 1);
}

pub(crate) async fn merges_are_those_of_a_map(store: &impl Store) {
    let value = prop_oneof![
        Just("null".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned()),
        any::<f64>()
            .prop_filter("JSON has only finite numbers", |n| n.is_finite())
            .prop_map(|n| n.to_string()),
        "[1-9][0-9]{0,40}",
        ".*".prop_map(|text| serde_json::to_string(&text).unwrap()),
    ];
    // Few names, so that merges meet; `id` is taken out before a store is asked.
    let name = prop_oneof!["[abc]", ".{0,3}".prop_filter("no id", |name| name != "id")];
    let object = prop::collection::vec((name, value), 0..6);
    let history = prop::collection::vec(object, 1..6);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(64));

    runner
        .run(&history, |history| {
            // A case is one future, on the runtime that the store's connection is on.
            let run = async {
                let mut model: Vec<(String, String)> = Vec::new();
                let mut known = None;
                for changes in history {
                    let mut given = Vec::new();
                    for (name, value) in changes {
                        given.push(format!("{}:{value}", serde_json::to_string(&name).unwrap()));
                        match model.iter_mut().find(|(known, _)| *known == name) {
                            Some((_, old)) => *old = value,
                            None => model.push((name, value)),
                        }
                    }
                    let given = fields(&format!("{{{}}}", given.join(",")));
                    let record = match known {
                        None => store.create("Model", given).await,
                        Some(id) => store.update("Model", id, given).await,
                    };
                    known = Some(record.unwrap().id);
                }
                let record = store.find_one("Model", known.unwrap()).await.unwrap();
                let kept: Vec<_> = record
                    .fields
                    .iter()
                    .map(|(name, value)| (name.to_owned(), value.to_owned()))
                    .collect();
                (kept, model)
            };
            let (kept, model) =
                tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(run));
            prop_assert_eq!(kept, model);
            Ok(())
        })
        .unwrap();
}
