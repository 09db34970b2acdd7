// What clients and other servers know a socket by: an id of its own, and never the session's, which is a secret.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";
import parser from "socket.io-msgpack-parser";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { within } from "../lib/deadline.mjs";

const PARSERS = {
  JSON: { client: {}, env: {} },
  MessagePack: { client: { parser }, env: { ROOMCAST_SOCKETIO__PARSER: "msgpack" } },
};

for (const [name, { client: options, env }] of Object.entries(PARSERS)) {
  for (const direct of ["true", "false"]) {
    describe(`${name}, direct: ${direct}`, () => {
      const cluster = useCluster({ nodes: 2, peer: options, env: { ...env, ROOMCAST_SOCKETIO__DIRECT: direct } });

      for (const transport of Object.keys(TRANSPORTS)) {
        cluster.test(`${transport}: a socket is known by an id that is not its session's`, async () => {
          const connect = (node) => cluster.connect({ node, transport, ...options });
          const [one, other] = await Promise.all([connect("n1"), connect("n2")]);
          const secret = one.socket.io.engine.id;

          assert.match(one.id, /^~[A-Za-z0-9_-]{19}$/);
          assert.notEqual(one.id, other.id);
          assert.ok(!one.id.includes(secret));

          const emitter = new Emitter(cluster.redis.commands);
          for (const publisher of [cluster.peer.io, emitter]) {
            publisher.to(secret).emit("astray");
            publisher.to(one.id).emit("to one");
            assert.deepEqual(await one.receive("to one"), []);
          }
          await other.ask("sendToRoom", { room: secret, data: "astray" });
          await other.ask("sendToRoom", { room: one.id, data: "to one" });
          assert.deepEqual(await one.receive("roomMsg"), ["to one"]);
          await one.ask("broadcastOthers", "to others");
          assert.deepEqual(await other.receive("msgToOthers"), ["to others"]);
          await one.settled();
          assert.deepEqual([one.unread, other.unread], [[], []]);
        });

        cluster.test(`${transport}: a socket that comes back over the same connection has a new id`, async () => {
          const client = await cluster.connect({ node: "n1", transport, ...options });
          const [before, secret] = [client.id, client.socket.io.engine.id];

          // By hand, since the client closes a connection without sockets: type 1 leaves, type 0 comes back.
          const back = new Promise((resolve) => client.socket.once("connect", resolve));
          client.socket.packet({ type: 1 });
          client.socket.packet({ type: 0 });
          await within(back, () => "the socket is back");
          await client.settled();

          assert.equal(client.socket.io.engine.id, secret);
          assert.match(client.id, /^~[A-Za-z0-9_-]{19}$/);
          assert.notEqual(client.id, before);
        });
      }
    });
  }
}
