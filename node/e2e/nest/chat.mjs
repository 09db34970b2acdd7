// The namespace `/chat`: a chat with presence, for whom a token lets in where there are keys.

import { WsException } from "@nestjs/websockets";

import { bodyThat, gateway, isObject, socket, wrongRoom, wrongRoomToJoin } from "./gateway.mjs";
import { admission } from "./tokens.mjs";

export function chat(keys) {
  class ChatGateway {
    users = new Map();

    afterInit(server) {
      if (keys) server.use(admission(keys));
    }

    handleConnection(client) {
      client.emit("onlineUsers", [...this.users].reverse());
    }

    handleDisconnect(client) {
      clearTimeout(client.data.expiry);
      const username = this.users.get(client.id);
      if (!this.users.delete(client.id)) return;
      this.server.emit("userOffline", { username, clientId: client.id });
    }

    joinChat(client, join) {
      const username = nameOf(client.data.user) ?? named(join);
      const before = this.users.get(client.id);
      this.users.set(client.id, username);
      if (before !== undefined && before !== username) this.server.emit("userOffline", { username: before, clientId: client.id });
      if (before !== username) this.server.emit("userOnline", { username, clientId: client.id });
      client.emit("joined", { username, message: "成功加入聊天室" });
    }

    sendMessage(client, { message, room }) {
      const username = this.users.get(client.id);
      if (username === undefined) return;
      const to = room == null ? this.server : this.server.to(room);
      to.emit("newMessage", { username, message, timestamp: new Date().toISOString() });
    }

    typing(client, { isTyping }) {
      const username = this.users.get(client.id);
      if (username !== undefined) client.broadcast.emit("userTyping", { username, isTyping });
    }

    message({ group, msg = null }) {
      this.server.to(group).emit("message", msg);
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
  }

  return gateway("/chat", ChatGateway, {
    joinChat: { takes: [socket, bodyThat(() => undefined)] },
    sendMessage: { takes: [socket, bodyThat(wrongMessage)] },
    typing: { takes: [socket, bodyThat(wrongTyping)] },
    message: { takes: [bodyThat(wrongGroup)] },
    joinRoom: { takes: [socket, bodyThat(wrongRoomToJoin)] },
    leaveRoom: { takes: [socket, bodyThat((room) => wrongRoom(room))] },
  });
}

const length = (text) => [...text].length;
const username = (text) => (length(text.trim()) >= 1 && length(text.trim()) <= 64 ? text.trim() : undefined);

/** The name that a token's claims give. */
function nameOf(user) {
  const names = [user?.name, user?.sub].filter((name) => typeof name === "string");
  return names.map(username).find((name) => name !== undefined);
}

/** The name that the body asks for. */
function named(join) {
  if (!isObject(join)) throw new WsException("body: expected an object");
  if (join.username == null) throw new WsException("username: missing");
  if (typeof join.username !== "string") throw new WsException("username: expected a string");
  const name = username(join.username);
  if (name === undefined) throw new WsException("username: a username has 1 to 64 characters");
  return name;
}

function wrongMessage(say) {
  if (!isObject(say)) return "body: expected an object";
  if (say.message === undefined) return "message: missing";
  if (typeof say.message !== "string") return "message: expected a string";
  const bytes = Buffer.byteLength(say.message);
  if (bytes < 1 || bytes > 4_096) return "message: a message has 1 to 4096 bytes";
  if (say.room != null) return wrongRoom(say.room, "room");
}

function wrongTyping(typing) {
  if (!isObject(typing)) return "body: expected an object";
  if (typing.isTyping === undefined) return "isTyping: missing";
  if (typeof typing.isTyping !== "boolean") return "isTyping: expected a boolean";
}

function wrongGroup(to) {
  if (!isObject(to)) return "body: expected an object";
  if (to.group === undefined) return "group: missing";
  return wrongRoom(to.group, "group");
}
