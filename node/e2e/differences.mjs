// What a client sees otherwise of a Roomcast node than of a NestJS server, and why that is so. The comparison fails where
// there is another difference, and where one of these is gone.

/** `checks` are names, in which `*` stands for anything. */
export const DIFFERENCES = [
  {
    because: "null is a value, and answers the ack; NestJS drops it as it drops undefined",
    checks: [
      "* echo: null",
      "* echo: no arguments",
      "* echo: undefined",
      "/kinds told: null",
      "/kinds told: no arguments",
      "/kinds told: undefined",
      "/kinds null: *",
    ],
  },
  {
    because: "a field that the body does not have is null, and answers the ack",
    checks: [
      ...["no arguments", "null", "a number", "a fraction", "true", "an empty text", "a text", "an empty list", "a list"],
      ...["an empty object", "binary", "several arguments", "an id that is null"],
    ].map((what) => `/events identity: ${what}`),
  },
  {
    because: "its type makes a reply an event; NestJS takes any object for one that has a field `event`",
    checks: ["/kinds lookalike: *"],
  },
  {
    because: "one client's events are handled in the order in which they were sent, one at a time; NestJS starts each as it comes",
    checks: ["/ order: acks and events come in the order of what was sent", "/kinds slow: *"],
  },
  {
    because: "a room whose name is another client's id would let it listen in, and cannot be joined",
    checks: ["/ rooms: the room of another's id cannot be joined"],
  },
  {
    because: "an event with a reserved name, which has no handler, is ignored like any other; Node.js closes the connection",
    checks: ["connect", "disconnect", "disconnecting", "newListener", "removeListener"]
      .map((name) => `wire a packet 2["${name}"]`)
      .concat('wire a packet 2["connect_error",1]'),
  },
  {
    because: "a packet to a namespace that the client is not in is ignored; Node.js closes the connection",
    checks: ['wire a packet 2/nobody,["echo",1]', 'wire a packet 2/nobody["echo",1]', "wire a packet 1/nobody,"],
  },
  {
    because: "a second CONNECT to the same namespace is ignored, and so is a payload that cannot be read; Node.js closes the connection",
    checks: ["wire a packet 0", "wire a packet 0{}", 'wire a packet 0{"token":1}', "wire a packet 0x", "wire a packet 0/events,[]"],
  },
  {
    because: "JSON with something behind it is told to the client; Node.js closes the connection",
    checks: ['wire a packet 2["echo",1]x'],
  },
  {
    because: "a packet that announces no attachments is one without; Node.js closes the connection",
    checks: ['wire a packet 50-["echo",1]', "wire a packet 60-0[]"],
  },
  {
    because: "a reference to an attachment that is not there is null; Node.js closes the connection",
    checks: ["wire binary data of a number *"],
  },
  {
    because: "an event without a name, or with one that is a number, closes the connection; Node.js ignores it",
    checks: ["wire a packet 2", "wire a packet 2[1]"],
  },
  {
    because: "an ack without a number closes the connection; Node.js ignores it",
    checks: ["wire a packet 3", "wire a packet 3[]"],
  },
  {
    because: "Socket.IO is served at its path alone; Node.js serves it below, too",
    checks: ["wire a request: a path below"],
  },
];

const patterns = DIFFERENCES.flatMap(({ because, checks }) => checks.map((check) => ({ because, check, pattern: glob(check) })));

/** Why this check is allowed to differ, if it is. */
export function reasonFor(name) {
  return patterns.find(({ pattern }) => pattern.test(name))?.because;
}

function glob(text) {
  const parts = text.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`);
}
