// A cluster that speaks the sharded wire: two Roomcast nodes and a Node.js server with `createShardedAdapter`.

import { createServer } from "node:http";
import { after, before } from "node:test";

import { createShardedAdapter } from "@socket.io/redis-adapter";
import { Server } from "socket.io";

import { eventually } from "./deadline.mjs";
import { MixedCluster } from "./mixed.mjs";
import { NAMESPACE, Theirs, handle, listen } from "./servers.mjs";

/** Gives the tests of a `describe` one such cluster, with a Redis of the class `redis`. */
export function useShardedCluster(redis) {
  const cluster = new ShardedCluster(redis);
  before(() => cluster.start());
  after(() => cluster.stop());
  return cluster;
}

/** Its servers are called n1, n2 and node. */
export class ShardedCluster extends MixedCluster {
  constructor(redis) {
    super({ redis, env: { ROOMCAST_REDIS__MODE: "sharded" } });
  }

  async startOthers() {
    this.peer = await ShardedPeer.start(this.redis, (io) => {
      handle(io.of(NAMESPACE));
      listen(io.of(NAMESPACE), "node");
    });
    return { node: new Theirs(this.peer.url, this.peer.io.of(NAMESPACE)) };
  }

  async listeners() {
    return this.redis.shardSubscribers(channel());
  }

  /** Resolves once the servers of all `members` of a room are subscribed to it, and no other. */
  async heardBy(room, members, namespace = NAMESPACE) {
    // A Node.js server answers a join before it is subscribed.
    const servers = new Set(members.map(({ socket }) => socket.io.uri)).size;
    await eventually(
      async () => (await this.redis.shardSubscribers(channel(room, namespace))) === servers,
      `${servers} servers are subscribed to the room ${room}`,
      { every: 5 },
    );
  }
}

/** The channel of a room, or that of everything else. */
export function channel(room = undefined, namespace = NAMESPACE) {
  return `socket.io#${namespace}#${room === undefined ? "" : `${room}#`}`;
}

/** A Node.js server with the sharded adapter, over node-redis. */
class ShardedPeer {
  static async start(redis, serve) {
    const [publisher, subscriber] = await Promise.all([redis.connectNodeRedis(), redis.connectNodeRedis()]);
    // With its last subscription at a master, node-redis gives up the connection to it, and where two end at the same
    // time it closes that twice, which fails and ends the process: it keeps some of ours at every master.
    for (let number = 0; number < 12; number += 1) await subscriber.sSubscribe(`kept ${number}`, () => {});
    const http = createServer();
    const io = new Server(http, { adapter: createShardedAdapter(publisher, subscriber) });
    io.on("connection", (socket) => {
      socket.on("joinRoom", async (room, ack) => {
        await socket.join(room);
        ack({ room, joined: true });
      });
    });
    serve(io);
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    return new ShardedPeer(io, `http://127.0.0.1:${http.address().port}`, [publisher, subscriber]);
  }

  constructor(io, url, connections) {
    this.io = io;
    this.url = url;
    this.connections = connections;
  }

  async stop() {
    await this.io.close();
    // They wait for what the adapter has asked of them.
    for (const connection of this.connections) await connection.close();
  }
}
