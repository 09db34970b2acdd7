// The one connection of the page, and its seats in three namespaces.

import { byId, complain, copyOf } from "./page.js";

/** Shows how the page is connected, and lets each namespace be left and come back to. */
export class Connection {
  constructor(sockets) {
    this.node = null;
    this.whenNodeChanges = () => {};
    this.refused = new Map();
    this.items = new Map();
    for (const [namespace, socket] of Object.entries(sockets)) this.#add(namespace, socket);
    // One manager carries them all.
    this.manager = sockets["/"].io;
    this.manager.on("open", () => this.#opened());
    this.manager.on("error", (error) => complain(byId("notice"), `No connection: ${error.message}. Trying again…`));
    this.manager.on("close", () => {
      this.#nodeIs(null);
      byId("transport").textContent = "–";
    });
  }

  #opened() {
    complain(byId("notice"), "");
    this.#showTransport();
    this.manager.engine.once("upgrade", () => this.#showTransport());
    this.#findNode().catch((error) => complain(byId("notice"), `Which node this is could not be found out: ${error.message}`));
  }

  #showTransport() {
    byId("transport").textContent = this.manager.engine.transport.name;
  }

  // Asked again after each connect: the balancer may have chosen another node, and its cookie makes sure that this
  // request goes to the same one as the connection.
  async #findNode() {
    const engine = this.manager.engine;
    const answer = await fetch("/node.json", { cache: "no-store" });
    if (!answer.ok) throw new Error(`/node.json: ${answer.status}`);
    const { node } = await answer.json();
    if (this.manager.engine === engine && engine.readyState === "open") this.#nodeIs(String(node));
  }

  #nodeIs(node) {
    this.node = node;
    byId("node").textContent = node ?? "–";
    this.whenNodeChanges(node);
  }

  #add(namespace, socket) {
    const item = copyOf("namespace");
    item.querySelector(".name").textContent = namespace;
    item.dataset.namespace = namespace;
    item.querySelector("button").addEventListener("click", () => {
      this.refused.delete(namespace);
      if (socket.active) socket.disconnect();
      else socket.connect();
      this.#show(namespace, socket);
    });
    this.items.set(namespace, item);
    byId("namespaces").append(item);

    socket.on("connect", () => {
      this.refused.delete(namespace);
      this.#show(namespace, socket, "connected");
    });
    socket.on("disconnect", (reason) => {
      if (reason === "io server disconnect") this.refused.set(namespace, "The server has ended this.");
      this.#show(namespace, socket, "disconnected");
    });
    socket.on("connect_error", (error) => {
      // What the server refuses, the client does not try again by itself.
      if (!socket.active) this.refused.set(namespace, error.message);
      this.#show(namespace, socket);
    });
    this.#show(namespace, socket);
  }

  #show(namespace, socket, news = "") {
    const item = this.items.get(namespace);
    const state = socket.connected ? "connected" : socket.active ? "connecting" : this.refused.has(namespace) ? "refused" : "disconnected";
    item.dataset.state = state;
    item.querySelector(".state").textContent = state;
    item.querySelector(".socket").textContent = socket.id ?? "";
    const button = item.querySelector("button");
    button.textContent = socket.active ? "Disconnect" : "Connect";
    button.setAttribute("aria-label", `${button.textContent} ${namespace}`);
    complain(item.querySelector(".error"), this.refused.get(namespace) ?? "");
    if (news) byId("connection-news").textContent = `${namespace} ${news}`;
  }
}
