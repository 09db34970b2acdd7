// The chat: a name, and messages to everyone or to a room.

import { appendTo, byId, compact, complain, copyOf, saying } from "./page.js";

const MESSAGES_KEPT = 200;

/** The conversation. */
export class Chat {
  constructor(socket, rooms, typing) {
    this.socket = socket;
    this.typing = typing;
    this.join = byId("join");
    this.composer = byId("composer");
    this.messages = byId("messages");
    /** The name under which the server knows this page; null until it does. */
    this.name = null;
    /** The name that this page has asked for: asked for again after a reconnect. */
    this.wanted = null;
    /** Whether the focus goes on to the message once the name is taken. */
    this.moveOn = false;
    this.sent = "";
    this.#listenToPage();
    this.#listenToServer();
    this.join.username.value = `guest ${Math.floor(Math.random() * 900) + 100}`;
    this.#show();
  }

  #listenToPage() {
    this.join.addEventListener("submit", (event) => {
      event.preventDefault();
      complain(byId("join-error"), "");
      this.wanted = this.join.username.value;
      this.moveOn = true;
      this.socket.emit("joinChat", { username: this.wanted });
    });
    // The chat has no event for leaving: it is left by whoever disconnects. Back comes somebody who only reads.
    this.join.leave.addEventListener("click", () => {
      this.wanted = null;
      this.socket.disconnect().connect();
      this.join.username.focus();
    });
    this.composer.message.addEventListener("input", () => this.typing.changed(this.composer.message.value));
    this.composer.addEventListener("submit", (event) => {
      event.preventDefault();
      complain(byId("composer-error"), "");
      const room = this.composer.room.value;
      const message = this.composer.message.value;
      this.socket.emit("sendMessage", room === "" ? { message } : { message, room });
      this.typing.stop();
      this.sent = message;
      this.composer.message.value = "";
    });
  }

  #listenToServer() {
    this.socket.on("connect", () => {
      if (this.wanted !== null) this.socket.emit("joinChat", { username: this.wanted });
      this.#show();
    });
    this.socket.on("disconnect", () => {
      this.name = null;
      this.#show();
    });
    this.socket.on("joined", ({ username }) => {
      // A token's name wins over the one that was asked for, and white space around it is dropped.
      this.name = username;
      this.join.username.value = username;
      this.#show();
      if (this.moveOn) this.composer.message.focus();
      this.moveOn = false;
    });
    this.socket.on("newMessage", ({ username, message, timestamp }) => this.#say(username, message, timestamp));
    // A message to a group comes without a name.
    this.socket.on("message", (message) => this.#say("to a group", message, undefined));
    this.socket.on("userOnline", ({ username }) => this.#note(`${username} is online`));
    this.socket.on("userOffline", ({ username }) => this.#note(`${username} is offline`));
    this.socket.on("exception", (exception) => this.#refused(exception));
  }

  // Each exception where its cause is; those of rooms and of the playground are shown there.
  #refused(exception) {
    const event = exception?.cause?.pattern;
    const joining = event === "joinChat" || (event === undefined && this.name === null);
    if (joining) {
      this.wanted = this.name;
      complain(byId("join-error"), saying(exception));
      this.join.username.focus();
    } else if (event === undefined || event === "sendMessage" || event === "typing") {
      complain(byId("composer-error"), saying(exception));
      // What was refused is there again, to be changed.
      if (event === "sendMessage") this.composer.message.value ||= this.sent;
    }
  }

  #say(username, message, timestamp) {
    const item = copyOf("message");
    item.classList.toggle("own", username === this.name);
    item.querySelector(".name").textContent = username;
    item.querySelector(".text").textContent = typeof message === "string" ? message : compact(message);
    const at = new Date(timestamp ?? Date.now());
    if (!Number.isNaN(at.getTime())) {
      item.querySelector("time").dateTime = at.toISOString();
      item.querySelector("time").textContent = at.toLocaleTimeString();
    }
    appendTo(this.messages, item, MESSAGES_KEPT);
  }

  #note(text) {
    const item = document.createElement("li");
    item.className = "note";
    item.textContent = text;
    appendTo(this.messages, item, MESSAGES_KEPT);
  }

  #show() {
    const connected = this.socket.connected;
    const joined = connected && this.name !== null;
    byId("chat").dataset.joined = joined;
    const [join] = this.join.querySelectorAll("button");
    join.textContent = joined ? "Change" : "Join";
    join.disabled = !connected;
    this.join.leave.hidden = !joined;
    for (const field of this.composer.elements) field.disabled = !joined;
    for (const field of byId("room-form").elements) field.disabled = !connected;
  }
}
