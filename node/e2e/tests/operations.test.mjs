// One cluster of two Roomcast nodes, a Node.js server and a NestJS server: each operation, from each kind of server, seen
// by clients of all.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe } from "node:test";

import { eventually } from "../lib/deadline.mjs";
import { useMixedCluster } from "../lib/mixed.mjs";

const KINDS = { "a Roomcast node": "n1", "a Node.js server": "node", "a NestJS server": "nest" };

// What JSON can say; other values are in interop.test.mjs.
const VALUES = [
  "text", "", "聊天室 – 🦀 – \u0000\u2028\"\\", 0, -1, 0.1, 4294967296, -9007199254740991, true, null, [], {},
  { nested: [{ a: [1, null, { b: "c" }] }] }, "x".repeat(70_000),
];

const ROOM_NAMES = ["with space", "a#b", "#", "聊天室", "🦀", "*", "[ab]", "back\\slash", "\"quoted\"", "x".repeat(256)];

// What is lost is not worth waiting long for.
const SOON = 5_000;

describe("operations of each server on the sockets of all", () => {
  const cluster = useMixedCluster();

  /** A test for each kind of server: the check is given it, its name, and a client on each server. */
  function each(what, check) {
    for (const [kind, name] of Object.entries(KINDS)) {
      cluster.test(`${kind}: ${what}`, async () => {
        const clients = await cluster.clients();
        await check(cluster.servers[name], clients, name);
      });
    }
  }

  /** Everything that `server` sent before has arrived at each of `clients`, and none has anything unread. */
  async function nothingElse(server, clients) {
    const token = randomUUID();
    await server.emit({ rooms: clients.map(({ id }) => id) }, "sentinel", token);
    for (const client of clients) {
      assert.deepEqual(await client.receive("sentinel"), [token], client.name);
      assert.deepEqual(client.unread, [], client.name);
    }
  }

  /** Puts each of `clients` into a room that no other test has, whose name is returned. */
  async function sharedRoom(clients) {
    const room = randomUUID();
    await Promise.all(clients.map((client) => client.ask("join", room)));
    return room;
  }

  /** Has each of `clients` acknowledge `event` with what `answer` makes of it and the event's argument. */
  function answering(clients, event, answer) {
    for (const client of clients) client.socket.on(event, (value, ack) => ack(...answer(client, value)));
  }

  /** Another namespace over the connection of each of `clients`. */
  async function connectElsewhere(clients) {
    const sockets = clients.map((client) => client.socket.io.socket("/").connect());
    cluster.closeLater(() => sockets.forEach((socket) => socket.disconnect()));
    await eventually(() => sockets.every(({ connected }) => connected), "all are connected to another namespace");
    return sockets;
  }

  const ids = (sockets) => sockets.map(({ id }) => id).sort();
  const sorted = (values) => values.map((value) => JSON.stringify(value)).sort();
  const others = (clients, name) => clients.all.filter((client) => client !== clients[name]);

  // ── Emits ──

  each("emits any value to everyone", async (server, { all }) => {
    for (const value of VALUES) await server.emit({}, "values", value);

    for (const client of all) {
      for (const value of VALUES) assert.deepEqual(await client.receive("values"), [value], client.name);
    }
    await nothingElse(server, all);
  });

  each("emits to one room, whatever its name", async (server, { all }) => {
    const names = ROOM_NAMES.map((name) => `${randomUUID().slice(0, 8)}${name}`.slice(0, 256));
    for (const client of all) {
      for (const room of names) await client.ask("join", room);
    }

    for (const room of names) await server.emit({ rooms: [room] }, "to a room", room);

    for (const client of all) {
      for (const room of names) assert.deepEqual(await client.receive("to a room"), [room], client.name);
    }
    await nothingElse(server, all);
  });

  each("emits to two rooms, and to each client once", async (server, { n1, n2, node, nest, all }) => {
    const [first, second] = [await sharedRoom([n1, node]), await sharedRoom([n1, n2, node])];

    await server.emit({ rooms: [first, second] }, "to two rooms", 1);

    for (const client of [n1, n2, node]) assert.deepEqual(await client.receive("to two rooms"), [1], client.name);
    await nothingElse(server, all);
    assert.deepEqual(nest.unread, []);
  });

  each("emits to all but a room, and to a room but for some of it", async (server, { n1, n2, node, nest, all }) => {
    const [room, leftOut] = [await sharedRoom(all), await sharedRoom([n1, nest])];

    await server.emit({ except: [leftOut] }, "to the others", 1);
    await server.emit({ rooms: [room], except: [leftOut] }, "to the rest of the room", 2);
    await server.emit({ rooms: [room], except: [n2.id, node.id] }, "to all but two", 3);

    for (const client of [n2, node]) {
      assert.deepEqual(await client.receive("to the others"), [1], client.name);
      assert.deepEqual(await client.receive("to the rest of the room"), [2], client.name);
    }
    for (const client of [n1, nest]) assert.deepEqual(await client.receive("to all but two"), [3], client.name);
    await nothingElse(server, all);
  });

  each("emits to one socket of any server, by its id", async (server, { all }) => {
    for (const client of all) await server.emit({ rooms: [client.id] }, "to one", client.id);

    for (const client of all) assert.deepEqual(await client.receive("to one"), [client.id], client.name);
    await nothingElse(server, all);
  });

  each("emits to its own sockets alone", async (server, clients, name) => {
    await server.emit({ local: true }, "local", 1);

    assert.deepEqual(await clients[name].receive("local"), [1]);
    await nothingElse(server, clients.all);
  });

  each("200 emits, to all and to a room in turns, arrive in order", async (server, { all }) => {
    const room = await sharedRoom(all);
    const numbers = Array.from({ length: 200 }, (_, number) => number);

    await Promise.all(numbers.map((number) => server.emit(number % 2 ? { rooms: [room] } : {}, "numbered", number)));

    for (const client of all) assert.deepEqual(await client.receiveMany("numbered", 200), numbers, client.name);
  });

  // ── Questions ──

  each("fetchSockets finds the sockets of all servers", async (server, { all }) => {
    // Those of the last test may still be on their way out.
    await eventually(async () => (await server.fetchSockets()).length === 6, "only this test's sockets are there");

    assert.deepEqual(ids(await server.fetchSockets()), [...all.map(({ id }) => id), ...cluster.operators].sort());
    assert.equal(await server.count(), 6);
  });

  each("fetchSockets finds those of some rooms, each once", async (server, { n1, n2, node, all }) => {
    const [first, second] = [await sharedRoom([n1, node]), await sharedRoom([n1, n2])];

    assert.deepEqual(ids(await server.fetchSockets({ rooms: [first] })), ids([n1, node]));
    assert.deepEqual(ids(await server.fetchSockets({ rooms: [first, second] })), ids([n1, n2, node]));
    assert.equal(await server.count({ rooms: [first, second] }), 3);
    for (const client of all) assert.deepEqual(ids(await server.fetchSockets({ rooms: [client.id] })), [client.id]);
  });

  each("fetchSockets leaves out whom it shall", async (server, { n1, n2, node, nest, all }) => {
    const [room, leftOut] = [await sharedRoom(all), await sharedRoom([n1, nest])];

    assert.deepEqual(ids(await server.fetchSockets({ rooms: [room], except: [leftOut] })), ids([n2, node]));
    assert.deepEqual(ids(await server.fetchSockets({ rooms: [room], except: [leftOut, node.id] })), [n2.id]);
    assert.equal(await server.count({ rooms: [room], except: [leftOut] }), 2);
  });

  each("fetchSockets finds nobody where nobody is", async (server) => {
    assert.deepEqual(await server.fetchSockets({ rooms: [randomUUID()] }), []);
    assert.equal(await server.count({ rooms: [randomUUID()] }), 0);
  });

  each("fetchSockets finds its own sockets alone", async (server, clients, name) => {
    const room = await sharedRoom(clients.all);

    assert.deepEqual(ids(await server.fetchSockets({ rooms: [room], local: true })), [clients[name].id]);
  });

  each("fetchSockets tells the rooms of every socket", async (server, { all }) => {
    const rooms = [await sharedRoom(all), await sharedRoom(all), await sharedRoom(all.slice(1))];

    for (const socket of await server.fetchSockets({ rooms: rooms.slice(0, 1) })) {
      const joined = socket.id === all[0].id ? rooms.slice(0, 2) : rooms;
      assert.deepEqual(socket.rooms.sort(), [socket.id, ...joined].sort());
    }
  });

  each("fetchSockets tells what applications keep with every socket", async (server, { all }) => {
    const room = await sharedRoom(all);
    assert.deepEqual((await server.fetchSockets({ rooms: [room] })).map(({ data }) => data), [{}, {}, {}, {}]);

    for (const [index, client] of all.entries()) {
      await client.ask("share", ["name", `Ada 🦀 ${index}`]);
      await client.ask("share", ["roles", [{ is: index }, null]]);
      await client.ask("share", ["roles", [{ is: index }, true]]);
    }

    const found = new Map((await server.fetchSockets({ rooms: [room] })).map(({ id, data }) => [id, data]));
    for (const [index, client] of all.entries()) {
      assert.deepEqual(found.get(client.id), { name: `Ada 🦀 ${index}`, roles: [{ is: index }, true] }, client.name);
    }
  });

  each("fetchSockets finds 300 sockets", async (server) => {
    const room = randomUUID();
    const crowd = await Promise.all(
      Array.from({ length: 300 }, (_, index) => cluster.connectTo(index % 2 ? "n1" : "n2", { transport: "websocket only" })),
    );
    await Promise.all(crowd.map((client) => client.ask("join", room)));

    assert.deepEqual(ids(await server.fetchSockets({ rooms: [room] })), ids(crowd));
  });

  each("rooms are those of all servers", async (server, { all }) => {
    const rooms = await Promise.all(all.map((client) => sharedRoom([client])));

    await eventually(async () => (await server.rooms()).length === 10, "only this test's rooms are there");
    assert.deepEqual((await server.rooms()).sort(), [...rooms, ...all.map(({ id }) => id), ...cluster.operators].sort());
  });

  // ── Membership ──

  each("socketsJoin brings the selected sockets into a room", async (server, { n1, n2, node, nest, all }) => {
    const [group, leftOut, room] = [await sharedRoom([n1, n2, node, nest]), await sharedRoom([nest]), randomUUID()];

    await server.socketsJoin({ rooms: [group], except: [leftOut] }, room);

    for (const asked of Object.values(cluster.servers)) {
      await eventually(
        async () => `${ids(await asked.fetchSockets({ rooms: [room] }))}` === `${ids([n1, n2, node])}`,
        "every server sees who has joined",
      );
      await asked.emit({ rooms: [room] }, "to the joined", 1);
    }
    for (const client of [n1, n2, node]) {
      assert.deepEqual(await client.receiveMany("to the joined", 4), [1, 1, 1, 1], client.name);
    }
    await nothingElse(server, all);
  });

  each("socketsJoin reaches everyone, and one socket by its id", async (server, { all }) => {
    const [everyones, own] = [randomUUID(), randomUUID()];

    await server.socketsJoin({}, everyones);
    for (const client of all) await server.socketsJoin({ rooms: [client.id] }, own);

    const joined = async (room) => ids(await cluster.servers.n2.fetchSockets({ rooms: [room], except: cluster.operators }));
    for (const room of [everyones, own]) await eventually(async () => `${await joined(room)}` === `${ids(all)}`, "all are in");
    await server.socketsLeave({}, everyones);
  });

  each("socketsLeave takes the selected sockets out of a room", async (server, { n1, n2, node, nest, all }) => {
    const [room, staying] = [await sharedRoom(all), await sharedRoom([n2, nest])];

    await server.socketsLeave({ rooms: [room], except: [staying] }, room);

    for (const asked of Object.values(cluster.servers)) {
      await eventually(
        async () => `${ids(await asked.fetchSockets({ rooms: [room] }))}` === `${ids([n2, nest])}`,
        "every server sees who has stayed",
      );
      await asked.emit({ rooms: [room] }, "to those who stayed", 1);
    }
    for (const client of [n2, nest]) {
      assert.deepEqual(await client.receiveMany("to those who stayed", 4), [1, 1, 1, 1], client.name);
    }
    for (const client of [n1, node]) await client.ask("join", randomUUID());
    await nothingElse(server, all);
  });

  each("who has joined before an emit gets it, a hundred times", async (server, clients, name) => {
    // A Node.js server hears of its own joins through Redis, too late for its own sockets.
    const joining = name === "n1" ? clients.all : others(clients, name);
    const group = await sharedRoom(joining);
    const rooms = Array.from({ length: 100 }, () => randomUUID());

    await Promise.all(
      rooms.flatMap((room) => [server.socketsJoin({ rooms: [group] }, room), server.emit({ rooms: [room] }, "after a join", room)]),
    );

    for (const client of joining) assert.deepEqual(await client.receiveMany("after a join", 100, SOON), rooms, client.name);
  });

  each("who has left before an emit does not get it", async (server, clients, name) => {
    const leaving = name === "n1" ? clients.all : others(clients, name);
    const rooms = await Promise.all(Array.from({ length: 20 }, () => sharedRoom(leaving)));

    await Promise.all(
      rooms.flatMap((room) => [server.socketsLeave({}, room), server.emit({ rooms: [room] }, "after a leave", room)]),
    );

    await nothingElse(server, clients.all);
  });

  // ── Disconnects ──

  each("disconnectSockets(false) disconnects the selected sockets from the namespace alone", async (server, clients) => {
    const { n1, n2, node, nest, all } = clients;
    const [group, staying] = [await sharedRoom(all), await sharedRoom([node])];
    const elsewhere = await connectElsewhere(all);

    await server.disconnectSockets({ rooms: [group], except: [staying] }, false);

    for (const client of [n1, n2, nest]) assert.equal(await client.disconnected(), "io server disconnect", client.name);
    await nothingElse(server, [node]);
    assert.deepEqual(node.disconnects, []);
    for (const socket of elsewhere) assert.ok(socket.connected);
    assert.deepEqual(ids(await server.fetchSockets({ rooms: [group] })), [node.id]);
  });

  each("disconnectSockets(true) disconnects them from everything", async (server, { n1, n2, node, nest, all }) => {
    const [group, staying] = [await sharedRoom(all), await sharedRoom([nest])];
    const reasons = [];
    const elsewhere = await connectElsewhere(all);
    for (const socket of elsewhere) socket.on("disconnect", (reason) => reasons.push(reason));
    const closed = [];
    for (const client of all) client.socket.io.engine.on("close", () => closed.push(client.name));

    await server.disconnectSockets({ rooms: [group], except: [staying] }, true);

    for (const client of [n1, n2, node]) assert.equal(await client.disconnected(), "io server disconnect", client.name);
    await eventually(() => closed.length === 3, "their connections are closed");
    assert.deepEqual(reasons, Array(3).fill("io server disconnect"));
    await nothingElse(server, [nest]);
    assert.deepEqual(nest.disconnects, []);
    assert.deepEqual(ids(await server.fetchSockets({ rooms: [group] })), [nest.id]);
  });

  each("disconnectSockets reaches one socket by its id", async (server, { all }) => {
    for (const client of all) {
      await server.disconnectSockets({ rooms: [client.id] }, false);
      assert.equal(await client.disconnected(), "io server disconnect", client.name);
    }
  });

  for (const close of [false, true]) {
    each(`what is emitted before disconnectSockets(${close}) arrives`, async (server, { all }) => {
      const group = await sharedRoom(all);

      const emitted = Array.from({ length: 20 }, (_, number) => server.emit({ rooms: [group] }, "last words", number));
      await Promise.all([...emitted, server.disconnectSockets({ rooms: [group] }, close)]);

      for (const client of all) {
        assert.equal(await client.disconnected(), "io server disconnect", client.name);
        assert.deepEqual(client.unread.map(({ args }) => args[0]), Array.from({ length: 20 }, (_, number) => number), client.name);
      }
    });
  }

  each("joins, leaves and disconnects of its own sockets alone", async (server, clients, name) => {
    const [group, room] = [await sharedRoom(clients.all), randomUUID()];
    const own = clients[name];

    await server.socketsJoin({ rooms: [group], local: true }, room);
    await eventually(async () => `${ids(await server.fetchSockets({ rooms: [room] }))}` === own.id, "its own has joined");
    await server.socketsLeave({ rooms: [group], local: true }, group);
    await eventually(async () => (await server.count({ rooms: [group] })) === 3, "its own has left");
    await server.disconnectSockets({ rooms: [room, group], local: true }, true);

    assert.equal(await own.disconnected(), "io server disconnect");
    await nothingElse(server, others(clients, name));
    for (const client of others(clients, name)) assert.deepEqual(client.disconnects, [], client.name);
  });

  // ── Acks ──

  each("emitWithAck gathers what the clients of all servers answer", async (server, { all }) => {
    const group = await sharedRoom(all);
    answering(all, "question", (client, value) => [{ id: client.id, value }]);

    for (const value of ["text", { nested: [1, null, true] }, "聊天室"]) {
      const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", value, 5_000);
      assert.deepEqual(sorted(answers), sorted(all.map(({ id }) => ({ id, value }))));
      assert.ok(complete);
    }
  });

  each("emitWithAck asks the selected ones alone", async (server, { n1, n2, node, nest, all }) => {
    const [group, leftOut] = [await sharedRoom(all), await sharedRoom([n1, node])];
    answering(all, "question", (client) => [client.id]);
    const asked = async (selected) => (await server.emitWithAck(selected, "question", 1, 5_000)).answers.sort();

    assert.deepEqual(await asked({ rooms: [group], except: [leftOut] }), ids([n2, nest]));
    assert.deepEqual(await asked({ except: [leftOut, ...cluster.operators] }), ids([n2, nest]));
    for (const client of all) assert.deepEqual(await asked({ rooms: [client.id] }), [client.id]);
    assert.deepEqual(await asked({ rooms: [randomUUID()] }), []);

    for (const client of all) assert.equal(client.unread.length, [n2, nest].includes(client) ? 3 : 1, client.name);
  });

  // A Node.js server waits for the others even so, in vain.
  cluster.test("a Roomcast node: emitWithAck asks its own sockets alone", async () => {
    const { n1, all } = await cluster.clients();
    const group = await sharedRoom(all);
    answering(all, "question", (client) => [client.id]);

    const asked = await cluster.servers.n1.emitWithAck({ rooms: [group], local: true }, "question", 1, 5_000);

    assert.deepEqual(asked, { answers: [n1.id], complete: true });
  });

  each("emitWithAck takes the first value of an answer, and null where there is none", async (server, { n1, n2, node, nest, all }) => {
    const group = await sharedRoom(all);
    answering([n1, node], "question", () => []);
    answering([n2, nest], "question", () => [["first"], "second"]);

    const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", 1, 5_000);

    assert.deepEqual(sorted(answers.map((answer) => answer ?? null)), sorted([null, null, ["first"], ["first"]]));
    assert.ok(complete);
  });

  each("emitWithAck gathers binary answers", async (server, { all }) => {
    const group = await sharedRoom(all);
    answering(all, "question", (client) => [{ id: client.id, bytes: [Buffer.from(client.id), Buffer.alloc(300, 7)] }]);

    const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", 1, 5_000);

    const byId = new Map(answers.map((answer) => [answer.id, answer.bytes]));
    for (const { id, name } of all) assert.deepEqual(byId.get(id), [Buffer.from(id), Buffer.alloc(300, 7)], name);
    assert.ok(complete);
  });

  each("emitWithAck gives up in time on who does not answer, and has what the others said", async (server, clients) => {
    const { n1, n2, node, nest, all } = clients;
    const group = await sharedRoom(all);
    answering([n1, node], "question", (client) => [client.id]);
    const began = Date.now();

    const { answers, complete } = await server.emitWithAck({ rooms: [group] }, "question", 1, 400);

    assert.deepEqual(answers.sort(), ids([n1, node]));
    assert.equal(complete, false);
    assert.ok(Date.now() - began >= 390, "it waits for as long as it was told");
    for (const client of [n2, nest]) await client.receive("question");
  });

  cluster.test("questions that all servers ask at a time are answered each by its own answers", async () => {
    const { all } = await cluster.clients();
    const group = await sharedRoom(all);
    answering(all, "question", (_, value) => [value]);
    const questions = Object.entries(cluster.servers).flatMap(([name, server]) =>
      Array.from({ length: 5 }, (_, number) => ({ server, value: `${name} ${number}` })),
    );
    const ask = ({ server, value }) => server.emitWithAck({ rooms: [group] }, "question", value, 5_000);

    const asked = await Promise.all(questions.map(ask));

    assert.deepEqual(asked, questions.map(({ value }) => ({ answers: Array(4).fill(value), complete: true })));
  });

  // ── From server to server ──

  each("serverSideEmit is heard by the applications of all others", async (server, clients, name) => {
    const values = ["text", 0, null, { nested: ["聊天室", { a: null }] }, [1, [2]]];

    for (const value of values) await server.serverSideEmit("tell", value);

    for (const client of others(clients, name)) {
      for (const value of values) assert.deepEqual(await client.receive("told"), [value], client.name);
    }
    await nothingElse(server, clients.all);
  });

  each("serverSideEmit that nobody listens to harms nobody", async (server, { all }) => {
    await server.serverSideEmit("unheard of", 1);

    await nothingElse(server, all);
  });

  each("serverSideEmit with an ack gathers what all others answer", async (server, _, name) => {
    for (const value of ["text", { nested: [1, null] }, null]) {
      const { answers, complete } = await server.serverSideEmitWithAck("ask", value, 5_000);

      assert.ok(complete);
      assert.equal(answers.length, 3);
      for (const answer of answers) assert.deepEqual(answer.heard, value);
      const theirs = answers.map(({ node }) => node).filter((node) => ["node", "nest"].includes(node));
      assert.deepEqual(theirs.sort(), ["nest", "node"].filter((other) => other !== name));
      assert.equal(new Set(answers.map(({ node }) => node)).size, 3);
    }
  });
});
