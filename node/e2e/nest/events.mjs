// The namespace `/`: events and the resource.

import { WsException } from "@nestjs/websockets";

import { body, bodyThat, gateway, isObject, socket, wrongRoom, wrongRoomToJoin } from "./gateway.mjs";

const WATCHERS = "watchers of Aaa";

export function events() {
  class EventsGateway {
    records = new Map();
    lastId = 0;

    msgToServer(text) {
      return { event: "msgToClient", data: `服务端收到: ${text}` };
    }

    async joinRoom(client, room) {
      await client.join(room);
      return { room, joined: true };
    }

    async leaveRoom(client, room) {
      if (room === client.id) throw new WsException("a socket stays in its own room");
      await client.leave(room);
      return { room, joined: false };
    }

    sendToRoom({ room, data }) {
      this.server.to(room).emit("roomMsg", data);
      return { ok: true };
    }

    broadcast(data) {
      this.server.emit("msgToAll", data);
      return { ok: true };
    }

    broadcastOthers(client, data) {
      client.broadcast.emit("msgToOthers", data);
      return { ok: true };
    }

    echo(data) {
      return data;
    }

    createAaa(fields) {
      if ("id" in fields) throw new WsException("id: expected none, a new record is given one");
      this.lastId += 1;
      return this.#changed("AaaCreated", { id: this.lastId, ...fields });
    }

    findAllAaa() {
      return [...this.records.values()].sort((one, other) => one.id - other.id);
    }

    findOneAaa(id) {
      return this.#find(id);
    }

    updateAaa({ id, ...fields }) {
      if (id === undefined) throw new WsException("id: missing");
      const complaint = wrongId(id, "id");
      if (complaint) throw new WsException(complaint);
      return this.#changed("AaaUpdated", { ...this.#find(id), ...fields });
    }

    removeAaa(id) {
      const record = this.#find(id);
      this.#changed("AaaRemoved", record);
      this.records.delete(id);
      return record;
    }

    watchAaa(client) {
      client.join(WATCHERS);
      return { watching: true };
    }

    unwatchAaa(client) {
      client.leave(WATCHERS);
      return { watching: false };
    }

    #find(id) {
      const record = this.records.get(id);
      if (!record) throw new WsException(`Aaa #${id} not found`);
      return record;
    }

    #changed(event, record) {
      this.records.set(record.id, record);
      this.server.to(WATCHERS).emit(event, record);
      return record;
    }
  }

  const record = bodyThat(wrongRecord);
  const id = bodyThat((value) => wrongId(value, "body"));
  return gateway("/", EventsGateway, {
    msgToServer: { takes: [bodyThat((text) => (typeof text === "string" ? undefined : "body: expected a string"))] },
    joinRoom: { takes: [socket, bodyThat(wrongRoomToJoin)] },
    leaveRoom: { takes: [socket, bodyThat((room) => wrongRoom(room))] },
    sendToRoom: { takes: [bodyThat(wrongLetter)] },
    broadcast: { takes: [body] },
    broadcastOthers: { takes: [socket, body] },
    echo: { takes: [body] },
    createAaa: { takes: [record] },
    findAllAaa: {},
    findOneAaa: { takes: [id] },
    updateAaa: { takes: [record] },
    removeAaa: { takes: [id] },
    watchAaa: { takes: [socket] },
    unwatchAaa: { takes: [socket] },
  });
}

function wrongLetter(letter) {
  if (!isObject(letter)) return "body: expected an object";
  if (letter.room === undefined) return "room: missing";
  return wrongRoom(letter.room, "room");
}

function wrongRecord(record) {
  if (holdsBinary(record)) return "body: expected no binary data in a record";
  if (!isObject(record)) return "body: expected an object";
}

function holdsBinary(value) {
  if (Buffer.isBuffer(value)) return true;
  return typeof value === "object" && value !== null && Object.values(value).some(holdsBinary);
}

function wrongId(id, field) {
  if (!Number.isInteger(id) || id < 1) return `${field}: expected a positive integer`;
}
