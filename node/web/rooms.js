// The rooms of the chat that this page is in, and the choice of one to write to.

import { byId, complain, withText } from "./page.js";

/** The page's rooms, by name. */
export class Rooms {
  constructor(socket, asker) {
    this.asker = asker;
    this.names = new Set();
    this.form = byId("room-form");
    this.choice = byId("composer").room;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter(this.form.room.value).then((entered) => entered && this.form.reset());
    });
    // A new connection is in no room: whoever was in one enters it again.
    socket.on("connect", () => {
      for (const room of this.names) this.#enter(room);
    });
  }

  async #enter(room) {
    return this.#ask("joinRoom", room, () => this.names.add(room));
  }

  async #leave(room) {
    return this.#ask("leaveRoom", room, () => this.names.delete(room));
  }

  async #ask(event, room, then) {
    complain(byId("room-error"), "");
    try {
      await this.asker.ask(event, room);
    } catch (error) {
      complain(byId("room-error"), error.message);
      return false;
    }
    then();
    this.#show();
    return true;
  }

  #show() {
    byId("rooms").replaceChildren(...[...this.names].map((room) => this.#item(room)));
    const chosen = this.choice.value;
    const options = [...this.names].map((room) => new Option(`room ${room}`, room));
    this.choice.replaceChildren(new Option("everyone", ""), ...options);
    this.choice.value = this.names.has(chosen) ? chosen : "";
  }

  #item(room) {
    const item = document.createElement("li");
    const leave = withText("button", "Leave", "quiet small");
    leave.type = "button";
    leave.setAttribute("aria-label", `Leave room ${room}`);
    leave.addEventListener("click", async () => {
      // The button goes with its room: who used it by keyboard is taken on to the next thing.
      if (await this.#leave(room)) this.form.room.focus();
    });
    item.append(withText("span", room, "name"), " ", leave);
    return item;
  }
}
