// What the control API carries, what it costs, and what clients beside it feel: `node control.mjs [seconds [rate]]`, with the node
// of ROOMCAST_BIN, a release build. The node has one processor to itself and everything else has the other, with Linux's
// `taskset`. Each row is a program of its own that calls the API, or emits the same through @socket.io/redis-emitter. All
// emits go to a room of one member, and a row in which it did not get every one ends the run.

import { execFile, execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import WebSocket from "ws";

import { Client } from "../lib/client.mjs";
import { eventually, within } from "../lib/deadline.mjs";
import { RoomcastNode } from "../lib/node.mjs";
import { RedisServer } from "../lib/redis.mjs";

const seconds = Number(process.argv[2] ?? 8);
const rate = Number(process.argv[3] ?? 5_000);
const BYSTANDERS = 50;
const CONNECTIONS = 16;
const EVENT = "news";
const ROOM = "customers";
const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const LOAD = fileURLToPath(new URL("../lib/control-load.mjs", import.meta.url));
const ECHO = fileURLToPath(new URL("../lib/echo-process.mjs", import.meta.url));

const args = ["x".repeat(128)];
const emit = { event: EVENT, args, rooms: [ROOM] };
const batch = (count) => JSON.stringify({ emits: Array.from({ length: count }, () => emit) });
const api = { emits: 1, connections: CONNECTIONS, body: JSON.stringify(emit) };
const rows = [
  { name: "nothing", way: "nothing", emits: 0 },
  { name: `emitter, ${rate}/s`, way: "emitter", emits: 1, rate },
  { name: `emit, ${rate}/s`, way: "emit", ...api, rate },
  { name: `request, ${rate}/s`, way: "request", ...api, rate },
  { name: `batch of 1, ${rate}/s`, way: "batch", ...api, body: batch(1), rate },
  { name: `batch of 100, ${rate / 100}/s`, way: "batch", ...api, body: batch(100), emits: 100, rate: rate / 100 },
  { name: "emit, all it can", way: "emit", ...api, rate: 0 },
  { name: "request, all it can", way: "request", ...api, rate: 0 },
  { name: "batch of 1, all it can", way: "batch", ...api, body: batch(1), rate: 0 },
  { name: "batch of 10, all it can", way: "batch", ...api, body: batch(10), emits: 10, rate: 0 },
  { name: "batch of 100, all it can", way: "batch", ...api, body: batch(100), emits: 100, rate: 0, connections: 2 },
];

/** The one member of the room: it counts what it gets, and answers where an answer is wanted. It does nothing more, to be cheap. */
class Member {
  static async join(url) {
    const member = new Member(new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`));
    await within(once(member.socket, "open"), () => "the member connects");
    member.socket.send("40");
    await eventually(() => member.isConnected, "the member is connected");
    member.socket.send(`420["joinRoom",${JSON.stringify(ROOM)}]`);
    await eventually(() => member.isIn, "the member is in its room");
    return member;
  }

  constructor(socket) {
    this.socket = socket;
    this.received = 0;
    socket.on("message", (data) => this.#message(data.subarray(0, 24).toString("latin1")));
  }

  #message(text) {
    if (text === "2") this.socket.send("3");
    else if (text.startsWith("40")) this.isConnected = true;
    else if (text.startsWith("43")) this.isIn = true;
    else if (text.startsWith("42")) {
      const at = text.indexOf("[");
      if (!text.startsWith(`["${EVENT}"`, at)) return;
      this.received += 1;
      if (at > 2) this.socket.send(`43${text.slice(2, at)}["yes"]`);
    }
  }
}

/** Seconds of processor time that a process has had. */
async function used(pid) {
  const fields = (await readFile(`/proc/${pid}/stat`, "latin1")).replace(/^.*\) /, "").split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

async function run(row) {
  await echoes();
  const before = [await used(nodePid), await used(redisPid)];
  const expected = member.received;
  let report = { sent: 0, seconds, late: 0, cpu: 0 };
  if (row.way === "nothing") await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  else {
    const order = { ...row, event: EVENT, args, room: ROOM, seconds, port: node.adminPort, redisPort: redis.port };
    report = JSON.parse((await promisify(execFile)(process.execPath, [LOAD, JSON.stringify(order)])).stdout);
  }
  const wanted = expected + report.sent * row.emits;
  await eventually(() => member.received >= wanted, `all of "${row.name}" has arrived`);
  const times = await echoes();
  const after = [await used(nodePid), await used(redisPid)];
  if (member.received !== wanted) throw new Error(`"${row.name}": ${member.received - wanted} deliveries too many`);
  return { ...row, ...report, node: after[0] - before[0], redis: after[1] - before[1], times };
}

async function echoes() {
  const answer = once(echo, "message");
  echo.send("now");
  return (await within(answer, () => "the echoes are told"))[0];
}

const redis = await RedisServer.start();
const node = await RoomcastNode.start({ name: "measured", redis });
const nodePid = node.program.child.pid;
const redisPid = redis.program.child.pid;
execFileSync("taskset", ["-apc", "0", `${nodePid}`]);
for (const pid of [redisPid, process.pid]) execFileSync("taskset", ["-apc", "1", `${pid}`]);

const member = await Member.join(node.url);
const bystanders = await Promise.all(Array.from({ length: BYSTANDERS }, () => Client.connect(node.url)));
for (const bystander of bystanders) await bystander.join("elsewhere");
const echo = fork(ECHO, [node.url, "4", "2"]);
await within(once(echo, "message"), () => "the clients that echo are connected");

const columns = [
  "load",
  "requests/s",
  "emits/s",
  "requests per core-second",
  "node, µs per request",
  "per emit",
  "to the emitter's",
  "Redis, µs per emit",
  "sender, µs per emit",
  "sender's processor",
  "echo p50, p99, most (ms)",
];
console.log(`| ${columns.join(" | ")} |\n| --- | ${columns.slice(1).map(() => "---:").join(" | ")} |`);
let idle = { node: 0, redis: 0 };
let emitter = NaN;
for (const row of rows) {
  const found = await run(row);
  if (row.way === "nothing") idle = { node: found.node / found.seconds, redis: found.redis / found.seconds };
  // What the node spends on the echoes and its heartbeat is not the load's.
  const cost = (which) => Math.max(found[which] - idle[which] * found.seconds, 0);
  const emits = found.sent * row.emits;
  const per = (time, count) => (count === 0 ? "" : ((time / count) * 1e6).toFixed(1));
  if (row.way === "emitter") emitter = cost("node") / emits;
  const at = (percent) => found.times[Math.floor(((found.times.length - 1) * percent) / 100)].toFixed(1);
  const cells = [
    row.name,
    Math.round(found.sent / found.seconds),
    Math.round(emits / found.seconds),
    emits === 0 || row.way === "emitter" ? "" : Math.round(found.sent / cost("node")),
    per(cost("node"), found.sent),
    per(cost("node"), emits),
    emits === 0 ? "" : `${(cost("node") / emits / emitter).toFixed(1)}×`,
    per(cost("redis"), emits),
    per(found.cpu, emits),
    `${Math.round((found.cpu / found.seconds) * 100)} %`,
    `${at(50)}, ${at(99)}, ${at(100)}`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
}
process.exit();
