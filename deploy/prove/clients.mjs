// Stock Socket.IO clients that sit in one room and note what they hear there.

import { io } from 'socket.io-client';
import { check, until } from './wait.mjs';

const room = 'everyone';
let sent = 0;

/** One client. It joins the room again after each reconnect, as an application's client would. */
export class Client {
  /** Connects to `url`; `cookie`, where it is given, is that of the node to begin with. */
  constructor(url, { name, transports = ['polling', 'websocket'], cookie } = {}) {
    this.name = name;
    this.heard = new Map();
    this.lost = 0;
    this.joined = false;
    /** How long it was out of the room each time that it lost its connection, in milliseconds. */
    this.absences = [];
    this.socket = io(url, {
      forceNew: true,
      transports,
      // Keeps the balancer's cookie, as a browser does.
      withCredentials: true,
      extraHeaders: cookie ? { cookie: `roomcast-node=${cookie}` } : {},
      reconnectionDelay: 100,
      reconnectionDelayMax: 500,
      timeout: 5000,
    });
    this.socket.on('connect', async () => {
      // Without an answer the connection is lost, or will be: the next one joins.
      this.joined = await this.ask('joinRoom', room).then(() => true, () => false);
      if (this.joined && this.lostAt) this.absences.push(Date.now() - this.lostAt);
      if (this.joined) this.lostAt = undefined;
    });
    this.socket.on('disconnect', () => {
      this.joined = false;
      this.lostAt ??= Date.now();
      this.lost += 1;
    });
    this.socket.on('roomMsg', (id) => this.heard.set(id, (this.heard.get(id) ?? 0) + 1));
  }

  /** Resolves once the client is in the room. */
  async ready(seconds = 15) {
    await until(`${this.name} is connected and in the room`, seconds, () => this.joined);
    return this;
  }

  /** Sends one message to the room; returns what to listen for. */
  async say() {
    sent += 1;
    const id = `${this.name} ${sent}`;
    await this.ask('sendToRoom', { room, data: id });
    return id;
  }

  /** True if the client gets an answer from its node now. */
  async answers() {
    return (await this.ask('echo', 'still there')) === 'still there';
  }

  /** The ack of an event; no ack within ten seconds is an error. */
  async ask(event, body) {
    try {
      return await this.socket.timeout(10_000).emitWithAck(event, body);
    } catch (cause) {
      throw new Error(`${this.name} got no ack for ${event}`, { cause });
    }
  }

  /** Leaves for good. */
  close() {
    this.socket.disconnect();
  }
}

/** Each of `clients` says something, and each of them hears all of it, once. */
export async function allHearAll(clients, seconds = 10) {
  await Promise.all(clients.map((client) => client.ready()));
  const said = await Promise.all(clients.map((client) => client.say()));
  for (const client of clients) {
    await until(`${client.name} hears all ${said.length}`, seconds, () => said.every((id) => client.heard.has(id)));
    const repeated = said.filter((id) => client.heard.get(id) > 1);
    check(repeated.length === 0, `${client.name} heard more than once: ${repeated.join(', ')}`);
  }
}
