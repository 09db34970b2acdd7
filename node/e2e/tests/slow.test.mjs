// A client that stops reading is let go, and counted; those who read feel nothing of it.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

// How long after the first write that makes no progress a client may still be in its rooms.
const OUT_WITHIN = 15_000;

// More than the kernel's buffers of one connection on loopback take, so that writes stand still after it: less than the
// node keeps for one client (4 MiB), and more.
const MESSAGE = "x".repeat(100_000);
const WAYS = [
  { action: "stalled", messages: 35 },
  { action: "overflow", messages: 200 },
];

/** Has a client stop reading, and sends so many messages to its room. */
async function stall(cluster, action, messages) {
  const [publisher, reader, far] = [
    await cluster.connect({ node: "n1" }),
    await cluster.connect({ node: "n1" }),
    await cluster.connect({ node: "n2" }),
  ];
  const stalled = await cluster.connect({ node: "n1", reconnection: false });
  await Promise.all([reader.join(`crowded ${action}`), far.join(`crowded ${action}`), stalled.join(`crowded ${action}`), stalled.join(`alone ${action}`)]);
  const counted = () => cluster.node("n1").metric("socket_io_slow_consumer_total", { action });
  const before = await counted();

  stalled.socket.io.engine.transport.ws.pause();
  for (let number = 0; number < messages; number += 1) {
    await publisher.ask("sendToRoom", { room: `crowded ${action}`, data: [number, MESSAGE] });
  }
  const standing = Date.now();

  await eventually(
    async () => (await cluster.redis.subscribers(`socket.io#/#alone ${action}#`)) === 0,
    "the client is out of its rooms",
    { patience: OUT_WITHIN },
  );
  assert.equal(await counted(), before + 1);
  for (const client of [publisher, reader]) {
    assert.ok(client.socket.connected, "publisher and reader are still there");
  }
  assert.ok(Date.now() - standing < OUT_WITHIN);
  for (const client of [reader, far]) {
    const numbers = (await client.receiveMany("roomMsg", messages)).map(([number]) => number);
    assert.deepEqual(numbers, Array.from({ length: messages }, (_, number) => number));
    assert.deepEqual(client.disconnects, []);
    assert.equal(await client.ask("echo", "quick"), "quick");
  }
}

describe("a client that stops reading", () => {
  const cluster = useCluster({ nodes: 2 });

  for (const { action, messages } of WAYS) {
    cluster.test(`is out of its rooms within 15 s, counted as ${action}, and others get everything in order`, () =>
      stall(cluster, action, messages));
  }
});
