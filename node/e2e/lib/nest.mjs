// A NestJS server, with the Redis adapter as its documentation has it: an IoAdapter, and the client `redis`.

import "reflect-metadata";

import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { IoAdapter } from "@nestjs/platform-socket.io";
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway, WebSocketServer } from "@nestjs/websockets";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";

class RedisIoAdapter extends IoAdapter {
  constructor(application, adapter) {
    super(application);
    this.adapter = adapter;
  }

  createIOServer(port, options) {
    return super.createIOServer(port, options).adapter(this.adapter);
  }
}

/** A server with one gateway, on one namespace. */
export class NestPeer {
  /**
   * @param {object} options `adapter` are those of the Redis adapter
   * @param {(server: object) => void} options.serve is given the gateway's namespace before there are clients
   * @param {Record<string, (socket: object, body: unknown) => unknown>} options.handlers by the events that they take
   */
  static async start(redis, { namespace, handlers, serve = () => {}, adapter = {} }) {
    const publisher = createClient({ url: redis.url });
    const subscriber = publisher.duplicate();
    for (const connection of [publisher, subscriber]) connection.on("error", () => {});
    await Promise.all([publisher.connect(), subscriber.connect()]);
    class Application {}
    const Gateway = gateway(namespace, handlers, serve);
    Module({ providers: [Gateway] })(Application);
    const application = await NestFactory.create(Application, { logger: false });
    application.useWebSocketAdapter(new RedisIoAdapter(application, createAdapter(publisher, subscriber, adapter)));
    await application.listen(0, "127.0.0.1");
    return new NestPeer(application, application.get(Gateway).server, [publisher, subscriber]);
  }

  constructor(application, server, connections) {
    this.application = application;
    /** What the gateway has as its server: the namespace. */
    this.server = server;
    this.url = `http://127.0.0.1:${application.getHttpServer().address().port}`;
    this.connections = connections;
  }

  async stop() {
    // It waits for its connections, and those that are kept alive would have it wait for long.
    this.application.getHttpServer().closeAllConnections();
    await this.application.close();
    for (const connection of this.connections) await connection.close();
  }
}

// What the compiler of TypeScript makes of a gateway's decorators, for a class in plain JavaScript.
function gateway(namespace, handlers, serve) {
  class Gateway {
    afterInit(server) {
      serve(server);
    }
  }
  for (const [event, handler] of Object.entries(handlers)) {
    Gateway.prototype[event] = (socket, body) => handler(socket, body);
    ConnectedSocket()(Gateway.prototype, event, 0);
    MessageBody()(Gateway.prototype, event, 1);
    SubscribeMessage(event)(Gateway.prototype, event, Object.getOwnPropertyDescriptor(Gateway.prototype, event));
  }
  WebSocketServer()(Gateway.prototype, "server");
  WebSocketGateway({ namespace })(Gateway);
  return Gateway;
}
