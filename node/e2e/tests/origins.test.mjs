// Which web pages may talk to a node: the setting `cors.origins`, for WebSockets as for polling.

import assert from "node:assert/strict";
import { describe } from "node:test";

import WebSocket from "ws";

import { Client, TRANSPORTS } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { within } from "../lib/deadline.mjs";

const FOREIGN = "https://foreign.example";
const LISTED = "https://app.example";

describe("without cors.origins", () => {
  const cluster = useCluster({ nodes: 1 });
  const own = () => cluster.node("n1").url;

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: pages of the same origin come in, and clients that are no pages`, async () => {
      await assertComesIn(cluster, transport, own());
      await assertComesIn(cluster, transport, undefined);
    });

    cluster.test(`${transport}: other pages are refused`, async () => {
      for (const origin of [FOREIGN, "null", own().replace("127.0.0.1", "localhost"), own().replace(/\d+$/, "1")]) {
        await assertRefused(cluster, transport, origin);
      }
    });
  }

  cluster.test("raw WebSockets: the same", async () => {
    for (const origin of [own(), undefined]) assert.equal(await opened(own(), origin), 101);
    for (const origin of [FOREIGN, "null", own().replace("127.0.0.1", "localhost")]) {
      assert.equal(await opened(own(), origin), 403, origin);
    }
  });

  cluster.test("a session of one's own is moved to a WebSocket, and polled, by no other page", async () => {
    const open = await (await fetch(`${own()}/socket.io/?EIO=4&transport=polling`)).text();
    const { sid } = JSON.parse(open.slice(1));
    const session = (transport) => `/socket.io/?EIO=4&transport=${transport}&sid=${sid}`;

    assert.equal(await opened(own(), FOREIGN, session("websocket")), 403);
    for (const request of [{}, { method: "POST", body: "1" }]) {
      const answer = await fetch(own() + session("polling"), { ...request, headers: { origin: FOREIGN } });
      assert.equal(answer.status, 403);
    }
    assert.equal(await opened(own(), own(), session("websocket")), 101);
  });

  cluster.test("a foreign page is not shown an answer", async () => {
    const answer = await handshake(own(), FOREIGN);

    assert.ok(answer.status >= 400, `${answer.status}`);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  });
});

describe("with a list of cors.origins", () => {
  const cluster = useCluster({ nodes: 1, env: { ROOMCAST_CORS__ORIGINS: `https://other.example,${LISTED}` } });
  const url = () => cluster.node("n1").url;

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: the pages that are listed come in, and no others`, async () => {
      await assertComesIn(cluster, transport, LISTED);
      await assertComesIn(cluster, transport, "https://other.example");
      await assertComesIn(cluster, transport, undefined);
      for (const origin of [FOREIGN, `${LISTED}.evil.example`, LISTED.replace("https", "http"), `${LISTED}:8443`]) {
        await assertRefused(cluster, transport, origin);
      }
    });
  }

  cluster.test("raw WebSockets: the same", async () => {
    for (const origin of [LISTED, undefined]) assert.equal(await opened(url(), origin), 101);
    for (const origin of [FOREIGN, `${LISTED}:8443`]) assert.equal(await opened(url(), origin), 403, origin);
  });

  cluster.test("a page that is listed is shown the answer, and may send the balancer's cookie", async () => {
    const answer = await handshake(url(), LISTED);

    assert.equal(answer.status, 200);
    assert.equal(answer.headers.get("access-control-allow-origin"), LISTED);
    assert.equal(answer.headers.get("access-control-allow-credentials"), "true");
    assert.match(answer.headers.get("vary") ?? "", /origin/i, "a cache must not show one page's answer to another");
  });
});

describe("with cors.origins *", () => {
  const cluster = useCluster({ nodes: 1, env: { ROOMCAST_CORS__ORIGINS: "*" } });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: any page comes in`, async () => {
      for (const origin of [FOREIGN, "null", undefined]) await assertComesIn(cluster, transport, origin);
    });
  }

  cluster.test("raw WebSockets: the same", async () => {
    for (const origin of [FOREIGN, "null", undefined]) assert.equal(await opened(cluster.node("n1").url, origin), 101);
  });

  cluster.test("any page is shown the answer, and a question beforehand is answered", async () => {
    const { url } = cluster.node("n1");
    const answer = await handshake(url, FOREIGN);
    const preflight = await fetch(`${url}/socket.io/?EIO=4&transport=polling`, {
      method: "OPTIONS",
      headers: { origin: FOREIGN, "access-control-request-method": "POST", "access-control-request-headers": "content-type" },
    });

    assert.ok(["*", FOREIGN].includes(answer.headers.get("access-control-allow-origin")));
    assert.ok(preflight.ok, `${preflight.status}`);
    assert.ok(["*", FOREIGN].includes(preflight.headers.get("access-control-allow-origin")));
    assert.match(preflight.headers.get("access-control-allow-methods") ?? "", /POST/);
  });
});

/** The status of the answer to a request for a WebSocket. */
async function opened(url, origin, path = "/ws") {
  const socket = new WebSocket(url.replace("http", "ws") + path, origin === undefined ? {} : { origin });
  const status = new Promise((resolve, reject) => {
    socket.once("upgrade", (answer) => resolve(answer.statusCode));
    socket.once("unexpected-response", (_, answer) => resolve(answer.statusCode));
    socket.once("error", reject);
  });
  try {
    return await within(status, () => `an answer to ${origin}`);
  } finally {
    socket.on("error", () => {});
    socket.terminate();
  }
}

function handshake(url, origin) {
  return fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { origin } });
}

async function assertComesIn(cluster, transport, origin) {
  const client = await cluster.connect({ transport, ...from(origin) });
  assert.equal(await client.ask("echo", "in"), "in");
}

async function assertRefused(cluster, transport, origin) {
  const attempt = Client.connect(cluster.node("n1").url, { transport, reconnection: false, ...from(origin) });
  await assert.rejects(attempt, /error/, `${origin} over ${transport}`);
}

function from(origin) {
  return origin === undefined ? {} : { extraHeaders: { origin } };
}
