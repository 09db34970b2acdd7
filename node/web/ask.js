// Questions over one socket: each is answered by its ack, by an exception in its place, or by neither in time.

import { saying } from "./page.js";

const PATIENCE_MS = 8_000;

/** A socket's open questions. */
export class Asker {
  constructor(socket, namespace, log) {
    this.socket = socket;
    this.namespace = namespace;
    this.log = log;
    this.open = [];
    socket.on("exception", (exception) => this.#refused(exception));
  }

  /** Emits, and resolves with what the ack says; rejects with a sentence for people. */
  ask(event, ...args) {
    return new Promise((resolve, reject) => {
      const question = { event, reject };
      this.open.push(question);
      this.socket.timeout(PATIENCE_MS).emit(event, ...args, (error, ...answer) => {
        this.#close(question);
        if (error) {
          reject(new Error(`No answer to ${event}. This node may not know the event, or the connection was lost.`));
          return;
        }
        this.log.ack(this.namespace, event, answer);
        resolve(answer[0]);
      });
    });
  }

  // An exception names its event, unless the node is set not to say so. Then it is the oldest question's: a node
  // handles one client's events in order.
  #refused(exception) {
    const event = exception?.cause?.pattern;
    const question = event === undefined ? this.open[0] : this.open.find((one) => one.event === event);
    if (question === undefined) return;
    this.#close(question);
    question.reject(new Error(saying(exception)));
  }

  #close(question) {
    const index = this.open.indexOf(question);
    if (index >= 0) this.open.splice(index, 1);
  }
}
