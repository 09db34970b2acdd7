// The events of the namespace `/`, row by row, as stock clients see them: on one node that has no Redis, and on three
// nodes behind HAProxy, over each transport.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

// What a sender emits and what others receive must not depend on where those others are.
const PLACES = [
  { place: "one node without Redis", cluster: { nodes: 1 }, here: "n1", there: "n1" },
  { place: "three nodes behind HAProxy", cluster: { nodes: 3, balancer: true }, here: "n1", there: "n3" },
];

const VALUES = {
  "a text": "hello",
  "an empty text": "",
  "a text of many scripts": "聊天室 – Ünïcode – 🦀 – \u0000 – \u2028 – \"quoted\"\\",
  "an integer": 42,
  "a fraction": -0.125,
  "an integer that a double holds exactly": 9007199254740991,
  true: true,
  null: null,
  "an empty list": [],
  "an empty object": {},
  "a nested value": { list: [1, [2, { three: [null, false, "4"] }]], "": { "key with # and spaces": {} } },
  binary: Buffer.from([0, 1, 2, 254, 255]),
  "nested binary": { first: Buffer.from("first"), list: [1, { second: Buffer.alloc(3) }, "text"] },
  "what looks like a placeholder": { _placeholder: false, num: 0 },
};

for (const { place, cluster: options, here, there } of PLACES) {
  describe(place, () => {
    const cluster = useCluster(options);

    for (const transport of Object.keys(TRANSPORTS)) {
      describe(transport, () => {
        const sender = () => cluster.connect({ node: here, transport });
        const senderAndOther = () =>
          Promise.all([cluster.connect({ node: here, transport }), cluster.connect({ node: there, transport })]);

        cluster.test("the transport is the one that was asked for", async () => {
          const client = await sender();

          assert.equal(client.transport, transport === "polling only" ? "polling" : "websocket");
        });

        cluster.test("an event that is sent the moment a client is connected is handled", async () => {
          // One at a time, so that nothing else keeps the node from being slow at the wrong moment.
          for (let number = 0; number < (transport === "websocket only" ? 300 : 30); number += 1) {
            const client = cluster.open({ node: here, transport });
            assert.equal(await client.ask("echo", number), number, "emitted before, it goes out with the connection");
            client.close();
          }
        });

        cluster.test("msgToServer is answered with msgToClient to the sender alone, and with no ack", async () => {
          const [client, other] = await senderAndOther();

          const answered = client.askUnanswered("msgToServer", "你好, world");

          assert.deepEqual(await client.receive("msgToClient"), ["服务端收到: 你好, world"]);
          await client.settled();
          await other.settled();
          assert.equal(answered(), false);
          assert.deepEqual(other.unread, []);
        });

        cluster.test("msgToServer with something other than a text is an exception", async () => {
          const client = await sender();

          for (const body of [42, null, { text: "hello" }, ["hello"]]) {
            client.emit("msgToServer", body);
            await assertException(client, { pattern: "msgToServer", data: body });
          }
        });

        cluster.test("joinRoom and leaveRoom are acknowledged with the room and what is true of it now", async () => {
          const [client, other] = await senderAndOther();
          const room = `lobby-${randomUUID()}`;

          assert.deepEqual(await client.ask("joinRoom", room), { room, joined: true });
          assert.deepEqual(await client.ask("joinRoom", room), { room, joined: true }, "joining again changes nothing");
          assert.deepEqual(await other.ask("sendToRoom", { room, data: "in" }), { ok: true });
          assert.deepEqual(await client.receive("roomMsg"), ["in"]);
          assert.deepEqual(await client.ask("leaveRoom", room), { room, joined: false });
          assert.deepEqual(await client.ask("leaveRoom", room), { room, joined: false });
          assert.deepEqual(await other.ask("sendToRoom", { room, data: "out" }), { ok: true });

          await nothingElseArrives(other, client);
        });

        cluster.test("a room name that is none is an exception, and its ack is not called", async () => {
          const client = await sender();
          const none = ["", "x".repeat(257), "房".repeat(86), "with \u0000 inside", 7, null, {}, ["room"], true];

          for (const event of ["joinRoom", "leaveRoom"]) {
            for (const name of none) {
              const answered = client.askUnanswered(event, name);
              await assertException(client, { pattern: event, data: name });
              assert.equal(answered(), false);
            }
          }
          await client.settled();
        });

        cluster.test("an exception to an event without a body has no data in its cause", async () => {
          const client = await sender();

          client.emit("joinRoom");

          await assertException(client, { pattern: "joinRoom" });
        });

        cluster.test("the longest room names are names", async () => {
          const client = await sender();

          for (const room of ["x".repeat(256), "房".repeat(85), " ", "#", "*"]) {
            assert.deepEqual(await client.ask("joinRoom", room), { room, joined: true });
          }
        });

        cluster.test("a room whose name begins as an id does cannot be joined", async () => {
          const client = await sender();

          for (const room of ["~", "~room", "~0123456789abcdefghi"]) {
            const answered = client.askUnanswered("joinRoom", room);
            await assertException(client, { pattern: "joinRoom", data: room });
            assert.equal(answered(), false);
          }
        });

        cluster.test("each socket is in the room of its own id", async () => {
          const [client, other] = await senderAndOther();

          await client.ask("sendToRoom", { room: other.id, data: "to one" });

          assert.deepEqual(await other.receive("roomMsg"), ["to one"]);
          await nothingElseArrives(other, client);
        });

        cluster.test("sendToRoom reaches the members, the sender only as one of them", async () => {
          const [client, member] = await senderAndOther();
          const stranger = await cluster.connect({ node: there, transport });
          const room = `room-${randomUUID()}`;
          await member.join(room);

          assert.deepEqual(await client.ask("sendToRoom", { room, data: "from outside" }), { ok: true });
          assert.deepEqual(await member.receive("roomMsg"), ["from outside"]);
          await client.join(room);
          assert.deepEqual(await client.ask("sendToRoom", { room, data: "from inside" }), { ok: true });

          assert.deepEqual(await member.receive("roomMsg"), ["from inside"]);
          assert.deepEqual(await client.receive("roomMsg"), ["from inside"]);
          await nothingElseArrives(client, member, stranger);
        });

        cluster.test("sendToRoom with a body that does not fit names the field", async () => {
          const client = await sender();

          for (const body of [{ data: 1 }, { room: 7, data: 1 }, { room: "", data: 1 }, { room: "x\u0000", data: 1 }]) {
            const answered = client.askUnanswered("sendToRoom", body);
            const message = await assertException(client, { pattern: "sendToRoom", data: body });
            assert.match(message, /room/);
            assert.equal(answered(), false);
          }
          for (const body of ["room", null, 3]) {
            client.emit("sendToRoom", body);
            await assertException(client, { pattern: "sendToRoom", data: body });
          }
        });

        cluster.test("broadcast reaches everyone, the sender included", async () => {
          const [client, other] = await senderAndOther();

          assert.deepEqual(await client.ask("broadcast", { news: "今日" }), { ok: true });

          assert.deepEqual(await client.receive("msgToAll"), [{ news: "今日" }]);
          assert.deepEqual(await other.receive("msgToAll"), [{ news: "今日" }]);
          await nothingElseArrives(client, other);
        });

        cluster.test("broadcastOthers reaches everyone but the sender", async () => {
          const [client, other] = await senderAndOther();

          assert.deepEqual(await client.ask("broadcastOthers", ["to", "others"]), { ok: true });

          assert.deepEqual(await other.receive("msgToOthers"), [["to", "others"]]);
          await nothingElseArrives(client, other);
        });

        cluster.test("echo acknowledges any value with itself", async () => {
          const client = await sender();

          for (const [what, value] of Object.entries(VALUES)) {
            assert.deepEqual(await client.ask("echo", value), value, what);
          }
        });

        cluster.test("any value passes through rooms and broadcasts unchanged", async () => {
          const [client, other] = await senderAndOther();
          const room = `values-${randomUUID()}`;
          await other.join(room);

          for (const [what, value] of Object.entries(VALUES)) {
            await client.ask("sendToRoom", { room, data: value });
            assert.deepEqual(await other.receive("roomMsg"), [value], `${what} to a room`);
            await client.ask("broadcast", value);
            assert.deepEqual(await other.receive("msgToAll"), [value], `${what} to all`);
            assert.deepEqual(await client.receive("msgToAll"), [value], `${what} to all, the sender's own`);
          }
        });

        cluster.test("several arguments are one body, the list of them", async () => {
          const [client, other] = await senderAndOther();
          const body = ["one", { two: 2 }, Buffer.from("three")];

          assert.deepEqual(await client.ask("echo", ...body), body);
          await client.ask("broadcastOthers", ...body);
          assert.deepEqual(await other.receive("msgToOthers"), [body]);
          client.emit("joinRoom", "one", "two");
          await assertException(client, { pattern: "joinRoom", data: ["one", "two"] });
        });

        cluster.test("no ack is sent that was not asked for", async () => {
          const client = await sender();
          await client.settled();
          const before = client.acks;

          client.emit("echo", "quietly");
          client.emit("joinRoom", "quiet-room");
          client.emit("sendToRoom", { room: "quiet-room", data: 1 });
          client.emit("broadcast", 2);
          client.emit("leaveRoom", "quiet-room");
          await client.settled();

          assert.equal(client.acks - before, 1, "that of the question which ends the wait");
          assert.deepEqual(await client.receive("roomMsg"), [1]);
          assert.deepEqual(await client.receive("msgToAll"), [2]);
          assert.deepEqual(client.unread, []);
        });

        cluster.test("an event without a handler is ignored", async () => {
          const client = await sender();

          const answered = client.askUnanswered("noSuchEvent", { anything: Buffer.from("at all") });
          for (const name of ["", "exception", "msgToClient", "roomMsg", "toString", "__proto__", "constructor"]) {
            client.emit(name, "unwanted");
          }
          await client.settled();

          assert.equal(answered(), false);
          assert.deepEqual(client.unread, []);
          assert.deepEqual(client.disconnects, []);
        });

        cluster.test("an event with a reserved name, sent by a client that breaks the rule, harms nobody else", async () => {
          const [client, other] = await senderAndOther();

          for (const name of ["disconnect", "connect", "disconnecting", "newListener"]) {
            // What `emit` refuses to do, by hand: type 2 is an event.
            client.socket.packet({ type: 2, data: [name, "forged"], options: {} });
          }
          await client.connected();
          await other.settled();

          assert.deepEqual(other.unread, []);
          assert.deepEqual(other.disconnects, []);
        });

        cluster.test("a client's events take effect in the order in which it sent them", async () => {
          const client = await sender();
          const room = `order-${randomUUID()}`;

          client.emit("joinRoom", room);
          client.emit("sendToRoom", { room, data: "after the join" });
          client.emit("msgToServer", "then this");
          client.emit("leaveRoom", room);
          client.emit("sendToRoom", { room, data: "after the leave" });
          client.emit("joinRoom", "");
          await client.settled();

          assert.deepEqual(
            client.unread.map(({ event, args }) => (event === "exception" ? event : [event, ...args])),
            [["roomMsg", "after the join"], ["msgToClient", "服务端收到: then this"], "exception"],
          );
        });
      });
    }
  });
}

/** The next exception is one of `cause`, in its complete form; returns its message. */
async function assertException(client, cause) {
  const args = await client.receive("exception");
  assert.equal(args.length, 1);
  const { message, ...rest } = args[0];
  assert.equal(typeof message, "string");
  assert.notEqual(message, "");
  assert.deepEqual(rest, { status: "error", cause });
  return message;
}

/**
 * Nothing is on its way from `publisher` to any of the clients.
 *
 * What one client publishes arrives in order: what it sends last is a proof that nothing before is still to come.
 */
async function nothingElseArrives(publisher, ...others) {
  const token = randomUUID();
  await publisher.ask("broadcast", token);
  for (const client of [publisher, ...others]) {
    assert.deepEqual(await client.receive("msgToAll"), [token]);
    assert.deepEqual(client.unread, [], `${client.name} has nothing left unread`);
  }
}
