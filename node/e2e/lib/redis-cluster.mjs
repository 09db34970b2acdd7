// A private Redis Cluster of three masters, without replicas.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createCluster } from "redis";

import { eventually } from "./deadline.mjs";
import { freePort } from "./ports.mjs";
import { RedisServer } from "./redis.mjs";

/** The slots of each master. */
const SLOTS = [[0, 5460], [5461, 10922], [10923, 16383]];

/** Three redis-servers that share what there is, a third of the slots each. */
export class RedisCluster {
  static async start() {
    const folder = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
    const masters = await Promise.all(SLOTS.map(() => Master.start(folder)));
    const cluster = new RedisCluster(masters, folder);
    await cluster.#unite();
    return cluster;
  }

  constructor(masters, folder) {
    this.masters = masters;
    this.folder = folder;
    const [first, second] = masters;
    // Two are told to those who connect, the third is for them to find.
    this.url = `redis-cluster://127.0.0.1:${first.port}?node=127.0.0.1:${second.port}`;
  }

  get programs() {
    return this.masters.flatMap(({ programs }) => programs);
  }

  async stop() {
    await Promise.all(this.masters.map((master) => master.stop()));
    await rm(this.folder, { recursive: true });
  }

  /** A connection of node-redis. */
  async connectNodeRedis() {
    const client = createCluster({ rootNodes: this.masters.slice(0, 2).map(({ url }) => ({ url })) });
    client.on("error", () => {});
    return client.connect();
  }

  /** How many connections are subscribed to a channel of sharded Pub/Sub, at whichever master has it. */
  async shardSubscribers(channel) {
    const counts = await Promise.all(this.masters.map((master) => master.shardSubscribers(channel)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** The channels of sharded Pub/Sub that somebody is subscribed to. */
  async shardChannels() {
    return (await Promise.all(this.masters.map((master) => master.shardChannels()))).flat().sort();
  }

  /** Makes one cluster of the masters; resolves once each takes it for complete. */
  async #unite() {
    const [first, ...others] = this.masters;
    for (const [index, master] of this.masters.entries()) {
      await master.commands.call("CLUSTER", "ADDSLOTSRANGE", ...SLOTS[index]);
      // Those that begin with the same number settle among themselves first who has which.
      await master.commands.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    }
    for (const { port, busPort } of others) await first.commands.call("CLUSTER", "MEET", "127.0.0.1", port, busPort);
    for (const { commands } of this.masters) {
      await eventually(async () => {
        const info = await commands.call("CLUSTER", "INFO");
        return ["cluster_state:ok", "cluster_known_nodes:3", "cluster_size:3"].every((line) => info.includes(line));
      }, "the Redis Cluster is complete");
    }
  }
}

/** One of them; `busPort` is where the others reach it. */
class Master extends RedisServer {
  static async start(folder) {
    const [port, busPort] = [await freePort(), await freePort()];
    const master = new Master(port, [
      ...["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"],
      ...["--cluster-port", `${busPort}`, "--dir", folder, "--cluster-config-file", `${port}.conf`],
    ]);
    master.busPort = busPort;
    await master.start();
    return master;
  }
}
