// Nodes and clients that speak MessagePack instead of JSON: the same contract, in short.

import assert from "node:assert/strict";
import { describe } from "node:test";

import parser from "socket.io-msgpack-parser";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

describe("the parser msgpack", () => {
  const cluster = useCluster({ nodes: 2, balancer: true, peer: { parser }, env: { ROOMCAST_SOCKETIO__PARSER: "msgpack" } });
  const connect = (options) => cluster.connect({ parser, ...options });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: rooms, broadcasts, acks and exceptions are the same`, async () => {
      const [sender, member] = await Promise.all([connect({ node: "n1", transport }), connect({ node: "n2", transport })]);

      assert.deepEqual(await member.join("聊天室 #1"), { room: "聊天室 #1", joined: true });
      sender.emit("msgToServer", "你好");
      assert.deepEqual(await sender.receive("msgToClient"), ["服务端收到: 你好"]);
      assert.deepEqual(await sender.ask("sendToRoom", { room: "聊天室 #1", data: { n: [1, -1, 0.5, null] } }), { ok: true });
      assert.deepEqual(await member.receive("roomMsg"), [{ n: [1, -1, 0.5, null] }]);
      await sender.ask("broadcast", "to all");
      for (const client of [sender, member]) assert.deepEqual(await client.receive("msgToAll"), ["to all"]);
      await sender.ask("broadcastOthers", "to others");
      assert.deepEqual(await member.receive("msgToOthers"), ["to others"]);
      member.emit("joinRoom", "");
      const [exception] = await member.receive("exception");
      assert.deepEqual([exception.status, exception.cause], ["error", { pattern: "joinRoom", data: "" }]);
      await sender.settled();
      assert.deepEqual(sender.unread, []);
    });

    cluster.test(`${transport}: binary data stays binary, also across nodes`, async () => {
      const [sender, member] = await Promise.all([connect({ node: "n1", transport }), connect({ node: "n2", transport })]);
      const data = { top: Buffer.from([0, 255]), list: [{ deep: Buffer.alloc(70_000, 5) }], text: "plain" };
      await member.join("binary");

      await sender.ask("sendToRoom", { room: "binary", data });

      assert.deepEqual(await sender.ask("echo", data), data);
      assert.deepEqual(await member.receive("roomMsg"), [data]);
    });
  }

  cluster.test("a Node.js server in the same cluster is heard, and hears", async () => {
    const ours = await connect({ node: "n2" });
    const theirs = await cluster.connectToPeer({ parser });
    const data = { text: "聊天室", bytes: Buffer.from("bytes"), list: [1, 2.5, null] };
    await ours.join("shared");
    await theirs.join("shared");

    cluster.peer.io.to("shared").emit("from Node.js", data, new Date("2023-11-14T22:13:20.123Z"));
    await ours.ask("sendToRoom", { room: "shared", data });

    const [first, date] = await ours.receive("from Node.js");
    assert.deepEqual(first, data);
    assert.equal(new Date(date).toISOString(), "2023-11-14T22:13:20.123Z");
    assert.deepEqual(await theirs.receive("roomMsg"), [data]);
  });
});
