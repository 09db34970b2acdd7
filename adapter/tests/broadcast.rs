//! Whom a broadcast reaches, on the node that makes it and on the others.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use bytes::Bytes;
use common::{Node, both, everyone, except, nodes, per_room, to};
use roomcast_adapter::{BroadcastError, Config, Wire, bus::MemoryHub, wire::Trace};
use socketioxide_core::{
    Value,
    adapter::{BroadcastFlags, BroadcastOptions},
};
use socketioxide_parser_msgpack::MsgPackParser;

#[tokio::test]
async fn a_room_broadcast_reaches_its_members_on_all_nodes_once() {
    for config in both() {
        let [(_one, a), (_two, b), (_three, c)] = nodes(&config).await;
        let members = [
            a.member(&["room"]).await,
            b.member(&["room"]).await,
            b.member(&["room", "other"]).await,
        ];
        let outsiders = [a.member(&["other"]).await, c.connect().await];

        a.emit(r#"["hi",1]"#, to(&["room"])).unwrap();
        a.emit(r#"["end"]"#, everyone()).unwrap();

        for member in &members {
            assert_eq!(member.take(2).await, [r#"2["hi",1]"#, r#"2["end"]"#]);
        }
        for outsider in &outsiders {
            assert_eq!(outsider.next().await, r#"2["end"]"#);
        }
    }
}

#[tokio::test]
async fn a_member_of_several_rooms_gets_a_broadcast_to_them_once() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let both = b.member(&["x", "y"]).await;
    let one = b.member(&["y"]).await;

    a.emit(r#"["hi"]"#, to(&["x", "y", "nobody"])).unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(both.take(2).await, [r#"2["hi"]"#, r#"2["end"]"#]);
    assert_eq!(one.take(2).await, [r#"2["hi"]"#, r#"2["end"]"#]);
}

#[tokio::test]
async fn members_of_an_excepted_room_are_left_out() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);
    let (muted_here, muted_there) = (
        a.member(&["room", "muted"]).await,
        b.member(&["room", "muted"]).await,
    );

    a.emit(r#"["hi"]"#, except(to(&["room"]), &["muted"]))
        .unwrap();
    a.emit(r#"["all"]"#, except(everyone(), &["muted"]))
        .unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    for client in [here, there] {
        let packets = client.take(3).await;
        assert_eq!(packets, [r#"2["hi"]"#, r#"2["all"]"#, r#"2["end"]"#]);
    }
    for client in [muted_here, muted_there] {
        assert_eq!(client.next().await, r#"2["end"]"#);
    }
}

#[tokio::test]
async fn the_sender_is_left_out() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let sender = a.member(&["room"]).await;
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);

    let mut options = to(&["room"]);
    options.sid = Some(sender.sid);
    a.emit(r#"["hi"]"#, options).unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(sender.next().await, r#"2["end"]"#);
    for client in [here, there] {
        assert_eq!(client.take(2).await, [r#"2["hi"]"#, r#"2["end"]"#]);
    }
}

#[tokio::test]
async fn a_client_is_reached_from_another_node_by_its_id() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (meant, other) = (b.connect().await, b.connect().await);

    a.emit(r#"["psst"]"#, to(&[&meant.id()])).unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(meant.take(2).await, [r#"2["psst"]"#, r#"2["end"]"#]);
    assert_eq!(other.next().await, r#"2["end"]"#);
}

#[tokio::test]
async fn a_local_broadcast_stays_on_its_node() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.connect().await, b.connect().await);

    let mut options = everyone();
    options.add_flag(BroadcastFlags::Local);
    a.emit(r#"["here"]"#, options).unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(here.take(2).await, [r#"2["here"]"#, r#"2["end"]"#]);
    assert_eq!(there.next().await, r#"2["end"]"#);
}

#[tokio::test]
async fn a_broadcast_that_selects_nobody_here_selects_nobody_elsewhere() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.connect().await, b.connect().await);

    a.emit(r#"["nobody"]"#, BroadcastOptions::default())
        .unwrap();
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(here.next().await, r#"2["end"]"#);
    assert_eq!(there.next().await, r#"2["end"]"#);
}

#[tokio::test]
async fn a_volatile_broadcast_arrives_in_its_turn() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.connect().await, b.connect().await);

    a.emit(r#"["first"]"#, everyone()).unwrap();
    let mut volatile = everyone();
    volatile.add_flag(BroadcastFlags::Volatile);
    a.emit(r#"["second"]"#, volatile).unwrap();
    a.emit(r#"["third"]"#, everyone()).unwrap();

    for client in [here, there] {
        let packets = client.take(3).await;
        assert_eq!(
            packets,
            [r#"2["first"]"#, r#"2["second"]"#, r#"2["third"]"#]
        );
    }
}

#[tokio::test]
async fn a_node_drops_its_own_messages() {
    let [(node, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.member(&["room"]).await, b.member(&["room"]).await);

    for _ in 0..10 {
        a.emit(r#"["hi"]"#, to(&["room"])).unwrap();
    }
    b.emit(r#"["end"]"#, to(&["room"])).unwrap();
    there.take(11).await;
    common::eventually("the node's own messages came back", || {
        node.counts.received() >= 11
    })
    .await;

    let packets = here.take(11).await;
    assert_eq!(
        packets.iter().filter(|text| *text == r#"2["hi"]"#).count(),
        10
    );
    assert_eq!(node.counts.delivered(), 11);
}

#[tokio::test]
async fn binary_values_and_several_arguments_arrive_as_they_were_sent() {
    let [(_one, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.connect().await, b.connect().await);

    let event = r#"["pic",{"_placeholder":true,"num":0},{"name":"ü","parts":[{"_placeholder":true,"num":1}]},null,2.5,-7]"#;
    a.emit_binary(event, &[&[0, 255], &[]], everyone()).unwrap();

    let expected = format!("52-{event} 00ff ");
    assert_eq!(here.next().await, expected);
    assert_eq!(there.next().await, expected);
}

#[tokio::test]
async fn nodes_with_different_parsers_understand_each_other() {
    let hub = MemoryHub::default();
    let (one, two) = (
        Node::start(hub.connect(), per_room()),
        Node::start(hub.connect(), per_room()),
    );
    let (json, msgpack) = (
        one.serve("/").await,
        two.serve_as::<MsgPackParser>("/").await,
    );
    let (texter, packer) = (
        json.member(&["room"]).await,
        msgpack.member(&["room"]).await,
    );

    let event = r#"["pic",{"_placeholder":true,"num":0},"x"]"#;
    json.emit_binary(event, &[&[1, 2]], to(&["room"])).unwrap();
    let packed = roomcast_adapter::wire::json_to_msgpack(event, &[Bytes::from_static(&[3])].into());
    msgpack
        .emit_value(Value::Bytes(packed.unwrap()), to(&["room"]))
        .unwrap();

    let packets = texter.take(2).await;
    assert!(packets.contains(&format!("51-{event} 0102")), "{packets:?}");
    assert!(packets.contains(&format!("51-{event} 03")), "{packets:?}");
    let packets = packer.take(2).await;
    for bytes in [" 0102", " 03"] {
        let packet = packets.iter().find(|packet| packet.ends_with(bytes));
        assert!(packet.unwrap().contains(event), "{packets:?}");
    }
}

#[tokio::test]
async fn namespaces_whose_channels_are_the_same_stay_apart() {
    for config in both() {
        let hub = MemoryHub::default();
        let (one, two) = (
            Node::start(hub.connect(), config.clone()),
            Node::start(hub.connect(), config),
        );
        let (short, long) = (one.serve("/a").await, one.serve("/a#b").await);
        let (short_there, long_there) = (two.serve("/a").await, two.serve("/a#b").await);
        let in_short = short_there.member(&["b#r"]).await;
        let in_long = long_there.member(&["r"]).await;

        short.emit(r#"["short"]"#, to(&["b#r"])).unwrap();
        long.emit(r#"["long"]"#, to(&["r"])).unwrap();
        short.emit(r#"["end"]"#, everyone()).unwrap();
        long.emit(r#"["end"]"#, everyone()).unwrap();

        let packets = in_short.take(2).await;
        assert_eq!(packets, [r#"2/a,["short"]"#, r#"2/a,["end"]"#]);
        let packets = in_long.take(2).await;
        assert_eq!(packets, [r#"2/a#b,["long"]"#, r#"2/a#b,["end"]"#]);
    }
}

#[tokio::test]
async fn what_other_nodes_could_not_read_is_refused_before_anybody_gets_it() {
    let [(node, a), (_two, b)] = nodes(&per_room()).await;
    let (here, there) = (a.connect().await, b.connect().await);

    for event in [r#"["disconnect"]"#, r#"["a""#, "[]", r#"[{"a":1}]"#] {
        let refused = a.emit(event, everyone());
        assert!(matches!(refused, Err(BroadcastError::Encode(_))), "{event}");
    }
    a.emit(r#"["end"]"#, everyone()).unwrap();

    assert_eq!(here.next().await, r#"2["end"]"#);
    assert_eq!(there.next().await, r#"2["end"]"#);
    assert!(node.counts.all_dropped().is_empty());
}

#[tokio::test]
async fn a_trace_travels_with_what_is_part_of_it_and_with_nothing_else() {
    let trace = Trace::read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0cc902d7-01").unwrap();
    for config in both() {
        for wire in [Wire::Classic, Wire::Sharded] {
            let config = Config {
                wire,
                ..config.clone()
            };
            let [(one, a), (two, b)] = nodes(&config).await;
            let member = b.connect().await;

            a.emit(r#"["before"]"#, everyone()).unwrap();
            one.counts.set_trace(Some(trace));
            a.emit(r#"["within"]"#, everyone()).unwrap();
            one.counts.set_trace(None);
            a.emit(r#"["after"]"#, everyone()).unwrap();

            for event in ["before", "within", "after"] {
                assert_eq!(member.next().await, format!(r#"2["{event}"]"#));
            }
            assert_eq!(two.counts.traced(), [trace]);
            assert!(one.counts.traced().is_empty());
        }
    }
}
