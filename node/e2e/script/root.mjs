// What is done in the namespace `/`: events and the resource.

import { Chapter } from "../lib/compare.mjs";
import { BODIES, MISFITS, VALUES } from "./values.mjs";

const marks = { mark: (witness, mark) => witness.socket.emit("broadcast", mark) };

export const events = new Chapter("/", marks);

events.bodies("echo", BODIES);
events.bodies("msgToServer", MISFITS);
for (const event of ["joinRoom", "leaveRoom"]) {
  events.bodies(event, {
    ...MISFITS,
    "256 bytes": ["x".repeat(256)],
    "257 bytes": ["x".repeat(257)],
    "256 bytes in fewer characters": [`${"房".repeat(85)}x`],
    "258 bytes in fewer characters": ["房".repeat(86)],
    "U+0000": ["with \u0000 inside"],
    "a name as ids have": ["~room"],
    blank: [" "],
  });
}
events.bodies("sendToRoom", {
  ...MISFITS,
  "no room": [{ data: 1 }],
  "a room that is no text": [{ room: 7, data: 1 }],
  "a room without a name": [{ room: "", data: 1 }],
  "a room with U+0000": [{ room: "x\u0000", data: 1 }],
  "nobody in the room": [{ room: "empty", data: 1 }],
  "more fields": [{ room: "empty", data: 1, more: 2 }],
});
events.each("broadcast", BODIES, async ({ one, other }, args) => {
  one.ask("broadcast", ...args);
  await other.sees("event msgToAll");
});
events.each("broadcastOthers", BODIES, async ({ one, other }, args) => {
  one.ask("broadcastOthers", ...args);
  await other.sees("event msgToOthers");
});
events.each("sendToRoom to another", VALUES, async ({ one, other }, data) => {
  await other.answer("joinRoom", "values");
  await one.answer("sendToRoom", { room: "values", data });
  await other.sees("event roomMsg");
  await other.answer("leaveRoom", "values");
});
events.check("sendToRoom: without data", async ({ one, other }) => {
  await other.answer("joinRoom", "values");
  await one.answer("sendToRoom", { room: "values" });
  await other.sees("event roomMsg");
  await other.answer("leaveRoom", "values");
});
events.check("rooms: inside, outside, twice, and again outside", async ({ one, other, settled, guest }) => {
  const third = await guest("third", { place: "there" });
  await one.answer("joinRoom", "lobby");
  await other.answer("joinRoom", "lobby");
  await other.answer("joinRoom", "lobby");
  await third.answer("sendToRoom", { room: "lobby", data: "from outside" });
  await settled();
  await one.answer("sendToRoom", { room: "lobby", data: "from inside" });
  await settled();
  await one.answer("leaveRoom", "lobby");
  await one.answer("leaveRoom", "lobby");
  await one.answer("sendToRoom", { room: "lobby", data: "again from outside" });
  await settled();
  await other.answer("leaveRoom", "lobby");
});
events.check("rooms: whoever comes back is in none", async ({ one, other, settled, guest }) => {
  const third = await guest("third", { place: "there" });
  await third.answer("joinRoom", "lobby");
  third.socket.disconnect();
  third.socket.connect();
  await third.sees("connected", 2);
  await one.answer("sendToRoom", { room: "lobby", data: "anybody?" });
  await other.answer("echo", "nobody");
  await settled();
});
events.check("rooms: the room of another's id", async ({ one, other }) => {
  await one.answer("sendToRoom", { room: other.id, data: "to one alone" });
  await other.sees("event roomMsg");
});
events.check("rooms: one's own room cannot be left", async ({ one }) => {
  one.ask("leaveRoom", one.id);
  await one.sees("event exception");
  one.ask("sendToRoom", { room: one.id, data: "still here" });
  await one.sees("event roomMsg");
});
events.check("rooms: the room of another's id cannot be joined", async ({ one, other, settled }) => {
  one.ask("joinRoom", other.id);
  await settled();
  await one.answer("leaveRoom", other.id);
});
events.check("order: acks and events come in the order of what was sent", async ({ one }) => {
  one.ask("echo", 1);
  one.ask("broadcast", 2);
  one.tell("broadcast", 3);
  one.ask("echo", Buffer.from("four"));
  one.tell("echo", 5);
  one.ask("broadcastOthers", 6);
  await one.answer("echo", 7);
});
events.check("order: a burst", async ({ one, other }) => {
  for (let number = 0; number < 100; number += 1) one.tell("broadcastOthers", number);
  await other.sees("event msgToOthers", 100);
});
events.check("order: what is sent before the connection is there", async ({ invite }) => {
  const early = invite("early");
  early.ask("echo", 1);
  early.ask("broadcastOthers", 2);
  early.ask("echo", 3);
  await early.sees("ack of echo", 2);
});
events.check("unknown events are ignored", async ({ one }) => {
  for (const event of ["nobody", "", "message", "constructor", "toString", "msgToClient", "error"]) one.ask(event, 1);
  one.ask("nobody", Buffer.from("binary"));
  one.ask("nobody");
});
events.check("an ack that never comes, with a timeout", async ({ one }) => {
  const failure = await new Promise((resolve) => one.socket.timeout(50).emit("nobody", "text", resolve));
  one.note("timeout", failure.message);
  one.note("ack in time", await one.socket.timeout(5_000).emitWithAck("echo", 1));
});
events.check("retries", async ({ guest }) => {
  const patient = await guest("patient", { retries: 2, ackTimeout: 100 });
  patient.note("outcomes", await Promise.all([retried(patient, "echo", 1), retried(patient, "nobody", 1), retried(patient, "echo", 2)]));
});
events.check("volatile, compressed and local events", async ({ one }) => {
  one.socket.volatile.emit("msgToServer", "volatile");
  one.socket.compress(true).emit("msgToServer", "compressed");
  await one.sees("event msgToClient", 2);
});

export const resource = new Chapter("/", { ...marks, name: "/ resource" });

for (const event of ["findOneAaa", "removeAaa"]) {
  resource.bodies(event, { ...MISFITS, "no such id": [4_711], zero: [0], "a negative id": [-1], "an id in an object": [{ id: 1 }] });
}
resource.bodies("updateAaa", {
  ...MISFITS,
  "no such id": [{ id: 4_711, a: 1 }],
  "no id": [{ a: 1 }],
  "an id that is a text": [{ id: "1" }],
  "an id that is null": [{ id: null }],
  "binary in it": [{ id: 1, a: Buffer.from("x") }],
});
resource.bodies("findAllAaa", { "no arguments": [], anything: [{ any: "thing" }] });
resource.bodies("watchAaa", { "no arguments": [], anything: [7] });
resource.bodies("unwatchAaa", { "no arguments": [], anything: [7] });
const { "an empty object": _, ...noRecords } = MISFITS;
resource.bodies("createAaa", { ...noRecords, "an id": [{ id: 7, a: 1 }], "binary in it": [{ a: { b: Buffer.from("x") } }] });
resource.check("created, found, changed, removed", async ({ one, other, settled }) => {
  const { id } = await one.answer("createAaa", { text: "buy milk", done: false, tags: [], deep: { a: [1] }, 聊: "天" });
  const { id: second } = await other.answer("createAaa", {});
  await other.answer("findOneAaa", id);
  await other.answer("findAllAaa");
  await other.answer("updateAaa", { id, done: true, deep: { b: 2 }, more: null });
  await one.answer("findOneAaa", id);
  await one.answer("updateAaa", { id });
  await one.answer("removeAaa", id);
  one.ask("findOneAaa", id);
  one.ask("removeAaa", id);
  one.ask("updateAaa", { id, done: false });
  await settled();
  await one.answer("removeAaa", second);
  await one.answer("findAllAaa");
});
resource.check("whoever watches is told, the sender too", async ({ one, other, settled }) => {
  await one.answer("watchAaa");
  await other.answer("watchAaa");
  const { id } = await one.answer("createAaa", { watched: true });
  await settled();
  await other.answer("updateAaa", { id, watched: [] });
  await settled();
  await one.answer("unwatchAaa");
  await one.answer("removeAaa", id);
  await settled();
  await other.answer("unwatchAaa");
});

/** What becomes of an emit that is tried again: its answer, or the error. */
function retried(witness, event, data) {
  return witness.socket.emitWithAck(event, data).catch(({ message }) => message);
}
