// A NestJS server and Roomcast nodes, side by side: stock clients do the same with both, and are told the same, but for
// what differences.mjs lists.

import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";

import { DIFFERENCES, reasonFor } from "../differences.mjs";
import { TRANSPORTS } from "../lib/client.mjs";
import { Cluster } from "../lib/cluster.mjs";
import { KINDS } from "../lib/node.mjs";
import { NestServer } from "../nest/server.mjs";
import { chat } from "../script/chat.mjs";
import { kinds } from "../script/kinds.mjs";
import { replies } from "../script/replies.mjs";
import { events, resource } from "../script/root.mjs";
import { JWKS, SECRET, tokens } from "../script/tokens.mjs";
import { wire } from "../script/wire.mjs";

// What is on one line is played one after the other, since all in a namespace hear of it; the lines beside each other.
const PLAYS = [
  { server: "stock", chapters: [events, resource, wire] },
  { server: "stock", chapters: [replies] },
  { server: "stock", chapters: [chat] },
  { server: "kinds", chapters: [kinds] },
  { server: "keys", chapters: [tokens] },
];

const PLACES = { "one node": 1, "two nodes with Redis": 2 };

describe("beside NestJS", () => {
  const nest = {};
  const seenOnNest = new Map();
  let folder;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
    await writeFile(join(folder, "jwks.json"), JSON.stringify(JWKS));
    nest.stock = nest.kinds = await NestServer.start();
    nest.keys = await NestServer.start({ keys: { secret: SECRET, jwks: JWKS } });
  });
  after(async () => {
    await Promise.all([nest.stock?.stop(), nest.keys?.stop()]);
    await rm(folder, { recursive: true });
  });

  for (const [place, nodes] of Object.entries(PLACES)) {
    describe(place, () => {
      let clusters;
      before(async () => {
        const env = { ROOMCAST_JWT__SECRET: SECRET, ROOMCAST_JWT__JWKS_FILE: join(folder, "jwks.json") };
        clusters = { stock: new Cluster({ nodes }), kinds: new Cluster({ nodes, binary: KINDS }), keys: new Cluster({ nodes, env }) };
        await Promise.all(Object.values(clusters).map((cluster) => cluster.start()));
      });
      after(() => Promise.all(Object.values(clusters).map((cluster) => cluster.stop())));

      for (const transport of Object.keys(TRANSPORTS)) {
        it(`${transport}: clients are told the same`, async (test) => {
          // One after the other: what shares the processor with something else is slow at the wrong moment.
          if (!seenOnNest.has(transport)) seenOnNest.set(transport, await play((server) => nest[server], transport));
          const expected = seenOnNest.get(transport);
          const found = await play((server) => clusters[server], transport);

          const { same, listed, problems } = compared(expected, found);
          test.diagnostic(`${place}, ${transport}: ${same + listed} checks compared with NestJS, ${listed} differ as listed`);
          assert.deepEqual([...found.keys()], [...expected.keys()]);
          assert.ok(problems.length === 0, problems.join("\n\n"));
        });
      }
    });
  }

  it("each difference that is listed is one of a check", () => {
    const names = PLAYS.flatMap(({ chapters }) => chapters).flatMap(({ checks }) => checks.map(({ name }) => name));
    const reasons = new Set(names.map(reasonFor));

    assert.deepEqual(DIFFERENCES.filter(({ because }) => !reasons.has(because)), []);
    assert.equal(new Set(names).size, names.length, "each check has a name of its own");
  });
});

/** Plays everything on the servers that `serverOf` gives, and returns what was seen. */
async function play(serverOf, transport) {
  const plays = PLAYS.map(async ({ server, chapters }) => {
    const seen = [];
    for (const chapter of chapters) seen.push(...(await chapter.play(placesOf(serverOf(server)), transport)));
    return seen;
  });
  // None goes on when this is over, even if another has failed.
  await Promise.allSettled(plays);
  return new Map((await Promise.all(plays)).flat());
}

function placesOf(server) {
  if (server instanceof NestServer) return { here: server.url, there: server.url };
  return { here: server.nodes[0].url, there: server.nodes.at(-1).url };
}

function compared(expected, found) {
  const result = { same: 0, listed: 0, problems: [] };
  for (const [name, lines] of expected) {
    const differs = lines.join("\n") !== found.get(name)?.join("\n");
    const reason = reasonFor(name);
    if (!differs) result.same += 1;
    else if (reason) result.listed += 1;
    if (differs === Boolean(reason)) continue;
    const shown = (heading, seen = []) => [heading, ...seen.map((line) => `    ${line.slice(0, 300)}`)].join("\n");
    result.problems.push(
      differs
        ? [`${name} differs, and is not listed:`, shown("  NestJS", lines), shown("  Roomcast", found.get(name))].join("\n")
        : shown(`${name} is listed (${reason}), and does not differ:`, lines),
    );
  }
  return result;
}
