// Who is typing: said of this page not with every key, and of others for no longer than they say so.

import { byId } from "./page.js";

/** How often a page that goes on typing says so. */
const AGAIN_MS = 3_000;
/** After how long without a key it has stopped. */
const PAUSE_MS = 2_000;
/** How long others are believed: longer than `AGAIN_MS`, and not for good, as their last word may never come. */
const BELIEVED_MS = 6_000;

export class Typing {
  constructor(socket) {
    this.socket = socket;
    this.saidAt = -Infinity;
    this.pause = undefined;
    this.others = new Map();
    socket.on("userTyping", ({ username, isTyping }) => (isTyping === true ? this.#begins(username) : this.#ends(username)));
    socket.on("newMessage", ({ username }) => this.#ends(username));
    socket.on("userOffline", ({ username }) => this.#ends(username));
    socket.on("disconnect", () => {
      this.saidAt = -Infinity;
      clearTimeout(this.pause);
      for (const username of [...this.others.keys()]) this.#ends(username);
    });
  }

  /** The page's own message has changed. */
  changed(text) {
    clearTimeout(this.pause);
    if (text === "") {
      this.stop();
      return;
    }
    this.pause = setTimeout(() => this.stop(), PAUSE_MS);
    if (performance.now() - this.saidAt < AGAIN_MS) return;
    this.saidAt = performance.now();
    this.socket.emit("typing", { isTyping: true });
  }

  stop() {
    clearTimeout(this.pause);
    if (this.saidAt === -Infinity) return;
    this.saidAt = -Infinity;
    this.socket.emit("typing", { isTyping: false });
  }

  #begins(username) {
    clearTimeout(this.others.get(username));
    this.others.set(username, setTimeout(() => this.#ends(username), BELIEVED_MS));
    this.#show();
  }

  #ends(username) {
    clearTimeout(this.others.get(username));
    if (this.others.delete(username)) this.#show();
  }

  #show() {
    const names = [...this.others.keys()];
    const text = names.length === 0 ? "" : names.length === 1 ? `${names[0]} is typing…` : names.length <= 3 ? `${names.join(", ")} are typing…` : `${names.length} people are typing…`;
    // Unchanged text must not be announced again.
    if (byId("typing").textContent !== text) byId("typing").textContent = text;
  }
}
