// The namespace `/events`: replies of every kind.

import { Ack, MessageBody, WsException } from "@nestjs/websockets";
import { concatMap, delay, from, map, of } from "rxjs";

import { body, bodyThat, gateway, socket } from "./gateway.mjs";

export function replies() {
  class RepliesGateway {
    events(data) {
      // As tutorials have it, but that 0 and false are data, too.
      if (data === "" || data === null || data === undefined) throw new WsException("数据不能为空！");
      return data;
    }

    identity(id) {
      return id;
    }

    response(data) {
      return { event: "events", data };
    }

    stream(items) {
      return from(items ?? [1, 2, 3]).pipe(map((data) => ({ event: "events", data })));
    }

    delayed() {
      const replies = [["aaa", 0], ["bbb", 2_000], ["ccc", 3_000]];
      return from(replies).pipe(concatMap(([msg, pause]) => of({ event: "guang", data: { msg } }).pipe(delay(pause))));
    }

    custom(client, data, ack) {
      client.emit("custom", "Hey there!");
      ack?.(data);
    }
  }

  return gateway("/events", RepliesGateway, {
    events: { takes: [body] },
    identity: { takes: [MessageBody("id")] },
    response: { takes: [body] },
    stream: { takes: [bodyThat((items) => (items == null || Array.isArray(items) ? undefined : "body: expected an array"))] },
    delayed: {},
    custom: { takes: [socket, body, Ack()] },
  });
}
