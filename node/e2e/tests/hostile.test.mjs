// Messages on the channels of requests and responses that no server would send: our nodes drop and count them, and neither
// their clients nor their questions feel anything. No Node.js server is there: most of these would end it.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { after, before, describe } from "node:test";

import { Client } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually, within } from "../lib/deadline.mjs";
import { OPERATIONS } from "../lib/node.mjs";
import { NAMESPACE, Ours } from "../lib/servers.mjs";

const { encode } = createRequire(import.meta.resolve("@socket.io/redis-adapter"))("notepack.io");

const REQUESTS = `socket.io-request#${NAMESPACE}#`;
const RESPONSES = `socket.io-response#${NAMESPACE}#`;
const OPTS = { rooms: [], except: [] };

const json = (value) => Buffer.from(JSON.stringify(value));
const request = (fields) => ({ uid: "foreign", requestId: randomUUID(), ...fields });

/** What cannot be read as anything. */
const GARBAGE = {
  nothing: Buffer.alloc(0),
  "a brace": Buffer.from("{"),
  "half an object": Buffer.from('{"type":5,"requestId":"a'),
  "JSON and more": Buffer.from('{"type":1,"uid":"a","requestId":"b"} {}'),
  "a text": Buffer.from("not a message"),
  "broken UTF-8": Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]),
  nil: encode(null),
  "null in JSON": Buffer.from("null"),
  "a number": encode(5),
  "an empty list": encode([]),
  "a list": encode([1, 2, 3]),
  "a list that ends early": Buffer.from([0x93]),
  "a list that says to have four billion elements": Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff]),
  "a map that says to have four billion entries": Buffer.from([0xdf, 0xff, 0xff, 0xff, 0xff]),
  "a text that says to have four gigabytes": Buffer.from([0xdb, 0xff, 0xff, 0xff, 0xff, 0x61]),
  "100,000 lists in each other": Buffer.alloc(100_000, 0x91),
  "100,000 objects in each other": Buffer.from('{"a":'.repeat(100_000)),
  "100,000 lists in a request": Buffer.from(`{"type":6,"uid":"a","data":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  zeros: Buffer.alloc(1000),
};

/** Requests of which something is missing, or is not what it should be. */
const MALFORMED = {
  "a fetch without options": json(request({ type: 5 })),
  "a fetch whose options are a text": json(request({ type: 5, opts: "all" })),
  "a fetch with an object for a room": json(request({ type: 5, opts: { rooms: [{}], except: [] } })),
  "a fetch with more rooms than may be": json(request({ type: 5, opts: { rooms: Array(300_000).fill("r"), except: [] } })),
  "a join without options": json(request({ type: 2, rooms: ["r"] })),
  "a leave whose rooms are an object": json(request({ type: 3, opts: OPTS, rooms: {} })),
  "a disconnect without options": json(request({ type: 4, close: true })),
  "a server-side emit without data": json(request({ type: 6 })),
  "a server-side emit of no event": json(request({ type: 6, data: [] })),
  "a server-side emit whose data is an object": json(request({ type: 6, data: { event: "tell" } })),
  "a broadcast without a packet": encode(request({ type: 7, opts: { ...OPTS, flags: {} } })),
  "a broadcast without options": encode(request({ type: 7, packet: { type: 2, data: ["evil"], nsp: NAMESPACE } })),
  "a broadcast of no event": encode(request({ type: 7, packet: { type: 2, data: [], nsp: NAMESPACE }, opts: OPTS })),
  "a broadcast whose event is an object": encode(request({ type: 7, packet: { type: 2, data: [{}], nsp: NAMESPACE }, opts: OPTS })),
};

const UNKNOWN = {
  "no type": json(request({ opts: OPTS })),
  "a type as a text": json(request({ type: "5", opts: OPTS })),
  "type 10": json(request({ type: 10, opts: OPTS })),
  "type -1": json(request({ type: -1, opts: OPTS })),
  "a huge type": json(request({ type: 1e300, opts: OPTS })),
  "type null": encode(request({ type: null, opts: OPTS })),
  "a broadcast of a packet that is no event": encode(request({ type: 7, packet: { type: 0, data: ["evil"], nsp: NAMESPACE }, opts: OPTS })),
};

const RESERVED = {
  ...Object.fromEntries(
    ["connect", "connection", "new_namespace"].map((name) => [`a server-side ${name}`, json(request({ type: 6, data: [name, {}] }))]),
  ),
  ...Object.fromEntries(
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"].map((name) => [
      `a broadcast of ${name}`,
      encode(request({ type: 7, packet: { type: 2, data: [name, 1], nsp: NAMESPACE }, opts: OPTS })),
    ]),
  ),
};

// What may be sent, but is meant for nobody here.
const IDLE = {
  "a broadcast in another namespace": encode(request({ type: 7, packet: { type: 2, data: ["evil"], nsp: "/" }, opts: OPTS })),
  "a join of nobody": json(request({ type: 2, opts: { rooms: ["nobody's"] }, rooms: ["r"] })),
  "a disconnect of nobody": json(request({ type: 4, opts: { rooms: ["nobody's"] }, close: true })),
  "a leave of nothing": json(request({ type: 3, opts: OPTS, rooms: [] })),
  "the old form, for a socket that is not here": json({ requestId: "a", type: 4, sid: "nobody", close: true }),
};

/** Responses to a question that was asked, but not by one who should answer. */
const FORGERIES = Object.entries({
  "no answer at all": {},
  "sockets that are none": { sockets: [null, 1, "a", {}, []] },
  "sockets that are no list": { sockets: { length: 4294967295 } },
  "rooms that are none": { rooms: [null, {}, []] },
  "more rooms than may be": { rooms: Array(300_000).fill("r") },
  "clients without number": { type: 8, clientCount: Number.MAX_SAFE_INTEGER },
  "fewer clients than none": { type: 8, clientCount: -1 },
  "half a client": { type: 8, clientCount: 0.5 },
  "an ack of nobody": { type: 9, packet: { a: 1 } },
  "a value that nobody has": { type: 6, data: { a: 1 } },
  "a type that is not known": { type: 99 },
});

describe("hostile messages between servers", () => {
  const cluster = useCluster({ nodes: 2, binary: OPERATIONS });
  const servers = [];
  let clients;
  before(async () => {
    for (const node of cluster.nodes) servers.push(await Ours.of(node));
    for (const node of cluster.nodes) {
      await eventually(async () => (await node.metric("socket_io_cluster_nodes")) === 2, "the nodes hear each other");
    }
    clients = await Promise.all(cluster.nodes.map(({ url }) => Client.connect(url, { namespace: NAMESPACE })));
  });
  after(() => {
    for (const one of [...servers, ...clients]) one.close();
  });

  const dropped = (cause) =>
    Promise.all(cluster.nodes.map((node) => node.metric("socket_io_cluster_dropped_total", cause ? { cause } : {})));

  /** Sends it, and resolves once both nodes have dealt with it and with what came before. */
  async function send(channel, message) {
    await cluster.redis.commands.publish(channel, message);
    await passed();
  }

  // Messages are applied in order, and each of the nodes' clients hears what the other node emits.
  async function passed() {
    const token = randomUUID();
    await Promise.all(servers.map((server) => server.emit({}, "sentinel", token)));
    for (const client of clients) assert.deepEqual(await client.receiveMany("sentinel", 2), [token, token]);
  }

  async function unharmed() {
    for (const node of cluster.nodes) node.program.assertRunning();
    for (const client of clients) {
      assert.deepEqual(client.unread, []);
      assert.deepEqual(client.disconnects, []);
    }
    for (const server of servers) {
      assert.deepEqual((await server.fetchSockets({ rooms: clients.map(({ id }) => id) })).length, 2);
    }
  }

  function eachIsCounted(messages, cause) {
    for (const [what, message] of Object.entries(messages)) {
      cluster.test(`request: ${what} is counted as ${cause}`, async () => {
        const before = await dropped(cause);

        await send(REQUESTS, message);

        assert.deepEqual(await dropped(cause), before.map((count) => count + 1));
        await unharmed();
      });
    }
  }

  eachIsCounted(GARBAGE, "malformed");
  eachIsCounted(MALFORMED, "malformed");
  eachIsCounted(UNKNOWN, "unknown_type");
  eachIsCounted(RESERVED, "reserved");

  cluster.test("request: 17 MB are counted as too large", async () => {
    const before = await dropped("too_large");

    await send(REQUESTS, json(request({ type: 6, data: ["tell", "x".repeat(17_000_000)] })));

    assert.deepEqual(await dropped("too_large"), before.map((count) => count + 1));
    await unharmed();
  });

  cluster.test("requests that are for nobody here are no fault", async () => {
    const before = await dropped();

    for (const message of Object.values(IDLE)) await send(REQUESTS, message);

    assert.deepEqual(await dropped(), before);
    await unharmed();
  });

  cluster.test("channels of namespaces that nobody serves are not listened to", async () => {
    for (const channel of ["socket.io-request#/elsewhere#", "socket.io-response#/elsewhere#", `socket.io-request#${NAMESPACE}`]) {
      assert.equal(await cluster.redis.commands.publish(channel, "garbage"), 0, channel);
    }
  });

  cluster.test("requests with an unknown answer channel are answered there, and harm nobody", async () => {
    for (const uid of ["", "x".repeat(10_000), "#\u0000*"]) {
      await send(REQUESTS, json({ uid, requestId: "a", type: 1 }));
      await send(REQUESTS, json({ uid, requestId: "x".repeat(100_000), type: 5, opts: OPTS }));
    }
    for (const odd of [null, 5, {}, []]) await send(REQUESTS, json({ uid: odd, requestId: odd, type: 1 }));

    await unharmed();
  });

  cluster.test("2,000 questions at once do not keep the nodes from others", async () => {
    const publisher = cluster.redis.connect();
    cluster.closeLater(() => publisher.disconnect());

    await Promise.all(
      Array.from({ length: 2_000 }, () => publisher.publish(REQUESTS, json(request({ type: 5, opts: OPTS })))),
    );

    await passed();
    await unharmed();
  });

  cluster.test("responses that cannot be read, while a question is open, are counted, and the answer is the true one", async () => {
    const messages = Object.values(GARBAGE);
    const before = (await dropped("malformed"))[0];
    const [{ id }] = clients;
    const asked = servers[0].emitWithAck({ rooms: [id] }, "question", 1, 3_000);
    const [, answer] = await clients[0].receive("question");

    for (const message of messages) await cluster.redis.commands.publish(RESPONSES, message);
    await eventually(async () => (await dropped("malformed"))[0] === before + messages.length, "all of them are counted");
    answer("the true one");

    assert.deepEqual(await within(asked, () => "the question is answered"), { answers: ["the true one"], complete: true });
    await unharmed();
  });

  cluster.test("responses to questions that nobody has asked are ignored", async () => {
    for (const [, fields] of FORGERIES) await send(RESPONSES, json({ requestId: "unknown", ...fields }));
    await unharmed();
  });

  for (const [what, fields] of FORGERIES) {
    cluster.test(`a forged response (${what}) ends a question at the latest in time`, async () => {
      const monitor = cluster.redis.connect();
      const forger = cluster.redis.connect();
      cluster.closeLater(() => [monitor, forger].forEach((connection) => connection.disconnect()));
      monitor.on("pmessageBuffer", (_, channel, message) => {
        const asJson = /"requestId":"([^"]+)"/.exec(message);
        const [, id] = asJson ?? /requestId.([\w-]{6})/.exec(message.toString("latin1"));
        forger.publish(RESPONSES, json({ requestId: id, ...fields }));
      });
      await monitor.psubscribe(`${REQUESTS}*`);

      // Other handlers of one client wait their turn, so each question has an operator of its own.
      const operators = await Promise.all(
        Array.from({ length: 5 }, () => cluster.connect({ node: "n1", namespace: NAMESPACE })),
      );
      const asked = Promise.all([
        operators[0].ask("fetchSockets", {}),
        operators[1].ask("count", {}),
        operators[2].ask("rooms"),
        operators[3].ask("serverSideEmitWithAck", { event: "ask", data: 1, timeout: 500 }),
        operators[4].ask("emitWithAck", { rooms: [clients[0].id], event: "question", data: 1, timeout: 500 }),
      ]);
      for (const answer of await within(asked, () => "all questions are answered", 6_000)) assert.ok("missing" in answer);
      await clients[0].receive("question");
      await monitor.punsubscribe();

      await passed();
      await unharmed();
    });
  }
});
