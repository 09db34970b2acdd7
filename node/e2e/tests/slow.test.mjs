// A client that stops reading is let go, and counted; those who read feel nothing of it.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

// How long after the first write that makes no progress a client may still be in its rooms.
const OUT_WITHIN = 15_000;

// More than the kernel's buffers of one connection on loopback take, so that writes stand still after it.
const MESSAGE = "x".repeat(100_000);
const ENOUGH = 200;

describe("a client that stops reading", () => {
  const cluster = useCluster({ nodes: 2 });

  cluster.test("is out of its rooms within 15 s and counted, while others receive everything in order", async () => {
    const [publisher, reader, far] = [
      await cluster.connect({ node: "n1" }),
      await cluster.connect({ node: "n1" }),
      await cluster.connect({ node: "n2" }),
    ];
    const stalled = await cluster.connect({ node: "n1", reconnection: false });
    await Promise.all([reader.join("crowded"), far.join("crowded"), stalled.join("crowded"), stalled.join("its own")]);
    const counted = () => cluster.node("n1").metric("socket_io_slow_consumer_total", { action: "stalled" });
    assert.equal(await counted(), 0);

    stalled.socket.io.engine.transport.ws.pause();
    for (let number = 0; number < ENOUGH; number += 1) {
      await publisher.ask("sendToRoom", { room: "crowded", data: [number, MESSAGE] });
    }
    const standing = Date.now();

    await eventually(
      async () => (await cluster.redis.subscribers("socket.io#/#its own#")) === 0,
      "the client is out of its rooms",
      { patience: OUT_WITHIN },
    );
    assert.equal(await counted(), 1);
    assert.equal(await cluster.node("n1").metric("socket_io_connected"), 2, "publisher and reader are still there");
    assert.ok(Date.now() - standing < OUT_WITHIN);
    for (const client of [reader, far]) {
      const numbers = (await client.receiveMany("roomMsg", ENOUGH)).map(([number]) => number);
      assert.deepEqual(numbers, Array.from({ length: ENOUGH }, (_, number) => number));
      assert.deepEqual(client.disconnects, []);
      assert.equal(await client.ask("echo", "quick"), "quick");
    }
  });
});
