// A node is sent only what concerns it: it subscribes to a room's channel while it has a member of that room, and among nodes
// alone to no pattern. To the channel on which servers ask each other questions it subscribes once, since others count.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

/** The namespaces of the built-in gateways. */
const NAMESPACES = ["/", "/chat", "/events"];

const RECEIVED = ["socket_io_cluster_messages_total", { direction: "received" }];

describe("what nodes subscribe to", () => {
  const cluster = useCluster({ nodes: 3 });
  const channel = (room) => `socket.io#/#${room}#`;

  cluster.test("every node hears its namespace and its questions once, and nobody a pattern", async () => {
    await cluster.connectEverywhere();

    for (const namespace of NAMESPACES) {
      assert.equal(await cluster.redis.subscribers(`socket.io#${namespace}#`), 3);
      assert.equal(await cluster.redis.subscribers(`socket.io-request#${namespace}#`), 3);
    }
    assert.equal(await cluster.redis.patterns(), 0);
    const channels = await cluster.redis.channels();
    const isShared = (name) => NAMESPACES.some((namespace) => name.replace(/-(request|response)/, "").startsWith(`socket.io#${namespace}#`));
    const ours = channels.filter((name) => !isShared(name));
    assert.ok(ours.every((name) => name.startsWith("roomcast:{socket.io}:")), `${ours}`);
  });

  cluster.test("a room is subscribed once per node that has members of it, from the ack of the join on", async () => {
    const [first, second, third] = await cluster.connectEverywhere();
    const neighbour = await cluster.connect({ node: "n1" });
    const subscribers = () => cluster.redis.subscribers(channel("counted"));

    await first.join("counted");
    assert.equal(await subscribers(), 1);
    await neighbour.join("counted");
    assert.equal(await subscribers(), 1, "a second member on a node changes nothing");
    await second.join("counted");
    assert.equal(await subscribers(), 2);
    await third.join("another");
    assert.equal(await subscribers(), 2);

    await first.ask("leaveRoom", "counted");
    await first.ask("sendToRoom", { room: "counted", data: "for those who are left" });
    assert.deepEqual(await neighbour.receive("roomMsg"), ["for those who are left"]);
    assert.deepEqual(await second.receive("roomMsg"), ["for those who are left"]);
    await neighbour.ask("leaveRoom", "counted");
    await eventually(async () => (await subscribers()) === 1, "the node without members has unsubscribed");
    second.close();
    await eventually(async () => (await subscribers()) === 0, "nobody is subscribed after the last one disconnected");
  });

  cluster.test("each socket's own room is subscribed while it is connected, and only then", async () => {
    const client = await cluster.connect({ node: "n2" });
    const id = client.id;

    await eventually(async () => (await cluster.redis.subscribers(channel(id))) === 1, "the room of the id is subscribed");
    client.close();

    await eventually(async () => !(await cluster.redis.channels()).includes(channel(id)), "it is unsubscribed");
  });

  cluster.test("joining and leaving in quick turns ends in what was asked for last", async () => {
    const client = await cluster.connect({ node: "n1" });
    const sender = await cluster.connect({ node: "n2" });

    for (let turn = 0; turn < 50; turn += 1) {
      client.emit("joinRoom", "in the end");
      client.emit("leaveRoom", "in the end");
      client.emit("leaveRoom", "out in the end");
      client.emit("joinRoom", "out in the end");
    }
    await client.join("in the end");
    await client.ask("leaveRoom", "out in the end");

    await sender.ask("sendToRoom", { room: "in the end", data: "heard" });
    assert.deepEqual(await client.receive("roomMsg"), ["heard"]);
    await eventually(
      async () => (await cluster.redis.subscribers(channel("out in the end"))) === 0,
      "the room without members is not subscribed",
    );
    assert.equal(await cluster.redis.subscribers(channel("in the end")), 1);
  });

  cluster.test("a message to a room does not reach a node that has no member of it", async () => {
    const [sender, member] = await cluster.connectEverywhere();
    await member.join("busy");
    const count = 1_000;
    const before = await Promise.all(cluster.nodes.map((node) => node.metric(...RECEIVED)));

    for (let number = 0; number < count; number += 1) sender.emit("sendToRoom", { room: "busy", data: number });
    await member.receiveMany("roomMsg", count);
    await sender.settled();

    const after = await Promise.all(cluster.nodes.map((node) => node.metric(...RECEIVED)));
    const [ofSender, ofMember, ofStranger] = after.map((value, index) => value - before[index]);
    assert.ok(ofMember >= count, `the member's node received ${ofMember}`);
    // What is left are the nodes' own heartbeats.
    assert.ok(ofStranger < count / 10, `the stranger's node received ${ofStranger}`);
    assert.ok(ofSender < count / 10, `the sender's node, which has no member either, received ${ofSender}`);
  });
});
