// A process of clients, of a crowd: `crowd-process.mjs URL COUNT ROOMS`, started by crowd.mjs.

import { monitorEventLoopDelay } from "node:perf_hooks";

import { io } from "socket.io-client";

import { TRANSPORTS } from "./client.mjs";

const AT_A_TIME = 50;
/**
 * What was on its way when a client went, or came, in milliseconds: clients see either a moment after their node. How late
 * this program was at most comes on top.
 */
const ON_ITS_WAY = 500;

// Where this program is late, so is what it notes.
const delay = monitorEventLoopDelay({ resolution: 10 });
delay.enable();
const late = () => delay.max / 1e6;

const [url, count, rooms] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];

/** A client with the settings that it has by itself. */
class Member {
  constructor(transport, room) {
    this.room = room;
    this.isIn = false;
    /** Times it was away: `[from, to]`, and 0 as long as it is. */
    this.absences = [];
    /** Ranges of numbers that it has not had. */
    this.gaps = [];
    this.last = 0;
    this.transport = transport;
    this.repeated = 0;
    this.reasons = [];
    // Without the option, a client in Node.js keeps no cookie, and a poll could reach another node.
    this.socket = io(url, { forceNew: true, withCredentials: true, ...TRANSPORTS[transport] });
    this.socket.on("disconnect", (reason) => {
      // Where it was not back yet, it is still away.
      if (!this.isIn) return;
      this.isIn = false;
      this.reasons.push(reason);
      this.absences.push([Date.now(), 0]);
    });
    this.socket.on("connect", () => {
      this.socket.emit("joinRoom", `crowd ${room}`, () => {
        this.isIn = true;
        const absence = this.absences.at(-1);
        if (absence) absence[1] = Date.now();
        this.entered?.();
      });
    });
    this.socket.on("connect_error", (error) => this.reasons.push(`refused: ${error.description?.message ?? error.message}`));
    this.socket.on("tick", (number) => {
      if (number <= this.last) {
        this.repeated += 1;
        return;
      }
      if (number > this.last + 1) this.gaps.push([this.last + 1, number - 1]);
      this.last = number;
    });
  }

  async connected() {
    if (!this.isIn) await new Promise((resolve) => (this.entered = resolve));
  }

  /** Where it is, for whoever wants to know why it is not connected. */
  get state() {
    const { _readyState: manager, engine } = this.socket.io;
    return `not connected: ${this.transport}, ${manager}, ${engine?.readyState} by ${engine?.transport?.name}`;
  }

  /** Whether a message that was sent at `time` may have missed it. */
  wasAway(time) {
    const around = ON_ITS_WAY + late();
    return this.absences.some(([from, to]) => from - around <= time && (to === 0 || time <= to + around));
  }
}

const members = [];
const answers = {
  connected: () => members.filter(({ isIn }) => isIn).length,
  heard: (numbers) => members.filter(({ last, room }) => last >= numbers[room]).length,
  report(sent) {
    const report = { clients: members.length, back: 0, moves: 0, away: [], lost: 0, unexplained: 0, repeated: 0, reasons: {}, late: late() };
    for (const member of members) {
      if (member.isIn) report.back += 1;
      else report.reasons[member.state] = (report.reasons[member.state] ?? 0) + 1;
      report.moves += member.absences.length;
      report.away.push(...member.absences.map(([from, to]) => (to === 0 ? Infinity : to - from)));
      report.repeated += member.repeated;
      for (const reason of member.reasons) report.reasons[reason] = (report.reasons[reason] ?? 0) + 1;
      for (const [first, last] of member.gaps) {
        for (let number = first; number <= last; number += 1) {
          report.lost += 1;
          if (!member.wasAway(sent[member.room][number])) report.unexplained += 1;
        }
      }
    }
    return report;
  },
};

process.on("message", ({ question, value }) => process.send({ question, value: answers[question](value) }));
process.once("disconnect", () => process.exit());

while (members.length < count) {
  const group = Array.from({ length: Math.min(AT_A_TIME, count - members.length) }, (_, index) =>
    new Member(index % 2 === 0 ? "polling, then upgrade" : "websocket only", (members.length + index) % rooms),
  );
  members.push(...group);
  await Promise.all(group.map((member) => member.connected()));
}
process.send({ question: "ready" });
