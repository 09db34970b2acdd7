// A rolling update: three nodes behind HAProxy are replaced one after the other, while a crowd of stock clients is sent 20
// messages a second and users of the chat are watched.

import { Emitter } from "@socket.io/redis-emitter";
import { io } from "socket.io-client";

import { Cluster } from "./cluster.mjs";
import { Crowd } from "./crowd.mjs";
import { eventually } from "./deadline.mjs";
import { RoomcastNode } from "./node.mjs";

const EVERY = 50;
/** Members of a room: each message goes to one room after the other, so that the clients' own programs keep up. */
const MEMBERS = 250;
const USERS = 20;

/**
 * Does it once.
 *
 * @param {{clients: number, members?: number, env?: object, say?: (text: string) => void}} options
 * @returns {Promise<object>} the report of the crowd, and `users`: those that were seen offline in between, and `ends`: how
 *   the replaced nodes ended
 */
export async function roll({ clients, members = MEMBERS, env = {}, say = () => {} }) {
  const cluster = new Cluster({ nodes: 3, balancer: true, env });
  let witness;
  let crowd;
  let connection;
  const rooms = Math.ceil(clients / members);
  const sent = Array.from({ length: rooms }, () => [0]);
  let sending;
  const users = [];
  try {
    await cluster.start();
    // Stands aside and is not replaced: who listens there misses nothing.
    witness = await RoomcastNode.start({ name: "witness", redis: cluster.redis });
    const flickered = watch(witness, users);
    await eventually(() => flickered.connected(), "the witness watches");
    crowd = await Crowd.connect(cluster.balancer.url, clients, rooms);
    for (let number = 0; number < USERS; number += 1) users.push(enter(cluster, `user ${number}`));
    await eventually(() => flickered.online() === USERS, "all users are online");
    say(`${clients} clients and ${USERS} users are connected`);

    connection = cluster.redis.connect();
    sending = send(connection, sent);
    await eventually(async () => (await crowd.heard(sent.map(() => 1))) === clients, "everybody hears the messages", { patience: 60_000 });
    const ends = [];
    for (let index = 0; index < cluster.nodes.length; index += 1) {
      const began = Date.now();
      const old = cluster.nodes[index];
      ends.push(await old.program.end("SIGTERM", 120_000));
      say(`${old.name} has ended after ${Date.now() - began} ms`);
      cluster.nodes[index] = await RoomcastNode.start({ name: old.name, redis: cluster.redis, env, at: { port: old.port, adminPort: old.adminPort } });
      await eventually(async () => (await cluster.balancer.readyNodes()).length === 3, "haproxy finds the new node");
      await eventually(async () => (await crowd.connected()) === clients, "everybody is back", { patience: 30_000 });
    }
    const next = sent.map((times) => times.length);
    await eventually(async () => (await crowd.heard(next)) === clients, "everybody hears what is sent after that", {
      patience: 60_000,
    });
    clearInterval(sending);
    await eventually(() => flickered.online() === USERS, "all users are online, each once");
    for (const { program } of cluster.nodes) program.assertRunning();
    const spread = await Promise.all(cluster.nodes.map((node) => node.metric("socket_io_connected")));
    return { ...(await crowd.report(sent)), messages: sent.reduce((sum, times) => sum + times.length - 1, 0), users: flickered.names(), ends, spread };
  } catch (error) {
    cluster.printLogs();
    const known = await crowd?.report(sent).catch((failure) => ({ failure: failure.message }));
    throw new Error(`${error.message}; ${JSON.stringify({ ...known, away: known?.away?.slice(-10) })}`, { cause: error });
  } finally {
    clearInterval(sending);
    connection?.disconnect();
    for (const user of users) user.disconnect();
    await crowd?.close();
    await witness?.kill();
    await cluster.stop();
  }
}

/** Sends 20 messages a second, to one room after the other, and notes when. */
function send(connection, sent) {
  const emitter = new Emitter(connection);
  let turn = 0;
  return setInterval(() => {
    const room = turn % sent.length;
    turn += 1;
    const number = sent[room].push(Date.now()) - 1;
    emitter.to(`crowd ${room}`).emit("tick", number);
  }, EVERY);
}

/** A user who joins the chat whenever it is connected, as applications do. */
function enter(cluster, username) {
  const socket = io(`${cluster.balancer.url}/chat`, { forceNew: true, withCredentials: true, transports: ["websocket"] });
  socket.on("connect", () => socket.emit("joinChat", { username }));
  return socket;
}

/** Watches who is online, and who was not for a moment. */
function watch(witness, users) {
  const ids = new Map();
  const flickered = new Set();
  const socket = io(`${witness.url}/chat`, { forceNew: true, transports: ["websocket"] });
  users.push(socket);
  socket.on("userOnline", ({ username, clientId }) => {
    ids.set(username, (ids.get(username) ?? new Set()).add(clientId));
  });
  socket.on("userOffline", ({ username, clientId }) => {
    const left = ids.get(username);
    left?.delete(clientId);
    if (!left || left.size === 0) flickered.add(username);
  });
  return {
    connected: () => socket.connected,
    online: () => [...ids.values()].filter((those) => those.size === 1).length,
    names: () => [...flickered],
  };
}
