// A cluster as it is deployed, on this machine: Redis, nodes, and HAProxy in front of them.

import { after, before, it } from "node:test";

import { Balancer } from "./balancer.mjs";
import { Client } from "./client.mjs";
import { RoomcastNode } from "./node.mjs";
import { Peer } from "./peer.mjs";
import { RedisServer } from "./redis.mjs";

/**
 * Gives the tests of a `describe` one cluster, which is started before the first and ended after the last.
 *
 * @param {{nodes?: number, redis?: boolean | object, balancer?: boolean, peer?: object, binary?: string, env?: object}}
 *   options `redis` may be another class than `RedisServer`; `peer` has a Node.js server in the same Redis all along: the
 *   options of that
 */
export function useCluster(options = {}) {
  const cluster = new Cluster(options);
  before(() => cluster.start());
  after(() => cluster.stop());
  return cluster;
}

/** Nodes are named n1, n2, … */
export class Cluster {
  constructor({ nodes = 1, redis = nodes > 1, balancer = false, peer = undefined, binary = undefined, env = {} }) {
    this.options = { nodes, redis, balancer, peer, binary, env };
    this.nodes = [];
    this.closing = [];
  }

  async start() {
    const { nodes, redis, balancer, peer, binary, env } = this.options;
    try {
      if (redis) this.redis = await (redis === true ? RedisServer : redis).start();
      const names = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
      this.nodes = await Promise.all(names.map((name) => RoomcastNode.start({ name, redis: this.redis, binary, env })));
      if (balancer) this.balancer = await Balancer.start(this.nodes, this.redis);
      if (peer) this.peer = await Peer.start(this.redis, peer);
    } catch (error) {
      this.printLogs();
      await this.stop();
      throw error;
    }
  }

  async stop() {
    await this.#closeAll();
    await this.peer?.stop();
    await this.balancer?.stop();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.redis?.stop();
  }

  /** One test on this cluster: what it connected is closed at its end, and the logs are shown where it fails. */
  test(name, check) {
    it(name, async () => {
      try {
        await check();
      } catch (error) {
        this.printLogs();
        throw error;
      } finally {
        await this.#closeAll();
      }
    });
  }

  /**
   * Connects a stock client: through HAProxy where there is one, else straight to the node.
   *
   * @param {{node?: string, transport?: string}} options `node` is the name of the node that the client shall be on at
   *   first; the balancer chooses where it comes back, and without `node` from the beginning
   */
  async connect(options = {}) {
    const client = await Client.connect(...this.#way(options));
    this.closing.push(() => client.close());
    // From here on it is the balancer that chooses, as it does in earnest: a reconnect must not ask for a lost node.
    client.socket.io.opts.query = {};
    return client;
  }

  /** Like `connect`, but does not wait until it is connected. */
  open(options = {}) {
    const client = new Client(...this.#way(options));
    this.closing.push(() => client.close());
    return client;
  }

  /** One client on every node, in the nodes' order. */
  async connectEverywhere(options = {}) {
    return Promise.all(this.nodes.map(({ name }) => this.connect({ node: name, ...options })));
  }

  /** Connects a stock client to the Node.js server. */
  async connectToPeer(options = {}) {
    const client = await Client.connect(this.peer.url, { name: "client of the Node.js server", ...options });
    this.closing.push(() => client.close());
    return client;
  }

  /** Has `close` called at the end of the test. */
  closeLater(close) {
    this.closing.push(close);
  }

  /** The node of that name. */
  node(name) {
    return this.nodes.find((node) => node.name === name);
  }

  /** Shows what the programs said, for whoever has to find out why a test failed. */
  printLogs() {
    const programs = [...(this.redis?.programs ?? []), this.balancer?.program, ...this.nodes.map((node) => node.program)];
    for (const program of programs.filter(Boolean)) console.error(program.log());
  }

  #way({ node, ...options }) {
    const name = `client of ${node ?? "any node"}`;
    if (!this.balancer) return [this.node(node ?? "n1").url, { name, ...options }];
    return [this.balancer.url, { name, query: node ? { node } : {}, ...options }];
  }

  // In the reverse order: clients leave before the servers that they are on.
  async #closeAll() {
    for (const close of this.closing.splice(0).reverse()) await close();
  }
}
