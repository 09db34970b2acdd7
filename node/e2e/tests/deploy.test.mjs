// What the files under deploy/ take for granted of a node: its metrics, and the names of its settings.

import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, it } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";
import { BINARY } from "../lib/node.mjs";
import { Program } from "../lib/program.mjs";

const DEPLOY = new URL("../../../deploy/", import.meta.url);
const text = (path) => readFile(new URL(path, DEPLOY), "utf8");

describe("alerts, pages and dashboard", () => {
  const cluster = useCluster({ nodes: 1 });

  cluster.test("ask for nothing that a node does not say", async () => {
    const [node] = cluster.nodes;
    // Some appear with their first count: of a client that leaves, of one that is refused, of a request to the API.
    (await cluster.connect()).close();
    await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, { headers: { origin: "https://elsewhere.example" } });
    await fetch(`${node.adminUrl}/api/v1/nodes`);
    await eventually(async () => (await node.metric("socket_io_disconnect_total")) > 0, "a disconnect is counted");
    const said = await (await fetch(`${node.adminUrl}/metrics`)).text();
    const names = new Set([...said.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name));

    const pages = (await readdir(new URL("runbooks/", DEPLOY))).map((name) => `runbooks/${name}`);
    for (const path of ["prometheus/rules.yml", "prometheus/rules.test.yml", "grafana/dashboards/cluster.json", ...pages]) {
      const asked = [...(await text(path)).matchAll(/(?<!\w)(?:socket_io|process)_[a-z0-9_]+/g)].map(([name]) => name);
      const unknown = asked.filter((name) => !names.has(name) && !names.has(name.replace(/_(bucket|sum|count)$/, "")));
      assert.deepEqual([...new Set(unknown)], [], `deploy/${path}`);
    }
  });
});

describe("settings", () => {
  it("of the manifests made from the chart are valid", async () => {
    await valid([...(await text("kubernetes/roomcast.yaml")).matchAll(/- name: (ROOMCAST_\w+)\n +value: "?([^"\n]*)"?\n/g)]);
  });

  it("of the unit for systemd are valid", async () => {
    await valid([...(await text("systemd/roomcast.service")).matchAll(/^Environment=(ROOMCAST_\w+)=(.*)$/gm)]);
  });
});

/** Has the node check these settings; files that they name are put into a folder of the test's. */
async function valid(found) {
  assert.ok(found.length >= 3, `only ${found.length} settings are there`);
  const folder = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
  const env = {};
  for (const [, name, value] of found) {
    env[name] = value;
    if (!/(_FILE|_CONFIG)$/.test(name)) continue;
    env[name] = join(folder, name);
    await writeFile(env[name], name.includes("REDIS__URL") ? "redis://redis:6379" : name.endsWith("_CONFIG") ? "" : "a".repeat(64));
  }
  const program = await Program.start({ name: "roomcast check", file: BINARY, args: ["check"], env, install: "Is it built?" });
  await program.exited;
  await rm(folder, { recursive: true });
  assert.equal(program.exit.code, 0, program.log());
}
