// The events of the `/` gateway that load tests use, as a Node.js developer writes them in production:
// Socket.IO with its defaults, and its Redis adapter where REDIS_URL is set. PORT says where it listens.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { createClient } from "redis";
import { Server } from "socket.io";

const httpServer = createServer();
const io = new Server(httpServer);

if (process.env.REDIS_URL) {
  const publisher = createClient({ url: process.env.REDIS_URL });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  io.adapter(createAdapter(publisher, subscriber));
}

io.on("connection", (socket) => {
  socket.on("joinRoom", async (room, ack) => {
    await socket.join(room);
    ack?.({ room, joined: true });
  });
  socket.on("leaveRoom", async (room, ack) => {
    await socket.leave(room);
    ack?.({ room, joined: false });
  });
  socket.on("sendToRoom", ({ room, data }, ack) => {
    io.to(room).emit("roomMsg", data);
    ack?.({ ok: true });
  });
  socket.on("broadcast", (data, ack) => {
    io.emit("msgToAll", data);
    ack?.({ ok: true });
  });
  socket.on("broadcastOthers", (data, ack) => {
    socket.broadcast.emit("msgToOthers", data);
    ack?.({ ok: true });
  });
  socket.on("echo", (data, ack) => ack?.(data));
});

httpServer.listen(Number(process.env.PORT ?? 3000), "127.0.0.1", () => {
  console.log(`listening on ${httpServer.address().port}`);
});
process.on("SIGTERM", () => process.exit(0));
