// The servers of a mixed cluster, and what each can do to the sockets of all of them: one interface, whatever it is made of.
//
// A selection is `{ rooms, except, local }`; without rooms it is everyone. Each operation is under way when its method
// returns, so calls that are made one after the other are carried out in that order.

import { Client } from "./client.mjs";

/** The namespace of the node in node/examples/operations.rs. */
export const NAMESPACE = "/ops";

/** A Roomcast node, which does what one client of it asks for. */
export class Ours {
  static async of(node) {
    return new Ours(node, await Client.connect(node.url, { namespace: NAMESPACE, name: `operator of ${node.name}` }));
  }

  constructor(node, operator) {
    this.url = node.url;
    this.node = node;
    this.operator = operator;
  }

  async emit(selected, event, data) {
    await this.operator.ask("emit", { ...selected, event, data });
  }

  /** What was answered within `timeout` milliseconds, and whether that is all: `{ answers, complete }`. */
  async emitWithAck(selected, event, data, timeout) {
    const { value, silent, missing } = await this.operator.ask("emitWithAck", { ...selected, event, data, timeout });
    return { answers: value, complete: silent === 0 && isNobody(missing) };
  }

  async fetchSockets(selected = {}) {
    return complete(await this.operator.ask("fetchSockets", { ...selected }));
  }

  async count(selected = {}) {
    return complete(await this.operator.ask("count", { ...selected }));
  }

  async rooms() {
    return complete(await this.operator.ask("rooms"));
  }

  async socketsJoin(selected, room) {
    await this.operator.ask("socketsJoin", { ...selected, room });
  }

  async socketsLeave(selected, room) {
    await this.operator.ask("socketsLeave", { ...selected, room });
  }

  async disconnectSockets(selected, close) {
    await this.operator.ask("disconnectSockets", { ...selected, close });
  }

  async serverSideEmit(event, data) {
    await this.operator.ask("serverSideEmit", { event, data });
  }

  async serverSideEmitWithAck(event, data, timeout) {
    const { value, missing } = await this.operator.ask("serverSideEmitWithAck", { event, data, timeout });
    return { answers: value, complete: isNobody(missing) };
  }

  close() {
    this.operator.close();
  }
}

/** A Node.js server, by the namespace object that its application has. */
export class Theirs {
  constructor(url, namespace) {
    this.url = url;
    this.namespace = namespace;
  }

  async emit(selected, event, data) {
    this.select(selected).emit(event, data);
  }

  async emitWithAck(selected, event, data, timeout) {
    return new Promise((resolve) => {
      this.select(selected)
        .timeout(timeout)
        .emit(event, data, (error, answers) => resolve({ answers, complete: error === null }));
    });
  }

  async fetchSockets(selected = {}) {
    return (await this.select(selected).fetchSockets()).map((socket) => ({
      id: socket.id,
      rooms: [...socket.rooms],
      data: socket.data,
      handshake: socket.handshake,
    }));
  }

  async count(selected = {}) {
    return (await this.fetchSockets(selected)).length;
  }

  async rooms() {
    return [...(await this.namespace.adapter.allRooms())];
  }

  async socketsJoin(selected, room) {
    this.select(selected).socketsJoin(room);
  }

  async socketsLeave(selected, room) {
    this.select(selected).socketsLeave(room);
  }

  async disconnectSockets(selected, close) {
    this.select(selected).disconnectSockets(close);
  }

  async serverSideEmit(event, data) {
    this.namespace.serverSideEmit(event, data);
  }

  // The time is an option of the adapter.
  async serverSideEmitWithAck(event, data) {
    return new Promise((resolve) => {
      this.namespace.serverSideEmit(event, data, (error, answers) => resolve({ answers, complete: error === null }));
    });
  }

  /** The selection as Socket.IO has it. */
  select({ rooms = [], except = [], local = false }) {
    let selection = this.namespace;
    if (rooms.length > 0) selection = selection.to(rooms);
    if (except.length > 0) selection = selection.except(except);
    return local ? selection.local : selection;
  }

  close() {}
}

/** What a Node.js server's clients may ask of it, as on our nodes. */
export const HANDLERS = {
  async join(socket, room) {
    await socket.join(room);
    return true;
  },
  share(socket, [name, value]) {
    socket.data[name] = value;
    return true;
  },
};

/** Has a Node.js server called `name` listen to what other servers tell and ask it, as our nodes do. */
export function listen(namespace, name) {
  namespace.on("tell", (said) => namespace.local.emit("told", said));
  namespace.on("ask", (heard, answer) => answer({ node: name, heard }));
}

/** The clients' side of a Node.js server that is no NestJS server. */
export function handle(namespace) {
  namespace.on("connection", (socket) => {
    for (const [event, handler] of Object.entries(HANDLERS)) {
      socket.on(event, async (body, ack) => ack(await handler(socket, body)));
    }
  });
}

function complete({ value, missing }) {
  if (!isNobody(missing)) throw new Error(`some servers did not answer: ${JSON.stringify(missing)}`);
  return value;
}

const isNobody = ({ nodes, others, isCutOff }) => nodes.length === 0 && others === 0 && !isCutOff;
