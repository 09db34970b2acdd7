// The demo page: two rooms of the namespace `/`, and for each message who sent it from which node.

"use strict";

const ROOMS = ["lobby", "kitchen"];
const MESSAGES_KEPT = 200;
const COLOURS = 6;

const byId = (id) => document.getElementById(id);

/** What the page knows about its connection, shown in the header. */
const connection = {
  node: null,

  show(state, socket) {
    byId("connection").dataset.state = state;
    byId("state").textContent = state;
    byId("transport").textContent = socket?.connected ? socket.io.engine.transport.name : "–";
    byId("socket").textContent = socket?.id ?? "–";
    byId("node").textContent = (socket?.connected && this.node) || "–";
  },

  // Asked again after each connect: the balancer may have chosen another node, and its cookie makes sure that this
  // request goes to the same one as the connection.
  async findNode() {
    const answer = await fetch("/node.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(`/node.json: ${answer.status}`);
    this.node = String((await answer.json()).node);
  },
};

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = text === "";
}

/** One room on the page; the page may be in both, in one, or in none. */
class Room {
  constructor(socket, name) {
    this.socket = socket;
    this.joined = false;
    this.section = byId("room").content.cloneNode(true).firstElementChild;
    this.title = this.section.querySelector("h2");
    this.membership = this.section.querySelector(".membership");
    this.composer = this.section.querySelector(".composer");
    this.messages = this.section.querySelector(".messages");
    this.membership.room.value = name;
    this.showState();

    this.membership.addEventListener("submit", (event) => {
      event.preventDefault();
      if (this.joined) this.leave();
      else this.join(() => this.composer.text.focus());
    });
    this.membership.room.addEventListener("input", () => this.showState());
    this.composer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    byId("rooms").append(this.section);
  }

  get name() {
    return this.membership.room.value;
  }

  join(then = () => {}) {
    notice("");
    this.socket.emit("joinRoom", this.name, () => {
      this.changed(true);
      then();
    });
  }

  leave() {
    this.socket.emit("leaveRoom", this.name, () => this.changed(false));
  }

  /** A new connection is in no room: whoever was in this one joins it again. */
  connected() {
    if (this.joined) this.join();
    this.showState();
  }

  changed(joined) {
    this.joined = joined;
    this.showState();
  }

  send() {
    const data = {
      room: this.name,
      from: this.socket.id,
      name: byId("name").value.trim() || "anonymous",
      node: connection.node ?? "?",
      text: this.composer.text.value,
    };
    this.socket.emit("sendToRoom", { room: this.name, data });
    this.composer.reset();
  }

  /** Shows a message. Any client may have made it up, so it goes into the page as text and nothing else. */
  show({ name, node, text }, own) {
    const item = byId("message").content.cloneNode(true).firstElementChild;
    item.classList.toggle("own", own);
    item.querySelector(".name").textContent = name;
    item.querySelector(".text").textContent = text;
    item.querySelector(".node").textContent = node;
    item.querySelector(".node").dataset.colour = colour(node);
    const now = new Date();
    item.querySelector("time").dateTime = now.toISOString();
    item.querySelector("time").textContent = now.toLocaleTimeString();
    const { scrollHeight, scrollTop, clientHeight } = this.messages;
    const atEnd = scrollHeight - scrollTop - clientHeight < 40;
    this.messages.append(item);
    while (this.messages.children.length > MESSAGES_KEPT) this.messages.firstElementChild.remove();
    // Whoever has scrolled back to read is left there.
    if (atEnd) this.messages.scrollTop = this.messages.scrollHeight;
  }

  showState() {
    const online = this.socket.connected;
    this.section.dataset.joined = this.joined;
    this.title.textContent = this.name || "a room";
    this.messages.setAttribute("aria-label", `Messages in ${this.name}`);
    this.membership.room.disabled = this.joined;
    this.membership.querySelector("button").textContent = this.joined ? "Leave" : "Join";
    this.membership.querySelector("button").disabled = !online;
    for (const field of this.composer.elements) field.disabled = !(online && this.joined);
  }
}

/** The same number for the same node, on every page. */
function colour(node) {
  let sum = 0;
  for (const letter of node) sum = (sum * 31 + letter.codePointAt(0)) % 9973;
  return sum % COLOURS;
}

function textOr(value, fallback) {
  return typeof value === "string" && value !== "" ? value : fallback;
}

function start() {
  const socket = io();
  const rooms = ROOMS.map((name) => new Room(socket, name));
  byId("name").value = `guest ${Math.floor(Math.random() * 900) + 100}`;

  socket.on("connect", async () => {
    notice("");
    connection.show("connected", socket);
    for (const room of rooms) room.connected();
    socket.io.engine.once("upgrade", () => connection.show("connected", socket));
    try {
      await connection.findNode();
    } catch (error) {
      notice(`Which node this is could not be found out: ${error.message}`);
    }
    connection.show(socket.connected ? "connected" : "disconnected", socket);
  });

  socket.on("disconnect", (reason) => {
    connection.node = null;
    connection.show("disconnected", socket);
    for (const room of rooms) room.showState();
    // The client comes back by itself, unless a server has told it not to.
    if (reason === "io server disconnect") notice("The server has ended the connection. Reload the page to come back.");
  });

  socket.on("connect_error", (error) => {
    connection.show("disconnected", socket);
    notice(`No connection: ${error.message}. Trying again…`);
  });

  socket.on("exception", (exception) => notice(`The server refused that: ${textOr(exception?.message, "no reason given")}`));

  socket.on("roomMsg", (data) => {
    const message = { name: textOr(data?.name, "anonymous"), node: textOr(data?.node, "?"), text: textOr(data?.text, "") };
    for (const room of rooms) {
      if (room.joined && room.name === data?.room) room.show(message, data.from === socket.id);
    }
  });
}

if (typeof io === "function") start();
else {
  connection.show("disconnected");
  notice("The Socket.IO client could not be loaded from /socket.io/socket.io.js.");
}
