// A rolling update of three nodes behind HAProxy under load: `node rolling.mjs [clients [rate [grace [members]]]]`, with the
// node of ROOMCAST_BIN, a release build, and the drain as it is by default. Each message goes to one room of so many members.
// For people to read; nothing is asserted.

import { roll } from "../lib/rolling.mjs";

const clients = Number(process.argv[2] ?? 5_000);
const [rate = "500", grace = "5s", members = "250"] = process.argv.slice(3);
const env = { ROOMCAST_DRAIN__GRACE: grace, ROOMCAST_DRAIN__DEADLINE: "60s", ROOMCAST_DRAIN__RATE: rate };

const report = await roll({ clients, members: Number(members), env, say: (text) => console.log(text) });
const { away } = report;
const at = (percent) => away[Math.floor(((away.length - 1) * percent) / 100)];
console.log(`back: ${report.back} of ${report.clients}, after ${report.moves} moves; on the nodes now: ${report.spread.join(", ")}`);
console.log(`reasons: ${JSON.stringify(report.reasons)}`);
console.log(`away: ${at(50)} ms (p50), ${at(99)} ms (p99), ${away.at(-1)} ms at most; ${away.filter((time) => time > 3_000).length} longer than 3 s`);
console.log(`the clients' own programs were late by up to ${Math.round(report.late)} ms`);
console.log(`messages: ${report.messages}, each to one room of ${members}; lost ${report.lost} deliveries, ${report.unexplained} of them not while away; twice: ${report.repeated}`);
console.log(`users who were offline in between: ${report.users.length}; ends: ${JSON.stringify(report.ends)}`);
process.exit();
