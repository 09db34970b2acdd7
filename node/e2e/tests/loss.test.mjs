// A node goes, suddenly or in good order, and its clients come back elsewhere by themselves.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

const ROOM = "stays open";

describe("a node that is killed", () => {
  const cluster = useCluster({ nodes: 3, balancer: true });

  cluster.test("its clients come back on other nodes, and the others notice nothing", async () => {
    const clients = await membersOnEveryNode(cluster);
    const [publisher, listener] = [await cluster.connect({ node: "n1" }), await cluster.connect({ node: "n3" })];
    await listener.join("between the survivors");

    await cluster.node("n2").kill();
    for (let number = 0; number < 200; number += 1) {
      await publisher.ask("sendToRoom", { room: "between the survivors", data: number });
    }

    assert.deepEqual(await listener.receiveMany("roomMsg", 200), Array.from({ length: 200 }, (_, number) => number));
    await assertOnlyThoseOfTheLostNodeMoved(clients);
    await assertEveryoneReachesEveryone(clients);
    await eventually(async () => (await cluster.balancer.readyNodes()).join() === "n1,n3", "the balancer has noticed");
    assert.deepEqual([publisher.disconnects, listener.disconnects], [[], []]);
  });
});

describe("a node that is told to stop", () => {
  const cluster = useCluster({ nodes: 3, balancer: true, env: { ROOMCAST_DRAIN__GRACE: "4s", ROOMCAST_DRAIN__DEADLINE: "20s" } });

  cluster.test("sends its clients elsewhere after the grace, and exits with 0", async () => {
    const leaving = cluster.node("n2");
    const clients = await membersOnEveryNode(cluster);

    const ended = leaving.program.end("SIGTERM", 30_000);

    await eventually(async () => !(await leaving.isReady()), "the node is not ready", { every: 10 });
    assert.ok(await leaving.isLive());
    await eventually(async () => (await cluster.balancer.readyNodes()).join() === "n1,n3", "the balancer has noticed");
    // Whatever its clients do during the grace still works.
    const staying = clients.find(({ home }) => home === "n2").client;
    assert.equal(await staying.ask("echo", "still served"), "still served");
    assert.deepEqual(staying.disconnects, []);
    const newcomer = await cluster.connect();
    assert.equal(leaving.program.exit, null);

    assert.deepEqual(await ended, { code: 0, signal: null });
    await assertOnlyThoseOfTheLostNodeMoved(clients);
    await assertEveryoneReachesEveryone(clients);
    assert.deepEqual(newcomer.disconnects, [], "a new client was sent to a node that stays");
  });
});

describe("a single node that is told to stop", () => {
  const cluster = useCluster({ nodes: 1 });

  cluster.test("exits with 0 without clients, too, and leaves nobody waiting", async () => {
    const client = await cluster.connect({ reconnection: false });

    assert.deepEqual(await cluster.node("n1").program.end("SIGTERM", 15_000), { code: 0, signal: null });

    assert.notEqual(await client.disconnected(), "io server disconnect", "a client does not reconnect after that");
  });
});

/** One client per node and transport, each of which joins the room again whenever it connects again. */
async function membersOnEveryNode(cluster) {
  const members = [];
  for (const transport of Object.keys(TRANSPORTS)) {
    for (const { name: home } of cluster.nodes) {
      const client = await cluster.connect({ node: home, transport });
      const member = { client, home, firstId: client.id, joined: client.join(ROOM) };
      client.socket.on("connect", () => {
        member.joined = client.join(ROOM);
        // It may be lost with one more connection; whoever waits for it sees that.
        member.joined.catch(() => {});
      });
      await member.joined;
      members.push(member);
    }
  }
  return members;
}

async function assertOnlyThoseOfTheLostNodeMoved(members) {
  for (const { client, home, firstId } of members) {
    if (home === "n2") {
      await eventually(
        () => client.socket.connected && client.id !== firstId,
        `${client.name} comes back; disconnected for: ${client.disconnects}`,
      );
      assert.ok(!client.disconnects.includes("io server disconnect"), "it was not told to stay away");
    } else {
      assert.deepEqual(client.disconnects, [], `${client.name} was not on the node that is gone`);
    }
  }
}

async function assertEveryoneReachesEveryone(members) {
  for (const { client, joined } of members) {
    await client.connected();
    await joined;
  }
  for (const { client: sender } of members) {
    await sender.ask("sendToRoom", { room: ROOM, data: sender.id });
    for (const { client: receiver } of members) assert.deepEqual(await receiver.receive("roomMsg"), [sender.id]);
  }
}
