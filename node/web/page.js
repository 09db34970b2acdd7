// What every part of the page needs: its elements, and JSON that people type.

export const byId = (id) => document.getElementById(id);

/** A copy of the only element in the template `id`. */
export const copyOf = (id) => byId(id).content.cloneNode(true).firstElementChild;

/** An element with this text. Whatever a client has made up goes into the page as text and nothing else. */
export function withText(tag, text, className = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

/** Shows `text` in a place for errors, which is not there while there is none. */
export function complain(element, text) {
  element.textContent = text;
  element.hidden = text === "";
}

/** What an exception says, for people. */
export function saying(exception) {
  const text = exception?.message;
  return typeof text === "string" && text !== "" ? text : `The server refused that: ${compact(exception)}`;
}

/** A value on one line. */
export function compact(value, limit = 400) {
  let text;
  try {
    text = JSON.stringify(value, (_, part) => (isBinary(part) ? `${part.byteLength} bytes` : part));
  } catch {
    // Nested too deeply, or something that JSON has no form for.
  }
  text ??= String(value);
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

const isBinary = (value) => value instanceof ArrayBuffer || ArrayBuffer.isView(value);

/** Whether this is an object with fields, as a record is. */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

/** The value that `text` stands for. Throws with a sentence for people. */
export function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`That is not JSON: ${error.message}`);
  }
}

/** Like `parse`, for what has to be an object. */
export function parseObject(text) {
  const value = parse(text);
  if (!isObject(value)) throw new Error('That is no JSON object, such as {"title":"Tea"}.');
  return value;
}

/** Appends `item` to a list that scrolls. Whoever has scrolled back to read is left there. */
export function appendTo(list, item, limit) {
  const { scrollHeight, scrollTop, clientHeight } = list;
  const atEnd = scrollHeight - scrollTop - clientHeight < 40;
  list.append(item);
  while (list.children.length > limit) list.firstElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}
