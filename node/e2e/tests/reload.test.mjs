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
const SECRETS = ["the first secret, which has 32 bytes", "the second secret, of 32 bytes as well"];

/** A configuration in which everything can be read again that can be. */
const toml = ({ secret = SECRETS[0], level = "info", origins = [], grace = "1s" }) => `
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
