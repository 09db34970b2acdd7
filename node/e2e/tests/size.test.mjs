// A message over the size limit closes the connection that it came on, and no other; one under it passes.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

// Bytes of one Engine.IO message or polling body: the data, and some more for the event's name and the quotes.
const LIMIT = 1_000_000;
const FRAME = 100;

describe("the size limit", () => {
  const cluster = useCluster({ nodes: 2, balancer: true });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: a text just under the limit comes back`, async () => {
      const client = await cluster.connect({ node: "n1", transport });
      const text = "x".repeat(LIMIT - FRAME);

      assert.ok((await client.ask("echo", text)) === text);
      assert.deepEqual(client.disconnects, []);
    });

    cluster.test(`${transport}: it is bytes that count, not characters`, async () => {
      const client = await cluster.connect({ node: "n1", transport });
      const text = "房".repeat((LIMIT - FRAME) / 3);

      assert.ok((await client.ask("echo", text)) === text);
    });

    cluster.test(`${transport}: binary data just under the limit comes back`, async () => {
      const client = await cluster.connect({ node: "n1", transport });
      // In polling it travels as base64, which is a third longer.
      const bytes = Buffer.alloc(transport === "polling only" ? ((LIMIT - FRAME) / 4) * 3 : LIMIT - FRAME, 0xa5);

      assert.ok((await client.ask("echo", bytes)).equals(bytes));
    });

    const tooLarge = {
      "a text": "x".repeat(LIMIT + FRAME),
      "a text of many bytes in fewer characters": "房".repeat(LIMIT / 3 + FRAME),
      "binary data": Buffer.alloc(LIMIT + FRAME),
      "something twenty times as large": "x".repeat(20 * LIMIT),
    };
    for (const [what, data] of Object.entries(tooLarge)) {
      cluster.test(`${transport}: ${what} over the limit closes that connection alone`, async () => {
        const client = await cluster.connect({ node: "n1", transport, reconnection: false });
        const others = await cluster.connectEverywhere();

        const answered = client.askUnanswered("broadcast", data);
        await client.disconnected();

        await others[0].ask("broadcast", "still here");
        for (const other of others) {
          assert.deepEqual(await other.receive("msgToAll"), ["still here"], "the large one was not broadcast");
          assert.deepEqual(other.unread, []);
          assert.deepEqual(other.disconnects, []);
        }
        assert.equal(answered(), false);
      });
    }

    cluster.test(`${transport}: a client that was closed for it can come back`, async () => {
      const client = await cluster.connect({ node: "n1", transport });

      client.emit("broadcast", "x".repeat(LIMIT + FRAME));
      await client.disconnected();
      await client.connected();

      assert.equal(await client.ask("echo", "small again"), "small again");
    });
  }
});
