// What one client publishes arrives in its order, complete and once, at every receiver of the cluster.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

const COUNT = 500;

describe("the order of one publisher", () => {
  const cluster = useCluster({ nodes: 3, balancer: true });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: ${COUNT} messages to a room arrive in order on every node`, async () => {
      const publisher = await cluster.connect({ node: "n1", transport });
      const receivers = await onEveryNode("in order");

      for (let number = 0; number < COUNT; number += 1) publisher.emit("sendToRoom", { room: "in order", data: number });

      for (const receiver of receivers) {
        const numbers = await receiver.receiveMany("roomMsg", COUNT);
        assert.deepEqual(numbers, Array.from({ length: COUNT }, (_, number) => number), receiver.name);
        assert.deepEqual(receiver.unread, []);
      }
    });

    cluster.test(`${transport}: small and large ones, texts and binaries, to the room and to all, keep one order`, async () => {
      const publisher = await cluster.connect({ node: "n2", transport });
      const receivers = await onEveryNode("mixed sizes");
      const sizes = [0, 10, 20_000, 1, 300];
      const messages = Array.from({ length: 100 }, (_, number) => {
        const text = "x".repeat(sizes[number % sizes.length]);
        return { number, fill: number % 2 === 0 ? text : Buffer.from(text) };
      });

      for (const data of messages) {
        if (data.number % 3 === 0) publisher.emit("broadcast", data);
        else publisher.emit("sendToRoom", { room: "mixed sizes", data });
      }
      publisher.emit("broadcast", "the end");

      for (const receiver of receivers) {
        const arrived = await receiver.receiveUntil((event, [data]) => data === "the end");
        assert.deepEqual(arrived.map(({ args: [data] }) => data), [...messages, "the end"], receiver.name);
      }
    });
  }

  cluster.test("three publishers at once: each one's order is kept", async () => {
    const publishers = await cluster.connectEverywhere();
    const receivers = await onEveryNode("crossing");

    for (let number = 0; number < COUNT / 5; number += 1) {
      for (const [from, publisher] of publishers.entries()) {
        publisher.emit("sendToRoom", { room: "crossing", data: { from, number } });
      }
    }

    for (const receiver of receivers) {
      const received = (await receiver.receiveMany("roomMsg", (COUNT / 5) * 3)).map(({ from, number }) => [from, number]);
      for (const from of publishers.keys()) {
        const numbers = received.filter(([one]) => one === from).map(([, number]) => number);
        assert.deepEqual(numbers, Array.from({ length: COUNT / 5 }, (_, number) => number), `from n${from + 1}, ${receiver.name}`);
      }
      assert.deepEqual(receiver.unread, []);
    }
  });

  async function onEveryNode(room) {
    const receivers = [];
    for (const transport of Object.keys(TRANSPORTS)) receivers.push(...(await cluster.connectEverywhere({ transport })));
    await Promise.all(receivers.map((receiver) => receiver.join(room)));
    return receivers;
  }
});
