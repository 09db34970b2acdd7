// What is done in the namespace `/chat`, without tokens.

import { Chapter } from "../lib/compare.mjs";
import { MISFITS, VALUES } from "./values.mjs";

const EVERYBODY = "everybody who hears marks";

export const chat = new Chapter("/chat", {
  mark: (witness, mark) => witness.socket.emit("message", { group: EVERYBODY, msg: mark }),
  enter: (witness) => witness.socket.emitWithAck("joinRoom", EVERYBODY),
});

chat.check("ignored is who has not joined", async ({ one }) => {
  one.ask("sendMessage", { message: "ignored" });
  one.ask("typing", { isTyping: true });
});
chat.check("joinChat: who joins is online for all, and then told so", async ({ one, other }) => {
  one.ask("joinChat", { username: "  小明 " });
  await one.sees("event joined");
  await other.sees("event userOnline");
  other.tell("joinChat", { username: "Ben", more: 1 });
  await other.sees("event joined");
  await one.sees("event userOnline", 2);
});
chat.check("joinChat: again under the same name, and under another", async ({ one, other }) => {
  one.tell("joinChat", { username: "小明" });
  one.tell("joinChat", { username: "Ann" });
  await one.sees("event joined", 2);
  await other.sees("event userOnline");
});
chat.check("whoever comes later is told who is online", async ({ guest }) => {
  const late = await guest("late", { place: "there" });
  await late.sees("event onlineUsers");
});
chat.bodies("joinChat", {
  ...MISFITS,
  "no name": [{}],
  "a name that is null": [{ username: null }],
  "a name that is no text": [{ username: 7 }],
  "an empty name": [{ username: "" }],
  "a blank name": [{ username: "  \t" }],
  "65 characters": [{ username: "x".repeat(65) }],
});
chat.check("joinChat: 64 characters outside of the first plane", async ({ one, other }) => {
  one.tell("joinChat", { username: "🦀".repeat(64) });
  await other.sees("event userOnline");
  one.tell("joinChat", { username: "Ann" });
  await other.sees("event userOnline", 2);
});
chat.bodies("sendMessage", {
  ...MISFITS,
  "no text": [{ message: 7 }],
  "an empty text": [{ message: "" }],
  "4097 bytes": [{ message: "x".repeat(4_097) }],
  "a room that is none": [{ message: "text", room: "" }],
  "a room that is no text": [{ message: "text", room: 7 }],
});
for (const [what, body] of Object.entries({
  "a text": { message: "hello" },
  "4096 bytes": { message: "x".repeat(4_096) },
  "markup": { message: "<b onclick=alert(1)>有人!</b> & 🦀" },
  "no room": { message: "hello", room: null },
})) {
  chat.check(`sendMessage to all: ${what}`, async ({ one, other }) => {
    one.ask("sendMessage", body);
    await one.sees("event newMessage");
    await other.sees("event newMessage");
  });
}
chat.check("sendMessage to a room", async ({ one, other, settled }) => {
  await other.answer("joinRoom", "red");
  one.ask("sendMessage", { message: "in red", room: "red" });
  await other.sees("event newMessage");
  await other.answer("leaveRoom", "red");
  one.ask("sendMessage", { message: "nobody in red", room: "red" });
  await settled();
});
chat.bodies("typing", { ...MISFITS, "no boolean": [{ isTyping: "yes" }], null: [{ isTyping: null }] });
chat.check("typing: the others are told", async ({ one, other }) => {
  one.ask("typing", { isTyping: true });
  one.ask("typing", { isTyping: false });
  await other.sees("event userTyping", 2);
});
chat.bodies("message", { ...MISFITS, "no group": [{ msg: 1 }], "a group that is no text": [{ group: 7, msg: 1 }] });
chat.each("message to a group", VALUES, async ({ one, other }, msg) => {
  await other.answer("joinRoom", "group");
  one.ask("message", { group: "group", msg });
  await other.sees("event message");
  await other.answer("leaveRoom", "group");
});
chat.check("message to a group: without one", async ({ one, other }) => {
  await other.answer("joinRoom", "group");
  one.ask("message", { group: "group" });
  await other.sees("event message");
  await other.answer("leaveRoom", "group");
});
for (const event of ["joinRoom", "leaveRoom"]) chat.bodies(event, MISFITS);
chat.check("whoever leaves is offline for all", async ({ one, other, guest }) => {
  const leaver = await guest("leaver", { place: "there" });
  leaver.tell("joinChat", { username: "Cleo" });
  await leaver.sees("event joined");
  await one.sees("event userOnline");
  await other.sees("event userOnline");
  leaver.close();
  await one.sees("event userOffline");
  await other.sees("event userOffline");
  const late = await guest("late");
  await late.sees("event onlineUsers");
});
