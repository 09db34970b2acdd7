// The namespace `/chat`, row by row: on one node in memory, and on two nodes that share a Redis.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

const PLACES = [
  { place: "one node without Redis", cluster: { nodes: 1 }, here: "n1", there: "n1" },
  { place: "two nodes", cluster: { nodes: 2 }, here: "n1", there: "n2" },
];

/** The deadline for the users of a dead node to be offline, with room for a slow machine's tests. */
const DEAD = 15_000;

/** The nodes that are thought to live. */
const LEASES = "roomcast:{socket.io}:presence:leases";

let people = 0;
/** A name that no other test has. */
const someone = (name) => `${name} ${(people += 1)}`;

for (const { place, cluster: options, here, there } of PLACES) {
  describe(place, () => {
    const cluster = useCluster(options);
    const enter = async (node, more = {}) => {
      const client = await cluster.connect({ node, namespace: "/chat", ...more });
      [client.users] = await client.receive("onlineUsers");
      return client;
    };
    const join = async (client, username) => {
      client.emit("joinChat", { username });
      const [joined] = await client.receive("joined");
      assert.deepEqual(joined, { username: username.trim(), message: "成功加入聊天室" });
      return client;
    };
    /** The next news of this kind about one user, whatever others do. */
    const news = async (client, event, username) => {
      for (;;) {
        const [user] = await client.receive(event, DEAD);
        if (user.username === username) return user;
      }
    };
    const isOnline = async (node, id) => {
      const client = await enter(node);
      client.close();
      return client.users.some(([clientId]) => clientId === id);
    };

    for (const transport of Object.keys(TRANSPORTS)) {
      cluster.test(`${transport}: who joins is online for everybody, and offline when it leaves`, async () => {
        const other = await enter(there);
        const name = someone("小明");
        const one = await enter(here, { transport });
        const order = [];
        one.socket.onAny((event) => order.push(event));
        await join(one, `  ${name} `);

        assert.deepEqual(order, ["userOnline", "joined"], "the sender is told first that it is online");
        assert.deepEqual(await news(other, "userOnline", name), { username: name, clientId: one.id });
        await eventually(() => isOnline(there, one.id), "a client that comes later is told who is online");

        const { id } = one;
        one.close();
        assert.deepEqual(await news(other, "userOffline", name), { username: name, clientId: id });
        await eventually(async () => !(await isOnline(there, id)), "it is on no list any more");
      });
    }

    cluster.test("a second joinChat renames, or only says joined again", async () => {
      const [one, other] = await Promise.all([enter(here), enter(there)]);
      const [before, after] = [someone("Ann"), someone("Anna")];
      await join(one, before);
      await news(other, "userOnline", before);

      await join(one, after);
      assert.equal((await news(other, "userOffline", before)).clientId, one.id);
      assert.equal((await news(other, "userOnline", after)).clientId, one.id);

      await join(one, after);
      await join(other, someone("last"));
      assert.equal(other.unread.filter(({ args }) => args[0].username === after).length, 0, "nobody was told of it");
    });

    cluster.test("messages go to everybody, or to a room; typing to the others", async () => {
      const [one, other] = await Promise.all([enter(here), enter(there)]);
      const name = someone("Ben");
      await join(one, name);

      one.emit("sendMessage", { message: "hello" });
      for (const client of [one, other]) {
        const [said] = await client.receive("newMessage");
        assert.deepEqual(Object.keys(said).sort(), ["message", "timestamp", "username"]);
        assert.equal(`${said.username}: ${said.message}`, `${name}: hello`);
        assert.match(said.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }

      assert.deepEqual(await other.join("red"), { room: "red", joined: true });
      one.emit("sendMessage", { message: "in red", room: "red" });
      assert.equal((await other.receive("newMessage"))[0].message, "in red");
      one.emit("message", { group: "red", msg: { any: ["thing"] } });
      assert.deepEqual(await other.receive("message"), [{ any: ["thing"] }]);

      one.emit("typing", { isTyping: true });
      assert.deepEqual(await other.receive("userTyping"), [{ username: name, isTyping: true }]);
      one.emit("sendMessage", { message: "last" });
      assert.equal((await one.receive("newMessage"))[0].message, "last", "nothing for the sender before it");
      assert.equal(one.unread.some(({ event }) => event === "userTyping"), false);
    });

    cluster.test("who has not joined is not heard, and what does not fit is an exception", async () => {
      const [one, other] = await Promise.all([enter(here), enter(there)]);
      one.emit("sendMessage", { message: "ignored" });
      one.emit("typing", { isTyping: true });

      for (const [body, told] of [
        [{ username: " " }, "username: a username has 1 to 64 characters"],
        [{ username: "x".repeat(65) }, "username: a username has 1 to 64 characters"],
        [{ username: 7 }, "username: expected a string"],
        [{}, "username: missing"],
      ]) {
        one.emit("joinChat", body);
        assert.equal((await one.receive("exception"))[0].message, told);
      }
      await join(one, someone("Cleo"));
      for (const message of ["", "x".repeat(4097)]) {
        one.emit("sendMessage", { message });
        assert.equal((await one.receive("exception"))[0].message, "message: a message has 1 to 4096 bytes");
      }
      one.emit("sendMessage", { message: "first" });
      assert.equal((await other.receive("newMessage"))[0].message, "first");
      assert.equal(other.unread.some(({ event }) => event === "userTyping"), false);
    });
  });
}

describe("three nodes, of which one is lost", () => {
  const cluster = useCluster({ nodes: 3 });
  const third = () => cluster.nodes.find(({ name }) => name === "n3");

  /** Clients of the other two nodes, and what they hear of `names`. */
  const watch = async (names) => {
    const watchers = await Promise.all(
      ["n1", "n2"].map((node) => cluster.connect({ node, namespace: "/chat" })),
    );
    return watchers.map((client) => {
      const heard = { client, userOnline: [], userOffline: [] };
      for (const event of ["userOnline", "userOffline"]) {
        client.socket.on(event, ({ username }) => names.has(username) && heard[event].push(username));
      }
      return heard;
    });
  };

  /** Puts users onto the third node. */
  const settle = async (names, count) => {
    for (let number = 0; number < count; number += 1) {
      const client = await cluster.connect({ node: "n3", namespace: "/chat", reconnection: false });
      const username = someone("gone");
      names.add(username);
      client.emit("joinChat", { username });
      await client.receive("joined");
    }
  };

  /** Everything that any node has announced up to now has been heard when this resolves. */
  const caughtUp = async (watched) => {
    for (const { client } of watched) {
      const marker = someone("marker");
      client.emit("joinChat", { username: marker });
      for (const other of watched) {
        while ((await other.client.receive("userOnline"))[0].username !== marker);
      }
    }
  };

  cluster.test("a node that stood still is taken for dead, and puts its users back when it goes on", async () => {
    const names = new Set();
    const watched = await watch(names);
    await settle(names, 5);
    await eventually(() => watched.every(({ userOnline }) => userOnline.length === 5), "all are online");

    third().program.child.kill("SIGSTOP");
    await eventually(() => watched.every(({ userOffline }) => userOffline.length === 5), "all are offline", {
      patience: DEAD,
    });
    third().program.child.kill("SIGCONT");
    await eventually(() => watched.every(({ userOnline }) => userOnline.length === 10), "all are online again");

    await caughtUp(watched);
    for (const { userOnline, userOffline } of watched) {
      assert.deepEqual([userOnline.length, userOffline.length], [10, 5], "nobody was announced twice");
    }
  });

  cluster.test("the users of a node that is killed are offline, each exactly once, within 15 s", async () => {
    const names = new Set();
    const watched = await watch(names);
    await settle(names, 30);

    await third().kill();
    await eventually(() => watched.every(({ userOffline }) => userOffline.length >= 30), "all are offline", {
      patience: DEAD,
    });

    // The node is forgotten once all of its users were given out.
    await eventually(async () => (await cluster.redis.commands.zcard(LEASES)) === 2, "the node is forgotten");
    await caughtUp(watched);
    for (const { userOffline } of watched) {
      assert.equal(userOffline.length, 30, "nobody was announced twice");
      assert.deepEqual(new Set(userOffline), names);
    }
  });
});
