// The namespaces `/kinds` and `/club`: every kind of reply and refusal, as in the example `kinds` of the node.

import { Catch, UseFilters, UseGuards, UseInterceptors } from "@nestjs/common";
import { Ack, WsException } from "@nestjs/websockets";
import { EMPTY, concatMap, from, map, of, tap, throwError } from "rxjs";

import { body, bodyThat, fieldThat, gateway, isObject, socket } from "./gateway.mjs";

/** Longer than a client takes for its next event, in milliseconds. */
const SLOW = 1_000;

const answered = (data) => ({ event: "answered", data });

export function kinds() {
  class KindsGateway {
    handleConnection(client) {
      const { greet } = client.handshake.query;
      if (greet !== undefined) client.emit("welcome", greet);
    }

    handleDisconnect(client) {
      this.server.to("waiting").emit("left", client.id);
    }

    echo(data) {
      return data;
    }

    nothing() {}

    null() {
      return null;
    }

    zero() {
      return 0;
    }

    false() {
      return false;
    }

    emptyText() {
      return "";
    }

    lookalike() {
      return { event: "answered", data: 1 };
    }

    response(data) {
      return answered(data);
    }

    emptyResponse() {
      return { event: "answered" };
    }

    values() {
      return from([1, 2, 3]);
    }

    events() {
      return from([1, 2, 3]).pipe(map(answered));
    }

    noItems() {
      return EMPTY;
    }

    brokenStream() {
      const items = from([1, 2, undefined, 3]);
      return items.pipe(concatMap((item) => (item ? of(answered(item)) : throwError(() => new WsException("no more")))));
    }

    told(client, data) {
      client.emit("told", "before the ack");
      return data;
    }

    acknowledged(client, data, ack) {
      ack?.(data);
      ack?.("again");
      client.emit("told", "after the ack");
    }

    refused() {
      throw new WsException("no");
    }

    object() {
      throw new WsException({ code: 7, why: ["no"] });
    }

    failure() {
      throw new Error("a secret of the server");
    }

    panic() {
      return undefined.mistake;
    }

    reserved(client) {
      client.emit("connect", "reserved");
      return true;
    }

    number(number) {
      return number;
    }

    point({ x, y }) {
      return { x, y };
    }

    points(points) {
      return points.length;
    }

    idText(id) {
      return id;
    }

    signUp({ name, age }) {
      return { name, age };
    }

    closed(data) {
      return data;
    }

    membersOnly(data) {
      return data;
    }

    closedMembers(data) {
      return data;
    }

    membersNumber(number) {
      return number;
    }

    surrounded(client, data) {
      client.emit("told", "handler");
      return data;
    }

    replaced(data) {
      return data;
    }

    closedReplaced(data) {
      return data;
    }

    filtered() {
      throw new WsException("no");
    }

    silenced() {
      throw new WsException("no");
    }

    filteredNumber(number) {
      return number;
    }

    slow(data) {
      return later(data);
    }

    slowBeside(data) {
      return later(data);
    }

    handshake({ handshake }) {
      const { auth, query, headers } = handshake;
      return { auth, header: headers["x-kind"] ?? null, query: query.greet ?? null };
    }

    async enter(client, room) {
      await client.join(room);
      return client.rooms.size;
    }

    async exit(client, room) {
      await client.leave(room);
      return client.rooms.size;
    }

    serverSends({ to = [], except = [], data }) {
      this.server.to(to).except(except).emit("letter", data);
      return true;
    }

    socketSends(client, { to = [], except = [], data }) {
      client.to(to).except(except).emit("letter", data);
      return true;
    }

    async asked(client, data) {
      return answered(await this.server.to(client.id).timeout(5_000).emitWithAck("question", data));
    }

    leave(client) {
      client.disconnect();
    }

    byeAndLeave(client) {
      client.emit("bye", "the last");
      client.disconnect();
      return "after the last";
    }
  }

  const takesBody = { takes: [body] };
  return gateway("/kinds", KindsGateway, {
    echo: takesBody,
    nothing: {},
    null: {},
    zero: {},
    false: {},
    emptyText: {},
    lookalike: {},
    response: takesBody,
    emptyResponse: {},
    values: {},
    events: {},
    noItems: {},
    brokenStream: {},
    told: { takes: [socket, body] },
    acknowledged: { takes: [socket, body, Ack()] },
    refused: {},
    object: {},
    failure: {},
    panic: {},
    reserved: { takes: [socket] },
    number: { takes: [number] },
    point: { takes: [bodyThat(wrongPoint)] },
    points: { takes: [bodyThat(wrongPoints)] },
    idText: { takes: [fieldThat("id", (id) => (typeof id === "string" ? undefined : "id: expected a string"))] },
    signUp: { takes: [bodyThat(wrongSignup)] },
    closed: { takes: [body], uses: [UseGuards(closed)] },
    membersOnly: { takes: [body], uses: [UseGuards(members)] },
    closedMembers: { takes: [body], uses: [UseGuards(members, closed)] },
    membersNumber: { takes: [number], uses: [UseGuards(members)] },
    surrounded: { takes: [socket, body], uses: [UseInterceptors(surround)] },
    replaced: { takes: [body], uses: [UseInterceptors(replace)] },
    closedReplaced: { takes: [body], uses: [UseGuards(closed), UseInterceptors(replace)] },
    filtered: { uses: [UseFilters(withCode())] },
    silenced: { uses: [UseFilters(silent())] },
    filteredNumber: { takes: [number], uses: [UseFilters(withCode())] },
    slow: takesBody,
    slowBeside: takesBody,
    handshake: { takes: [socket] },
    enter: { takes: [socket, body] },
    exit: { takes: [socket, body] },
    serverSends: { takes: [body] },
    socketSends: { takes: [socket, body] },
    asked: { takes: [socket, body] },
    leave: { takes: [socket] },
    byeAndLeave: { takes: [socket] },
  });
}

export function club() {
  class ClubGateway {
    afterInit(server) {
      server.use(({ handshake: { query } }, next) => {
        if (query.card === "gold") next();
        else if (query.card === undefined) next(new Error("members only"));
        else next(Object.assign(new Error("not this card"), { data: { code: 3 } }));
      });
    }

    echo(data) {
      return data;
    }
  }

  return gateway("/club", ClubGateway, { echo: { takes: [body] } });
}

const number = bodyThat((value) => (Number.isInteger(value) ? undefined : "body: expected an integer"));

function wrongPoint(point, path = "") {
  const at = (field) => (path === "" ? field : `${path}.${field}`);
  if (!isObject(point)) return `${path || "body"}: expected an object`;
  for (const field of Object.keys(point)) {
    if (["x", "y"].includes(field) && typeof point[field] !== "number") return `${at(field)}: expected a number`;
  }
  const missing = ["x", "y"].find((field) => !(field in point));
  if (missing) return `${at(missing)}: missing`;
}

function wrongPoints(points) {
  if (!Array.isArray(points)) return "body: expected an array";
  return points.map((point, index) => wrongPoint(point, `body[${index}]`)).find(Boolean);
}

function wrongSignup({ name, age }) {
  const rules = [
    [name === "", "name: should not be empty"],
    [age < 18, "age: must not be less than 18"],
  ];
  return rules.flatMap(([isBroken, message]) => (isBroken ? [message] : [])).join("; ");
}

const closed = { canActivate: () => false };

const members = {
  canActivate(context) {
    if (context.switchToWs().getClient().rooms.has("members")) return true;
    throw new WsException("members only");
  },
};

const surround = {
  intercept(context, next) {
    const client = context.switchToWs().getClient();
    client.emit("told", "before");
    return next.handle().pipe(tap(() => client.emit("told", "after")));
  },
};

const replace = { intercept: () => of("in its place") };

function withCode() {
  class WithCode {
    catch(exception, host) {
      const { getClient, getPattern } = host.switchToWs();
      getClient().emit("exception", { code: 400, event: getPattern(), message: exception.message });
    }
  }
  Catch(WsException)(WithCode);
  return new WithCode();
}

function silent() {
  class Silent {
    catch() {}
  }
  Catch()(Silent);
  return new Silent();
}

function later(data) {
  return new Promise((resolve) => setTimeout(() => resolve(data), SLOW));
}
