// A NestJS server, as its documentation has one built, with the gateways that a Roomcast node serves: what its clients see
// is what a node's clients have to see.

import "reflect-metadata";

import { Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { IoAdapter } from "@nestjs/platform-socket.io";

import { chat } from "./chat.mjs";
import { events } from "./events.mjs";
import { club, kinds } from "./kinds.mjs";
import { replies } from "./replies.mjs";

export class NestServer {
  /** @param {{keys?: object}} options with `keys`, clients of `/chat` need a token that one of them has signed */
  static async start({ keys } = {}) {
    class Application {}
    // Classes of this one server: decorators keep what they know on the classes.
    Module({ providers: [events(), replies(), chat(keys), kinds(), club()] })(Application);
    const application = await NestFactory.create(Application, { logger: false });
    application.useWebSocketAdapter(new IoAdapter(application));
    await application.listen(0, "127.0.0.1");
    return new NestServer(application, `http://127.0.0.1:${application.getHttpServer().address().port}`);
  }

  constructor(application, url) {
    this.application = application;
    this.url = url;
  }

  async stop() {
    // It waits for its connections, and those that are kept alive would have it wait for long.
    this.application.getHttpServer().closeAllConnections();
    await this.application.close();
  }
}
