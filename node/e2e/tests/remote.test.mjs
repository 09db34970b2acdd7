// What Node.js applications hold of the sockets of Roomcast nodes: the objects that fetchSockets returns, with the whole
// handshake, and what the emitter does to them.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { before, describe } from "node:test";

import { Emitter } from "@socket.io/redis-emitter";

import { eventually, within } from "../lib/deadline.mjs";
import { useMixedCluster } from "../lib/mixed.mjs";
import { NAMESPACE } from "../lib/servers.mjs";

const THEIRS = { "a Node.js server": "node", "a NestJS server": "nest" };
const OURS = ["n1", "n2"];

// What is lost is not worth waiting long for.
const SOON = 2_000;

describe("sockets of Roomcast nodes in the hands of others", () => {
  const cluster = useMixedCluster({ ROOMCAST_CORS__ORIGINS: "https://example.org" });
  let emitter;
  before(() => (emitter = new Emitter(cluster.redis.commands).of(NAMESPACE)));

  /** A client on each of our nodes, and the remote sockets that `server` has for them. */
  async function held(server, options = {}) {
    const clients = await Promise.all(OURS.map((name) => cluster.connectTo(name, options)));
    const found = await Promise.all(clients.map(({ id }) => server.namespace.in(id).fetchSockets()));
    return clients.map((client, index) => {
      assert.equal(found[index].length, 1);
      return { client, remote: found[index][0] };
    });
  }

  // Nodes do not keep what concerns the WebSocket alone, and `host` names the server.
  const headers = (handshake) =>
    Object.fromEntries(Object.entries(handshake.headers).filter(([name]) => name !== "host" && !name.startsWith("sec-websocket-")));

  async function roomsOf(client) {
    const [socket] = await cluster.servers.n1.fetchSockets({ rooms: [client.id] });
    return socket.rooms.filter((room) => room !== client.id).sort();
  }

  for (const [kind, name] of Object.entries(THEIRS)) {
    const test = (what, check) => cluster.test(`${kind}: ${what}`, () => check(cluster.servers[name]));

    test("sees the whole handshake of a socket, in the shape of its own", async (server) => {
      const options = {
        auth: { token: "secret", nested: { list: [1, null] } },
        query: { who: "Ada Lovelace & co", empty: "", node: "über" },
        extraHeaders: { "X-Color": "Red", Cookie: "a=1; b=2" },
      };
      const began = Date.now();
      const own = await cluster.connectTo(name, { ...options, transport: "websocket only" });
      const [{ handshake: shape }] = await server.namespace.in(own.id).local.fetchSockets();

      for (const { client, remote } of await held(server, { ...options, transport: "websocket only" })) {
        const { handshake } = remote;
        assert.deepEqual(Object.keys(handshake).sort(), Object.keys(shape).sort(), client.name);
        for (const field of ["auth", "query", "address", "xdomain", "secure"]) {
          assert.deepEqual(handshake[field], shape[field], `${field} of ${client.name}`);
        }
        assert.deepEqual(headers(handshake), headers(shape), client.name);
        assert.match(handshake.headers.host, /^127\.0\.0\.1:\d+$/);
        assert.equal(handshake.url, shape.url);
        assert.match(handshake.time, /^\w{3} \w{3} \d\d \d{4} \d\d:\d\d:\d\d GMT\+0000 \(Coordinated Universal Time\)$/);
        assert.ok(handshake.issued >= began && handshake.issued <= Date.now(), "issued is in milliseconds");
        assert.equal(Date.parse(handshake.time), handshake.issued - (handshake.issued % 1000));
      }
    });

    test("sees the handshake of a client that has upgraded, and that came from a page", async (server) => {
      const options = { transport: "polling, then upgrade", extraHeaders: { Origin: "https://example.org" } };

      for (const { remote } of await held(server, options)) {
        const { handshake } = remote;
        assert.equal(handshake.query.transport, "polling");
        assert.equal(handshake.query.EIO, "4");
        assert.ok(handshake.query.t);
        assert.equal(handshake.url, `/socket.io/?EIO=4&transport=polling&t=${handshake.query.t}`);
        assert.equal(handshake.headers.origin, "https://example.org");
        assert.equal(handshake.xdomain, true);
        assert.deepEqual(handshake.auth, {});
      }
    });

    // Applications do that, with a variable that was never set; to each other, these servers send it as nil.
    test("asks about a room that is no room, and is answered", async (server) => {
      const asked = server.namespace.in(undefined).fetchSockets();

      assert.deepEqual(await within(asked, () => "it is answered", SOON), []);
    });

    test("leaves out a room that is no room, which is nobody", async (server) => {
      const { all } = await cluster.clients();

      server.namespace.except(undefined).emit("to all", 1);
      server.namespace.to(undefined).emit("to nobody", 2);
      server.namespace.to([undefined, ...all.map(({ id }) => id)]).emit("to those that are", 3);

      for (const client of all) {
        assert.deepEqual(await client.receive("to all", SOON), [1], client.name);
        assert.deepEqual(await client.receive("to those that are", SOON), [3], client.name);
        assert.deepEqual(client.unread, []);
      }
    });

    test("emits to a socket, with bytes", async (server) => {
      for (const { client, remote } of await held(server)) {
        remote.emit("to you", client.id, { bytes: Buffer.from([0, 255]) }, null);

        assert.deepEqual(await client.receive("to you"), [client.id, { bytes: Buffer.from([0, 255]) }, null]);
      }
    });

    test("gets the ack of a socket", async (server) => {
      for (const { client, remote } of await held(server)) {
        client.socket.on("question", (value, ack) => ack({ value, bytes: Buffer.from("bytes") }, "more"));

        const answer = await within(remote.timeout(5_000).emitWithAck("question", [1]), () => "the ack comes");

        assert.deepEqual(answer, { value: [1], bytes: Buffer.from("bytes") });
      }
    });

    test("is told when a socket does not answer", async (server) => {
      for (const { client, remote } of await held(server)) {
        await assert.rejects(within(remote.timeout(200).emitWithAck("question"), () => "time is up"), /timed out/);
        await client.receive("question");
      }
    });

    test("has a socket join and leave rooms", async (server) => {
      for (const { client, remote } of await held(server)) {
        const [first, second, third] = [randomUUID(), randomUUID(), randomUUID()];
        remote.join([first, second, third]);
        remote.leave(second);

        await eventually(async () => `${await roomsOf(client)}` === `${[first, third].sort()}`, "it has joined and left");
        server.namespace.to(third).emit("to the room", third);
        assert.deepEqual(await client.receive("to the room"), [third]);
      }
    });

    for (const close of [false, true]) {
      test(`disconnects a socket with disconnect(${close})`, async (server) => {
        for (const { client, remote } of await held(server)) {
          const { id } = remote;
          const elsewhere = client.socket.io.socket("/").connect();
          cluster.closeLater(() => elsewhere.disconnect());
          await eventually(() => elsewhere.connected, "another namespace is connected");

          remote.emit("goodbye");
          remote.disconnect(close);

          assert.equal(await client.disconnected(), "io server disconnect");
          await client.receive("goodbye");
          if (close) await eventually(() => !elsewhere.connected, "the other namespace is disconnected");
          else assert.ok(elsewhere.connected);
          assert.deepEqual(await server.fetchSockets({ rooms: [id] }), []);
        }
      });
    }

    test("gathers the acks of a room by promise", async (server) => {
      const { all } = await cluster.clients();
      const room = randomUUID();
      await Promise.all(all.map((client) => client.ask("join", room)));
      for (const client of all) client.socket.on("question", (value, ack) => ack(value + 1));

      const answers = await server.namespace.to(room).timeout(5_000).emitWithAck("question", 1);

      assert.deepEqual(answers, [2, 2, 2, 2]);
    });

    test("sends several arguments and bytes with an ack", async (server) => {
      const { all } = await cluster.clients();
      const room = randomUUID();
      await Promise.all(all.map((client) => client.ask("join", room)));
      const heard = [];
      for (const client of all) client.socket.on("question", (...args) => args.pop()(heard.push(args)));

      await server.namespace.to(room).timeout(5_000).emitWithAck("question", 1, { bytes: Buffer.from("b") }, Buffer.alloc(300, 1));

      assert.deepEqual(heard, Array(4).fill([1, { bytes: Buffer.from("b") }, Buffer.alloc(300, 1)]));
    });
  }

  // ── The emitter ──

  /** Two clients on our nodes that are in a room, one that is not, and one on each other server. */
  async function gathered() {
    const clients = await cluster.clients();
    const room = randomUUID();
    await Promise.all([clients.n1, clients.n2, clients.node, clients.nest].map((client) => client.ask("join", room)));
    return { ...clients, room };
  }

  cluster.test("the emitter has selected sockets join and leave rooms", async () => {
    const { n1, n2, node, nest, room } = await gathered();
    const [joined, left] = [randomUUID(), randomUUID()];

    emitter.in(room).except(nest.id).socketsJoin([joined, left]);
    emitter.in(joined).except([node.id, n1.id]).socketsLeave(left);

    for (const client of [n1, node]) {
      await eventually(async () => `${await roomsOf(client)}` === `${[room, joined, left].sort()}`, "it has joined both");
    }
    await eventually(async () => `${await roomsOf(n2)}` === `${[room, joined].sort()}`, "it has left one");
    assert.deepEqual(await roomsOf(nest), [room]);
  });

  for (const close of [false, true]) {
    cluster.test(`the emitter emits, and disconnects with disconnectSockets(${close})`, async () => {
      const { n1, n2, node, nest, room } = await gathered();

      emitter.to(room).emit("last words", 1);
      emitter.in(room).except(n2.id).disconnectSockets(close);

      for (const client of [n1, node, nest]) {
        assert.equal(await client.disconnected(), "io server disconnect", client.name);
        assert.deepEqual(await client.receive("last words"), [1]);
      }
      assert.deepEqual(await n2.receive("last words"), [1]);
      emitter.to(room).emit("still here?", 2);
      assert.deepEqual(await n2.receive("still here?"), [2]);
      assert.deepEqual(n2.disconnects, []);
    });
  }

  cluster.test("the emitter speaks to the applications of all servers", async () => {
    const { all } = await gathered();

    emitter.serverSideEmit("tell", { from: ["the emitter", null] });

    for (const client of all) assert.deepEqual(await client.receive("told"), [{ from: ["the emitter", null] }], client.name);
  });

  // ── The wire ──

  cluster.test("each of our nodes answers once, and only who has asked", async () => {
    await cluster.clients();
    const monitor = cluster.redis.connect();
    cluster.closeLater(() => monitor.disconnect());
    const seen = [];
    monitor.on("pmessage", (_, channel, message) => seen.push({ channel, ...JSON.parse(message) }));
    // A pattern, since subscribers of the channel of requests are counted.
    await monitor.psubscribe(`socket.io-re*#${NAMESPACE}#*`);
    const { adapter } = cluster.servers.node.namespace;

    await cluster.servers.node.fetchSockets();
    await eventually(() => seen.length === 4, "a question and three answers have been seen");

    const [{ channel, requestId }, ...answers] = seen;
    assert.equal(channel, `socket.io-request#${NAMESPACE}#`);
    assert.ok(answers.every((answer) => answer.requestId === requestId));
    assert.deepEqual(answers.map((answer) => answer.channel), Array(3).fill(`socket.io-response#${NAMESPACE}#${adapter.uid}#`));
  });

  cluster.test("each of our nodes is counted once", async () => {
    for (const namespace of [NAMESPACE, "/"]) {
      assert.equal(await cluster.redis.subscribers(`socket.io-request#${namespace}#`), 4);
    }
    assert.equal(await cluster.servers.node.namespace.adapter.serverCount(), 4);
  });
});
