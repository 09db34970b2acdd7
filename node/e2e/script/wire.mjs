// What becomes of a client that sends what no client should.

import { Chapter } from "../lib/compare.mjs";

export const wire = new Chapter("/", { name: "wire", mark: (witness, mark) => witness.socket.emit("broadcast", mark) });

for (const packet of [
  "",
  "x",
  "9",
  "2",
  "2{}",
  "2[]",
  "2null",
  "2[null]",
  "2[{}]",
  "2[1]",
  '2["echo"',
  '2["echo",1]x',
  '2["connect"]',
  '2["connect_error",1]',
  '2["disconnect"]',
  '2["disconnecting"]',
  '2["newListener"]',
  '2["removeListener"]',
  '2["echo",undefined]',
  '2["echo",1e400]',
  '2-1["echo",1]',
  '21.5["echo",1]',
  '2/nobody,["echo",1]',
  '2/nobody["echo",1]',
  '2/events,["events",1]',
  "0",
  "0{}",
  '0{"token":1}',
  "0x",
  "0/nobody",
  '0/nobody,{"a":1}',
  "0/events",
  "0/events,[]",
  "1{}",
  "1/nobody,",
  "3",
  "3[]",
  "3{}",
  "30[1]",
  "399[1]",
  "4",
  '4{"message":"no"}',
  '5["echo",1]',
  '51-["echo"]',
  '50-["echo",1]',
  '5x-["echo",1]',
  '6["x"]',
  "61-",
  "60-0[]",
]) {
  wire.check(`a packet ${packet || "without anything"}`, async ({ invite, settled }) => {
    const client = await invite("client").arrived();
    client.send(packet);
    await survives(client);
    await settled();
  });
}
wire.check("binary data that belongs to no packet", async ({ invite }) => {
  const client = await invite("client").arrived();
  client.send(Buffer.from("stray"));
  await survives(client);
});
wire.check("a text in place of binary data", async ({ invite }) => {
  const client = await invite("client").arrived();
  client.send('51-["echo",{"_placeholder":true,"num":0}]');
  client.send('2["echo",1]');
  await survives(client);
});
for (const [what, json, count] of [
  ["of a number that is none", '{"_placeholder":true,"num":7}', 1],
  ["of a number below zero", '{"_placeholder":true,"num":-1}', 1],
  ["of a number that is a text", '{"_placeholder":true,"num":"0"}', 1],
  ["used twice", '[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]', 1],
  ["that nothing uses", "1", 1],
  ["in another order", '[{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}]', 2],
]) {
  wire.check(`binary data ${what}`, async ({ invite }) => {
    const client = await invite("client").arrived();
    // Nobody asked with this id: the client ignores an ack that it does not know, so it is an event that tells.
    client.send(`5${count}-["broadcastOthers",${json}]`);
    for (let number = 0; number < count; number += 1) client.send(Buffer.from(`bytes ${number}`));
    await survives(client);
  });
}
wire.check("binary data, and no packet for it in time", async ({ invite, one }) => {
  const client = await invite("client").arrived();
  client.send('51-["echo",{"_placeholder":true,"num":0}]');
  client.close();
  await one.answer("echo", "others go on");
});
wire.check("a message over the size limit", async ({ invite }) => {
  const client = await invite("client").arrived();
  client.tell("echo", "x".repeat(1_000_100));
  await survives(client);
});
wire.check("a packet that is sent in two halves", async ({ invite }) => {
  const client = await invite("client").arrived();
  client.send('2["ec');
  client.send('ho",1]');
  await survives(client);
});

for (const [what, path, options] of [
  ["a handshake", "?EIO=4&transport=polling"],
  ["a handshake with a parameter t", "?EIO=4&transport=polling&t=abc"],
  ["no parameters", ""],
  ["no protocol version", "?transport=polling"],
  ["the protocol version 3", "?EIO=3&transport=polling"],
  ["the protocol version 5", "?EIO=5&transport=polling"],
  ["no transport", "?EIO=4"],
  ["an unknown transport", "?EIO=4&transport=pigeon"],
  ["websocket without an upgrade", "?EIO=4&transport=websocket"],
  ["an unknown session", "?EIO=4&transport=polling&sid=nobody"],
  ["a post without a session", "?EIO=4&transport=polling", { method: "POST", body: "40" }],
  ["a post to an unknown session", "?EIO=4&transport=polling&sid=nobody", { method: "POST", body: "40" }],
  ["a put", "?EIO=4&transport=polling", { method: "PUT", body: "40" }],
  ["a delete", "?EIO=4&transport=polling", { method: "DELETE" }],
  ["a path below", "below?EIO=4&transport=polling"],
]) {
  wire.check(`a request: ${what}`, async ({ one, urls }) => {
    const answer = await fetch(`${urls.here}/socket.io/${path}`, options);
    const text = await answer.text();
    one.note("status", answer.status);
    one.note("type", answer.headers.get("content-type"));
    // Ids differ, and with them how long an answer is.
    one.note("body", text.replace(/"sid":"[^"]+"/, '"sid":"<sid>"'));
  });
}

/** Writes down whether the client's connection is still good. */
async function survives(client) {
  const answered = client.socket.timeout(5_000).emitWithAck("echo", "still here").then(() => client.note("survived"));
  await Promise.race([answered.catch(() => {}), client.sees("disconnected")]);
}
