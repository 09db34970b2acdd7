// Spreading clients over nodes by the control API, with the balancer that sends them where there are fewest.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

const CLIENTS = 30;

describe("three nodes behind HAProxy, all clients on one of them", () => {
  const cluster = useCluster({ nodes: 3, balancer: true });
  const call = async (node, method, path, body = undefined) => {
    const answer = await fetch(`${node.adminUrl}/api/v1/${path}`, {
      method,
      body: body && JSON.stringify(body),
      headers: { connection: "close" },
    });
    return { status: answer.status, body: await answer.json() };
  };
  const connections = async (node) => {
    const { body } = await call(node, "GET", "nodes");
    return body.nodes.map((node) => node.connections).sort((one, other) => one - other);
  };

  // What a node plans with is what it has last heard of the others.
  const everyNodeHears = async (expected) => {
    for (const node of cluster.nodes) {
      await eventually(async () => `${await connections(node)}` === expected, `${node.name} hears of ${expected}`);
    }
  };

  cluster.test("a rebalance asked of any node spreads them evenly, and they come back by themselves", async () => {
    const clients = [];
    for (let number = 0; number < CLIENTS; number += 1) clients.push(await cluster.connect({ node: "n1" }));
    await everyNodeHears(`0,0,${CLIENTS}`);

    const { status, body } = await call(cluster.node("n2"), "POST", "rebalance", { rate: 50 });

    assert.equal(status, 202);
    assert.deepEqual(body.nodes.map((node) => node.to_close).sort(), [0, 0, 20]);
    await everyNodeHears("10,10,10");
    await eventually(() => clients.every(({ socket }) => socket.connected), "everybody is connected");
    assert.equal(clients.filter(({ disconnects }) => disconnects.length > 0).length, 20, "nobody else was moved");

    const again = await call(cluster.node("n1"), "POST", "rebalance", {});
    assert.ok(again.body.nodes.every((node) => node.to_close === 0), "there is nothing left to do");
    const { body: nodes } = await call(cluster.node("n1"), "GET", "nodes");
    assert.equal(nodes.foreign, 0);
    for (const node of nodes.nodes) {
      assert.deepEqual([node.state, node.version, node.address.startsWith("127.0.0.1:")], ["serving", "0.1.0", true]);
      assert.ok(Date.parse(node.started_at) > Date.now() - 600_000);
    }
  });
});
