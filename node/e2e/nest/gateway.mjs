// What the compiler of TypeScript makes of a gateway's decorators, for classes in plain JavaScript.

import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer, WsException } from "@nestjs/websockets";

/**
 * Makes `type` the gateway of a namespace.
 *
 * @param {Record<string, {takes?: Function[], uses?: Function[]}>} handlers by the name of method and event: the decorators
 *   of its arguments, and those of itself
 */
export function gateway(namespace, type, handlers) {
  for (const [name, { takes = [], uses = [] }] of Object.entries(handlers)) {
    takes.forEach((decorate, index) => decorate(type.prototype, name, index));
    const method = Object.getOwnPropertyDescriptor(type.prototype, name);
    for (const decorate of [SubscribeMessage(name), ...uses]) decorate(type.prototype, name, method);
  }
  WebSocketServer()(type.prototype, "server");
  // As in NestJS, the namespace `/` is the one that has no name.
  WebSocketGateway(namespace === "/" ? {} : { namespace })(type);
  return type;
}

export const socket = ConnectedSocket();
export const body = MessageBody();

/** The body, if `complaint` has none about it. */
export const bodyThat = (complaint) => MessageBody(pipe(complaint));

/** One field of the body, if `complaint` has none about it. */
export const fieldThat = (name, complaint) => MessageBody(name, pipe(complaint));

function pipe(complaint) {
  return {
    transform(value) {
      const message = complaint(value);
      if (message) throw new WsException(message);
      return value;
    },
  };
}

export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** What is wrong with a room's name. */
export function wrongRoom(room, field = "body") {
  if (typeof room !== "string") return `${field}: expected a string`;
  if (room === "" || Buffer.byteLength(room) > 256) return `${field}: a room name has 1 to 256 bytes`;
  if (room.includes("\0")) return `${field}: a room name holds no U+0000`;
}

/** What is wrong with the name of a room to be joined. */
export function wrongRoomToJoin(room) {
  return wrongRoom(room) ?? (room.startsWith("~") ? "body: a room that begins with ~ cannot be joined" : undefined);
}
