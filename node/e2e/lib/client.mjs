// The stock Socket.IO client, with an inbox: nothing that arrives is missed, and waiting for it has a deadline.

import { randomUUID } from "node:crypto";

import { io } from "socket.io-client";

import { eventually, within } from "./deadline.mjs";

/** The three ways in which a stock client can be told to connect. */
export const TRANSPORTS = {
  "polling only": { transports: ["polling"] },
  "polling, then upgrade": { transports: ["polling", "websocket"] },
  "websocket only": { transports: ["websocket"] },
};

const ACK = 3;
const BINARY_ACK = 6;

/** A connected client of a namespace. */
export class Client {
  /**
   * Starts to connect; what is emitted meanwhile goes out as soon as it is connected.
   *
   * @param {string} url where to
   * @param {{transport?: string, namespace?: string, name?: string}} options the transport is a key of `TRANSPORTS`; all
   *   others go to the Socket.IO client as they are
   */
  constructor(url, { transport = "websocket only", namespace = "/", name = "client", ...options } = {}) {
    this.name = `${name} (${transport})`;
    /** Everything that arrived and has not been asked for: `{ event, args }`. */
    this.unread = [];
    /** How many acks have arrived, asked for or not. */
    this.acks = 0;
    /** The reasons of its disconnects, in order. */
    this.disconnects = [];
    this.waiting = [];
    this.socket = io(new URL(namespace, url).href, {
      forceNew: true,
      // Makes the client keep the balancer's cookie, as a browser does.
      withCredentials: true,
      reconnectionDelay: 50,
      reconnectionDelayMax: 500,
      timeout: 5_000,
      ...TRANSPORTS[transport],
      ...options,
    });
    this.socket.onAny((event, ...args) => this.#arrived(event, args));
    this.socket.on("disconnect", (reason) => this.disconnects.push(reason));
    this.socket.io.on("packet", ({ type }) => {
      if (type === ACK || type === BINARY_ACK) this.acks += 1;
    });
  }

  /** Connects, with the options of the constructor, and waits for the upgrade where there will be one. */
  static async connect(url, options = {}) {
    const client = new Client(url, options);
    try {
      await client.connected();
      if (options.transport === "polling, then upgrade") await client.upgraded();
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  get id() {
    return this.socket.id;
  }

  /** The name of the transport in use: `polling` or `websocket`. */
  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Resolves as soon as the client is connected, at once where it is; rejects where it is refused and will not try again. */
  async connected() {
    if (this.socket.connected) return;
    const outcome = new Promise((resolve, reject) => {
      this.socket.once("connect", resolve);
      if (this.socket.io.reconnection() === false) this.socket.once("connect_error", reject);
    });
    await within(outcome, () => `${this.name} connects`);
  }

  /** Resolves once the client has moved from polling to WebSocket. */
  async upgraded() {
    await eventually(() => this.transport === "websocket", `${this.name} upgrades to websocket`);
  }

  /** Emits, with no ack asked for. */
  emit(event, ...args) {
    this.socket.emit(event, ...args);
  }

  /** Emits, and resolves with the first argument of the ack. */
  async ask(event, ...args) {
    return within(this.socket.emitWithAck(event, ...args), () => `${this.name} gets the ack of "${event}"`);
  }

  /** Emits with an ack asked for, and returns a function that says whether it has come. */
  askUnanswered(event, ...args) {
    let answered = false;
    this.socket.emit(event, ...args, () => (answered = true));
    return () => answered;
  }

  /** Joins a room; the ack says that other nodes' messages will arrive, too. */
  async join(room) {
    return this.ask("joinRoom", room);
  }

  /** The arguments of the next unread `event`, waited for. */
  async receive(event, patience = undefined) {
    const index = this.unread.findIndex((one) => one.event === event);
    if (index >= 0) return this.unread.splice(index, 1)[0].args;
    const arrival = new Promise((resolve) => this.waiting.push({ event, resolve }));
    return within(arrival, () => `${this.name} receives "${event}"; it has ${this.#summary()}`, patience);
  }

  /** The data of the next `count` unread `event`s. */
  async receiveMany(event, count, patience = undefined) {
    const all = [];
    while (all.length < count) all.push((await this.receive(event, patience))[0]);
    return all;
  }

  /** All that is unread up to the one of which `isLast(event, args)` is true, which is waited for: `{ event, args }` each. */
  async receiveUntil(isLast) {
    const index = () => this.unread.findIndex(({ event, args }) => isLast(event, args));
    await eventually(() => index() >= 0, `${this.name} receives the last of several`);
    return this.unread.splice(0, index() + 1);
  }

  /**
   * Resolves once everything that its node had sent it before has arrived.
   *
   * A node handles a client's events in order, so the answer to one last event comes after those of all before.
   */
  async settled() {
    const token = randomUUID();
    const answer = await this.ask("echo", token);
    if (answer !== token) throw new Error(`${this.name} got another's echo`);
  }

  /** Resolves once the client has noticed that its connection is gone. */
  async disconnected() {
    await eventually(() => this.disconnects.length > 0, `${this.name} is disconnected`);
    return this.disconnects.at(-1);
  }

  close() {
    this.socket.disconnect();
  }

  #arrived(event, args) {
    const index = this.waiting.findIndex((one) => one.event === event);
    if (index >= 0) this.waiting.splice(index, 1)[0].resolve(args);
    else this.unread.push({ event, args });
  }

  #summary() {
    const shown = this.unread.slice(0, 5).map(({ event, args }) => `"${event}" ${JSON.stringify(args).slice(0, 200)}`);
    return this.unread.length === 0 ? "nothing unread" : `${this.unread.length} unread: ${shown.join(", ")}`;
  }
}
