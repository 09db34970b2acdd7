// Who is online in the chat, cluster-wide.

import { byId, withText } from "./page.js";

const SHOWN = 200;

/** Everyone who has joined, by client id. */
export class People {
  constructor(socket) {
    this.socket = socket;
    this.names = new Map();
    this.node = null;
    socket.on("onlineUsers", (users) => {
      this.names = new Map(Array.isArray(users) ? users.filter(Array.isArray) : []);
      this.show();
    });
    socket.on("userOnline", ({ clientId, username }) => {
      this.names.set(clientId, username);
      this.show();
    });
    socket.on("userOffline", ({ clientId, username }) => {
      // A client that changes its name is offline under the old one only.
      if (this.names.get(clientId) === username) this.names.delete(clientId);
      this.show();
    });
    socket.on("disconnect", () => {
      this.names.clear();
      this.show();
    });
  }

  /** Which node this page is on. Nobody says it of the others. */
  nodeIs(node) {
    this.node = node;
    this.show();
  }

  show() {
    const own = ([clientId]) => clientId === this.socket.id;
    const all = [...this.names].sort((one, other) => own(other) - own(one));
    byId("people").replaceChildren(...all.slice(0, SHOWN).map((person) => this.#item(person, own(person))));
    if (all.length > SHOWN) byId("people").append(withText("li", `and ${all.length - SHOWN} more`, "hint"));
    byId("people-count").textContent = all.length;
  }

  #item([clientId, username], own) {
    const item = document.createElement("li");
    item.title = clientId;
    item.append(withText("span", username, "name"));
    if (own) item.append(" ", withText("span", "you", "badge"));
    if (own && this.node) item.append(" ", withText("span", `on ${this.node}`, "node"));
    return item;
  }
}
