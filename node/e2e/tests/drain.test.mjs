// Drains, as clients and operators meet them: users who move, and signals that hurry.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

/** What a watcher hears of one user, in order. */
const heardOf = (client, username) => {
  const heard = [];
  for (const event of ["userOnline", "userOffline"]) {
    client.socket.on(event, (user) => user.username === username && heard.push([event, user.clientId]));
  }
  return heard;
};

/** Joins the chat whenever it is connected, as an application does. */
const joinsAlways = async (client, username) => {
  client.socket.on("connect", () => client.emit("joinChat", { username }));
  client.emit("joinChat", { username });
  await client.receive("joined");
  return client.id;
};

describe("users of a node that is drained", () => {
  const cluster = useCluster({ nodes: 3, balancer: true, env: { ROOMCAST_DRAIN__GRACE: "3s" } });
  const watch = async () => Promise.all(["n2", "n3"].map((node) => cluster.connect({ node, namespace: "/chat" })));
  const online = async () => {
    const client = await cluster.connect({ node: "n2", namespace: "/chat" });
    const [users] = await client.receive("onlineUsers");
    client.close();
    return users;
  };

  cluster.test("who comes back was never away; who does not is offline once", async () => {
    const watchers = await watch();
    const movers = [];
    for (const transport of Object.keys(TRANSPORTS)) {
      const username = `mover by ${transport}`;
      const client = await cluster.connect({ node: "n1", namespace: "/chat", transport });
      const heard = watchers.map((watcher) => heardOf(watcher, username));
      movers.push({ client, heard, before: await joinsAlways(client, username) });
    }
    const quitter = await cluster.connect({ node: "n1", namespace: "/chat", reconnection: false });
    const heardOfQuitter = watchers.map((watcher) => heardOf(watcher, "quitter"));
    const quit = await joinsAlways(quitter, "quitter");

    assert.deepEqual(await cluster.node("n1").program.end("SIGTERM"), { code: 0, signal: null });

    for (const { client, heard, before } of movers) {
      for (const one of heard) await eventually(() => one.length >= 3, `${client.name} is back, and not twice`);
      for (const one of heard) {
        assert.deepEqual(one, [["userOnline", before], ["userOnline", client.id], ["userOffline", before]]);
      }
    }
    for (const one of heardOfQuitter) {
      await eventually(() => one.length >= 2, "who is not back is offline, although its node has ended");
      assert.deepEqual(one, [["userOnline", quit], ["userOffline", quit]]);
    }
    const ids = new Set((await online()).map(([id]) => id));
    assert.deepEqual(ids, new Set(movers.map(({ client }) => client.id)));
    for (const key of ["away", "departures"]) {
      assert.equal(await cluster.redis.commands.exists(`roomcast:{socket.io}:presence:${key}`), 0, `nothing is left in ${key}`);
    }
  });
});

describe("a node that is asked to end and has an hour for it", () => {
  const env = { ROOMCAST_DRAIN__GRACE: "1h", ROOMCAST_DRAIN__DEADLINE: "2h" };
  const cluster = useCluster({ nodes: 1, env });

  cluster.test("a second request ends it at once, in good order", async () => {
    const [node] = cluster.nodes;
    const client = await cluster.connect({ reconnection: false });
    node.program.child.kill("SIGTERM");
    await eventually(async () => (await node.metric("socket_io_drain_state")) === 1, "it drains");
    assert.equal(await node.metric("socket_io_drain_remaining"), 1);
    assert.equal(client.disconnects.length, 0);

    assert.deepEqual(await node.program.end("SIGTERM"), { code: 0, signal: null });

    assert.equal(await client.disconnected(), "transport close");
    await eventually(() => / ended$/m.test(node.program.log()), "it says that it has ended");
    assert.match(node.program.log(), /asked to end a second time/);
    assert.doesNotMatch(node.program.log(), /deadline has passed/);
  });
});
