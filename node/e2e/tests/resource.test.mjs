// The resource `Aaa`, as stock clients see it: on one node without Redis, and on two that share one, with either parser.

import assert from "node:assert/strict";
import { describe } from "node:test";

import parser from "socket.io-msgpack-parser";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

const PLACES = [
  { place: "one node without Redis", cluster: { nodes: 1 }, there: "n1" },
  { place: "two nodes on one Redis", cluster: { nodes: 2 }, there: "n2" },
  {
    place: "two nodes that speak MessagePack",
    cluster: { nodes: 2, env: { ROOMCAST_SOCKETIO__PARSER: "msgpack" } },
    there: "n2",
    client: { parser },
  },
];

// What a store that parses JSON would bend.
const DELICATE = {
  list: [],
  nested: { list: [], object: {} },
  fraction: -0.125,
  large: 9007199254740991,
  tiny: 1e-7,
  text: "聊天室 – 🦀 – \u0000 – \u2028 – \"quoted\"\\",
  "": null,
  no: false,
};

for (const { place, cluster: options, there, client = {} } of PLACES) {
  describe(`a resource on ${place}`, () => {
    const cluster = useCluster(options);
    const connect = (node, transport = undefined) => cluster.connect({ node, transport, ...client });

    for (const transport of Object.keys(TRANSPORTS)) {
      const pair = () => Promise.all([connect("n1", transport), connect(there, transport)]);

      cluster.test(`a record lives on every node, over ${transport}`, async () => {
        const [writer, reader] = await pair();

        const created = await writer.ask("createAaa", DELICATE);
        const { id, ...rest } = created;
        assert.ok(Number.isInteger(id) && id > 0);
        assert.deepEqual(rest, DELICATE);
        assert.deepEqual(await reader.ask("findOneAaa", id), created);
        assert.deepEqual((await reader.ask("findAllAaa")).at(-1), created);

        const updated = { ...created, text: "new", more: [1] };
        assert.deepEqual(await reader.ask("updateAaa", { id, text: "new", more: [1] }), updated);
        assert.deepEqual(await writer.ask("removeAaa", id), updated);

        for (const [event, data] of [["findOneAaa", id], ["removeAaa", id], ["updateAaa", { id }]]) {
          reader.emit(event, data);
          const [told] = await reader.receive("exception");
          const cause = { pattern: event, data };
          assert.deepEqual(told, { status: "error", message: `Aaa #${id} not found`, cause });
        }
        assert.ok((await writer.ask("createAaa", {})).id > id, "an id is not used again");
      });

      cluster.test(`those who watch are told, over ${transport}`, async () => {
        const [writer, watcher] = await pair();
        assert.deepEqual(await watcher.ask("watchAaa"), { watching: true });

        const created = await writer.ask("createAaa", { a: 1 });
        const updated = await writer.ask("updateAaa", { id: created.id, b: "zwei" });
        await writer.ask("removeAaa", created.id);

        assert.deepEqual(await watcher.receive("AaaCreated"), [created]);
        assert.deepEqual(await watcher.receive("AaaUpdated"), [updated]);
        assert.deepEqual(await watcher.receive("AaaRemoved"), [updated]);
        assert.deepEqual(await watcher.ask("unwatchAaa"), { watching: false });
        await writer.ask("createAaa", {});
        await writer.ask("broadcast", "last");
        await watcher.receive("msgToAll");
        assert.deepEqual(watcher.unread, []);
        await writer.settled();
        assert.ok(writer.unread.every(({ event }) => event === "msgToAll"), "who does not watch is not told");
      });
    }

    cluster.test("updates of one record on all nodes at the same time lose no field", async () => {
      const clients = await Promise.all(["n1", there, "n1", there].map((node) => connect(node)));
      const { id } = await clients[0].ask("createAaa", {});

      await Promise.all(
        clients.flatMap((client, who) =>
          Array.from({ length: 50 }, (_, number) => client.ask("updateAaa", { id, [`${who}-${number}`]: number })),
        ),
      );

      const record = await clients[1].ask("findOneAaa", id);
      assert.equal(Object.keys(record).length, 1 + 4 * 50);
    });

    cluster.test("a body that does not fit is an exception that says what was expected", async () => {
      const client = await connect(there);

      for (const [event, data, message] of [
        ["createAaa", [1], "body: expected an object"],
        ["createAaa", { id: 1 }, "id: expected none, a new record is given one"],
        ["createAaa", { a: Buffer.from("x") }, "body: expected no binary data in a record"],
        ["findOneAaa", 0, "body: expected a positive integer"],
        ["findOneAaa", 1.5, "body: expected a positive integer"],
        ["updateAaa", { a: 1 }, "id: missing"],
        ["removeAaa", "1", "body: expected a positive integer"],
      ]) {
        client.emit(event, data);
        const [told] = await client.receive("exception");
        assert.equal(told.message, message);
      }
    });
  });
}
