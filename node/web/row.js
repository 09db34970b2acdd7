// One record in the table: its fields, and an editor for them.

import { compact, complain, copyOf, parseObject, withText } from "./page.js";

/** A record's row. */
export class Row {
  /** @param {{update: Function, remove: Function}} records what the buttons act on */
  constructor(id, records) {
    this.records = records;
    this.id = id;
    this.editor = null;
    this.element = copyOf("row");
    this.element.dataset.id = id;
    this.element.querySelector("th").textContent = id;
    this.fields = this.element.querySelector(".fields");
    [this.edit, this.remove] = this.element.querySelectorAll("button");
    this.edit.setAttribute("aria-label", `Edit record ${id}`);
    this.remove.setAttribute("aria-label", `Remove record ${id}`);
    this.edit.addEventListener("click", () => this.#open());
    this.remove.addEventListener("click", () => this.records.remove(id));
  }

  show(record) {
    const { id, ...fields } = record;
    this.record = fields;
    if (this.editor !== null) return;
    const shown = Object.entries(fields).map(([name, value]) => {
      const field = withText("span", "", "pair");
      field.append(withText("span", name, "key"), " ", withText("span", typeof value === "string" ? value : compact(value, 200)));
      return field;
    });
    this.fields.replaceChildren(...(shown.length > 0 ? shown : [withText("span", "no fields", "hint")]));
  }

  /** Marks what somebody else did, in colour and in words. */
  stir(what) {
    this.element.classList.remove("stirred");
    // Read, so that the browser starts the animation anew.
    void this.element.offsetWidth;
    this.element.classList.add("stirred");
    this.element.querySelector(".badge")?.remove();
    this.element.querySelector(".actions").prepend(withText("span", `${what} elsewhere`, "badge"), " ");
  }

  /** The page's own doing is nothing to be pointed at. */
  calm() {
    this.element.classList.remove("stirred");
    this.element.querySelector(".badge")?.remove();
  }

  #open() {
    if (this.editor !== null) return;
    this.calm();
    this.editor = copyOf("editor");
    const error = this.editor.querySelector(".error");
    this.editor.body.value = JSON.stringify(this.record);
    this.editor.body.setAttribute("aria-label", `Fields of record ${this.id}, as a JSON object`);
    this.editor.addEventListener("submit", async (event) => {
      event.preventDefault();
      complain(error, "");
      try {
        await this.records.update(this.id, parseObject(this.editor.body.value));
        this.#close();
      } catch (problem) {
        complain(error, problem.message);
      }
    });
    this.editor.cancel.addEventListener("click", () => this.#close());
    this.editor.addEventListener("keydown", ({ key }) => key === "Escape" && this.#close());
    this.element.classList.add("editing");
    this.fields.colSpan = 2;
    this.fields.replaceChildren(this.editor);
    this.editor.body.focus();
  }

  #close() {
    if (this.editor === null) return;
    this.editor = null;
    this.element.classList.remove("editing");
    this.fields.colSpan = 1;
    this.show(this.record);
    this.edit.focus();
  }
}
