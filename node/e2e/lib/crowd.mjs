// Many stock clients with their default settings, spread over processes of their own, which note when they were away and
// what they missed.

import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { within } from "./deadline.mjs";

const MEMBER = fileURLToPath(new URL("crowd-process.mjs", import.meta.url));
/** What one process of Node.js carries without being what is measured. */
const MOST = 2_500;

export class Crowd {
  /**
   * Connects `count` clients to `url`, half of them by polling first and half by WebSocket alone. Each is in one of the rooms
   * `crowd 0`, `crowd 1` and so on, and joins it again whenever it is connected.
   */
  static async connect(url, count, rooms, patience = 120_000) {
    const crowd = new Crowd();
    for (let left = count; left > 0; left -= MOST) {
      const child = fork(MEMBER, [url, `${Math.min(left, MOST)}`, `${rooms}`], { serialization: "advanced" });
      crowd.children.push(child);
    }
    try {
      await Promise.all(crowd.children.map((child) => crowd.#answer(child, "ready", patience)));
    } catch (error) {
      await crowd.close();
      throw error;
    }
    return crowd;
  }

  constructor() {
    this.children = [];
  }

  /** How many clients are in their room now. */
  async connected() {
    const counts = await Promise.all(this.children.map((child) => this.#ask(child, "connected")));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /** How many clients have had the message of this number of their room, or a later one. */
  async heard(numbers) {
    const counts = await Promise.all(this.children.map((child) => this.#ask(child, "heard", numbers)));
    return counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * What became of the clients: `sent` has for each room when each message was sent, by its number, which begins with 1.
   *
   * @returns {Promise<{clients, back, moves, away, lost, unexplained, repeated, late, reasons}>} `away` are the times that they
   *   were away, in milliseconds and in order; `lost` counts messages, each for every client that missed it, and
   *   `unexplained` those of them that were not sent while the client was away; `late` is how late the clients' own
   *   programs were at most, by which all of this may be off
   */
  async report(sent) {
    const reports = await Promise.all(this.children.map((child) => this.#ask(child, "report", sent)));
    const sum = (name) => reports.reduce((total, report) => total + report[name], 0);
    const reasons = {};
    for (const [reason, count] of reports.flatMap((report) => Object.entries(report.reasons))) {
      reasons[reason] = (reasons[reason] ?? 0) + count;
    }
    return {
      clients: sum("clients"),
      back: sum("back"),
      moves: sum("moves"),
      away: reports.flatMap((report) => report.away).sort((one, other) => one - other),
      lost: sum("lost"),
      unexplained: sum("unexplained"),
      repeated: sum("repeated"),
      late: Math.max(...reports.map((report) => report.late)),
      reasons,
    };
  }

  async close() {
    for (const child of this.children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
  }

  async #ask(child, question, value = undefined) {
    const answer = this.#answer(child, question, 60_000);
    child.send({ question, value });
    return answer;
  }

  async #answer(child, question, patience) {
    const answered = new Promise((resolve, reject) => {
      const hear = (message) => {
        if (message.question !== question) return;
        child.off("message", hear);
        child.off("exit", ended);
        resolve(message.value);
      };
      const ended = () => reject(new Error("a process with clients has ended"));
      child.on("message", hear);
      child.once("exit", ended);
    });
    return within(answered, () => `the clients are asked: ${question}`, patience);
  }
}
