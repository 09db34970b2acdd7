// What a stock client meets at a node's limits, and whose address a node takes it for behind a real HAProxy.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";

import { Client, TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually, within } from "../lib/deadline.mjs";
import { OPERATIONS } from "../lib/node.mjs";
import { freePort } from "../lib/ports.mjs";
import { Program } from "../lib/program.mjs";

// Where HAProxy comes from, so that it is not taken for a client: those come from 127.0.0.1.
const PROXY = "127.0.0.9";

/** The ways in which HAProxy tells a node who its client is, and what it is told for them. */
const WAYS = {
  "the PROXY protocol, binary": "send-proxy-v2",
  "the PROXY protocol, text": "send-proxy",
  "X-Forwarded-For": "",
};

describe("behind HAProxy", () => {
  const cluster = useCluster({
    binary: OPERATIONS,
    env: { ROOMCAST_PROXIES__TRUSTED: `${PROXY},192.0.2.0/24`, ROOMCAST_LIMITS__CONNECTIONS_PER_IP: "1" },
  });
  const ports = {};
  let folder, haproxy;

  before(async () => {
    const sections = [];
    for (const [way, option] of Object.entries(WAYS)) {
      ports[way] = await freePort();
      const forwarded = option === "" ? "option forwardfor" : "";
      sections.push(`listen l${ports[way]}
  bind 127.0.0.1:${ports[way]}
  ${forwarded}
  server n1 127.0.0.1:${cluster.nodes[0].port} source ${PROXY} ${option}`);
    }
    folder = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
    const file = join(folder, "haproxy.cfg");
    const defaults = "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n  timeout tunnel 60s";
    await writeFile(file, `${[defaults, ...sections].join("\n\n")}\n`);
    haproxy = await Program.start({ name: "haproxy", file: "haproxy", args: ["-db", "-f", file], install: "Debian: apt-get install haproxy" });
    for (const port of Object.values(ports)) await eventually(() => isOpen(port), "haproxy listens");
  });
  after(async () => {
    await haproxy?.end("SIGTERM");
    if (folder) await rm(folder, { recursive: true });
  });

  for (const way of Object.keys(WAYS)) {
    for (const transport of Object.keys(TRANSPORTS)) {
      cluster.test(`${way}, ${transport}: a client is known by its own address, and has one connection`, async () => {
        const url = `http://127.0.0.1:${ports[way]}`;
        const client = await Client.connect(url, { transport, namespace: "/ops", reconnection: false });
        let refused;
        try {
          const [socket] = await client.ask("fetchSockets", {}).then((found) => found.value ?? found);
          assert.equal(socket.handshake.address, "127.0.0.1");

          refused = new Client(url, { transport, namespace: "/ops", reconnection: false });
          const refusal = new Promise((resolve) => refused.socket.once("connect_error", resolve));
          const error = await within(refusal, () => "it is refused");
          const status = error.context?.status ?? error.description?.message;
          assert.match(String(status), /429/, "one more of this address is refused");
        } finally {
          refused?.close();
          client.close();
        }
        await eventually(async () => (await cluster.nodes[0].metric("socket_io_connections")) === 0, "it is gone");
      });
    }
  }
});

describe("a full node", () => {
  const cluster = useCluster({ env: { ROOMCAST_LIMITS__CONNECTIONS: "1" } });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: a client gets in by itself as soon as there is room`, async () => {
      const [node] = cluster.nodes;
      const first = await cluster.connect({ transport });
      await eventually(async () => !(await node.isReady()), "a full node is not ready");
      const refusals = () => node.metric("socket_io_rejected_connections_total", { reason: "full" });
      const before = await refusals();
      const second = new Client(node.url, { transport });
      try {
        await eventually(async () => (await refusals()) > before, "it is refused");
        assert.equal(await first.ask("echo", "still here"), "still here");

        first.close();
        await second.connected();
        assert.equal(await second.ask("echo", "in"), "in");
      } finally {
        second.close();
      }
      await eventually(() => node.isReady(), "it is ready again");
    });
  }
});

describe("a client over the rate", () => {
  const cluster = useCluster({ env: { ROOMCAST_LIMITS__EVENTS_PER_SECOND: "5" } });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: it is told which event was not handled, and is out if it goes on`, async () => {
      const client = await cluster.connect({ transport });
      for (let number = 0; number < 6; number += 1) client.emit("msgToServer", `${number}`);
      const [told] = await client.receive("exception");
      assert.deepEqual(told, { status: "error", message: "rate limited", cause: { pattern: "msgToServer", data: "5" } });

      for (let number = 0; number < 200; number += 1) client.emit("msgToServer", "more");
      assert.equal(await client.disconnected(), "io server disconnect");
    });
  }
});

function isOpen(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}
