// Stock clients that ask for an echo again and again: `echo-process.mjs URL CLIENTS EVERY`, started by measure/control.mjs. To
// each message it answers with how long the echoes since the last one took, in milliseconds and in order.

import { Client } from "./client.mjs";

const [url, count, every] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

let times = [];
const clients = await Promise.all(Array.from({ length: count }, () => Client.connect(url)));
const began = performance.now();
let due = 0;
setInterval(() => {
  // One that was due while this program was late counts from when it was due.
  for (const now = performance.now(); began + due * every <= now; due += 1) {
    const since = began + due * every;
    clients[due % count].socket.emit("echo", { due }, () => times.push(performance.now() - since));
  }
}, 1);
process.on("message", () => {
  process.send(times.sort((a, b) => a - b));
  times = [];
});
process.on("disconnect", () => process.exit());
process.send("ready");
