// What is done in the namespace `/events`.

import { Chapter } from "../lib/compare.mjs";
import { BODIES, MISFITS } from "./values.mjs";

export const replies = new Chapter("/events", {
  marksReachAll: false,
  mark: (witness, mark) => witness.socket.emit("events", mark, () => witness.heard(mark)),
});

replies.bodies("events", BODIES);
replies.bodies("identity", {
  ...MISFITS,
  "an id": [{ id: 42, other: 1 }],
  "an id of any kind": [{ id: { deep: ["text"] } }],
  "a false id": [{ id: false }],
  "an id that is null": [{ id: null }],
  "an empty id": [{ id: "" }],
  "a binary id": [{ id: Buffer.from("id") }],
});
replies.each("response", BODIES, async ({ one }, args) => {
  one.ask("response", ...args);
  await one.sees("event events");
});
replies.each("custom", BODIES, async ({ one }, args) => {
  one.ask("custom", ...args);
  await one.sees("ack of custom");
  one.tell("custom", ...args);
  await one.sees("event custom", 2);
});
for (const [what, items] of Object.entries({
  none: [],
  one: ["one"],
  several: ["a", { b: 1 }, null, [], Buffer.from("x")],
  "a hundred": Array.from({ length: 100 }, (_, index) => index),
})) {
  replies.check(`stream: ${what}`, async ({ one }) => {
    one.ask("stream", items);
    await one.sees("event events", items.length);
  });
}
replies.check("stream: no arguments", async ({ one }) => {
  one.ask("stream");
  await one.sees("event events", 3);
});
replies.bodies("stream", Object.fromEntries(["a number", "true", "a text", "an empty object", "binary"].map((what) => [what, MISFITS[what]])));
replies.check("delayed: three events, while others are answered", async ({ one, other }) => {
  one.tell("delayed");
  other.ask("delayed");
  await one.sees("event guang");
  await one.answer("events", "beside");
  await one.sees("event guang", 3);
  await other.sees("event guang", 3);
});
