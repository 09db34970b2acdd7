// The other balancers as they are deployed: nginx, Caddy, Envoy and Traefik in front of three nodes. HAProxy is what all
// other tests run behind.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import { describe, it } from "node:test";

import { Client, TRANSPORTS } from "../lib/client.mjs";
import { eventually, within } from "../lib/deadline.mjs";
import { RoomcastNode } from "../lib/node.mjs";
import { freePort } from "../lib/ports.mjs";
import { addressOf, NAMES, Proxy } from "../lib/proxies.mjs";
import { RedisServer } from "../lib/redis.mjs";

// nginx has no health checks: it learns of a node that is not ready from what the node answers, and of Redis nothing.
const CHECKS = { nginx: false, caddy: true, envoy: true, traefik: true };

for (const product of NAMES) {
  describe(`three nodes behind ${product}`, () => {
    it("sessions stay on their nodes, a node that drains or dies loses nobody", async () => {
      const stage = await Stage.start(product);
      try {
        await everyoneHearsEveryone(stage);
        await aBrowserComesBackToItsNode(stage);
        await aDrainingNodeKeepsItsSessions(stage);
        await aDeadNodeIsLeft(stage);
        if (CHECKS[product]) await withoutRedisThereIsStillService(stage);
      } catch (error) {
        stage.printLogs();
        throw error;
      } finally {
        await stage.stop();
      }
    });

    it("nodes are told the client's address and host, and nothing that it made up", async () => {
      await withEchoes(product, async (proxy) => {
        const made = { "x-forwarded-for": "203.0.113.9", forwarded: "for=203.0.113.9", "x-forwarded-proto": "https" };
        const { headers } = await (await proxy.get("/echo", made)).json();

        // Envoy takes a client on loopback for one on this machine's address in the network.
        assert.match(headers["x-forwarded-for"], product === "envoy" ? /^[\da-f.:]+$/ : /^127\.0\.0\.1$/);
        assert.notEqual(headers["x-forwarded-for"], made["x-forwarded-for"]);
        assert.equal(headers["x-forwarded-proto"], "http");
        assert.equal(headers.host, new URL(proxy.url).host);
        assert.ok(!headers.forwarded, "a header that nobody answers for");
      });
    });
  });
}

/** Redis, three nodes, and the balancer; and the clients of the scene. */
class Stage {
  static async start(product) {
    const stage = new Stage();
    try {
      stage.redis = await RedisServer.start();
      stage.ports = { port: await freePort(), adminPort: await freePort() };
      stage.nodes = await Promise.all([0, 1, 2].map((index) => stage.node(index)));
      stage.proxy = await Proxy.start(product, stage.ports);
    } catch (error) {
      stage.printLogs();
      await stage.stop();
      throw error;
    }
    return stage;
  }

  constructor() {
    this.nodes = [];
    this.clients = [];
  }

  /** Starts the node of this number. */
  async node(index) {
    const env = { ROOMCAST_DRAIN__GRACE: "4s", ROOMCAST_DRAIN__DEADLINE: "20s" };
    return RoomcastNode.start({ name: `n${index + 1}`, redis: this.redis, at: { host: addressOf(index), ...this.ports }, env });
  }

  /** The number of the node with this id. */
  async indexOf(id) {
    const ids = await Promise.all(this.nodes.map(async ({ url }) => (await (await fetch(`${url}/node.json`)).json()).node));
    assert.ok(ids.includes(id), `${id} is one of ${ids}`);
    return ids.indexOf(id);
  }

  async connect(transport, options = {}) {
    const client = await Client.connect(this.proxy.url, { transport, ...options });
    this.clients.push(client);
    return client;
  }

  /** All clients hear what each of them says. What a client misses while it reconnects is said again. */
  async allHearAll() {
    await eventually(async () => {
      for (const client of this.clients) {
        await client.connected();
        client.unread.length = 0;
      }
      const words = this.clients.map(() => randomUUID());
      this.clients.forEach((client, index) => client.emit("broadcast", words[index]));
      const hears = (client) => words.every((word) => client.unread.some(({ args }) => args[0] === word));
      const deaf = () => this.clients.filter((client) => !hears(client)).map(({ name }) => name);
      await eventually(() => deaf().length === 0, "nobody is deaf", { patience: 3_000 });
      return true;
    }, "all hear all", { patience: 30_000 });
  }

  printLogs() {
    const programs = [...(this.redis?.programs ?? []), this.proxy?.program, ...this.nodes.map((node) => node.program)];
    for (const program of programs.filter(Boolean)) console.error(program.log());
  }

  async stop() {
    for (const client of this.clients) client.close();
    await this.proxy?.stop();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.redis?.stop();
  }
}

async function everyoneHearsEveryone(stage) {
  const used = async (node) => (await node.metric("socket_io_connected")) > 0;
  // Some choose by chance, so it may take a few more clients than nodes.
  await eventually(async () => {
    for (const transport of Object.keys(TRANSPORTS)) await stage.connect(transport);
    return (await Promise.all(stage.nodes.map(used))).every(Boolean);
  }, "each node has clients");
  assert.ok(stage.clients.length <= 24, `${stage.clients.length} clients were needed for three nodes`);
  await stage.allHearAll();

  // Requests of a session that reached another node would have ended it.
  for (const client of stage.clients) {
    for (let count = 0; count < 5; count += 1) await client.settled();
    assert.deepEqual(client.disconnects, [], client.name);
  }
}

async function aBrowserComesBackToItsNode(stage) {
  const { cookie, node } = await visit(stage.proxy);
  assert.ok(cookie, "a new client is given a cookie");
  for (let count = 0; count < 6; count += 1) {
    assert.equal((await visit(stage.proxy, cookie)).node, node, "a second tab is on the node of the first");
  }
}

async function aDrainingNodeKeepsItsSessions(stage) {
  const seat = await visit(stage.proxy);
  const index = await stage.indexOf(seat.node);
  const leaving = stage.nodes[index];
  const held = await stage.connect("polling only", { extraHeaders: { cookie: seat.cookie } });
  const before = held.disconnects.length;

  leaving.program.child.kill("SIGTERM");
  if (CHECKS[stage.proxy.product]) {
    await eventually(async () => (await visit(stage.proxy, seat.cookie)).node !== seat.node, "a browser with its cookie goes elsewhere");
    assert.equal(held.disconnects.length, before, "the session is held while its node drains");
    await held.settled();
  }

  const { code } = await within(leaving.program.exited, () => "the node ends");
  assert.equal(code, 0);
  delete held.socket.io.opts.extraHeaders;
  await stage.allHearAll();
  stage.nodes[index] = await stage.node(index);
}

async function aDeadNodeIsLeft(stage) {
  await stage.nodes[1].kill();

  await stage.allHearAll();
  await stage.connect("polling, then upgrade");
  stage.nodes[1] = await stage.node(1);
}

async function withoutRedisThereIsStillService(stage) {
  await stage.redis.stop();
  for (const node of stage.nodes) await eventually(async () => !(await node.isReady()), `${node.name} is not ready`);

  // Whoever comes now is served by a node that is alive, on each transport.
  for (const transport of Object.keys(TRANSPORTS)) await (await stage.connect(transport)).settled();

  await stage.redis.start();
  for (const node of stage.nodes) await eventually(() => node.isReady(), `${node.name} is ready`);
  await stage.allHearAll();
}

/** What a browser does first: the node that it meets, and the cookie that it has from then on. */
async function visit(proxy, cookie = undefined) {
  const answer = await proxy.get("/node.json", cookie ? { cookie } : {});
  const given = answer.headers.getSetCookie().map((one) => one.split(";")[0]).find((one) => /^roomcast[-_]node=/.test(one));
  const { node } = await answer.json();
  assert.ok(node, "the node says which one it is");
  return { node, cookie: given ?? cookie };
}

/** In place of nodes, servers that say what they were asked. */
async function withEchoes(product, check) {
  const ports = { port: await freePort(), adminPort: await freePort() };
  const servers = [0, 1, 2].flatMap((index) => Object.values(ports).map((port) => listen(addressOf(index), port)));
  await Promise.all(servers.map(({ listening }) => listening));
  const proxy = await Proxy.start(product, ports);
  try {
    await check(proxy);
  } finally {
    await proxy.stop();
    for (const { server } of servers) server.close().closeAllConnections();
  }
}

function listen(host, port) {
  const server = createServer((request, response) => {
    response.setHeader("content-type", "application/json").end(JSON.stringify({ headers: request.headers }));
  });
  return { server, listening: new Promise((resolve) => server.listen(port, host, resolve)) };
}
