// HAProxy in front of the nodes, with the configuration that is deployed. What is changed in it: addresses are those of
// this machine, nodes are known by their ports instead of the engine's DNS, and a test may choose a client's node.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { eventually } from "./deadline.mjs";
import { freePort } from "./ports.mjs";
import { Program } from "./program.mjs";

const DEPLOYED = new URL("../../../deploy/haproxy/haproxy.cfg", import.meta.url);

/** A running HAProxy. */
export class Balancer {
  /** Starts HAProxy in front of `nodes`, and waits until it has found all of them ready. */
  static async start(nodes, redis) {
    const [port, statsPort] = [await freePort(), await freePort()];
    const folder = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
    const file = join(folder, "haproxy.cfg");
    await writeFile(file, configuration(await readFile(DEPLOYED, "utf8"), { nodes, redis, port, statsPort }));
    const program = await Program.start({
      name: "haproxy",
      file: "haproxy",
      args: ["-db", "-f", file],
      install: "These tests need HAProxy (Debian: apt-get install haproxy).",
    });
    const balancer = new Balancer(program, folder, port, statsPort);
    await eventually(
      async () => {
        program.assertRunning();
        return (await balancer.readyNodes()).length === nodes.length;
      },
      "haproxy finds every node ready",
    );
    return balancer;
  }

  constructor(program, folder, port, statsPort) {
    this.program = program;
    this.folder = folder;
    this.statsPort = statsPort;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** The names of the nodes that new clients are sent to. */
  async readyNodes() {
    const answer = await fetch(`http://127.0.0.1:${this.statsPort}/;csv`, {
      headers: { connection: "close" },
      signal: AbortSignal.timeout(5_000),
    });
    const [head, ...rows] = (await answer.text()).trim().split("\n").map((line) => line.split(","));
    const status = head.indexOf("status");
    // "UP 1/2" is a node that has failed one check of two and is still given clients; "NOLB" one that only keeps its own.
    return rows
      .filter(([proxy, server]) => proxy === "nodes" && server !== "BACKEND")
      .filter((row) => row[status].startsWith("UP"))
      .map(([, server]) => server);
  }

  /** Ends it and removes its configuration. */
  async stop() {
    await this.program.end("SIGTERM");
    await rm(this.folder, { recursive: true });
  }
}

function configuration(deployed, { nodes, redis, port, statsPort }) {
  // Where a query names a node, that one is taken, as long as it is alive.
  const chosen = nodes.map(({ name }) => `use-server ${name} if { url_param(node) ${name} }`);
  const servers = nodes.map((node) => `server ${node.name} 127.0.0.1:${node.port} port ${node.adminPort}`);
  const changes = [
    ["bind :3000", `bind 127.0.0.1:${port}`],
    ["bind :8404", `bind 127.0.0.1:${statsPort}`],
    ["http-check connect port 9090", "http-check connect"],
    ["server-template node 1-50 node:3000", [...chosen, ...servers].join("\n    ")],
    ["server redis redis:6379", `server redis 127.0.0.1:${redis.port}`],
  ];
  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`deploy/haproxy/haproxy.cfg has no "${from}" any more: change lib/balancer.mjs with it`);
    return text.replaceAll(from, to);
  }, deployed);
}
