// A user on all devices: backends reach the room `~user/<sub>`, in which each client with a token is from its first moment on.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";

const SECRET = "a secret of more than thirty-two bytes";

/** A token in HS256. */
function token(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + 600;
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp, ...claims })}`;
  return `${text}.${createHmac("sha256", SECRET).update(text).digest("base64url")}`;
}

const ENV = { ROOMCAST_JWT__SECRET: SECRET, ROOMCAST_JWT__NAMESPACES: "/" };

describe("users, beside a Node.js server", () => {
  const cluster = useCluster({ nodes: 2, peer: {}, env: ENV });
  const connect = (sub, options) => cluster.connect({ auth: { token: token({ sub }) }, ...options });

  cluster.test("a Node.js server and an emitter reach all devices of a user, and nobody else", async () => {
    const devices = await Promise.all(
      ["n1", "n2"].flatMap((node) => Object.keys(TRANSPORTS).map((transport) => connect("alice", { node, transport }))),
    );
    const bob = await connect("bob", { node: "n1" });

    cluster.peer.io.to("~user/alice").emit("from a server", 1);
    new Emitter(cluster.redis.commands).to("~user/alice").emit("from an emitter", 2);

    for (const device of devices) {
      assert.deepEqual(await device.receive("from a server"), [1]);
      assert.deepEqual(await device.receive("from an emitter"), [2]);
    }
    await bob.settled();
    assert.deepEqual(bob.unread, []);
  });

  cluster.test("a client can neither join nor leave such a room", async () => {
    const alice = await connect("alice", { node: "n1" });
    const mallory = await connect("mallory", { node: "n2" });

    mallory.emit("joinRoom", "~user/alice");
    const [refused] = await mallory.receive("exception");
    assert.match(refused.message, /cannot be joined/);
    alice.emit("leaveRoom", "~user/alice");
    const [stays] = await alice.receive("exception");
    assert.equal(stays.message, "a socket stays in the room of its user");

    cluster.peer.io.to("~user/alice").emit("secret");
    assert.deepEqual(await alice.receive("secret"), []);
    await mallory.settled();
    assert.deepEqual(mallory.unread, []);
  });
});

// Without a server of Node.js, for which nodes would subscribe to all rooms.
describe("users of nodes alone", () => {
  const cluster = useCluster({ nodes: 2, env: ENV });
  const connect = (sub, options) => cluster.connect({ auth: { token: token({ sub }) }, ...options });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: what is sent to a user right after the connect arrives`, async () => {
      const emitter = new Emitter(cluster.redis.commands);
      for (let round = 0; round < 20; round++) {
        // Each a user whom no node has heard of.
        const client = await connect(`${transport} ${round}`, { node: "n2", transport });
        emitter.to(`~user/${transport} ${round}`).emit("welcome", round);
        assert.deepEqual(await client.receive("welcome"), [round]);
      }
    });
  }
});
