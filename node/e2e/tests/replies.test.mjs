// The namespace `/events`, row by row: replies of every kind, as stock clients see them.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

describe("replies", () => {
  const cluster = useCluster({ nodes: 1 });

  for (const transport of Object.keys(TRANSPORTS)) {
    describe(transport, () => {
      const connect = () => cluster.connect({ node: "n1", transport, namespace: "/events" });

      cluster.test("events: the body is the ack, and an empty one is an exception", async () => {
        const client = await connect();

        assert.deepEqual(await client.ask("events", { name: "guang" }), { name: "guang" });
        for (const empty of ["", null]) {
          client.emit("events", empty);
          const [told] = await client.receive("exception");
          assert.equal(told.message, "数据不能为空！");
          assert.deepEqual(told.cause, { pattern: "events", data: empty });
        }
        client.emit("events");
        const [told] = await client.receive("exception");
        assert.deepEqual(told.cause, { pattern: "events" }, "no body, no data");
      });

      cluster.test("identity: the ack is one field of the body", async () => {
        const client = await connect();

        assert.equal(await client.ask("identity", { id: 42, other: 1 }), 42);
        assert.equal(await client.ask("identity", { other: 1 }), null);
      });

      cluster.test("response: an event in place of the ack", async () => {
        const client = await connect();

        client.emit("response", [1, 2], () => assert.fail("the ack was called"));

        assert.deepEqual(await client.receive("events"), [[1, 2]]);
      });

      cluster.test("stream: one event for each item, in order", async () => {
        const client = await connect();

        client.emit("stream", ["a", { b: 1 }, null]);
        for (const item of ["a", { b: 1 }, null]) {
          assert.deepEqual(await client.receive("events"), [item]);
        }
        client.emit("stream");
        for (const item of [1, 2, 3]) {
          assert.deepEqual(await client.receive("events"), [item]);
        }
      });

      cluster.test("custom: an event, and then the ack", async () => {
        const client = await connect();

        const order = [];
        client.socket.on("custom", (text) => order.push(text));
        const ack = await client.ask("custom", { x: 1 });

        assert.deepEqual([...order, ack], ["Hey there!", { x: 1 }]);
      });
    });
  }

  cluster.test("delayed: three events, while others are answered; none after a disconnect", async () => {
    const [client, leaver] = await Promise.all([
      cluster.connect({ node: "n1", namespace: "/events" }),
      cluster.connect({ node: "n1", namespace: "/events" }),
    ]);
    leaver.emit("delayed");
    assert.deepEqual(await leaver.receive("guang"), [{ msg: "aaa" }]);
    leaver.socket.disconnect();
    leaver.socket.onAny(() => assert.fail("an event after the disconnect"));

    client.emit("delayed");
    assert.deepEqual(await client.receive("guang"), [{ msg: "aaa" }]);
    assert.equal(await client.ask("events", "beside"), "beside");
    assert.deepEqual(await client.receive("guang"), [{ msg: "bbb" }]);
    assert.deepEqual(await client.receive("guang"), [{ msg: "ccc" }]);
  });
});
