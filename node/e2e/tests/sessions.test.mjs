// Session ids: a client of long polling holds one that its node has signed, and nothing else opens its session.

import assert from "node:assert/strict";
import { describe } from "node:test";

import parser from "socket.io-msgpack-parser";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

const PARSERS = {
  JSON: { client: {}, env: {} },
  MessagePack: { client: { parser }, env: { ROOMCAST_SOCKETIO__PARSER: "msgpack" } },
};

const UNKNOWN = { code: 1, message: "Session ID unknown" };
const SIGNED = /^[A-Za-z0-9_-]{16}\.[A-Za-z0-9_-]{10}\.[A-Za-z0-9_-]{16}$/;
const POLLING = ["polling only", "polling, then upgrade"];

for (const [name, { client: options, env }] of Object.entries(PARSERS)) {
  describe(name, () => {
    const cluster = useCluster({ nodes: 2, peer: options, env });

    for (const transport of Object.keys(TRANSPORTS)) {
      cluster.test(`${transport}: stock clients connect, talk and come back`, async () => {
        const client = await cluster.connect({ node: "n1", transport, ...options });
        const id = client.socket.io.engine.id;

        if (POLLING.includes(transport)) assert.match(id, SIGNED);
        assert.equal(await client.ask("echo", "in"), "in");
        client.socket.io.engine.close();
        await eventually(() => client.socket.connected && client.socket.io.engine.id !== id, "the client is back");
        assert.equal(await client.ask("echo", "back"), "back");
      });

      cluster.test(`${transport}: no session id is shown to other servers`, async () => {
        const client = await cluster.connect({ node: "n1", transport, ...options });
        const id = client.socket.io.engine.id;
        const bare = id.split(".")[0];

        const found = await cluster.peer.io.in(client.id).fetchSockets();

        assert.equal(found.length, 1);
        const told = JSON.stringify([found[0].id, found[0].handshake, [...found[0].rooms], found[0].data]);
        assert.ok(!told.includes(bare), told);
        assert.equal(found[0].handshake.query.sid, undefined);
      });
    }

    cluster.test("a stranger with an id from the chat can neither read nor post", async () => {
      const client = await cluster.connect({ node: "n1", namespace: "/chat", transport: "polling only", ...options });
      const stranger = await cluster.connect({ node: "n2", namespace: "/chat", ...options });
      client.emit("joinChat", { username: "alice" });
      const [{ clientId }] = await stranger.receive("userOnline");
      assert.equal(clientId, client.id);
      const signed = client.socket.io.engine.id;
      const [bare, node, mac] = signed.split(".");
      const flipped = (text) => text.slice(0, -1) + (text.endsWith("A") ? "B" : "A");

      const { url } = cluster.node("n1");
      for (const wrong of [
        clientId,
        bare,
        `${clientId}.${node}.${mac}`,
        `${bare}.${node}`,
        `${bare}.${node}.${flipped(mac)}`,
        `${bare}.${flipped(node)}.${mac}`,
        `${bare}&sid=${signed}`,
        `${signed}&sid=${bare}`,
        `${signed}&s%69d=${bare}`,
        encodeURIComponent(signed).replaceAll(".", "%2e"),
      ]) {
        const target = `${url}/socket.io/?EIO=4&transport=polling&sid=${wrong}`;
        for (const request of [{}, { method: "POST", body: '42/chat,["message",{"group":"g","msg":"forged"}]' }]) {
          const answer = await fetch(target, request);
          assert.equal(answer.status, 400, `${request.method ?? "GET"} ${wrong}`);
          assert.deepEqual(await answer.json(), UNKNOWN);
        }
      }

      // The session has suffered nothing, nor has anything been said in its name.
      await client.join("g");
      stranger.emit("message", { group: "g", msg: "honest" });
      assert.deepEqual(await client.receive("message"), ["honest"]);
      assert.deepEqual(client.disconnects, []);
    });

    cluster.test("nor can the id that was signed by one node be used at another", async () => {
      const client = await cluster.connect({ node: "n1", transport: "polling only", ...options });

      const target = `${cluster.node("n2").url}/socket.io/?EIO=4&transport=polling&sid=${client.socket.io.engine.id}`;
      const answer = await fetch(target);

      assert.equal(answer.status, 400);
      assert.deepEqual(await answer.json(), UNKNOWN);
    });
  });
}

describe("the log", () => {
  // Whose lines are few enough for all of them to be kept.
  const cluster = useCluster({ nodes: 1, env: { ROOMCAST_LOG__LEVEL: "debug" } });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: it holds no session id, at debug either`, async () => {
      const client = await cluster.connect({ transport });
      const id = client.socket.io.engine.id;
      await fetch(`${cluster.node("n1").url}/socket.io/?EIO=4&transport=polling&sid=${id}x`);
      client.socket.io.engine.close();
      await eventually(() => client.socket.connected && client.socket.io.engine.id !== id, "the client is back");
      await client.ask("echo", "logged by now");

      const log = cluster.node("n1").program.log();
      assert.match(log, /serving/);
      assert.ok(!log.includes(id.split(".")[0]), `${id} in ${log}`);
    });
  }
});
