// Roomcast nodes, a Node.js Socket.IO server with the classic Redis adapter, and the Redis emitter in one cluster:
// broadcasts pass in every direction.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";

import { useCluster } from "../lib/cluster.mjs";
import { eventually, within } from "../lib/deadline.mjs";

// At least one of each width that MessagePack has.
const NUMBERS = [
  0, 127, 128, 256, 65536, 4294967296, 9007199254740991, -1, -33, -129, -32769, -2147483649, -9007199254740991,
  0.1, -0.5, 5e-324, 123456.789,
];
const LONG = [
  "x".repeat(70_000),
  Array.from({ length: 70_000 }, (_, index) => index),
  Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`key ${index}`, index])),
];

// What a sender in JavaScript hands over, and what any client receives.
const ARGUMENTS = {
  "no argument": [[], []],
  "several arguments": [[1, "two", { three: 3 }, [4], null, true], [1, "two", { three: 3 }, [4], null, true]],
  "texts of many scripts": [["聊天室 – Ünï – 🦀 – \u0000\u2028\"\\"], ["聊天室 – Ünï – 🦀 – \u0000\u2028\"\\"]],
  numbers: [NUMBERS, NUMBERS],
  "numbers that JSON does not have": [[NaN, Infinity, -Infinity, -0], [null, null, null, 0]],
  "undefined, which a list keeps and an object does not": [[undefined, [undefined], { a: undefined, b: 1 }], [null, [null], { b: 1 }]],
  dates: [
    [new Date("2023-11-14T22:13:20.123Z"), { at: new Date("1969-07-20T20:17:40.000Z") }, new Date("2600-01-01T00:00:00.500Z")],
    ["2023-11-14T22:13:20.123Z", { at: "1969-07-20T20:17:40.000Z" }, "2600-01-01T00:00:00.500Z"],
  ],
  "nested binary": [
    [{ list: [Buffer.from("one"), { two: Buffer.from([0, 255]) }] }, Buffer.alloc(300, 3), "text"],
    [{ list: [Buffer.from("one"), { two: Buffer.from([0, 255]) }] }, Buffer.alloc(300, 3), "text"],
  ],
  "ten binaries": [
    [Array.from({ length: 10 }, (_, index) => Buffer.from([index]))],
    [Array.from({ length: 10 }, (_, index) => Buffer.from([index]))],
  ],
  "typed arrays": [[new Uint8Array([1, 2, 3]), new Uint8Array([4, 5]).buffer], [Buffer.from([1, 2, 3]), Buffer.from([4, 5])]],
  "long texts, lists and objects": [LONG, LONG],
  "an object with toJSON": [[{ toJSON: () => ({ as: "this" }) }], [{ as: "this" }]],
};

const ROOM_NAMES = ["plain", "with space", "a#b", "#", "聊天室", "🦀", "*", "[ab]", "room?", "back\\slash", "x".repeat(256)];

describe("one cluster of Roomcast and Node.js", () => {
  const cluster = useCluster({ nodes: 2, peer: {} });
  let emitter;
  before(() => (emitter = new Emitter(cluster.redis.commands)));

  /** Two clients on Roomcast nodes, of both transports, and one on the Node.js server. */
  async function clients() {
    const ours = await Promise.all([
      cluster.connect({ node: "n1" }),
      cluster.connect({ node: "n2", transport: "polling only" }),
    ]);
    const theirs = await cluster.connectToPeer();
    return { ours, theirs, all: [...ours, theirs] };
  }

  /** Everything that `publisher` sent before has arrived at each of `receivers`, and none has anything unread. */
  async function nothingElse(publisher, receivers) {
    const token = randomUUID();
    publisher.emit("sentinel", token);
    for (const receiver of receivers) {
      assert.deepEqual(await receiver.receive("sentinel"), [token]);
      assert.deepEqual(receiver.unread, [], receiver.name);
    }
  }

  // The server and the emitter have the same interface for what is tested here.
  const PUBLISHERS = { "a Node.js server": () => cluster.peer.io, "the emitter": () => emitter };

  for (const [who, publisher] of Object.entries(PUBLISHERS)) {
    for (const [what, [sent, received]] of Object.entries(ARGUMENTS)) {
      cluster.test(`${who} to Roomcast: ${what}`, async () => {
        const { all } = await clients();

        publisher().emit("values", ...sent);

        for (const client of all) assert.deepEqual(await client.receive("values"), received, client.name);
      });
    }

    cluster.test(`${who} to Roomcast: one room, whatever its name`, async () => {
      const { all } = await clients();

      for (const room of ROOM_NAMES) {
        await all[0].join(room);
        publisher().to(room).emit("to one room", room);
        assert.deepEqual(await all[0].receive("to one room"), [room]);
      }

      await nothingElse(publisher(), all);
    });

    cluster.test(`${who} to Roomcast: two rooms, and each client once`, async () => {
      const { all } = await clients();
      const [first, second, theirs] = all;
      await first.join("r1");
      await first.join("r2");
      await second.join("r2");
      await theirs.join("r1");

      publisher().to("r1").to("r2").emit("to two rooms", 1);
      publisher().to(["r1", "nobody's"]).emit("to a list of rooms", 2);

      for (const client of all) assert.deepEqual(await client.receive("to two rooms"), [1]);
      for (const client of [first, theirs]) assert.deepEqual(await client.receive("to a list of rooms"), [2]);
      await nothingElse(publisher(), all);
    });

    cluster.test(`${who} to Roomcast: all but some rooms, and a room but for some of it`, async () => {
      const { all } = await clients();
      const [first, second, theirs] = all;
      await Promise.all([first.join("left out"), first.join("room"), second.join("room"), theirs.join("room")]);

      publisher().except("left out").emit("to the others", 1);
      publisher().to("room").except("left out").emit("to the rest of the room", 2);
      publisher().to("room").except([first.id, second.id]).emit("to the last of the room", 3);

      for (const client of [second, theirs]) {
        assert.deepEqual(await client.receive("to the others"), [1]);
        assert.deepEqual(await client.receive("to the rest of the room"), [2]);
      }
      assert.deepEqual(await theirs.receive("to the last of the room"), [3]);
      await nothingElse(publisher(), all);
    });

    cluster.test(`${who} to Roomcast: one socket, by its id, is reached on any node`, async () => {
      const { all, ours } = await clients();

      for (const client of ours) {
        publisher().to(client.id).emit("to one socket", client.id);
        assert.deepEqual(await client.receive("to one socket"), [client.id]);
      }

      await nothingElse(publisher(), all);
    });

    cluster.test(`${who} to Roomcast: another namespace is none of a client's business`, async () => {
      const { all } = await clients();

      publisher().of("/elsewhere").emit("not for you");
      publisher().of("/elsewhere").to("room").emit("not for you");

      await nothingElse(publisher(), all);
    });

    cluster.test(`${who} to Roomcast: volatile and uncompressed ones arrive where a client is listening`, async () => {
      const { ours } = await clients();

      for (const client of ours) await client.settled();
      publisher().volatile.emit("volatile", 1);
      publisher().compress(false).emit("uncompressed", 2);

      // A volatile event may be dropped for a client whose polling request is not there at that moment.
      assert.deepEqual(await ours[0].receive("volatile"), [1]);
      for (const client of ours) assert.deepEqual(await client.receive("uncompressed"), [2]);
    });

    cluster.test(`${who} to Roomcast: 500 messages, to rooms and to all in turns, arrive in order`, async () => {
      const { all } = await clients();
      await Promise.all(all.map((client) => client.join("ordered")));

      for (let number = 0; number < 500; number += 1) {
        const to = number % 2 === 0 ? publisher() : publisher().to("ordered");
        to.emit("numbered", number);
      }

      for (const client of all) {
        assert.deepEqual(await client.receiveMany("numbered", 500), Array.from({ length: 500 }, (_, number) => number));
      }
    });
  }

  cluster.test("Roomcast to a Node.js server: any value, to a room and to all", async () => {
    const { ours, theirs } = await clients();
    const values = [
      "text", "", "聊天室 🦀 \u0000", 0, -1, 0.1, 9007199254740991, true, null, [], {}, { nested: [{ a: [1, null] }] },
      Buffer.from("bytes"), { b: [Buffer.alloc(0), { c: Buffer.alloc(300, 1) }] }, "x".repeat(70_000),
    ];
    await theirs.join("shared");

    for (const sender of ours) {
      for (const value of values) {
        await sender.ask("sendToRoom", { room: "shared", data: value });
        assert.deepEqual(await theirs.receive("roomMsg"), [value]);
        await sender.ask("broadcast", value);
        assert.deepEqual(await theirs.receive("msgToAll"), [value]);
        await sender.ask("broadcastOthers", value);
        assert.deepEqual(await theirs.receive("msgToOthers"), [value]);
      }
    }
    await theirs.settled();
    assert.deepEqual(theirs.unread, []);
  });

  cluster.test("Roomcast to a Node.js server: rooms of any name, and only their members", async () => {
    const { ours, theirs } = await clients();

    for (const room of ROOM_NAMES) {
      await theirs.join(room);
      await ours[0].ask("sendToRoom", { room, data: room });
      assert.deepEqual(await theirs.receive("roomMsg"), [room]);
    }
    await ours[0].ask("sendToRoom", { room: "not joined", data: "unwanted" });
    await ours[0].ask("broadcast", "the end");

    await theirs.receive("msgToAll");
    assert.deepEqual(theirs.unread, []);
  });

  cluster.test("Roomcast to a Node.js server: one socket, by its id", async () => {
    const { ours, theirs } = await clients();

    await ours[1].ask("sendToRoom", { room: theirs.id, data: "only you" });

    assert.deepEqual(await theirs.receive("roomMsg"), ["only you"]);
  });

  cluster.test("Roomcast to a Node.js server: 500 messages arrive in order", async () => {
    const { ours, theirs } = await clients();
    await theirs.join("ordered");

    for (let number = 0; number < 500; number += 1) ours[0].emit("sendToRoom", { room: "ordered", data: number });

    assert.deepEqual(await theirs.receiveMany("roomMsg", 500), Array.from({ length: 500 }, (_, number) => number));
  });

  cluster.test("a Node.js server's questions to its cluster are answered by Roomcast nodes", async () => {
    const { all } = await clients();
    const found = async () => (await within(cluster.peer.io.fetchSockets(), () => "fetchSockets answers", 2_000)).map(({ id }) => id);

    await eventually(async () => `${(await found()).sort()}` === `${all.map(({ id }) => id).sort()}`, "only this test's sockets are there");
  });

  cluster.test("messages that are no broadcasts, or would break clients, are dropped, and the next one arrives", async () => {
    const { ours } = await clients();
    // The Node.js server would not survive most of these, so they go where it has no member: to the room of an id.
    const channel = `socket.io#/#${ours[0].id}#`;
    const { encode } = cluster.peer.io.of("/").adapter.parser;
    const to = (event) => ["emitter", { type: 2, data: event, nsp: "/" }, { rooms: [ours[0].id], except: [], flags: {} }];
    const rubbish = [
      Buffer.alloc(0), Buffer.from("not msgpack"), Buffer.from([0x93]), Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
      Buffer.alloc(100_000, 0x91), encode(null), encode([]), encode(["emitter"]), encode(["emitter", null, null]),
      encode(to("a text")), encode(to([])), encode(to([null])), encode(to([{}])),
      ...["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map((name) => encode(to([name, 1]))),
    ];

    for (const message of rubbish) await cluster.redis.commands.publish(channel, message);
    emitter.to(ours[0].id).emit("after all that", 1);

    assert.deepEqual(await ours[0].receive("after all that"), [1]);
    assert.deepEqual(ours[0].unread, []);
    assert.deepEqual(ours[0].disconnects, []);
    for (const node of cluster.nodes) node.program.assertRunning();
  });
});
