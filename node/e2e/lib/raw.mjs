// A raw WebSocket with an inbox: nothing that arrives is missed, and waiting for it has a deadline.

import { once } from "node:events";

import WebSocket from "ws";

import { within } from "./deadline.mjs";

export class Raw {
  /** Connects to the node of that name; the connection is closed at the end of the test. */
  static async connect(cluster, node, path) {
    const socket = new WebSocket(Raw.address(cluster, node, path));
    cluster.closeLater(() => socket.terminate());
    const raw = new Raw(socket);
    await within(once(socket, "open"), () => `${node} opens ${path}`);
    return raw;
  }

  static address(cluster, node, path) {
    return cluster.node(node).url.replace("http", "ws") + path;
  }

  constructor(socket) {
    this.socket = socket;
    /** Messages that have not been asked for, and who asks for those to come. */
    this.unread = [];
    this.waiting = [];
    /** Resolves with the code of the close. */
    this.closed = new Promise((resolve) => socket.once("close", resolve));
    socket.on("message", (text) => {
      const message = JSON.parse(text.toString());
      const waiting = this.waiting.shift();
      if (waiting) waiting(message);
      else this.unread.push(message);
    });
  }

  emit(event, data) {
    this.socket.send(JSON.stringify({ event, data }));
  }

  /** The next message. */
  async next() {
    if (this.unread.length > 0) return this.unread.shift();
    return within(new Promise((resolve) => this.waiting.push(resolve)), () => "a raw WebSocket has a message");
  }

  /** The code of the close. */
  async closeCode() {
    return within(this.closed, () => "a raw WebSocket is closed");
  }
}
