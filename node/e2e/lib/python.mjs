// The official client for Python: a program that a test leads.

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { within } from "./deadline.mjs";

const PROGRAM = fileURLToPath(new URL("../python/guest.py", import.meta.url));
const PYTHON = process.env.E2E_PYTHON;

/** Gives the tests of a `describe` one Python, for any number of clients. */
export function usePython() {
  const python = new Python();
  before(() => python.start());
  after(() => python.stop());
  return python;
}

class Python {
  constructor() {
    /** Whoever waits for an answer, in the order of the commands. */
    this.waiting = [];
    this.clients = 0;
  }

  async start() {
    if (!PYTHON) throw new Error("E2E_PYTHON names no Python with python-socketio: run these tests with node/e2e/run.sh");
    this.child = spawn(PYTHON, [PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      const [isDone, value] = JSON.parse(line);
      const { resolve, reject } = this.waiting.shift();
      if (isDone) resolve(read(value));
      else reject(new Error(value));
    });
    this.ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.once("exit", (code) => {
      for (const { reject } of this.waiting) reject(new Error(`Python has ended with ${code}`));
    });
    await new Promise((resolve, reject) => this.child.once("spawn", resolve).once("error", reject));
  }

  async stop() {
    this.child?.kill("SIGKILL");
    await this.ended;
  }

  /**
   * A client that is connected to nothing yet, and leaves at the end of the test.
   *
   * @param {"threads" | "asyncio"} kind which of the two clients
   */
  async client(cluster, kind) {
    const client = new PythonClient(this, (this.clients += 1));
    await client.do("new", kind);
    cluster.closeLater(() => client.do("disconnect"));
    return client;
  }

  /** A client that is connected to a node. */
  async connect(cluster, { kind, node = "n1", transports, namespaces = ["/"], auth = null }) {
    const client = await this.client(cluster, kind);
    client.transport = await client.do("connect", cluster.node(node).url, transports, namespaces, auth);
    return client;
  }

  async do(client, name, ...args) {
    const answer = new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.child.stdin.write(`${JSON.stringify([client, name, ...args.map(written)])}\n`);
    return within(answer, () => `Python does ${name} ${JSON.stringify(args).slice(0, 200)}`, 30_000);
  }
}

class PythonClient {
  constructor(python, number) {
    this.python = python;
    this.number = number;
  }

  /** Has a command carried out. */
  async do(name, ...args) {
    return this.python.do(this.number, name, ...args);
  }

  /** Emits to a namespace, and resolves with the ack. */
  async ask(namespace, event, ...data) {
    return this.do("ask", namespace, event, data);
  }

  async emit(namespace, event, ...data) {
    return this.do("emit", namespace, event, data);
  }

  /** The arguments of the next `event`, `connect`, `connect_error` or `disconnect`, waited for. */
  async receive(namespace, event) {
    return this.do("receive", namespace, event);
  }
}

function written(value) {
  if (Buffer.isBuffer(value)) return { binary: value.toString("base64") };
  if (Array.isArray(value)) return value.map(written);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, written(field)]));
}

function read(value) {
  if (Array.isArray(value)) return value.map(read);
  if (typeof value !== "object" || value === null) return value;
  if (typeof value.binary === "string" && Object.keys(value).length === 1) return Buffer.from(value.binary, "base64");
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, read(field)]));
}
