// A rolling update of three nodes under load, as in deploy/README.md, at the size of a test. measure/rolling.mjs does the
// same with as many clients as one wants.

import assert from "node:assert/strict";
import { it } from "node:test";

import { roll } from "../lib/rolling.mjs";

const CLIENTS = 200;
/** How long a client may be away: its own pause before it connects again, up to 1.5 s, and as much again. */
const AWAY = 3_000;

it("every client is back soon, has missed only what was sent meanwhile, and no user was offline", async () => {
  const report = await roll({ clients: CLIENTS, env: { ROOMCAST_DRAIN__GRACE: "3s", ROOMCAST_DRAIN__DEADLINE: "30s" } });

  assert.deepEqual(report.ends, Array(3).fill({ code: 0, signal: null }), "each node has ended by itself");
  assert.equal(report.back, CLIENTS);
  assert.ok(report.moves >= CLIENTS * (2 / 3), `clients were moved, ${report.moves} times`);
  assert.ok(report.away.at(-1) <= AWAY, `nobody was away for long, the longest for ${report.away.at(-1)} ms`);
  assert.deepEqual([report.unexplained, report.repeated], [0, 0], "nothing else is lost, and nothing came twice");
  assert.deepEqual(report.users, [], "nobody was offline");
});
