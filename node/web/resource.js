// The resource as a live table: what is here, and what others make of it meanwhile.

import { byId, complain, isObject, parseObject } from "./page.js";
import { Row } from "./row.js";

/** All records, by ascending id. */
export class Resource {
  constructor(socket, asker) {
    this.asker = asker;
    this.rows = new Map();
    /** How many events of its own doing the page has still to see, by event and id. */
    this.expected = new Map();
    this.create = byId("create");
    this.watch = byId("watch");

    socket.on("connect", () => this.#begin());
    socket.on("AaaCreated", (record) => this.#happened("created", record));
    socket.on("AaaUpdated", (record) => this.#happened("updated", record));
    socket.on("AaaRemoved", (record) => this.#happened("removed", record));
    this.watch.addEventListener("change", () => this.#attempt(() => this.#begin()));
    byId("refresh").addEventListener("click", () => this.#attempt(() => this.#read()));
    this.create.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#attempt(async () => this.#put(await this.asker.ask("createAaa", parseObject(this.create.body.value))).calm());
    });
  }

  async #attempt(action) {
    complain(byId("records-error"), "");
    try {
      return await action();
    } catch (error) {
      complain(byId("records-error"), error.message);
    }
  }

  // Watching first: what happens between the two is then in the answer or comes as an event, or both.
  async #begin() {
    this.expected.clear();
    await this.#attempt(async () => {
      await this.asker.ask(this.watch.checked ? "watchAaa" : "unwatchAaa");
      if (this.watch.checked) await this.#read();
    });
  }

  async #read() {
    const records = (await this.asker.ask("findAllAaa")).filter((record) => isObject(record));
    const kept = new Set(records.map(({ id }) => id));
    for (const id of [...this.rows.keys()]) if (!kept.has(id)) this.#drop(id);
    for (const record of records) this.#put(record);
  }

  /** Changes a record; rejects with what the node says against it. */
  async update(id, fields) {
    await this.#mine("updated", id, async () => this.#put(await this.asker.ask("updateAaa", { ...fields, id })).calm());
  }

  async remove(id) {
    await this.#attempt(() =>
      this.#mine("removed", id, async () => {
        await this.asker.ask("removeAaa", id);
        this.#drop(id);
      }),
    );
  }

  async #mine(what, id, action) {
    const key = `${what} ${id}`;
    if (this.watch.checked) this.expected.set(key, (this.expected.get(key) ?? 0) + 1);
    try {
      await action();
    } catch (error) {
      this.expected.delete(key);
      throw error;
    }
  }

  #happened(what, record) {
    if (!isObject(record)) return;
    const { id } = record;
    const key = `${what} ${id}`;
    // Of a new record the page knows only by the ack that it is its own: the ack calms the row, or has put it there.
    const own = this.expected.get(key) > 0 || (what === "created" && this.rows.has(id));
    if (this.expected.get(key) > 0) this.expected.set(key, this.expected.get(key) - 1);
    if (what === "removed") this.#drop(id);
    else if (own) this.#put(record);
    else this.#put(record).stir(what);
    if (!own) byId("records-news").textContent = `Record ${id} was ${what} at ${new Date().toLocaleTimeString()}.`;
  }

  #put(record) {
    const { id } = record;
    let row = this.rows.get(id);
    if (row === undefined) {
      row = new Row(id, this);
      this.rows.set(id, row);
      const next = [...this.rows.keys()].filter((other) => other > id).sort((one, other) => one - other)[0];
      byId("rows").insertBefore(row.element, this.rows.get(next)?.element ?? null);
    }
    row.show(record);
    this.#count();
    return row;
  }

  #drop(id) {
    const row = this.rows.get(id);
    const hadFocus = row?.element.contains(document.activeElement);
    row?.element.remove();
    this.rows.delete(id);
    if (hadFocus) this.create.body.focus();
    this.#count();
  }

  #count() {
    byId("records-empty").hidden = this.rows.size > 0;
  }
}
