// The wire of Node's sharded adapter: two Roomcast nodes and a Node.js server on a Redis Cluster of three masters, and in
// short on a single Redis; each operation, from each kind of server, seen by clients of all.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";

import { eventually, within } from "../lib/deadline.mjs";
import { RedisServer } from "../lib/redis.mjs";
import { RedisCluster } from "../lib/redis-cluster.mjs";
import { channel, useShardedCluster } from "../lib/sharded.mjs";

const KINDS = { "a Roomcast node": "n1", "a Node.js server": "node" };

const VALUES = [
  "text", "聊天室 – 🦀 – \u0000\u2028\"\\", 0, -1, 0.1, 4294967296, true, null, [], {}, { a: [1, null, { b: "c" }] },
  "x".repeat(70_000),
];

// What stands in braces alone decides which master has a channel.
const ROOM_NAMES = ["a#b", "#", "聊天室", "🦀", "*", "[ab]", "{tag}", "{}", "\"quoted\"", "x".repeat(200)];

const RECEIVED = ["socket_io_cluster_messages_total", { direction: "received" }];

const ids = (sockets) => sockets.map(({ id }) => id).sort();
const sorted = (values) => values.map((value) => JSON.stringify(value)).sort();

/** What the tests of one cluster have in common. */
function tools(cluster) {
  /** A test for each kind of server: the check is given it, a client on each server, and its name. */
  function each(what, check) {
    for (const [kind, name] of Object.entries(KINDS)) {
      cluster.test(`${kind}: ${what}`, async () => check(cluster.servers[name], await cluster.clients(), name));
    }
  }

  /**
   * Everything that `server` sent before has arrived at each of `clients`, and none has anything unread.
   *
   * Each channel has an order of its own, so whoever shall get something has to have it by now: their servers are then
   * done with it, and others are not sent it.
   */
  async function nothingElse(server, clients) {
    const token = randomUUID();
    await server.emit({ rooms: clients.map(({ id }) => id) }, "sentinel", token);
    for (const client of clients) {
      assert.deepEqual(await client.receive("sentinel"), [token], client.name);
      assert.deepEqual(client.unread, [], client.name);
    }
  }

  /** Puts each of `clients` into a room that no other test has, whose name is returned; all their servers hear it. */
  async function sharedRoom(clients, room = randomUUID()) {
    await Promise.all(clients.map((client) => client.ask("join", room)));
    await cluster.heardBy(room, clients);
    return room;
  }

  /** Has each of `clients` acknowledge `event` with what `answer` makes of it and the event's argument. */
  function answering(clients, event, answer) {
    for (const client of clients) client.socket.on(event, (value, ack) => ack(...answer(client, value)));
  }

  return { each, nothingElse, sharedRoom, answering };
}

/** What holds on whatever Redis there is. */
function essentials(cluster) {
  const { each, nothingElse, sharedRoom, answering } = tools(cluster);

  each("emits to everyone, to a room, to several, to all but some, and to one socket", async (server, clients) => {
    const { n1, n2, node, all } = clients;
    const [room, first, second] = [await sharedRoom(all), await sharedRoom([n1, node]), await sharedRoom([n1, n2])];

    await server.emit({}, "to everyone", 1);
    await server.emit({ rooms: [room] }, "to a room", 2);
    await server.emit({ rooms: [first, second] }, "to several", 3);
    await server.emit({ except: [first] }, "to the others", 4);
    await server.emit({ rooms: [room], except: [second] }, "to the rest of the room", 5);
    for (const client of all) await server.emit({ rooms: [client.id] }, "to one", client.id);

    for (const client of all) {
      assert.deepEqual(await client.receive("to everyone"), [1], client.name);
      assert.deepEqual(await client.receive("to a room"), [2], client.name);
      assert.deepEqual(await client.receive("to several"), [3], client.name);
      assert.deepEqual(await client.receive("to one"), [client.id], client.name);
    }
    assert.deepEqual(await n2.receive("to the others"), [4]);
    assert.deepEqual(await node.receive("to the rest of the room"), [5]);
    await nothingElse(server, all);
  });

  each("fetchSockets finds the sockets of all servers, with their rooms, data and handshakes", async (server) => {
    const options = { auth: { token: "t 🦀" }, extraHeaders: { "user-agent": "end-to-end" } };
    const { all } = await cluster.clients(options);
    const [room, other] = [await sharedRoom(all), await sharedRoom(all.slice(1))];
    for (const [index, client] of all.entries()) await client.ask("share", ["profile", { is: index }]);

    const found = new Map((await server.fetchSockets({ rooms: [room] })).map((socket) => [socket.id, socket]));

    assert.deepEqual([...found.keys()].sort(), ids(all));
    for (const [index, client] of all.entries()) {
      const { rooms, data, handshake } = found.get(client.id);
      assert.deepEqual(rooms.sort(), [client.id, room, ...(index > 0 ? [other] : [])].sort(), client.name);
      assert.deepEqual(data, { profile: { is: index } }, client.name);
      assert.equal(handshake.address, "127.0.0.1", client.name);
      assert.deepEqual(handshake.auth, options.auth, client.name);
      assert.match(handshake.url, /^\/socket\.io\/\?EIO=4&transport=/, client.name);
      // A Node.js server is given all of it, the application of a node what it asks for.
      assert.equal(handshake.userAgent ?? handshake.headers["user-agent"], "end-to-end", client.name);
      assert.match(handshake.transport ?? handshake.query.transport, /^(websocket|polling)$/, client.name);
    }
    assert.deepEqual(ids(await server.fetchSockets({ rooms: [room], except: [other] })), [all[0].id]);
    assert.equal(await server.count({ rooms: [other] }), all.length - 1);
    assert.deepEqual(await server.fetchSockets({ rooms: [randomUUID()] }), []);
  });

  each("socketsJoin, socketsLeave and disconnectSockets reach the sockets of all servers", async (server, clients) => {
    const { n1, n2, node, all } = clients;
    const [group, staying, room] = [await sharedRoom(all), await sharedRoom([n2]), randomUUID()];

    await server.socketsJoin({ rooms: [group] }, room);
    await cluster.heardBy(room, all);
    for (const asked of Object.values(cluster.servers)) {
      assert.deepEqual(ids(await asked.fetchSockets({ rooms: [room] })), ids(all));
      await asked.emit({ rooms: [room] }, "to the joined", 1);
    }
    for (const client of all) assert.deepEqual(await client.receiveMany("to the joined", 3), [1, 1, 1], client.name);

    await server.socketsLeave({ rooms: [group], except: [staying] }, room);
    await cluster.heardBy(room, [n2]);
    for (const asked of Object.values(cluster.servers)) {
      assert.deepEqual(ids(await asked.fetchSockets({ rooms: [room] })), [n2.id]);
      await asked.emit({ rooms: [room] }, "to those who stayed", 1);
    }
    assert.deepEqual(await n2.receiveMany("to those who stayed", 3), [1, 1, 1]);
    await nothingElse(server, all);

    await server.disconnectSockets({ rooms: [group], except: [staying] }, true);
    for (const client of [n1, node]) assert.equal(await client.disconnected(), "io server disconnect", client.name);
    await nothingElse(server, [n2]);
    assert.deepEqual(n2.disconnects, []);
  });

  each("emitWithAck gathers what the clients of all servers answer, binary too", async (server, { n1, n2, node, all }) => {
    const [group, leftOut] = [await sharedRoom(all), await sharedRoom([n2])];
    answering(all, "question", ({ id }, value) => [{ id, value }]);
    answering(all, "binary question", ({ id }) => [{ id, bytes: Buffer.from(id) }]);

    for (const value of ["text", { nested: [1, null, true] }]) {
      const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", value, 5_000);
      assert.deepEqual(sorted(answers), sorted(all.map(({ id }) => ({ id, value }))));
      assert.ok(complete);
    }
    const { answers } = await server.emitWithAck({ rooms: [group], except: [leftOut] }, "question", 1, 5_000);
    assert.deepEqual(ids(answers), ids([n1, node]));
    const binary = await server.emitWithAck({ rooms: [group] }, "binary question", 1, 5_000);
    const byId = new Map(binary.answers.map(({ id, bytes }) => [id, bytes]));
    for (const { id, name } of all) assert.deepEqual(byId.get(id), Buffer.from(id), name);
    assert.ok(binary.complete);
  });

  cluster.test("binary data arrives byte by byte, wherever it is nested", async () => {
    const namespace = "/";
    const { n1, n2, node, all } = await cluster.clients({ namespace });
    const room = randomUUID();
    await Promise.all(all.map((client) => client.join(room)));
    await cluster.heardBy(room, all, namespace);
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const data = { top: every, list: [every.subarray(0, 1), { deep: Buffer.alloc(70_000, 7) }], empty: Buffer.alloc(0) };

    const senders = [
      (room) => n1.ask("sendToRoom", { room, data }),
      (room) => n2.ask("sendToRoom", { room, data }),
      async (room) => cluster.peer.io.to(room).emit("roomMsg", data),
    ];
    for (const send of senders) {
      // The room of an id has no channel of its own.
      for (const to of [room, n1.id, n2.id, node.id]) await send(to);
      for (const client of all) assert.deepEqual(await client.receiveMany("roomMsg", 2), [data, data], client.name);
    }
    for (const client of all) assert.deepEqual(client.unread, [], client.name);
  });

  each("serverSideEmit is heard by all others, and answered where that is asked for", async (server, clients, name) => {
    for (const value of VALUES) await server.serverSideEmit("tell", value);

    for (const client of clients.all.filter((client) => client !== clients[name])) {
      for (const value of VALUES) assert.deepEqual(await client.receive("told"), [value], client.name);
    }
    await nothingElse(server, clients.all);
    for (const value of ["text", { nested: [1, null] }, null]) {
      const { answers, complete } = await server.serverSideEmitWithAck("ask", value, 5_000);
      assert.ok(complete);
      assert.deepEqual(answers.map(({ heard }) => heard), [value, value]);
      assert.equal(new Set(answers.map(({ node }) => node)).size, 2);
      assert.equal(answers.some(({ node }) => node === "node"), name !== "node");
    }
  });

  each("200 emits to one room arrive in order, complete and once", async (server, { all }) => {
    const room = await sharedRoom(all);
    const numbers = Array.from({ length: 200 }, (_, number) => number);

    await Promise.all(numbers.map((number) => server.emit({ rooms: [room] }, "numbered", number)));

    for (const client of all) assert.deepEqual(await client.receiveMany("numbered", 200), numbers, client.name);
    await nothingElse(server, all);
  });
}

describe("sharded mode on a single Redis", () => {
  const cluster = useShardedCluster(RedisServer);
  const { sharedRoom } = tools(cluster);
  essentials(cluster);

  cluster.test("nothing but the chat's presence goes over Pub/Sub that is not sharded", async () => {
    const { all } = await cluster.clients();
    const room = await sharedRoom(all);

    assert.ok((await cluster.redis.shardChannels()).includes(channel(room)));
    assert.deepEqual(await cluster.redis.channels(), ["roomcast:{socket.io}:presence"]);
    assert.equal(await cluster.redis.patterns(), 0);
  });
});

describe("sharded mode on a Redis Cluster", () => {
  const cluster = useShardedCluster(RedisCluster);
  const { each, nothingElse, sharedRoom, answering } = tools(cluster);
  essentials(cluster);

  each("emits any value to everyone and to a room", async (server, { all }) => {
    const room = await sharedRoom(all);

    for (const value of VALUES) {
      await server.emit({}, "to everyone", value);
      await server.emit({ rooms: [room] }, "to a room", value);
    }

    for (const client of all) {
      assert.deepEqual(await client.receiveMany("to everyone", VALUES.length), VALUES, client.name);
      assert.deepEqual(await client.receiveMany("to a room", VALUES.length), VALUES, client.name);
    }
    await nothingElse(server, all);
  });

  each("emits to rooms that all masters share, whatever their names", async (server, { all }) => {
    const start = randomUUID().slice(0, 8);
    const rooms = [...ROOM_NAMES, ...Array.from({ length: 30 }, (_, number) => number)].map((name) => `${start} ${name}`);
    await Promise.all(rooms.map((room) => sharedRoom(all, room)));
    // Taken for the id of a socket, which has no channel of its own.
    const idLike = `${start}${"-".repeat(12)}`;
    for (const client of all) await client.ask("join", idLike);

    for (const room of [...rooms, idLike]) await server.emit({ rooms: [room] }, "to a room", room);

    for (const client of all) {
      // Each shard has an order of its own.
      const received = await client.receiveMany("to a room", rooms.length + 1);
      assert.deepEqual(received.sort(), [...rooms, idLike].sort(), client.name);
    }
    await nothingElse(server, all);
    for (const master of cluster.redis.masters) {
      const here = (await master.shardChannels()).filter((name) => name.startsWith(channel(start).slice(0, -1)));
      assert.ok(here.length > 3, `redis-server ${master.port} has ${here.length} of the rooms`);
    }
  });

  // From a Node.js server it is lost: that publishes on a channel which those who join are not yet subscribed to.
  cluster.test("a Roomcast node: who has joined before an emit gets it, a hundred times", async () => {
    const { all } = await cluster.clients();
    const { n1 } = cluster.servers;
    const group = await sharedRoom(all);
    const rooms = Array.from({ length: 100 }, () => randomUUID());

    await Promise.all(
      rooms.flatMap((room) => [n1.socketsJoin({ rooms: [group] }, room), n1.emit({ rooms: [room] }, "after a join", room)]),
    );

    for (const client of all) assert.deepEqual(await client.receiveMany("after a join", 100, 5_000), rooms, client.name);
  });

  cluster.test("the ack of a join says that the room is heard, of another node and of a Node.js server", async () => {
    const { n1, n2, node } = await cluster.clients();

    for (let turn = 0; turn < 20; turn += 1) {
      const room = randomUUID();
      await n1.ask("join", room);
      await cluster.servers.n2.emit({ rooms: [room] }, "at once", turn);
      await cluster.servers.node.emit({ rooms: [room] }, "at once", turn);
      assert.deepEqual(await n1.receiveMany("at once", 2, 5_000), [turn, turn]);
    }
    for (const client of [n2, node]) assert.deepEqual(client.unread, [], client.name);
  });

  cluster.test("joining and leaving in quick turns ends in what was asked for last, at every master", async () => {
    const namespace = "/";
    const client = await cluster.connectTo("n1", { namespace });
    const rooms = Array.from({ length: 12 }, () => randomUUID());
    const [inTheEnd, outInTheEnd] = [rooms.slice(0, 6), rooms.slice(6)];

    for (let turn = 0; turn < 30; turn += 1) {
      for (const room of inTheEnd) {
        client.emit("leaveRoom", room);
        client.emit("joinRoom", room);
      }
      for (const room of outInTheEnd) {
        client.emit("joinRoom", room);
        client.emit("leaveRoom", room);
      }
    }
    await client.settled();

    for (const room of inTheEnd) await cluster.heardBy(room, [client], namespace);
    for (const room of outInTheEnd) await cluster.heardBy(room, [], namespace);
    cluster.peer.io.to(rooms).emit("roomMsg", "heard");
    for (const room of rooms) cluster.peer.io.to(room).emit("roomMsg", room);
    assert.deepEqual((await client.receiveMany("roomMsg", 7)).sort(), ["heard", ...inTheEnd].sort());
  });

  cluster.test("fetchSockets finds 300 sockets, whoever asks", async () => {
    const room = randomUUID();
    const places = Array.from({ length: 300 }, (_, index) => ["n1", "n2", "node"][index % 3]);
    const crowd = await Promise.all(places.map((place) => cluster.connectTo(place, { transport: "websocket only" })));
    await sharedRoom(crowd, room);

    for (const server of Object.values(cluster.servers)) {
      assert.deepEqual(ids(await server.fetchSockets({ rooms: [room] })), ids(crowd));
      assert.equal(await server.count({ rooms: [room] }), 300);
    }
  });

  each("emitWithAck gives up in time on who does not answer, and has what the others said", async (server, clients) => {
    const { n1, n2, node, all } = clients;
    const group = await sharedRoom(all);
    answering([n1, node], "question", ({ id }) => [id]);

    const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", 1, 400);

    assert.deepEqual([answers.sort(), complete], [ids([n1, node]), false]);
    await n2.receive("question");
  });

  cluster.test("questions that all servers ask at a time are answered each by its own answers", async () => {
    const { all } = await cluster.clients();
    const group = await sharedRoom(all);
    answering(all, "question", (_, value) => [value]);
    const questions = Object.entries(cluster.servers).flatMap(([name, server]) =>
      Array.from({ length: 10 }, (_, number) => ({ server, value: `${name} ${number}` })),
    );

    const asked = await Promise.all(
      questions.map(({ server, value }) => server.emitWithAck({ rooms: [group] }, "question", value, 5_000)),
    );

    assert.deepEqual(asked, questions.map(({ value }) => ({ answers: Array(3).fill(value), complete: true })));
  });

  cluster.test("channels are those of the namespaces, of the servers and of rooms with members, each at one master", async () => {
    const { n1, all } = await cluster.clients();
    const room = await sharedRoom([n1]);
    const channels = await cluster.redis.shardChannels();

    assert.equal(new Set(channels).size, channels.length);
    assert.ok(channels.includes(channel(room)));
    for (const { id, name } of all) assert.ok(!channels.includes(channel(id)), name);
    n1.close();
    await cluster.heardBy(room, []);
    for (const master of cluster.redis.masters) assert.equal(await master.patterns(), 0);
  });

  each("what goes to rooms without members on a node is not sent to that node", async (server, { n1, n2, node }) => {
    const others = [n1, node];
    const rooms = await Promise.all(Array.from({ length: 10 }, () => sharedRoom(others)));
    const count = 500;
    const [before1, before2] = await received();

    const sent = Array.from({ length: count }, (_, number) => server.emit({ rooms: [rooms[number % 10]] }, "busy", number));
    await Promise.all(sent);
    for (const client of others) await client.receiveMany("busy", count);
    await server.emit({ rooms: [n2.id] }, "sentinel", 1);
    await n2.receive("sentinel");

    const [after1, after2] = await received();
    assert.ok(after1 - before1 >= count, `n1 received ${after1 - before1}`);
    // What is left are the nodes' own heartbeats.
    assert.ok(after2 - before2 < count / 10, `n2, which has no member, received ${after2 - before2}`);
    assert.deepEqual(n2.unread, []);
  });

  /** How many messages each node has been sent. */
  const received = () => Promise.all(cluster.nodes.map((node) => node.metric(...RECEIVED)));

  // The last, since n2 is gone then.
  cluster.test("a node that is killed is not counted any more, and the others go on without it", async () => {
    const { n1, node } = await cluster.clients({ reconnection: false });
    const { servers } = cluster;
    const group = await sharedRoom([n1, node]);
    const questions = [[servers.n1, n1], [servers.node, node]];
    answering([n1, node], "question", ({ id }) => [id]);
    servers.n2.close();

    await cluster.node("n2").kill();

    for (const [server] of questions) {
      await eventually(async () => {
        const found = await within(server.fetchSockets(), () => "it is answered", 1_000);
        return `${ids(found)}` === `${ids([n1, node, { id: servers.n1.operator.id }])}`;
      }, "the sockets of the others are found");
      await server.emit({ rooms: [group] }, "still", 1);
      const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", 1, 1_000);
      assert.deepEqual([answers.sort(), complete], [ids([n1, node]), true]);
      const told = await server.serverSideEmitWithAck("ask", 1, 1_000);
      assert.deepEqual([told.answers.length, told.complete], [1, true]);
    }
    for (const client of [n1, node]) assert.deepEqual(await client.receiveMany("still", 2), [1, 1], client.name);
  });
});
