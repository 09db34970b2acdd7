// Bodies that a server has to hand on as they came.

/** Values of every kind, by what they are called. */
export const VALUES = {
  "a text": "hello",
  "an empty text": "",
  "a text of many scripts": "聊天室 – Ünïcode – 🦀 – \u0000 – \u2028 – \"quoted\"\\",
  "an integer": 42,
  zero: 0,
  "a negative fraction": -0.125,
  "a large integer": 9007199254740991,
  "a very small number": 5e-324,
  true: true,
  false: false,
  null: null,
  "an empty list": [],
  "a list": ["one", 2, null],
  "a list in a list": [["one"]],
  "an empty object": {},
  "a nested object": { list: [1, [2, { three: [null, false, "4"] }]], "": { "key with # and spaces": {} } },
  "fields in an order of their own": { z: 1, a: 2, "1": 3 },
  "a field __proto__": JSON.parse('{"__proto__":{"polluted":true}}'),
  "what looks like a placeholder": { _placeholder: false, num: 0 },
  binary: Buffer.from([0, 1, 2, 254, 255]),
  "empty binary": Buffer.alloc(0),
  "nested binary": { first: Buffer.from("first"), list: [1, { second: Buffer.alloc(3) }, "text"] },
  "40 kilobytes of text": "房".repeat(14_000),
  "40 kilobytes of binary": Buffer.alloc(40_000, 0xa5),
};

/** The same as the arguments of an emit, and some that are several or none. */
export const BODIES = {
  ...Object.fromEntries(Object.entries(VALUES).map(([what, value]) => [what, [value]])),
  "no arguments": [],
  "several arguments": ["one", { two: 2 }, Buffer.from("three"), null],
  "several lists": [["one"], ["two"]],
  undefined: [undefined],
};

/** A few of them, for events that look at their bodies. */
export const MISFITS = {
  "no arguments": [],
  null: [null],
  "a number": [7],
  "a fraction": [1.5],
  true: [true],
  "an empty text": [""],
  "a text": ["text"],
  "an empty list": [[]],
  "a list": [["text"]],
  "an empty object": [{}],
  binary: [Buffer.from("binary")],
  "several arguments": ["one", "two"],
};
