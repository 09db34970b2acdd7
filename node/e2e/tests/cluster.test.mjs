// One emit reaches the clients of all nodes: three nodes, HAProxy in front, one Redis.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

// Names that a channel name, a pattern or a parser could stumble over; many are another's beginning or a pattern for it.
const ROOMS = [
  "a", "a#", "a#b", "#a", "#", "##", " ", "a b", " a", "a ", "*", "a*", "?", "[ab]", "\\", "\\*", "{a}", "a:b", "/", "/a",
  "聊天室 一", "聊天室 二", "Ünïcode", "U\u0308ni\u0308code", "🦀🦀", "\u202eright to left", "line\nbreak", "tab\there",
  "\"quoted\"", "'", "0", "00", "null", "__proto__", "socket.io#/#", "x".repeat(256), "房".repeat(85),
];

describe("three nodes behind HAProxy", () => {
  const cluster = useCluster({ nodes: 3, balancer: true });

  cluster.test("clients that name no node are spread over all of them", async () => {
    for (let count = 0; count < 6; count += 1) await cluster.connect();

    for (const node of cluster.nodes) {
      await eventually(async () => (await node.metric("socket_io_connected")) === 2, `${node.name} has two of six clients`);
    }
  });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: an emit to a room reaches every node, from every node`, async () => {
      const clients = await cluster.connectEverywhere({ transport });
      await Promise.all(clients.map((client) => client.join("everywhere")));

      for (const sender of clients) {
        await sender.ask("sendToRoom", { room: "everywhere", data: sender.id });
        for (const receiver of clients) assert.deepEqual(await receiver.receive("roomMsg"), [sender.id]);
      }

      await nothingMore(clients);
    });

    cluster.test(`${transport}: a broadcast reaches everyone once, from every node; one to others all but the sender`, async () => {
      const clients = await cluster.connectEverywhere({ transport });

      for (const sender of clients) {
        await sender.ask("broadcast", sender.id);
        for (const receiver of clients) assert.deepEqual(await receiver.receive("msgToAll"), [sender.id]);
        await sender.ask("broadcastOthers", sender.id);
        for (const receiver of clients.filter((client) => client !== sender)) {
          assert.deepEqual(await receiver.receive("msgToOthers"), [sender.id]);
        }
      }

      await nothingMore(clients);
    });

    cluster.test(`${transport}: binary data arrives on other nodes byte by byte, wherever it is nested`, async () => {
      const clients = await cluster.connectEverywhere({ transport });
      const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      const data = { top: every, list: [every.subarray(0, 1), { deep: Buffer.alloc(70_000, 7) }], empty: Buffer.alloc(0), n: 1 };
      await Promise.all(clients.map((client) => client.join("binary")));

      for (const sender of clients) {
        await sender.ask("sendToRoom", { room: "binary", data });
        for (const receiver of clients) assert.deepEqual(await receiver.receive("roomMsg"), [data]);
      }
    });
  }

  cluster.test("clients of different transports share a room", async () => {
    const clients = await Promise.all(
      Object.keys(TRANSPORTS).map((transport, index) => cluster.connect({ node: `n${index + 1}`, transport })),
    );
    await Promise.all(clients.map((client) => client.join("mixed")));

    for (const sender of clients) {
      await sender.ask("sendToRoom", { room: "mixed", data: [sender.id, Buffer.from(sender.id)] });
      for (const receiver of clients) {
        assert.deepEqual(await receiver.receive("roomMsg"), [[sender.id, Buffer.from(sender.id)]]);
      }
    }
  });

  cluster.test("a room's name may hold anything, and no two rooms are confused", async () => {
    const sender = await cluster.connect({ node: "n1" });
    const members = await Promise.all(
      ROOMS.map(async (room, index) => {
        const member = await cluster.connect({ node: `n${(index % 3) + 1}` });
        assert.deepEqual(await member.join(room), { room, joined: true });
        return member;
      }),
    );

    for (const room of ROOMS) assert.deepEqual(await sender.ask("sendToRoom", { room, data: room }), { ok: true });
    await sender.ask("broadcast", "the end");

    for (const [index, member] of members.entries()) {
      await member.receive("msgToAll");
      assert.deepEqual(member.unread, [{ event: "roomMsg", args: [ROOMS[index]] }]);
    }
  });

  cluster.test("a client that left, and one that disconnected and came back, are in no room", async () => {
    const [sender, left, returned] = await cluster.connectEverywhere();
    await Promise.all([left.join("former"), returned.join("former")]);
    const formerId = returned.id;

    await left.ask("leaveRoom", "former");
    returned.socket.disconnect().connect();
    await eventually(() => returned.id !== undefined && returned.id !== formerId, "the client has a new id");
    await sender.ask("sendToRoom", { room: "former", data: "for members" });
    await sender.ask("sendToRoom", { room: formerId, data: "for an id that is gone" });

    await nothingMore([sender, left, returned]);
  });

  cluster.test("large messages, up to the limit, cross the cluster", async () => {
    const [sender, ...others] = await cluster.connectEverywhere();
    const text = "x".repeat(990_000);
    const binary = Buffer.alloc(990_000, 1);

    await sender.ask("broadcastOthers", text);
    await sender.ask("broadcastOthers", binary);

    for (const other of others) {
      const [first, second] = await other.receiveMany("msgToOthers", 2);
      assert.ok(first === text, "the text arrives whole");
      assert.ok(Buffer.isBuffer(second) && second.equals(binary), "the binary arrives whole");
    }
  });
});

/** Nothing is on its way to any of the clients: a last broadcast of each has arrived, and nothing else. */
async function nothingMore(clients) {
  for (const sender of clients) {
    await sender.ask("broadcast", "last");
    for (const receiver of clients) assert.deepEqual(await receiver.receive("msgToAll"), ["last"]);
  }
  for (const client of clients) assert.deepEqual(client.unread, [], client.name);
}
