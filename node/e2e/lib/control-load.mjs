// A program that puts load on the control API, or sends the same through the emitter of Node.js: `control-load.mjs JSON`, started
// by measure/control.mjs. It prints one line of JSON about what it has sent.

import { once } from "node:events";
import { connect } from "node:net";

import { Emitter } from "@socket.io/redis-emitter";
import { Redis } from "ioredis";

const END_OF_HEAD = Buffer.from("\r\n\r\n");

const { way, body, event, args, room, connections, rate, seconds, port, redisPort } = JSON.parse(process.argv[2]);

/** Sends as often as `rate` says, or as fast as answers come where it is 0, and says how often it has. */
async function pace(send, isFree) {
  const began = performance.now();
  const elapsed = () => (performance.now() - began) / 1_000;
  let sent = 0;
  let latest = 0;
  const pump = () => {
    const now = elapsed();
    if (now >= seconds) return;
    const due = rate === 0 ? Infinity : now * rate;
    while (sent < due && isFree()) {
      send(pump);
      sent += 1;
    }
    if (rate !== 0) latest = Math.max(latest, (due - sent) / rate);
  };
  const timer = setInterval(pump, 1);
  pump();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  clearInterval(timer);
  return { sent, seconds: elapsed(), late: latest * 1_000 };
}

/** Keep-alive connections, each with one request at a time: what a backend's pool of connections does. */
async function overHttp() {
  const head = `POST /api/v1/${way} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`;
  const request = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
  const expected = way === "request" ? "HTTP/1.1 200 " : "HTTP/1.1 202 ";
  const free = [];
  for (let index = 0; index < connections; index += 1) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await once(socket, "connect");
    socket.on("error", fail);
    let answer = null;
    socket.on("data", (data) => {
      answer = answer === null ? data : Buffer.concat([answer, data]);
      const end = answer.indexOf(END_OF_HEAD);
      if (end < 0) return;
      const text = answer.toString("latin1");
      const length = Number(/content-length: (\d+)/i.exec(text)[1]);
      if (answer.length < end + END_OF_HEAD.length + length) return;
      if (!text.startsWith(expected) || (way === "request" && !text.includes('"missing":0'))) fail(new Error(text));
      answer = null;
      free.push(socket);
      const { next } = socket;
      next();
    });
    free.push(socket);
  }
  const send = (next) => {
    const socket = free.pop();
    socket.next = next;
    socket.write(request);
  };
  const report = await pace(send, () => free.length > 0);
  while (free.length < connections) await new Promise((resolve) => setTimeout(resolve, 5));
  for (const socket of free) socket.destroy();
  return report;
}

async function overRedis() {
  const redis = new Redis(redisPort, "127.0.0.1");
  const emitter = new Emitter(redis);
  const report = await pace(() => emitter.to(room).emit(event, ...args), () => true);
  await redis.ping();
  redis.disconnect();
  return report;
}

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

const report = await (way === "emitter" ? overRedis() : overHttp());
const { user, system } = process.cpuUsage();
console.log(JSON.stringify({ ...report, cpu: (user + system) / 1e6 }));
process.exit();
