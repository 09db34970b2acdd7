// What is done in the namespaces `/kinds` and `/club`.

import { Chapter } from "../lib/compare.mjs";
import { BODIES, MISFITS } from "./values.mjs";

export const kinds = new Chapter("/kinds", { mark: (witness, mark) => witness.socket.emit("serverSends", { data: mark }) });

for (const event of ["nothing", "null", "zero", "false", "emptyText", "lookalike", "emptyResponse", "noItems", "reserved"]) {
  kinds.bodies(event, { "no arguments": [], anything: [{ any: "thing" }] });
}
for (const event of ["refused", "object", "failure", "panic", "closed", "filtered", "silenced", "closedReplaced"]) {
  kinds.bodies(event, { "no arguments": [], "a value": [{ any: ["thing"] }], null: [null], binary: [Buffer.from("x")], several: [1, "two"] });
}
kinds.bodies("echo", BODIES);
kinds.bodies("acknowledged", BODIES);
kinds.bodies("replaced", MISFITS);
kinds.each("told", BODIES, async ({ one }, args) => {
  one.ask("told", ...args);
  await one.sees("event told");
});
kinds.each("response", BODIES, async ({ one }, args) => {
  one.ask("response", ...args);
  await one.sees("event answered");
});
kinds.check("values: the first is the ack, the others are nothing", async ({ one, settled }) => {
  await one.answer("values");
  await settled();
  one.tell("values");
});
kinds.check("events: one for each item, no ack", async ({ one }) => {
  one.ask("events");
  await one.sees("event answered", 3);
});
kinds.check("brokenStream: items, the exception, and no more", async ({ one, settled }) => {
  one.ask("brokenStream", { any: "thing" });
  await one.sees("event exception");
  await settled();
});
kinds.bodies("number", MISFITS);
kinds.bodies("filteredNumber", MISFITS);
kinds.bodies("membersNumber", MISFITS);
kinds.bodies("point", {
  ...MISFITS,
  "a point": [{ x: 1.5, y: -2 }],
  "no y": [{ x: 1 }],
  "a y that is no number": [{ x: 1, y: "2" }],
  "more fields": [{ x: 1, y: 2, z: 3 }],
});
kinds.bodies("points", { none: [[]], two: [[{ x: 1, y: 2 }, { x: 3, y: 4 }]], "one that is none": [[{ x: 1, y: 2 }, { x: 3 }]], "no list": [{ x: 1 }] });
kinds.bodies("idText", { ...MISFITS, "an id": [{ id: "text" }], "an id that is no text": [{ id: 7 }] });
kinds.bodies("signUp", {
  "as it should be": [{ name: "Ann", age: 18 }],
  "one rule broken": [{ name: "", age: 18 }],
  "two rules broken": [{ name: "", age: 17 }],
});
kinds.check("guards: what a member may", async ({ one, settled }) => {
  one.ask("membersOnly", 1);
  await settled();
  one.ask("closedMembers", 2);
  await settled();
  await one.answer("enter", "members");
  for (const [event, data] of [["membersOnly", 3], ["closedMembers", 4], ["membersNumber", "not a number"], ["membersNumber", 5]]) {
    one.ask(event, data);
    await settled();
  }
  await one.answer("exit", "members");
  one.ask("membersOnly", 6);
});
kinds.check("interceptors: before, the handler, after, and the ack", async ({ one }) => {
  await one.answer("surrounded", { any: "thing" });
  one.tell("surrounded", Buffer.from("x"));
  await one.sees("event told", 6);
});
kinds.check("slow: a client's next event waits, or not", async ({ one }) => {
  one.ask("slow", "slow");
  one.ask("echo", "quick");
  await one.sees("ack of slow");
  await one.sees("ack of echo");
});
kinds.check("slowBeside: a client's next event does not wait", async ({ one }) => {
  one.ask("slowBeside", "slow");
  one.ask("echo", "quick");
  await one.sees("ack of slowBeside");
});
kinds.check("handshake: auth, query and headers", async ({ guest }) => {
  const options = { auth: { deep: { list: [1] }, token: "t" }, query: { greet: "你好 & co", more: "1" }, extraHeaders: { "X-Kind": "test" } };
  const client = await guest("client", options);
  await client.answer("handshake");
  const plain = await guest("plain");
  await plain.answer("handshake");
  const asked = await guest("asked", { auth: (give) => give({ given: "later" }) });
  await asked.answer("handshake");
});
kinds.check("connection: the greeting comes first", async ({ guest }) => {
  const client = await guest("client", { query: { greet: "hello" } });
  await client.answer("echo", 1);
});
kinds.check("rooms: several at once, with exceptions, by server and by socket", async ({ one, other, guest, settled }) => {
  const third = await guest("third", { place: "there" });
  await one.answer("enter", "red");
  await other.answer("enter", "red");
  await other.answer("enter", "blue");
  await third.answer("enter", "blue");
  await third.answer("enter", "muted");
  for (const event of ["serverSends", "socketSends"]) {
    for (const [to, except] of [
      [["red"], []],
      [["red", "blue"], []],
      [["red", "blue"], ["muted"]],
      [[], ["red"]],
      [["red"], ["red"]],
      [["nobody"], []],
      [["nobody", "blue"], ["nobody"]],
    ]) {
      await one.answer(event, { to, except, data: { event, to, except, bytes: Buffer.from("x") } });
      await settled();
    }
  }
  for (const room of ["red", "blue"]) await other.answer("exit", room);
  await one.answer("exit", "red");
});
kinds.check("a question of the server", async ({ one }) => {
  one.socket.once("question", (data, answer) => answer({ asked: data, bytes: Buffer.from("x") }));
  one.ask("asked", ["what?"]);
  await one.sees("event answered");
});
kinds.check("leave: the server disconnects the client", async ({ one, guest }) => {
  await one.answer("enter", "waiting");
  const leaver = await guest("leaver");
  leaver.ask("leave");
  await leaver.sees("disconnected");
  await one.sees("event left");
  leaver.note("will come back", leaver.socket.active);
  await one.answer("exit", "waiting");
});
kinds.check("byeAndLeave: the last words come first", async ({ guest }) => {
  const leaver = await guest("leaver");
  leaver.ask("byeAndLeave");
  await leaver.sees("disconnected");
});
kinds.check("leave: and come back", async ({ guest }) => {
  const leaver = await guest("leaver");
  leaver.tell("leave");
  await leaver.sees("disconnected");
  leaver.socket.connect();
  await leaver.sees("connected", 2);
  await leaver.answer("echo", "back");
});
for (const [what, close] of Object.entries({
  "the socket": (client) => client.socket.disconnect(),
  "the connection": (client) => client.socket.io.engine.close(),
})) {
  kinds.check(`leaving: the client closes ${what}`, async ({ one, other, guest }) => {
    await one.answer("enter", "waiting");
    await other.answer("enter", "waiting");
    const leaver = await guest("leaver", { place: "there" });
    close(leaver);
    await leaver.sees("disconnected");
    await one.sees("event left");
    await other.sees("event left");
    await one.answer("exit", "waiting");
    await other.answer("exit", "waiting");
  });
}
kinds.check("reconnection: a lost connection comes back under another id", async ({ guest }) => {
  const client = await guest("client", { reconnection: true, reconnectionDelay: 10, auth: { number: 1 } });
  const { id } = client;
  client.socket.io.engine.close();
  await client.sees("disconnected");
  client.ask("echo", "kept until it is back");
  await client.sees("ack of echo");
  await client.answer("handshake");
  client.note("the same id", client.id === id);
});
kinds.check("namespaces: one is left, and entered again, beside another", async ({ guest }) => {
  const kinds = await guest("kinds");
  const events = kinds.socket.io.socket("/events");
  events.on("connect", () => kinds.note("connected to /events"));
  await kinds.sees("connected to /events");
  kinds.note("the same id", events.id === kinds.id);
  kinds.note("ack on /events", await events.timeout(5_000).emitWithAck("events", 1));
  events.disconnect();
  await kinds.answer("echo", "still here");
  events.connect();
  await kinds.sees("connected to /events", 2);
  kinds.note("ack on /events", await events.timeout(5_000).emitWithAck("events", 2));
});
kinds.check("namespaces: the first is left, the second stays", async ({ guest }) => {
  const kinds = await guest("kinds");
  const events = kinds.socket.io.socket("/events");
  events.on("connect", () => kinds.note("connected to /events"));
  await kinds.sees("connected to /events");
  kinds.socket.disconnect();
  kinds.note("ack on /events", await events.timeout(5_000).emitWithAck("events", 1));
  events.disconnect();
});
for (const namespace of ["/nobody", "/kinds/", "/Kinds", "/k"]) {
  kinds.check(`namespaces: nobody serves ${namespace}`, async ({ guest }) => {
    const client = await guest("client", { namespace });
    client.note("will try again", client.socket.active);
  });
}
for (const [what, options] of Object.entries({
  "no card": {},
  "a card that is not the one": { query: { card: "tin" } },
  "the card": { query: { card: "gold" } },
})) {
  kinds.check(`admission to /club: ${what}`, async ({ guest }) => {
    const client = await guest("client", { namespace: "/club", ...options });
    client.note("will try again", client.socket.active);
    if (client.socket.connected) await client.answer("echo", "in");
  });
}
kinds.check("admission to /club: refused, its neighbour stays", async ({ guest }) => {
  const client = await guest("client");
  const club = client.socket.io.socket("/club");
  const refusal = new Promise((resolve) => club.once("connect_error", resolve));
  client.note("refused", (await refusal).message);
  await client.answer("echo", "still here");
});
