// Redis goes away and comes back: clients on one node go on, and the cluster is whole again within five seconds.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

// The promise: how soon after Redis answers again an emit crosses the cluster, and how old what is sent late may be.
const BACK_WITHIN = 5_000;

describe("an outage of Redis", () => {
  const cluster = useCluster({ nodes: 2, balancer: true });

  cluster.test("clients of one node reach each other all along, and across nodes within 5 s of its return", async () => {
    const [sender, near] = [await cluster.connect({ node: "n1" }), await cluster.connect({ node: "n1", transport: "polling only" })];
    const [far, farLate] = [await cluster.connect({ node: "n2" }), await cluster.connect({ node: "n2" })];
    await Promise.all([sender, near, far].map((client) => client.join("before")));

    await cluster.redis.stop();

    const lost = Date.now();
    assert.deepEqual(await sender.ask("sendToRoom", { room: "before", data: "first of the outage" }), { ok: true });
    assert.deepEqual(await near.receive("roomMsg"), ["first of the outage"]);
    assert.deepEqual(await sender.receive("roomMsg"), ["first of the outage"]);
    assert.deepEqual(await sender.ask("broadcastOthers", "to others"), { ok: true });
    assert.deepEqual(await near.receive("msgToOthers"), ["to others"]);
    // A join is local and its ack does not wait for a Redis that is away.
    assert.deepEqual(await near.ask("joinRoom", "during"), { room: "during", joined: true });
    assert.deepEqual(await farLate.ask("joinRoom", "during"), { room: "during", joined: true });
    await sender.ask("sendToRoom", { room: "during", data: "to a new room" });
    assert.deepEqual(await near.receive("roomMsg"), ["to a new room"]);

    await eventually(async () => (await cluster.balancer.readyNodes()).length === 0, "a deaf node says that it is not ready");
    for (const node of cluster.nodes) assert.ok(await node.isLive(), "a restart would not help");
    const newcomer = await cluster.connect({ node: "n1", transport: "polling, then upgrade" });
    await newcomer.join("during");
    await sender.ask("sendToRoom", { room: "during", data: "to one more" });
    assert.deepEqual(await near.receive("roomMsg"), ["to one more"]);
    assert.deepEqual(await newcomer.receive("roomMsg"), ["to one more"]);
    assert.deepEqual([far.unread, farLate.unread], [[], []], "Redis is really away");
    await eventually(() => Date.now() - lost > BACK_WITHIN, "the first of the outage is too old to be sent later");

    await cluster.redis.start();

    const back = Date.now();
    await Promise.all([crosses(sender, "before", far), crosses(sender, "during", farLate)]);
    const took = Date.now() - back;
    assert.ok(took < BACK_WITHIN, `it took ${took} ms`);
    await eventually(async () => (await cluster.balancer.readyNodes()).length === 2, "both nodes are ready again");
    assert.ok(!far.unread.some(({ args }) => args[0] === "first of the outage"), "nothing old arrives late");
    for (const client of [sender, near, far, farLate]) assert.deepEqual(client.disconnects, [], client.name);
  });

  cluster.test("connections to Redis that are reset are made again, with all subscriptions", async () => {
    const [sender, far] = await cluster.connectEverywhere();
    await Promise.all([sender.join("reset"), far.join("reset")]);

    await cluster.redis.commands.client("KILL", "TYPE", "pubsub");
    await cluster.redis.commands.client("KILL", "TYPE", "normal", "SKIPME", "yes");

    const reset = Date.now();
    await crosses(sender, "reset", far);
    assert.ok(Date.now() - reset < BACK_WITHIN, `it took ${Date.now() - reset} ms`);
    // That of the sender's own node may come a moment later: what it sends itself needs none.
    await eventually(async () => (await cluster.redis.subscribers("socket.io#/#reset#")) === 2, "both nodes are subscribed again");
    assert.deepEqual([sender.disconnects, far.disconnects], [[], []]);
  });

  cluster.test("a Redis that is gone for a moment, five times, leaves no trace", async () => {
    const clients = await cluster.connectEverywhere();
    await Promise.all(clients.map((client) => client.join("blinking")));

    for (let time = 0; time < 5; time += 1) {
      await cluster.redis.stop();
      await cluster.redis.start();
    }
    const back = Date.now();
    await Promise.all([crosses(clients[0], "blinking", clients[1]), crosses(clients[1], "blinking", clients[0])]);

    assert.ok(Date.now() - back < BACK_WITHIN, `it took ${Date.now() - back} ms`);
    assert.equal(await cluster.redis.subscribers("socket.io#/#blinking#"), 2);
  });

  cluster.test("a join is acknowledged once its subscription is confirmed", async () => {
    const [client] = await cluster.connectEverywhere();
    const pause = 700;

    await cluster.redis.commands.client("PAUSE", pause, "ALL");
    const paused = Date.now();
    await client.join("slowly");

    const took = Date.now() - paused;
    assert.ok(took > pause / 2, `Redis could not have confirmed it after ${took} ms`);
    assert.equal(await cluster.redis.subscribers("socket.io#/#slowly#"), 1);
  });

  cluster.test("a join does not wait for a Redis that is stuck", async () => {
    const [client] = await cluster.connectEverywhere();
    const pause = 4_500;

    await cluster.redis.commands.client("PAUSE", pause, "ALL");
    const paused = Date.now();
    await client.join("all the same");
    const took = Date.now() - paused;
    await client.ask("sendToRoom", { room: "all the same", data: "local at once" });

    assert.deepEqual(await client.receive("roomMsg"), ["local at once"]);
    assert.ok(took < pause - 1_000, `it took ${took} ms: two seconds are what it may wait`);
    await eventually(
      async () => (await cluster.redis.subscribers("socket.io#/#all the same#")) === 1,
      "the subscription is made once Redis moves again",
    );
  });

  cluster.test("a message is delivered once after all that", async () => {
    const clients = await cluster.connectEverywhere();
    await Promise.all(clients.map((client) => client.join("once")));
    // A node whose connection is still made again acknowledges a join before that.
    await eventually(async () => (await cluster.redis.subscribers("socket.io#/#once#")) === 2, "both nodes are subscribed");

    for (const sender of clients) {
      await sender.ask("sendToRoom", { room: "once", data: sender.id });
      for (const receiver of clients) assert.deepEqual(await receiver.receive("roomMsg"), [sender.id]);
    }
    for (const client of clients) {
      await client.settled();
      assert.deepEqual(client.unread, []);
    }
  });
});

/** Emits numbered probes to `room` until one of them has arrived; what else is unread stays so. */
async function crosses(sender, room, receiver) {
  const probe = `probe of ${room} for ${receiver.id}`;
  let number = 0;
  await eventually(
    async () => {
      await sender.ask("sendToRoom", { room, data: { probe, number: (number += 1) } });
      return receiver.unread.some(({ event, args }) => event === "roomMsg" && args[0].probe === probe);
    },
    `an emit to "${room}" crosses the cluster`,
    { every: 50 },
  );
}
