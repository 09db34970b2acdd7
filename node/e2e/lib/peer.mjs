// A Node.js Socket.IO server, as those that Roomcast shares a cluster with.

import { createServer } from "node:http";

import { createAdapter } from "@socket.io/redis-adapter";
import { Server } from "socket.io";

import { within } from "./deadline.mjs";

/** A server with the classic Redis adapter; its clients may join rooms as Roomcast's do. */
export class Peer {
  /**
   * @param {object} options for the Socket.IO server; `adapter` are those of its adapter, `serve(io)` prepares it for clients
   */
  static async start(redis, { adapter = {}, serve = () => {}, ...options } = {}) {
    const [publisher, subscriber] = [redis.connect(), redis.connect()];
    const http = createServer();
    const io = new Server(http, { ...options, adapter: createAdapter(publisher, subscriber, adapter) });
    io.on("connection", (socket) => {
      socket.on("joinRoom", async (room, ack) => {
        await socket.join(room);
        ack?.({ room, joined: true });
      });
      socket.on("echo", (data, ack) => ack?.(data));
    });
    serve(io);
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    // Redis answers a connection in order: after this, the adapter's subscriptions are in force.
    await within(subscriber.ping(), () => "the Node.js server has subscribed");
    return new Peer(io, `http://127.0.0.1:${http.address().port}`, [publisher, subscriber]);
  }

  constructor(io, url, connections) {
    this.io = io;
    this.url = url;
    this.connections = connections;
  }

  async stop() {
    await this.io.close();
    // In order, behind what the adapter still has to say.
    for (const connection of this.connections) await connection.quit();
  }
}
