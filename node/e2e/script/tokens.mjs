// Who comes into `/chat` with which token, where there are keys.

import { exportJWK, generateKeyPair, SignJWT } from "jose";

import { Chapter } from "../lib/compare.mjs";

const ALGORITHMS = ["RS256", "ES256", "EdDSA"];
const HOUR = 3_600;

export const SECRET = "a secret of these tests, long enough for HS256";

const secret = new TextEncoder().encode(SECRET);
const pairs = Object.fromEntries(await Promise.all(ALGORITHMS.map(async (algorithm) => [algorithm, await generateKeyPair(algorithm)])));
const strangers = Object.fromEntries(await Promise.all(ALGORITHMS.map(async (algorithm) => [algorithm, await generateKeyPair(algorithm)])));

/** The public keys, as a server is given them. */
export const JWKS = {
  keys: await Promise.all(
    ALGORITHMS.map(async (alg) => ({ ...(await exportJWK(pairs[alg].publicKey)), alg, kid: `key of ${alg}`, use: "sig" })),
  ),
};

const now = () => Math.floor(Date.now() / 1_000);

async function token({ alg = "HS256", key = alg === "HS256" ? secret : pairs[alg].privateKey, kid, ...claims } = {}) {
  const said = { sub: "a-sub", name: "Ann", exp: now() + HOUR, ...claims };
  return new SignJWT(said).setProtectedHeader({ alg, ...(kid ? { kid } : {}) }).sign(key);
}

const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

const EVERYBODY = "everybody who hears marks";

export const tokens = new Chapter("/chat", {
  name: "/chat with keys",
  mark: (witness, mark) => witness.socket.emit("message", { group: EVERYBODY, msg: mark }),
  enter: (witness) => witness.socket.emitWithAck("joinRoom", EVERYBODY),
  options: { auth: async (give) => give({ token: await token() }) },
});

const valid = Object.fromEntries(
  await Promise.all(["HS256", ...ALGORITHMS].map(async (alg) => [alg, await token({ alg, ...(alg === "HS256" ? {} : { kid: `key of ${alg}` }) })])),
);
for (const [alg, good] of Object.entries(valid)) {
  for (const [where, options] of Object.entries({
    "the payload": { auth: { token: good } },
    "the query": { auth: {}, query: { token: good } },
    "a header": { auth: {}, extraHeaders: { authorization: `Bearer ${good}` } },
  })) {
    lets(`valid ${alg} in ${where}`, options);
  }
}
for (const alg of ALGORITHMS) {
  lets(`${alg} of a stranger`, { auth: { token: await token({ alg, key: strangers[alg].privateKey, kid: `key of ${alg}` }) } });
  lets(`${alg} that has expired`, { auth: { token: await token({ alg, kid: `key of ${alg}`, exp: now() - 10 }) } });
  lets(`${alg} with an unknown kid`, { auth: { token: await token({ alg, kid: "unknown" }) } });
}
for (const [what, options] of Object.entries({
  none: { auth: {} },
  "no payload": { auth: undefined },
  "an empty text": { auth: { token: "" } },
  "an empty text, and a valid one in the query": { auth: { token: "" }, query: { token: valid.HS256 } },
  "a wrong one, and a valid one in the query": { auth: { token: "wrong" }, query: { token: valid.HS256 } },
  "a valid one, and a wrong one in the query": { auth: { token: valid.HS256 }, query: { token: "wrong" } },
  "no text": { auth: { token: 7 } },
  "no token": { auth: { token: "not a token" } },
  "three empty parts": { auth: { token: ".." } },
  "another scheme": { auth: {}, extraHeaders: { authorization: `Basic ${valid.HS256}` } },
  "a scheme in small letters": { auth: {}, extraHeaders: { authorization: `bearer ${valid.HS256}` } },
  "the algorithm none": { auth: { token: `${part({ alg: "none" })}.${part({ sub: "a", exp: now() + HOUR })}.` } },
  "a signature that is cut": { auth: { token: valid.HS256.slice(0, -4) } },
  "a signature of another secret": { auth: { token: await token({ key: new TextEncoder().encode("another secret, long enough for it") }) } },
  "claims that were changed": { auth: { token: forged(valid.HS256) } },
  "a public key as the secret": { auth: { token: await token({ key: new TextEncoder().encode(JSON.stringify(JWKS.keys[0])) }) } },
  "one that has expired": { auth: { token: await token({ exp: now() - 10 }) } },
  "one that is not valid yet": { auth: { token: await token({ nbf: now() + HOUR }) } },
  "one that never expires": { auth: { token: await token({ exp: undefined }) } },
  "an exp that is a text": { auth: { token: await token({ exp: "tomorrow" }) } },
})) {
  lets(what, options);
}
for (const [what, claims] of Object.entries({
  "the name": {},
  "the sub, without a name": { name: undefined },
  "the sub, with a name that is none": { name: "  " },
  "the sub, with a name that is no text": { name: 7 },
  "the name, trimmed": { name: "  Bea " },
})) {
  const given = await token(claims);
  tokens.check(`the user is ${what}, whatever the body says`, async ({ guest, one }) => {
    const client = await guest("client", { auth: { token: given } });
    client.ask("joinChat", { username: "somebody else" });
    await client.sees("event joined");
    await one.sees("event userOnline");
    client.close();
    await one.sees("event userOffline");
  });
}
tokens.check("the user is the body's, with no usable claim", async ({ guest, one }) => {
  const client = await guest("client", { auth: { token: await token({ sub: undefined, name: undefined }) } });
  client.ask("joinChat", { username: "Carla" });
  await client.sees("event joined");
  await one.sees("event userOnline");
  client.close();
  await one.sees("event userOffline");
});
tokens.check("a token that expires ends the connection to the namespace", async ({ guest }) => {
  const client = await guest("client", { auth: { token: await token({ exp: now() + 2 }) } });
  await client.sees("disconnected");
  client.note("will come back", client.socket.active);
});

/** Adds a check of who is let in. */
function lets(what, options) {
  tokens.check(`token: ${what}`, async ({ guest, one }) => {
    const client = await guest("client", options);
    client.note("will try again", client.socket.active);
    if (!client.socket.connected) return;
    client.ask("joinChat", { username: "body" });
    await client.sees("event joined");
    await one.sees("event userOnline");
    client.close();
    await one.sees("event userOffline");
  });
}

function forged(token) {
  const [head, , signature] = token.split(".");
  return `${head}.${part({ sub: "admin", exp: now() + HOUR })}.${signature}`;
}
