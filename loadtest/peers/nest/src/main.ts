// The events of the `/` gateway that load tests use, as a NestJS application: its Socket.IO platform, and the Redis
// adapter of its documentation where REDIS_URL is set. PORT says where it listens.
import "reflect-metadata";
import { INestApplication, Module } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { IoAdapter } from "@nestjs/platform-socket.io";
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
} from "@nestjs/websockets";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import type { Server, ServerOptions, Socket } from "socket.io";

@WebSocketGateway()
class EventsGateway {
  @WebSocketServer()
  server!: Server;

  @SubscribeMessage("joinRoom")
  async joinRoom(@ConnectedSocket() socket: Socket, @MessageBody() room: string) {
    await socket.join(room);
    return { room, joined: true };
  }

  @SubscribeMessage("leaveRoom")
  async leaveRoom(@ConnectedSocket() socket: Socket, @MessageBody() room: string) {
    await socket.leave(room);
    return { room, joined: false };
  }

  @SubscribeMessage("sendToRoom")
  sendToRoom(@MessageBody() { room, data }: { room: string; data: unknown }) {
    this.server.to(room).emit("roomMsg", data);
    return { ok: true };
  }

  @SubscribeMessage("broadcast")
  broadcast(@MessageBody() data: unknown) {
    this.server.emit("msgToAll", data);
    return { ok: true };
  }

  @SubscribeMessage("broadcastOthers")
  broadcastOthers(@ConnectedSocket() socket: Socket, @MessageBody() data: unknown) {
    socket.broadcast.emit("msgToOthers", data);
    return { ok: true };
  }

  @SubscribeMessage("echo")
  echo(@MessageBody() data: unknown) {
    return data;
  }
}

class RedisIoAdapter extends IoAdapter {
  private constructor(
    app: INestApplication,
    private readonly adapter: ReturnType<typeof createAdapter>,
  ) {
    super(app);
  }

  static async connected(app: INestApplication, url: string) {
    const publisher = createClient({ url });
    const subscriber = publisher.duplicate();
    await Promise.all([publisher.connect(), subscriber.connect()]);
    return new RedisIoAdapter(app, createAdapter(publisher, subscriber));
  }

  override createIOServer(port: number, options?: ServerOptions) {
    const server = super.createIOServer(port, options);
    server.adapter(this.adapter);
    return server;
  }
}

@Module({ providers: [EventsGateway] })
class AppModule {}

async function main() {
  const app = await NestFactory.create(AppModule, { logger: ["error", "warn"] });
  const url = process.env.REDIS_URL;
  app.useWebSocketAdapter(url ? await RedisIoAdapter.connected(app, url) : new IoAdapter(app));
  const port = Number(process.env.PORT ?? 3000);
  await app.listen(port, "127.0.0.1");
  console.log(`listening on ${port}`);
  process.on("SIGTERM", () => process.exit(0));
}

void main();
