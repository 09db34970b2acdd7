// One Roomcast node: the real binary, started with the environment alone.

import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { eventually } from "./deadline.mjs";
import { freePort } from "./ports.mjs";
import { Program } from "./program.mjs";

/** The binary under test. */
export const BINARY = process.env.ROOMCAST_BIN ?? fileURLToPath(new URL("../../../target/debug/roomcast", import.meta.url));

/** The node that serves every kind of reply beside what all nodes serve. */
export const KINDS = join(dirname(BINARY), "examples", "kinds");
/** The node whose clients on `/ops` have it do to the whole cluster what they ask for. */
export const OPERATIONS = process.env.ROOMCAST_OPERATIONS ?? join(dirname(BINARY), "examples", "operations");

/** A node that listens on two ports of its own. */
export class RoomcastNode {
  /**
   * Starts a node, and waits until it is ready.
   *
   * @param {{name: string, redis?: {url: string}, binary?: string, env?: object, at?: {host?: string, port?: number, adminPort?:
   *   number}}} options `env` wins over what is set here; `at` is where it listens, in part or whole, for a test
   *   that must know before, or that starts one where another has ended
   */
  static async start({ name, redis, binary = BINARY, env = {}, at = undefined }) {
    if (!existsSync(binary)) {
      throw new Error(`there is no ${binary}: build it with \`make build\`, or name another binary in ROOMCAST_BIN`);
    }
    const { host = "127.0.0.1", port = await freePort(), adminPort = await freePort() } = at ?? {};
    const program = await Program.start({
      name: `node ${name}`,
      file: binary,
      args: binary === BINARY ? ["serve"] : [],
      env: {
        ...withoutConfiguration(process.env),
        ROOMCAST_LISTEN: `${host}:${port}`,
        ROOMCAST_ADMIN__LISTEN: `${host}:${adminPort}`,
        ROOMCAST_DRAIN__GRACE: "1s",
        ROOMCAST_DRAIN__DEADLINE: "10s",
        ...(redis ? { ROOMCAST_REDIS__URL: redis.url } : {}),
        ...env,
      },
      install: "Is it built for this machine?",
    });
    const node = new RoomcastNode(name, program, port, adminPort, host);
    await eventually(
      async () => {
        program.assertRunning();
        return node.isReady();
      },
      `node ${name} is ready`,
    );
    return node;
  }

  constructor(name, program, port, adminPort, host = "127.0.0.1") {
    this.name = name;
    this.program = program;
    this.port = port;
    this.adminPort = adminPort;
    this.url = `http://${host}:${port}`;
    this.adminUrl = `http://${host}:${adminPort}`;
  }

  /** Whether `/ready` says that new clients may come. */
  async isReady() {
    return (await this.#admin("/ready")).status === 200;
  }

  /** Whether `/live` says that the process makes progress. */
  async isLive() {
    return (await this.#admin("/live")).status === 200;
  }

  /**
   * The sum of the samples of a metric whose labels include `labels`; 0 where there is none.
   *
   * A counter without samples is not exposed at all before its first count, so 0 is the truth there.
   */
  async metric(name, labels = {}) {
    const text = await (await this.#admin("/metrics")).text();
    const wanted = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    return text
      .split("\n")
      .map((line) => /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line))
      .filter((sample) => sample !== null && sample[1] === name)
      .filter(([, , found = ""]) => wanted.every((label) => found.includes(label)))
      .reduce((sum, [, , , value]) => sum + Number(value), 0);
  }

  /** Ends it without warning, as a crash of its machine would. */
  async kill() {
    await this.program.end("SIGKILL");
  }

  // A connection that was kept alive by a node that has ended must not be tried again: each request has its own.
  #admin(path) {
    return fetch(`${this.adminUrl}${path}`, { headers: { connection: "close" }, signal: AbortSignal.timeout(5_000) });
  }
}

// The machine's own settings must not reach the nodes of a test.
function withoutConfiguration(environment) {
  const other = Object.entries(environment).filter(
    ([name]) => !name.startsWith("ROOMCAST_") && !["PORT", "REDIS_URL", "JWT_SECRET"].includes(name),
  );
  return Object.fromEntries(other);
}
