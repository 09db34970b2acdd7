// The log: what goes out and comes in, the last 200 lines, and of those the ones that are asked for.

import { appendTo, byId, compact, withText } from "./page.js";

const KEPT = 200;

/** Lines, oldest first. */
export class Log {
  constructor() {
    this.lines = byId("lines");
    this.form = byId("log-form");
    this.paused = false;
    this.form.filter.addEventListener("input", () => this.#filterAll());
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.clear.addEventListener("click", () => {
      this.lines.replaceChildren();
      this.#count();
    });
    this.form.pause.addEventListener("click", () => {
      this.paused = !this.paused;
      this.form.pause.setAttribute("aria-pressed", this.paused);
    });
  }

  /** Writes down everything that this socket sends and receives, its acks apart: those are for whoever asked. */
  follow(socket, namespace) {
    socket.onAny((event, ...args) => this.add("in", namespace, event, args));
    socket.onAnyOutgoing((event, ...args) => this.add("out", namespace, event, args));
    socket.on("connect", () => this.add("state", namespace, "connected", [socket.id]));
    socket.on("disconnect", (reason) => this.add("state", namespace, "disconnected", [reason]));
    socket.on("connect_error", (error) => this.add("state", namespace, "connect_error", [error.message, error.data].filter(Boolean)));
  }

  ack(namespace, event, args) {
    this.add("in", namespace, `ack of ${event}`, args);
  }

  /** @param {"in"|"out"|"state"} way */
  add(way, namespace, event, args = []) {
    if (this.paused) return;
    const line = document.createElement("li");
    line.dataset.way = way;
    const now = new Date();
    const time = withText("time", now.toLocaleTimeString([], { hour12: false }));
    time.dateTime = now.toISOString();
    line.append(
      time,
      " ",
      withText("span", WAYS[way], "way"),
      " ",
      withText("code", namespace, "namespace"),
      " ",
      withText("b", event),
      " ",
      withText("span", args.map((one) => compact(one)).join(", "), "args"),
    );
    this.#filter(line);
    appendTo(this.lines, line, KEPT);
    this.#count();
  }

  #filterAll() {
    for (const line of this.lines.children) this.#filter(line);
    this.lines.scrollTop = this.lines.scrollHeight;
    this.#count();
  }

  #filter(line) {
    line.hidden = !line.textContent.toLowerCase().includes(this.form.filter.value.trim().toLowerCase());
  }

  #count() {
    const all = this.lines.children.length;
    const hidden = this.lines.querySelectorAll("[hidden]").length;
    byId("log-count").textContent = hidden ? `${all - hidden} of ${all}` : `${all}`;
  }
}

const WAYS = { in: "← in", out: "→ out", state: "· state" };
