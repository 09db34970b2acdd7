// The playground: every event of the built-in gateways that has no part of the page to itself, with a body to change.

import { appendTo, byId, compact, complain, copyOf, parse, withText } from "./page.js";

const ANSWERS_KEPT = 8;

/** Namespace, what it is, and its events: name, what it does, an example of a body, the events that answer it. */
const GROUPS = [
  ["/events", "replies of every kind", [
    ["events", "acks the body; none is an exception", { text: "hello" }, []],
    ["identity", "acks the field id alone", { id: 42 }, []],
    ["response", "comes back as the event events", { text: "hello" }, ["events"]],
    ["stream", "one event for each item", ["a", "b", "c"], ["events"]],
    ["delayed", "three events guang, over five seconds", undefined, ["guang"]],
    ["custom", "an event custom, then the ack", { text: "hello" }, ["custom"]],
  ]],
  ["/", "rooms and broadcasts", [
    ["msgToServer", "comes back as msgToClient", "hello", ["msgToClient"]],
    ["joinRoom", "joins a room", "lobby", []],
    ["sendToRoom", "roomMsg to everyone in a room", { room: "lobby", data: "hello" }, ["roomMsg"]],
    ["leaveRoom", "leaves it", "lobby", []],
    ["broadcast", "msgToAll to everyone", { text: "hello" }, ["msgToAll"]],
    ["broadcastOthers", "msgToOthers to everyone else", { text: "hello" }, ["msgToOthers"]],
    ["echo", "acks the body", [1, null, { deep: true }], []],
  ]],
  ["/chat", "messages to a group", [
    ["message", "to everyone in a room of the chat", { group: "lobby", msg: "hello" }, ["message"]],
  ]],
];

/** All groups, the first of them open. */
export class Replies {
  constructor(sockets, log) {
    for (const [namespace, title, events] of GROUPS) {
      const group = copyOf("group");
      group.open = namespace === GROUPS[0][0];
      group.dataset.namespace = namespace;
      group.querySelector("summary code").textContent = namespace;
      group.querySelector("summary span").textContent = title;
      const tries = events.map((event) => new Try(event, namespace, sockets[namespace], log));
      group.querySelector("ul").append(...tries.map(({ item }) => item));
      byId("groups").append(group);
      sockets[namespace].onAny((event, ...args) => receiver(tries, event, args)?.show(event, args));
    }
  }
}

// An event does not say what it answers. Of those that it may answer, it is taken for the latest that was sent, and
// where none was, somebody else's: that is for the log alone, unless only one is possible.
function receiver(tries, event, [data]) {
  const sent = tries.filter(({ sentAt }) => sentAt !== undefined).sort((one, other) => other.sentAt - one.sentAt);
  if (event === "exception") {
    const cause = data?.cause?.pattern;
    return cause === undefined ? sent[0] : sent.find(({ name }) => name === cause);
  }
  const possible = tries.filter(({ answers }) => answers.includes(event));
  return sent.find((one) => possible.includes(one)) ?? (possible.length === 1 ? possible[0] : undefined);
}

/** One event to try: its body, and what came of it. */
class Try {
  constructor([name, does, example, answers], namespace, socket, log) {
    this.name = name;
    this.answers = answers;
    this.sentAt = undefined;
    this.item = copyOf("try");
    this.item.dataset.event = name;
    const form = this.item.querySelector("form");
    this.error = this.item.querySelector(".error");
    this.list = this.item.querySelector(".answers");
    form.querySelector("label code").textContent = name;
    form.querySelector(".does").textContent = does;
    form.body.value = example === undefined ? "" : JSON.stringify(example);
    form.body.setAttribute("aria-label", `Body of ${name}, as JSON`);
    form.querySelector("button").setAttribute("aria-label", `Send ${name}`);
    this.list.setAttribute("aria-label", `Answers to ${name}`);

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      complain(this.error, "");
      const text = form.body.value.trim();
      try {
        const body = text === "" ? [] : [parse(text)];
        if (!socket.connected) throw new Error(`${namespace} is not connected.`);
        this.list.replaceChildren();
        this.sentAt = performance.now();
        socket.emit(name, ...body, (...args) => {
          log.ack(namespace, name, args);
          this.show("ack", args);
        });
      } catch (error) {
        complain(this.error, error.message);
      }
    });
  }

  show(kind, args) {
    const line = document.createElement("li");
    line.dataset.kind = kind;
    line.append(withText("b", kind), " ", withText("code", args.map((one) => compact(one)).join(", ")));
    if (this.sentAt !== undefined) line.append(" ", withText("small", `${Math.round(performance.now() - this.sentAt)} ms`));
    appendTo(this.list, line, ANSWERS_KEPT);
  }
}
