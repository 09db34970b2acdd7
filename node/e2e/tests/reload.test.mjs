// SIGHUP: a node that runs reads its configuration again.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";

const FILE = join(tmpdir(), `roomcast-reload-${process.pid}.toml`);
const KEYS = ["the first key of session ids; long enough", "the second key of session ids; long enough"];
const SECRETS = ["the first secret, which has 32 bytes", "the second secret, of 32 bytes as well"];

/** A configuration in which everything can be read again that can be. */
const toml = ({ secret = SECRETS[0], level = "info", origins = [], grace = "1s", session = KEYS[0], limits = "" }) => `
[jwt]
secret = "${secret}"
[log]
level = "${level}"
[cors]
origins = ${JSON.stringify(origins)}
[drain]
deadline = "30s"
[ws]
enabled = ${grace === "1s"}
[session]
key = "${session}"
[limits]
${limits}
`;

/** A token as an issuer with this secret makes it; none without a secret. */
const token = (secret) => {
  if (secret === undefined) return undefined;
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: "ann", exp: Math.floor(Date.now() / 1000) + 600 })}`;
  return `${text}.${createHmac("sha256", secret).update(text).digest("base64url")}`;
};

describe("a node with a configuration file", () => {
  before(() => writeFile(FILE, toml({})));
  after(() => rm(FILE));
  const cluster = useCluster({ nodes: 1, env: { ROOMCAST_CONFIG: FILE, ROOMCAST_DRAIN__DEADLINE: "10s" } });

  /** Writes the file, has the node read it, and gives what it says of that. */
  const reload = async (text) => {
    const { program } = cluster.nodes[0];
    await writeFile(FILE, text);
    const before = program.lines.length;
    program.child.kill("SIGHUP");
    const said = () => program.lines.slice(before).join("\n");
    await eventually(() => /was read again|nothing of the new configuration is taken/.test(said()), "the node has read it");
    return said();
  };
  const may = async (secret) => {
    const client = cluster.open({ namespace: "/chat", auth: { token: token(secret) }, reconnection: false });
    try {
      await client.connected();
      return true;
    } catch {
      return false;
    } finally {
      client.close();
    }
  };
  const isGranted = async (origin) => {
    const url = `${cluster.nodes[0].url}/socket.io/?EIO=4&transport=polling`;
    return (await fetch(url, { headers: { origin, connection: "close" } })).status === 200;
  };

  cluster.test("keys, origins and the log's level change at once, and what cannot is named", async () => {
    const origin = "https://app.example.com";
    assert.deepEqual([await may(SECRETS[0]), await may(SECRETS[1]), await isGranted(origin)], [true, false, false]);
    assert.equal(cluster.nodes[0].program.lines.some((line) => line.includes("DEBUG")), false);

    const said = await reload(toml({ secret: SECRETS[1], level: "debug", origins: [origin], grace: "2s" }));

    assert.match(said, /changed="?cors.origins, jwt.secret, log.level/);
    assert.match(said, /takes a restart.*ws\.enabled/);
    assert.equal(said.includes("secret of"), false, "no secret is in the log");
    assert.deepEqual([await may(SECRETS[0]), await may(SECRETS[1]), await isGranted(origin)], [false, true, true]);
    await eventually(() => cluster.nodes[0].program.lines.some((line) => line.includes("DEBUG")), "it says more");
  });

  cluster.test("limits and keys of session ids change under sessions that go on", async () => {
    const strict = "connections = 1\nevents_per_second = 1\nmessage_size = \"2MB\"";
    await reload(toml({}));
    const polling = await cluster.connect({ transport: "polling only" });
    const websocket = await cluster.connect({ transport: "websocket only" });
    const { url } = cluster.nodes[0];
    const open = () => fetch(`${url}/socket.io/?EIO=4&transport=polling`, { headers: { connection: "close" } });

    const said = await reload(toml({ session: `${KEYS[1]},${KEYS[0]}`, limits: strict }));

    assert.match(said, /changed="?session.key, limits.connections, limits.events_per_second/);
    assert.match(said, /takes a restart.*limits\.message_size/);
    assert.equal(said.includes("of session ids"), false, "no key is in the log");
    assert.equal((await open()).status, 503);
    assert.equal(await polling.ask("echo", "on"), "on");
    for (let number = 0; number < 5; number += 1) websocket.emit("echo", number);
    assert.equal((await websocket.receive("exception"))[0].message, "rate limited");

    await reload(toml({ session: `${KEYS[1]},${KEYS[0]}`, limits: "events_per_second = 1000" }));

    assert.equal((await open()).status, 200);
    for (let number = 0; number < 50; number += 1) polling.emit("echo", number);
    assert.equal(await polling.ask("echo", "still on"), "still on");
    const { id } = polling.socket.io.engine;
    await reload(toml({ session: KEYS[1] }));
    const answer = await fetch(`${url}/socket.io/?EIO=4&transport=polling&sid=${id}`);
    assert.equal(answer.status, 400, "its key is gone");
  });

  cluster.test("a configuration with mistakes is refused whole, with all of them", async () => {
    await reload(toml({}));

    const said = await reload(toml({ secret: SECRETS[1], level: "loud", origins: ["nonsense"] }));

    assert.match(said, /not valid.*log\.level/);
    assert.match(said, /not valid.*cors\.origins/);
    assert.deepEqual([await may(SECRETS[0]), await may(SECRETS[1])], [true, false], "the old one stays");

    const without = await reload("[jwt]\n");
    assert.match(without, /cannot be used.*jwt/);
    assert.deepEqual([await may(SECRETS[0]), await may(undefined)], [true, false]);
  });
});
