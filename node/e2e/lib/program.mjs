// Programs that a test starts: what they print is kept, and no one of them outlives the test process.

import { spawn } from "node:child_process";
import { readFile, readdir } from "node:fs/promises";

import { eventually, within } from "./deadline.mjs";

const LINES_KEPT = 400;
const running = new Set();

// Debian keeps haproxy outside the PATH of an ordinary user.
const PATH = `${process.env.PATH}:/usr/local/sbin:/usr/sbin`;

/** One child process. */
export class Program {
  /**
   * Starts `file`. Rejects with a sentence that says what to install where there is no such program.
   *
   * @param {{name: string, file: string, args?: string[], env?: object, install: string}} program
   */
  static async start({ name, file, args = [], env = process.env, install }) {
    const child = spawn(file, args, { env: { ...env, PATH }, stdio: ["ignore", "pipe", "pipe"] });
    await new Promise((resolve, reject) => {
      child.once("spawn", resolve);
      child.once("error", (error) => {
        reject(new Error(`${name} cannot be started: ${error.message}. ${install}`, { cause: error }));
      });
    });
    return new Program(name, child);
  }

  constructor(name, child) {
    this.name = name;
    this.lines = [];
    this.exit = null;
    this.child = child;
    running.add(child);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => this.#keep(text));
    }
    this.exited = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        running.delete(child);
        this.exit = { code, signal };
        resolve(this.exit);
      });
    });
  }

  /** Sends `signal` and waits for the end: `{ code, signal }`. */
  async end(signal = "SIGKILL", patience = undefined) {
    if (this.exit === null) this.child.kill(signal);
    return within(this.exited, () => `${this.name} ends after ${signal}`, patience);
  }

  /** Has it stand still, connections and all; resolves once it does. */
  async pause() {
    this.child.kill("SIGSTOP");
    const tasks = `/proc/${this.child.pid}/task`;
    const state = async (task) => /\) (\w) /.exec(await readFile(`${tasks}/${task}/stat`, "latin1"))[1];
    // Threads stop one after the other, and what arrives before the last has stopped may still be answered.
    await eventually(
      async () => (await Promise.all((await readdir(tasks)).map(state))).every((letter) => letter === "T"),
      `${this.name} stands still`,
      { every: 1 },
    );
  }

  /** Lets it go on. */
  resume() {
    this.child.kill("SIGCONT");
  }

  /** Throws where the program has ended by itself, with the last it said. */
  assertRunning() {
    if (this.exit === null) return;
    const how = this.exit.signal ?? `exit code ${this.exit.code}`;
    throw new Error(`${this.name} has ended with ${how}:\n${this.lines.slice(-20).join("\n")}`);
  }

  /** What it printed last, as one text with a heading. */
  log() {
    return `── ${this.name} ──\n${this.lines.join("\n")}`;
  }

  #keep(text) {
    this.lines.push(...text.split("\n").filter((line) => line !== ""));
    if (this.lines.length > LINES_KEPT) this.lines.splice(0, this.lines.length - LINES_KEPT);
  }
}

// A test file that is interrupted leaves nothing behind either.
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.once(signal, () => process.exit(1));
}
