// The official client for Python: its two forms, with threads and with asyncio, over each transport, on one node and on two.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { usePython } from "../lib/python.mjs";

const SECRET = "a secret of these tests, long enough for HS256";

// A client that is told to leave in the midst of a request never says so, and waits for the answer to its poll: with the
// next ping it has one.
const PING = { ROOMCAST_SOCKETIO__PING_INTERVAL: "1s" };

const TRANSPORTS = {
  "polling only": ["polling"],
  "polling, then upgrade": ["polling", "websocket"],
  "websocket only": ["websocket"],
};

const VALUES = {
  "a text": "聊天室 – 🦀 – \u0000 – \"quoted\"\\",
  numbers: [42, -0.125, 9007199254740991],
  "true and null": { yes: true, none: null },
  "a list of one": ["one"],
  nested: { list: [1, [2, { three: [] }]], "": {} },
  binary: Buffer.from([0, 1, 2, 254, 255]),
  "nested binary": { first: Buffer.from("first"), list: [{ second: Buffer.alloc(3) }, "text"] },
};

const PLACES = [
  { place: "one node", nodes: 1, here: "n1", there: "n1" },
  { place: "two nodes with Redis", nodes: 2, here: "n1", there: "n2" },
];

for (const { place, nodes, here, there } of PLACES) {
  describe(`python-socketio, ${place}`, () => {
    const cluster = useCluster({ nodes, env: PING });
    const python = usePython();

    for (const kind of ["threads", "asyncio"]) {
      for (const [how, transports] of Object.entries(TRANSPORTS)) {
        const connect = (options) => python.connect(cluster, { kind, transports, ...options });

        cluster.test(`${kind}, ${how}: events, acks, binary data, and what is told instead`, async () => {
          const client = await connect({ node: here });

          assert.equal(client.transport, how === "polling only" ? "polling" : "websocket");
          assert.match(await client.do("id", "/"), /^~.{19}$/);
          for (const [what, value] of Object.entries(VALUES)) assert.deepEqual(await client.ask("/", "echo", value), value, what);
          assert.deepEqual(await client.ask("/", "echo", "several", { arguments: 1 }), ["several", { arguments: 1 }]);
          await client.emit("/", "msgToServer", "hello");
          assert.deepEqual(await client.receive("/", "msgToClient"), ["服务端收到: hello"]);
          await client.emit("/", "joinRoom", "");
          assert.deepEqual(await client.receive("/", "exception"), [
            { status: "error", message: "body: a room name has 1 to 256 bytes", cause: { pattern: "joinRoom", data: "" } },
          ]);
        });

        cluster.test(`${kind}, ${how}: rooms and broadcasts, together with a client in JavaScript`, async () => {
          const [client, other] = await Promise.all([connect({ node: here }), cluster.connect({ node: there })]);
          await client.ask("/", "joinRoom", "mixed");
          await other.join("mixed");

          for (const [what, value] of Object.entries(VALUES)) {
            await other.ask("sendToRoom", { room: "mixed", data: value });
            assert.deepEqual(await client.receive("/", "roomMsg"), [value], `${what} to Python`);
            assert.deepEqual(await other.receive("roomMsg"), [value], what);
            await client.ask("/", "broadcastOthers", value);
            assert.deepEqual(await other.receive("msgToOthers"), [value], `${what} from Python`);
          }
          await client.ask("/", "leaveRoom", "mixed");
          await other.ask("sendToRoom", { room: "mixed", data: "not for Python" });
          await other.ask("broadcast", "for all");
          assert.deepEqual(await client.receive("/", "msgToAll"), ["for all"]);
          assert.deepEqual((await client.do("unread")).map(([event]) => event), ["connect"], "nothing else came");
        });

        cluster.test(`${kind}, ${how}: several namespaces on one connection`, async () => {
          const client = await connect({ node: here, namespaces: ["/", "/events", "/chat"] });

          assert.deepEqual(await client.ask("/events", "identity", { id: 42 }), 42);
          await client.emit("/events", "stream", ["a", { b: 1 }]);
          assert.deepEqual(await client.receive("/events", "events"), ["a"]);
          assert.deepEqual(await client.receive("/events", "events"), [{ b: 1 }]);
          assert.ok(Array.isArray((await client.receive("/chat", "onlineUsers"))[0]));
          await client.emit("/chat", "joinChat", { username: "Py" });
          assert.deepEqual(await client.receive("/chat", "joined"), [{ username: "Py", message: "成功加入聊天室" }]);
          assert.equal(await client.ask("/", "echo", 1), 1);
        });

        cluster.test(`${kind}, ${how}: a namespace that nobody serves is a connect_error`, async () => {
          const client = await python.client(cluster, kind);

          const attempt = client.do("connect", cluster.node(here).url, transports, ["/nobody"], null);
          await assert.rejects(attempt, /ConnectionError: One or more namespaces failed/);
          assert.deepEqual(await client.receive("/nobody", "connect_error"), [{ message: "Invalid namespace" }]);
        });
      }
    }
  });
}

describe("python-socketio and tokens", () => {
  const cluster = useCluster({ nodes: 1, env: { ...PING, ROOMCAST_JWT__SECRET: SECRET } });
  const python = usePython();

  for (const kind of ["threads", "asyncio"]) {
    for (const [how, transports] of Object.entries(TRANSPORTS)) {
      cluster.test(`${kind}, ${how}: who has no token, or a wrong one, is told so with a code`, async () => {
        for (const [auth, message, code] of [
          [null, "未提供认证令牌", "token_missing"],
          [{ token: "wrong" }, "无效的认证令牌", "token_invalid"],
        ]) {
          const client = await python.client(cluster, kind);
          await assert.rejects(client.do("connect", cluster.node("n1").url, transports, ["/chat"], auth), /ConnectionError/);
          assert.deepEqual(await client.receive("/chat", "connect_error"), [{ message, data: { code } }]);
        }
      });
    }
  }
});

describe("python-socketio and a node that stops", () => {
  const python = usePython();

  for (const [kind, how] of [["threads", "websocket only"], ["threads", "polling only"], ["asyncio", "polling, then upgrade"]]) {
    describe(`${kind}, ${how}`, () => {
      const cluster = useCluster({ nodes: 2, balancer: true, env: PING });

      cluster.test("the client comes back on the other node by itself", async () => {
        const client = await python.client(cluster, kind);
        await client.do("connect", `${cluster.balancer.url}?node=n1`, TRANSPORTS[how], ["/"]);
        await client.receive("/", "connect");
        const before = await client.do("id", "/");

        await cluster.node("n1").kill();

        assert.equal(typeof (await client.receive("/", "disconnect"))[0], "string");
        await client.receive("/", "connect");
        assert.notEqual(await client.do("id", "/"), before);
        assert.deepEqual(await client.ask("/", "joinRoom", "again"), { room: "again", joined: true });
        const other = await cluster.connect({ node: "n2" });
        await other.ask("sendToRoom", { room: "again", data: Buffer.from("back") });
        assert.deepEqual(await client.receive("/", "roomMsg"), [Buffer.from("back")]);
      });
    });
  }
});
