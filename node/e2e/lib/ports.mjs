// Ports for the programs of a test.

import { createServer } from "node:net";

// Below the range from which the kernel takes the ports of outgoing connections: the clients of a test must not be
// given the port that a program is about to listen on.
const FIRST = 20_000;
const LAST = 32_000;
const given = new Set();

/** A port of 127.0.0.1 that nobody listens on, and that this process is given only once. */
export async function freePort() {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!given.has(port) && (await isFree(port))) {
      given.add(port);
      return port;
    }
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
