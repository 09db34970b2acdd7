// A private Redis that a test may stop, kill and start again.

import { Redis } from "ioredis";
import { createClient } from "redis";

import { eventually } from "./deadline.mjs";
import { freePort } from "./ports.mjs";
import { Program } from "./program.mjs";

/** A redis-server on a port of its own, which keeps nothing on disk. */
export class RedisServer {
  static async start() {
    const server = new RedisServer(await freePort());
    await server.start();
    return server;
  }

  /** `more` are further arguments of redis-server. */
  constructor(port, more = []) {
    this.port = port;
    this.url = `redis://127.0.0.1:${port}`;
    this.more = more;
  }

  /** What it consists of, for whoever wants to read what was printed. */
  get programs() {
    return this.program ? [this.program] : [];
  }

  /** Starts it, also again after `stop`, and waits until it answers. */
  async start() {
    this.program = await Program.start({
      name: `redis-server ${this.port}`,
      file: "redis-server",
      args: ["--port", `${this.port}`, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", ...this.more],
      install: "These tests need redis-server (Debian: apt-get install redis-server).",
    });
    this.commands = this.connect();
    await eventually(
      async () => {
        this.program.assertRunning();
        return (await this.commands.ping()) === "PONG";
      },
      "redis-server answers",
    );
  }

  /** Ends it the hard way: every connection is reset, nothing is said goodbye to. */
  async stop() {
    this.commands.disconnect();
    await this.program.end("SIGKILL");
  }

  /** A connection to it, for a Node.js server or an emitter. */
  connect() {
    const connection = new Redis(this.port, "127.0.0.1", { retryStrategy: () => 50, maxRetriesPerRequest: null });
    // While Redis is away on purpose its connections fail all the time; what matters is what the tests wait for.
    connection.on("error", () => {});
    return connection;
  }

  /** A connection of the other library, node-redis. */
  async connectNodeRedis() {
    const client = createClient({ url: this.url });
    client.on("error", () => {});
    return client.connect();
  }

  /** The channels somebody is subscribed to, patterns not counted. */
  async channels() {
    return (await this.commands.pubsub("CHANNELS")).sort();
  }

  /** How many connections are subscribed to `channel`. */
  async subscribers(channel) {
    const [, count] = await this.commands.pubsub("NUMSUB", channel);
    return Number(count);
  }

  /** The same over sharded Pub/Sub, which has channels of its own. */
  async shardSubscribers(channel) {
    const [, count] = await this.commands.call("PUBSUB", "SHARDNUMSUB", channel);
    return Number(count);
  }

  /** The channels of sharded Pub/Sub that somebody is subscribed to. */
  async shardChannels() {
    return (await this.commands.call("PUBSUB", "SHARDCHANNELS")).sort();
  }

  /** How many patterns are subscribed to, in all of Redis. */
  async patterns() {
    return Number(await this.commands.pubsub("NUMPAT"));
  }
}
