// How long `await io.fetchSockets()` takes on a Node.js server beside two Roomcast nodes that have many clients:
// `node fetch-sockets.mjs [clients]`. For people to read; nothing is asserted but that all are found.

import { Client } from "../lib/client.mjs";
import { MixedCluster } from "../lib/mixed.mjs";
import { NAMESPACE } from "../lib/servers.mjs";

const wanted = Number(process.argv[2] ?? 2_000);
const AT_A_TIME = 50;
const TIMES = 5;

const cluster = new MixedCluster();
await cluster.start();
try {
  const crowd = [];
  while (crowd.length < wanted) {
    const group = Array.from({ length: Math.min(AT_A_TIME, wanted - crowd.length) }, (_, index) =>
      Client.connect(cluster.nodes[index % 2].url, { namespace: NAMESPACE, auth: { token: "x".repeat(200) } }),
    );
    crowd.push(...(await Promise.all(group)));
  }

  await report("Node.js: fetchSockets()", () => cluster.servers.node.namespace.fetchSockets());
  await report("Node.js: fetchSockets() of one", () => cluster.servers.node.namespace.in(crowd[0].id).fetchSockets(), 1);
  await report("Roomcast: fetchSockets()", () => cluster.servers.n1.fetchSockets());
  await report("Roomcast: count()", () => cluster.servers.n1.count());

  for (const client of crowd) client.close();
} finally {
  await cluster.stop();
}

async function report(what, ask, expected = wanted + cluster.operators.length) {
  const times = [];
  for (let time = 0; time < TIMES; time += 1) {
    const began = performance.now();
    const found = await ask();
    times.push(`${Math.round(performance.now() - began)} ms`);
    const count = found.length ?? found;
    if (count !== expected) throw new Error(`${what} found ${count} sockets instead of ${expected}`);
  }
  console.log(`${what}, ${expected} found: ${times.join(", ")}`);
}
