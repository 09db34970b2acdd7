// Raw WebSockets, with the `ws` package alone and beside stock Socket.IO clients.

import assert from "node:assert/strict";
import { once } from "node:events";
import { describe } from "node:test";

import WebSocket from "ws";

import { useCluster } from "../lib/cluster.mjs";
import { within } from "../lib/deadline.mjs";
import { Raw } from "../lib/raw.mjs";

describe("one node", () => {
  const cluster = useCluster({ nodes: 1 });

  cluster.test("each message is an event, and a returned value one of the same name", async () => {
    const client = await Raw.connect(cluster, "n1", "/ws");

    client.emit("echo", { a: [1.5, "二", null] });
    assert.deepEqual(await client.next(), { event: "echo", data: { a: [1.5, "二", null] } });
    client.emit("msgToServer", "hello");
    assert.deepEqual(await client.next(), { event: "msgToClient", data: "服务端收到: hello" });
    client.socket.send("[]");
    assert.deepEqual(await client.next(), {
      event: "exception",
      data: { status: "error", message: "Invalid message" },
    });
    client.emit("joinRoom", { not: "a name" });
    const { event, data } = await client.next();
    assert.equal(event, "exception");
    assert.deepEqual(data.cause, { pattern: "joinRoom", data: { not: "a name" } });
  });

  cluster.test("another namespace has a path of its own, and one that nobody serves has none", async () => {
    const client = await Raw.connect(cluster, "n1", "/ws/events");
    client.emit("response", 7);
    assert.deepEqual(await client.next(), { event: "events", data: 7 });

    const nobody = new WebSocket(Raw.address(cluster, "n1", "/ws/nobody"));
    const [error] = await within(once(nobody, "error"), () => "the node refuses");
    assert.match(error.message, /404/);
  });

  cluster.test("a message over the limit closes its connection alone, with 1009", async () => {
    const client = await Raw.connect(cluster, "n1", "/ws");
    const other = await Raw.connect(cluster, "n1", "/ws");

    client.emit("echo", "x".repeat(1_000_001));

    assert.equal(await client.closeCode(), 1009);
    other.emit("echo", 1);
    assert.deepEqual(await other.next(), { event: "echo", data: 1 });
  });
});

describe("two nodes", () => {
  const cluster = useCluster({ nodes: 2 });

  cluster.test("the chat is one, whatever carries its clients", async () => {
    const raw = await Raw.connect(cluster, "n1", "/ws/chat");
    const client = await cluster.connect({ node: "n2", namespace: "/chat" });
    assert.equal((await raw.next()).event, "onlineUsers");

    raw.emit("joinChat", { username: "Rae" });
    const { event, data } = await raw.next();
    assert.equal(event, "userOnline");
    assert.match(data.clientId, /^~[A-Za-z0-9_-]{19}$/);
    assert.equal((await raw.next()).event, "joined");
    assert.deepEqual(await client.receive("userOnline"), [{ username: "Rae", clientId: data.clientId }]);

    raw.emit("sendMessage", { message: "hello" });
    assert.equal((await client.receive("newMessage"))[0].message, "hello");
    raw.socket.close();
    assert.deepEqual(await client.receive("userOffline"), [{ username: "Rae", clientId: data.clientId }]);
  });

  cluster.test("a room has members on both platforms and both nodes", async () => {
    const near = await Raw.connect(cluster, "n1", "/ws");
    const far = await Raw.connect(cluster, "n2", "/ws");
    const stock = await cluster.connect({ node: "n1" });
    await stock.join("shared");
    for (const client of [near, far]) {
      client.emit("joinRoom", "shared");
      assert.deepEqual(await client.next(), { event: "joinRoom", data: { room: "shared", joined: true } });
    }

    stock.emit("sendToRoom", { room: "shared", data: { bytes: Buffer.from([0, 1, 254, 255]) } });
    for (const client of [near, far]) {
      assert.deepEqual(await client.next(), { event: "roomMsg", data: { bytes: "AAH+/w==" } });
    }
    await stock.receive("roomMsg");

    far.emit("sendToRoom", { room: "shared", data: "from afar" });
    assert.deepEqual(await near.next(), { event: "roomMsg", data: "from afar" });
    assert.deepEqual(await stock.receive("roomMsg"), ["from afar"]);
  });

  cluster.test("a node that stops closes with 1012", async () => {
    const client = await Raw.connect(cluster, "n2", "/ws");

    await cluster.node("n2").program.end("SIGTERM");

    assert.equal(await client.closeCode(), 1012);
  });
});
