// A mixed cluster of which one Roomcast node is gone, or stands still: what the others answer meanwhile.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { eventually, within } from "../lib/deadline.mjs";
import { useMixedCluster } from "../lib/mixed.mjs";
import { OPERATIONS, RoomcastNode } from "../lib/node.mjs";

const ids = (sockets) => sockets.map(({ id }) => id).sort();

describe("a node that is killed", () => {
  const cluster = useMixedCluster();

  cluster.test("Redis stops counting it, and every server answers without it", async () => {
    const { n1, node, nest } = await cluster.clients({ reconnection: false });
    const { servers } = cluster;
    const all = [n1, node, nest, { id: servers.n1.operator.id }];
    servers.n2.close();

    await cluster.node("n2").kill();

    for (const server of [servers.node, servers.nest, servers.n1]) {
      await eventually(
        async () => `${ids(await within(server.fetchSockets(), () => "it is answered", 1_000))}` === `${ids(all)}`,
        "the sockets of the others are found",
      );
      assert.equal((await server.rooms()).length, 4);
    }
    for (const client of [n1, node, nest]) client.socket.on("question", (_, ack) => ack(client.id));
    for (const server of [servers.node, servers.nest, servers.n1]) {
      const selected = { rooms: [n1.id, node.id, nest.id] };
      assert.deepEqual((await server.emitWithAck(selected, "question", 1, 5_000)).answers.sort(), ids([n1, node, nest]));
      const { answers, complete } = await server.serverSideEmitWithAck("ask", 1, 5_000);
      assert.deepEqual([answers.length, complete], [2, true]);
    }
  });
});

describe("a node that is killed while it is asked", () => {
  const cluster = useMixedCluster();

  cluster.test("a question is answered once its silence shows, and names it", async () => {
    const { n1, node } = await cluster.clients({ reconnection: false });
    const { operator } = cluster.servers.n1;
    const n2 = await idOf(cluster, "n2");
    cluster.servers.n2.close();
    // It has read nothing since, so the question is still before it when it dies.
    await cluster.node("n2").program.pause();
    const asked = operator.ask("fetchSockets", { rooms: [n1.id, node.id] });
    await cluster.node("n2").kill();

    const { value, missing } = await within(asked, () => "it is answered", 4_500);

    assert.deepEqual(ids(value), ids([n1, node]));
    assert.deepEqual(missing, { nodes: [n2], others: 0, isCutOff: false });
  });
});

describe("a node that stands still, while Redis goes on counting it", () => {
  const cluster = useMixedCluster();

  cluster.test("what our nodes ask is answered once its heartbeat lapses, and says who is missing", async () => {
    const { n1, node, nest } = await cluster.clients({ reconnection: false });
    const { operator } = cluster.servers.n1;
    const n2 = await idOf(cluster, "n2");
    const missing = { nodes: [n2], others: 0, isCutOff: false };
    const rooms = [n1.id, node.id, nest.id];
    for (const client of [n1, node, nest]) client.socket.on("question", (_, ack) => ack(client.id));
    // Other handlers of one client wait their turn, so each question has an operator of its own.
    const operators = await Promise.all(Array.from({ length: 5 }, () => cluster.connectTo("n1")));
    const { program } = cluster.node("n2");

    await program.pause();
    cluster.closeLater(() => program.resume());
    const began = Date.now();
    const asked = [
      ["fetchSockets", { rooms }],
      ["count", { rooms }],
      ["rooms"],
      ["serverSideEmitWithAck", { event: "ask", data: 1, timeout: 10_000 }],
      ["emitWithAck", { rooms, event: "question", data: 1, timeout: 10_000 }],
    ].map(([what, ...body], index) => within(operators[index].ask(what, ...body), () => `${what} is answered`, 4_500));
    const [sockets, count, allRooms, told, answers] = await Promise.all(asked);

    assert.ok(Date.now() - began >= 1_500, "it is given time to be heard again");
    assert.deepEqual([ids(sockets.value), sockets.missing], [rooms.sort(), missing]);
    assert.deepEqual([count.value, count.missing], [3, missing]);
    assert.deepEqual(allRooms.missing, missing);
    assert.deepEqual([told.value.map((one) => one.node).sort(), told.missing], [["nest", "node"], missing]);
    assert.deepEqual([answers.value.sort(), answers.silent, answers.missing], [rooms, 0, missing]);
  });

  cluster.test("what our nodes ask later does not wait for it", async () => {
    await cluster.complete();
    const { n1, node } = await cluster.clients({ reconnection: false });
    const { program } = cluster.node("n2");
    await program.pause();
    cluster.closeLater(() => program.resume());
    await eventually(async () => (await cluster.node("n1").metric("socket_io_cluster_nodes")) === 1, "its heartbeat lapses");

    const asked = cluster.servers.n1.operator.ask("fetchSockets", { rooms: [n1.id, node.id] });

    const { value, missing } = await within(asked, () => "it is answered", 1_000);
    assert.deepEqual(ids(value), ids([n1, node]));
    assert.equal(missing.nodes.length + missing.others, 1);
  });

  cluster.test("one that has just become ready is known as well", async () => {
    await cluster.complete();
    const { n1, node } = await cluster.clients({ reconnection: false });
    const n3 = await RoomcastNode.start({ name: "n3", redis: cluster.redis, binary: OPERATIONS });
    cluster.closeLater(() => n3.kill());
    await n3.program.pause();
    await eventually(async () => (await cluster.node("n1").metric("socket_io_cluster_nodes")) === 3, "it is heard");

    const asked = cluster.servers.n1.operator.ask("fetchSockets", { rooms: [n1.id, node.id] });

    const { value, missing } = await within(asked, () => "it is answered", 4_500);
    assert.deepEqual(ids(value), ids([n1, node]));
    assert.equal(missing.nodes.length, 1);
  });

  cluster.test("it is asked again once it goes on", async () => {
    await cluster.complete();
    const { n2, node } = await cluster.clients();

    for (const server of Object.values(cluster.servers)) {
      assert.deepEqual(ids(await server.fetchSockets({ rooms: [n2.id, node.id] })), ids([n2, node]));
    }
  });
});

/** How a node is called among nodes. */
async function idOf(cluster, name) {
  const other = name === "n1" ? "n2" : "n1";
  // By its second heartbeat, everybody knows what it serves.
  const beats = () => cluster.node(name).metric("socket_io_cluster_lag_seconds_count");
  await eventually(async () => (await beats()) >= 2, `${name} has said what it serves`);
  const { answers } = await cluster.servers[other].serverSideEmitWithAck("ask", null, 5_000);
  return answers.map(({ node }) => node).find((node) => !["node", "nest"].includes(node));
}
