// Somebody who looks at the demo page in a real browser: clicks, types and reads.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { PATIENCE, eventually } from "./deadline.mjs";

/** The official client, as a node may serve it. */
export const CLIENT_FILE = fileURLToPath(new URL("../node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url));

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const DESKTOP = { width: 1280, height: 900 };

/**
 * Gives the tests of a `describe` one Chromium: a function that opens the page at `url`, as somebody of their own, and
 * waits until it is connected unless `connects` is false.
 */
export function useVisitors(cluster) {
  let browser;
  before(async () => {
    if (!existsSync(CHROMIUM)) {
      throw new Error(`there is no ${CHROMIUM}: these tests need Chromium (Debian: apt-get install chromium), or its path in CHROMIUM`);
    }
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
  });
  after(() => browser?.close());

  return async (url, { connects = true, ...options } = {}) => {
    const context = await browser.newContext({ viewport: DESKTOP, ...options });
    cluster.closeLater(() => context.close());
    const visitor = new Visitor(await context.newPage());
    if (connects) await visitor.goTo(url);
    else await visitor.page.goto(url);
    return visitor;
  };
}

export class Visitor {
  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(PATIENCE);
    /** What the browser objected to: script errors, the security policy, requests that failed. */
    this.complaints = [];
    page.on("pageerror", (error) => this.complaints.push(`${error}`));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
    page.on("response", (answer) => {
      if (answer.status() >= 400) this.complaints.push(`${answer.status()} ${answer.url()}`);
    });
  }

  /** Opens the page, and waits until it is connected and knows its node. */
  async goTo(url) {
    await this.page.goto(url);
    await eventually(async () => (await this.shown("#node")) !== "–", "the page is connected and knows its node");
  }

  async shown(selector) {
    return this.page.locator(selector).innerText();
  }

  async joinChat(username) {
    await this.page.getByLabel("Your name").fill(username);
    await this.page.locator("#join").getByRole("button", { name: /Join|Change/ }).click();
    await this.page.locator("#composer [name=message]:enabled").waitFor();
  }

  async leaveChat() {
    await this.page.locator("#join").getByRole("button", { name: "Leave" }).click();
  }

  async enterRoom(room) {
    await this.page.getByLabel("Room", { exact: true }).fill(room);
    await this.page.getByRole("button", { name: "Enter" }).click();
    await this.page.getByRole("button", { name: `Leave room ${room}` }).waitFor();
  }

  /** Says `text` to everyone, or to those in `room`. */
  async say(text, room = undefined) {
    await this.page.getByLabel("To", { exact: true }).selectOption(room ?? "");
    await this.page.getByLabel("Message", { exact: true }).fill(text);
    await this.page.locator("#composer").getByRole("button", { name: "Send" }).click();
  }

  /** Waits until the last message is this one. */
  async hears(text) {
    const last = this.page.locator("#messages .text").last();
    await eventually(async () => (await last.textContent()) === text, `the page shows "${text.slice(0, 60)}"`);
  }

  async messages() {
    return this.page.locator("#messages li:not(.note)").evaluateAll((items) =>
      items.map((item) => ({
        name: item.querySelector(".name").textContent,
        text: item.querySelector(".text").textContent,
        own: item.classList.contains("own"),
      })),
    );
  }

  /** Waits until exactly these are shown as online. */
  async seesOnline(...names) {
    const shown = () => this.page.locator("#people .name").allTextContents();
    await eventually(async () => `${(await shown()).sort()}` === `${[...names].sort()}`, `${names.join(" and ")} are online`);
  }

  /** Sends an event of the playground, with the body that stands there unless another is given. */
  async sendReply(namespace, event, body = undefined) {
    const item = this.reply(namespace, event);
    const group = this.page.locator(`#groups [data-namespace="${namespace}"]`);
    if ((await group.getAttribute("open")) === null) await group.locator("summary").click();
    if (body !== undefined) await item.locator("textarea").fill(body);
    await item.getByRole("button", { name: `Send ${event}` }).click();
  }

  /** Waits until the answers to an event are these: `kind text` each. */
  async seesAnswers(namespace, event, ...answers) {
    const shown = () =>
      this.reply(namespace, event)
        .locator(".answers li")
        .evaluateAll((items) => items.map((item) => `${item.querySelector("b").textContent} ${item.querySelector("code").textContent}`));
    await eventually(
      async () => JSON.stringify(await shown()) === JSON.stringify(answers),
      `${event} is answered with ${answers.join(", then ")}`,
    );
  }

  reply(namespace, event) {
    return this.page.locator(`#groups [data-namespace="${namespace}"] [data-event="${event}"]`);
  }

  /** The row of the record with this id. */
  record(id) {
    return this.page.locator(`#rows tr[data-id="${id}"]`);
  }

  /** Waits until the page has read the records and is told of changes. */
  async watchesRecords() {
    await this.page.locator("#lines li", { hasText: "ack of findAllAaa" }).waitFor();
  }

  /** Presses Tab until `target` has the focus. */
  async tabTo(target) {
    const hasFocus = (element) => element === document.activeElement;
    for (let presses = 0; presses < 100; presses += 1) {
      if (await target.evaluate(hasFocus)) return;
      await this.page.keyboard.press("Tab");
    }
    throw new Error(`Tab does not lead to ${target}`);
  }

  /** How far the page is wider than the window, in pixels. */
  async overhang() {
    return this.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  }

  /** Keeps a picture for people, where a folder for it is named. */
  async screenshot(name) {
    const folder = process.env.E2E_SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }
}
