// A stock client that writes down everything it is told, in order: what two servers are compared by.

import { randomUUID } from "node:crypto";

import { io } from "socket.io-client";

import { TRANSPORTS } from "./client.mjs";
import { eventually, within } from "./deadline.mjs";

const MARK = "mark ";
const ID = /[\w~-]{20}/g;
const TIMESTAMP = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g;

export class Witness {
  /** Ids of sockets, by what they are called in reports. */
  static #called = new Map();

  /**
   * Starts to connect.
   *
   * @param {string} name what it is called in reports
   * @param {{transport: string, namespace: string}} options the transport is a key of `TRANSPORTS`; all others go to the
   *   Socket.IO client as they are
   */
  constructor(name, url, { transport, namespace, ...options }) {
    this.name = name;
    this.namespace = namespace;
    /** What it was told: a kind and what belongs to it, each. */
    this.seen = [];
    /** Whether it has emitted anything since. */
    this.hasSpoken = false;
    this.marks = new Map();
    this.socket = io(url + namespace, {
      forceNew: true,
      reconnection: false,
      timeout: 5_000,
      ...TRANSPORTS[transport],
      ...options,
    });
    this.socket.on("connect", () => {
      Witness.#called.set(this.socket.id, `<id of ${name}>`);
      this.#write("connected");
    });
    this.socket.on("connect_error", ({ message, data }) => this.#write("connect_error", message, data));
    // Of a connection that the server closes, a client that polls hears by whichever of its two requests ends first.
    const closed = transport === "websocket only" ? "transport error" : "transport close";
    this.socket.on("disconnect", (reason) => this.#write("disconnected", reason === "transport error" ? closed : reason));
    this.socket.onAny((event, ...args) => {
      if (isMark(args[0])) this.heard(args[0]);
      else this.#write(`event ${event}`, ...args.filter((arg) => typeof arg !== "function"));
    });
  }

  get id() {
    return this.socket.id;
  }

  /** Resolves once it is connected, or refused. */
  async arrived() {
    await eventually(() => this.saw("connected") || this.saw("connect_error"), `${this.name} is let in or refused`);
    return this;
  }

  /** Emits, with no ack asked for. */
  tell(event, ...args) {
    this.hasSpoken = true;
    this.socket.emit(event, ...args);
  }

  /** Emits, and writes down the ack when it comes. */
  ask(event, ...args) {
    this.hasSpoken = true;
    this.socket.emit(event, ...args, (...answer) => this.#write(`ack of ${event}`, ...answer));
  }

  /** Emits, and resolves with the ack, which is written down, too. */
  async answer(event, ...args) {
    this.hasSpoken = true;
    const answer = new Promise((resolve) => {
      this.socket.emit(event, ...args, (...answer) => {
        this.#write(`ack of ${event}`, ...answer);
        resolve(answer[0]);
      });
    });
    return within(answer, () => `${this.name} gets the ack of "${event}"; it saw\n${this.report().join("\n")}`);
  }

  /** Sends a packet of Socket.IO as it is written, or binary data. */
  send(packet) {
    this.socket.io.engine.write(packet);
  }

  /** How often it was told something of that kind: `event x`, `ack of x`, `connected`, … */
  saw(kind) {
    return this.seen.filter(([found]) => found === kind).length;
  }

  /** Resolves once it was told something of that kind so many times. */
  async sees(kind, times = 1) {
    await eventually(() => this.saw(kind) >= times, () => `${this.name} sees "${kind}"; it saw\n${this.report().join("\n")}`, {
      every: 2,
      patience: 10_000,
    });
  }

  /** Resolves once a mark that `publish` sends has arrived: nothing that was sent before it is still on its way. */
  async hearsMark(mark) {
    const arrival = new Promise((resolve) => this.marks.set(mark, resolve));
    await within(arrival, () => `${this.name} hears a mark; it saw\n${this.report().join("\n")}`, 10_000);
    this.marks.delete(mark);
  }

  heard(mark) {
    this.marks.get(mark)?.();
  }

  /** Writes down what is no message: `kind` and what belongs to it. */
  note(kind, ...what) {
    this.#write(kind, ...what);
  }

  /** What it saw since the last time, a line each, without what no two servers have in common. */
  report() {
    return this.seen.map(([kind, ...what]) => `${this.name}: ${kind} ${what.map(written).join(" ")}`.trimEnd());
  }

  forget() {
    this.hasSpoken = false;
    this.seen = [];
  }

  close() {
    this.socket.disconnect();
  }

  #write(kind, ...what) {
    this.seen.push([kind, ...what]);
  }

  /** A line with names in place of ids, and without times. */
  static plain(line) {
    return line.replace(ID, (id) => this.#called.get(id) ?? id).replace(TIMESTAMP, "<time>");
  }
}

export function newMark() {
  return MARK + randomUUID();
}

function isMark(arg) {
  return typeof arg === "string" && arg.startsWith(MARK);
}

/** A value as text, with the order of its fields. */
function written(value) {
  if (value === undefined) return "undefined";
  if (Buffer.isBuffer(value)) return `binary(${value.toString("hex")})`;
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value).map(([key, field]) => `${JSON.stringify(key)}:${written(field)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}
