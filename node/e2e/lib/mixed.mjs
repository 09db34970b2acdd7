// One cluster of two Roomcast nodes, a Node.js server and a NestJS server, with a stock client on each.

import { after, before } from "node:test";

import { Client } from "./client.mjs";
import { Cluster } from "./cluster.mjs";
import { eventually } from "./deadline.mjs";
import { NestPeer } from "./nest.mjs";
import { OPERATIONS } from "./node.mjs";
import { Peer } from "./peer.mjs";
import { HANDLERS, NAMESPACE, Ours, Theirs, handle, listen } from "./servers.mjs";

/** Which transport the clients of each server use. */
const TRANSPORT = { n1: "websocket only", n2: "polling only", node: "websocket only", nest: "polling, then upgrade" };

/** Gives the tests of a `describe` one such cluster; `env` is that of our nodes. */
export function useMixedCluster(env = {}) {
  const cluster = new MixedCluster({ env });
  before(() => cluster.start());
  after(() => cluster.stop());
  return cluster;
}

/** Its servers are called n1, n2, node and nest. */
export class MixedCluster extends Cluster {
  /** `options` are those of a `Cluster`. */
  constructor(options = {}) {
    super({ nodes: 2, binary: OPERATIONS, ...options });
    /** By their names. */
    this.servers = {};
  }

  async start() {
    await super.start();
    try {
      const others = await this.startOthers();
      const [n1, n2] = await Promise.all(this.nodes.map((node) => Ours.of(node)));
      this.servers = { n1, n2, ...others };
      await this.complete();
    } catch (error) {
      this.printLogs();
      await this.stop();
      throw error;
    }
  }

  /** Starts the servers that are not ours. */
  async startOthers() {
    this.peer = await Peer.start(this.redis, {
      serve(io) {
        handle(io.of(NAMESPACE));
        listen(io.of(NAMESPACE), "node");
      },
    });
    this.nest = await NestPeer.start(this.redis, {
      namespace: NAMESPACE,
      handlers: HANDLERS,
      serve: (namespace) => listen(namespace, "nest"),
      // The other of the two ways in which Node.js servers answer.
      adapter: { publishOnSpecificResponseChannel: true },
    });
    const node = new Theirs(this.peer.url, this.peer.io.of(NAMESPACE));
    return { node, nest: new Theirs(this.nest.url, this.nest.server) };
  }

  async stop() {
    for (const server of Object.values(this.servers)) server.close();
    await this.nest?.stop();
    await super.stop();
  }

  /** Resolves once every server is counted, and our nodes know each other. */
  async complete() {
    const all = Object.keys(this.servers).length;
    await eventually(async () => (await this.listeners()) === all, "every server listens to the others");
    for (const node of this.nodes) {
      await eventually(
        async () => (await node.metric("socket_io_cluster_nodes")) === this.nodes.length,
        `${node.name} hears the other node`,
      );
    }
  }

  /** How many servers listen to what is asked. */
  async listeners() {
    return this.redis.subscribers(`socket.io-request#${NAMESPACE}#`);
  }

  /** Connects a client to the server of that name. */
  async connectTo(server, options = {}) {
    const { url } = this.servers[server];
    const client = await Client.connect(url, {
      namespace: NAMESPACE,
      name: `client of ${server}`,
      transport: TRANSPORT[server],
      ...options,
    });
    this.closeLater(() => client.close());
    return client;
  }

  /** One client on each server, by the names of the servers, and all of them. */
  async clients(options = {}) {
    const names = Object.keys(this.servers);
    const all = await Promise.all(names.map((name) => this.connectTo(name, options)));
    return { ...Object.fromEntries(names.map((name, index) => [name, all[index]])), all };
  }

  /** The ids of the clients through which our nodes are told what to do. */
  get operators() {
    return [this.servers.n1.operator.id, this.servers.n2.operator.id];
  }
}
