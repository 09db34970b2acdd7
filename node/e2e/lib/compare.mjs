// Runs one script against two servers, and compares what its clients saw.

import { Witness, newMark } from "./witness.mjs";

/** Of many values, each so many-th is sent. */
const EVERY = { "websocket only": 1, "polling, then upgrade": 4, "polling only": 8 };

/** The part of a script about one namespace. */
export class Chapter {
  /**
   * @param {{mark: (witness: Witness, mark: string) => void, marksReachAll?: boolean, enter?: Function, options?: object}}
   *   how `mark` has the witness, or everyone, told of a mark; `enter` is what a witness does first to hear of it; `options`
   *   are those of every client
   */
  constructor(namespace, { name = namespace, mark, marksReachAll = true, enter = async () => {}, options = {} }) {
    this.name = name;
    this.namespace = namespace;
    this.mark = mark;
    this.marksReachAll = marksReachAll;
    this.enter = enter;
    this.options = options;
    this.checks = [];
  }

  /** Adds a check: what its witnesses see must be the same on both servers. */
  check(name, act, { isOneOfMany = false } = {}) {
    this.checks.push({ name: `${this.name} ${name}`, act, isOneOfMany });
  }

  /** Adds a check for each of many values: what `act(scene, value)` does with it. */
  each(event, values, act) {
    for (const [what, value] of Object.entries(values)) {
      this.check(`${event}: ${what}`, (scene) => act(scene, value), { isOneOfMany: true });
    }
  }

  /** Adds a check for each body: `one` emits it, with an ack asked for and without. */
  bodies(event, bodies) {
    this.each(event, bodies, ({ one }, args) => {
      one.ask(event, ...args);
      one.tell(event, ...args);
    });
  }

  /**
   * Plays the chapter on the server of `urls`, and returns what was seen, by the names of the checks.
   *
   * What a server does with a value is the same over every transport: of many values, a few are sent over those that take
   * more than one request for each step.
   *
   * @param {{here: string, there: string}} urls of one server, or of two that make a cluster
   */
  async play(urls, transport) {
    const scene = new Scene(this, urls, transport);
    const seen = new Map();
    try {
      scene.one = await scene.seat("one", "here");
      scene.other = await scene.seat("other", "there");
      const every = EVERY[transport];
      const checks = this.checks.filter(({ isOneOfMany }, index) => !isOneOfMany || index % every === 0);
      for (const { name, act } of checks) {
        scene.forget();
        try {
          await act(scene);
          await scene.settled();
        } catch (error) {
          throw new Error(`${name} cannot be played on ${urls.here}: ${error.message}`, { cause: error });
        }
        seen.set(name, scene.report());
        await scene.closeGuests();
      }
    } finally {
      scene.close();
    }
    return seen;
  }
}

/** Where a check is played: two witnesses who stay, and guests who come for one check. */
class Scene {
  constructor(chapter, urls, transport) {
    this.chapter = chapter;
    this.urls = urls;
    this.transport = transport;
    this.seats = [];
    this.guests = [];
    /** Those who hear marks. */
    this.listening = new Set();
  }

  async seat(name, place) {
    const witness = this.#start(name, place, {});
    this.seats.push(witness);
    return this.#enter(witness);
  }

  /** A witness for this check alone, who starts to connect. */
  invite = (name, { place = "here", ...options } = {}) => {
    const witness = this.#start(name, place, options);
    this.guests.push(witness);
    return witness;
  };

  /** A witness for this check alone, once it is let in or refused. */
  guest = async (name, options) => this.#enter(this.invite(name, options));

  /** Resolves once nothing is on its way to anybody who is connected. */
  settled = async () => {
    const present = [...this.seats, ...this.guests].filter((witness) => witness.socket.connected && this.listening.has(witness));
    const speakers = present.filter((witness) => witness.hasSpoken);
    // Handlers of one server may overtake each other, but none takes longer than a question and its answer.
    for (let round = 0; round < 2; round += 1) {
      const marks = (speakers.length > 0 ? speakers : present).map((witness) => ({ witness, mark: newMark() }));
      const heard = marks.flatMap(({ witness, mark }) => {
        const listeners = this.chapter.marksReachAll ? present : [witness];
        return listeners.map((listener) => listener.hearsMark(mark));
      });
      for (const { witness, mark } of marks) this.chapter.mark(witness, mark);
      await Promise.all(heard);
    }
  };

  forget() {
    for (const witness of this.seats) witness.forget();
  }

  report() {
    return [...this.seats, ...this.guests].flatMap((witness) => witness.report()).map((line) => Witness.plain(line));
  }

  async closeGuests() {
    if (this.guests.length === 0) return;
    for (const guest of this.guests) guest.close();
    this.guests = [];
    // Whoever is told that a guest has left is told now.
    await this.settled();
  }

  close() {
    for (const witness of [...this.guests, ...this.seats]) witness.close();
  }

  async #enter(witness) {
    await witness.arrived();
    if (witness.socket.connected && witness.namespace === this.chapter.namespace) {
      await this.chapter.enter(witness);
      this.listening.add(witness);
    }
    return witness;
  }

  #start(name, place, { namespace = this.chapter.namespace, transport = this.transport, ...options }) {
    return new Witness(name, this.urls[place], { transport, namespace, ...this.chapter.options, ...options });
  }
}
