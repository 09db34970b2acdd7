// What a browser is given: the demo page, its security policy, the client, and a conversation of two real browser pages.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { fileURLToPath } from "node:url";

import { chromium } from "playwright-core";

import { useCluster } from "../lib/cluster.mjs";
import { PATIENCE, eventually } from "../lib/deadline.mjs";

const CLIENT_FILE = fileURLToPath(new URL("../node_modules/socket.io-client/dist/socket.io.min.js", import.meta.url));
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";

describe("the public port", () => {
  const cluster = useCluster({ nodes: 1 });
  const get = (path) => fetch(`${cluster.node("n1").url}${path}`, { redirect: "manual" });

  cluster.test("serves the page and its parts, each as what it is", async () => {
    const parts = { "/": "text/html", "/style.css": "text/css", "/app.js": "text/javascript", "/icon.svg": "image/svg+xml" };
    for (const [path, type] of Object.entries(parts)) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.ok(answer.headers.get("content-type").startsWith(type), `${path} is ${answer.headers.get("content-type")}`);
      assert.notEqual(await answer.text(), "");
    }
  });

  cluster.test("lets the page run its own scripts and those of Socket.IO's CDN, and no others", async () => {
    const policy = (await get("/")).headers.get("content-security-policy");

    const directives = new Map(policy.split(";").map((one) => one.trim().split(/\s+/)).map(([name, ...rest]) => [name, rest]));
    assert.deepEqual(directives.get("default-src"), ["'self'"]);
    assert.deepEqual(directives.get("script-src"), ["'self'", "https://cdn.socket.io"]);
    assert.ok(!policy.includes("unsafe"));
  });

  cluster.test("says which node it is", async () => {
    const { node, version } = await (await get("/node.json")).json();

    assert.match(node, /\S/);
    assert.match(version, /^\d+\.\d+\.\d+/);
  });

  cluster.test("redirects to Socket.IO's CDN for the client, where no file is configured", async () => {
    const answer = await get("/socket.io/socket.io.js");

    assert.ok([302, 307].includes(answer.status), `${answer.status}`);
    assert.match(answer.headers.get("location"), /^https:\/\/cdn\.socket\.io\/4\.\d+\.\d+\/socket\.io(\.min)?\.js$/);
  });

  cluster.test("does not serve metrics, health or control", async () => {
    for (const path of ["/metrics", "/ready", "/live", "/api/v1/nodes", "/no-such-page", "/../Cargo.toml"]) {
      assert.equal((await get(path)).status, 404, path);
    }
  });
});

describe("the demo page in Chromium", () => {
  const cluster = useCluster({ nodes: 2, balancer: true, env: { ROOMCAST_PAGES__CLIENT_FILE: CLIENT_FILE } });
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

  cluster.test("serves the client from the configured file", async () => {
    const answer = await fetch(`${cluster.node("n1").url}/socket.io/socket.io.js`);

    assert.equal(answer.status, 200);
    assert.match(answer.headers.get("content-type"), /^(text|application)\/javascript/);
    assert.match(await answer.text(), /^\/\*!\s+\* Socket\.IO v4\./);
  });

  cluster.test("two pages on two nodes talk in a room", async () => {
    const nodes = await Promise.all(cluster.nodes.map(({ url }) => nodeId(url)));
    const [ann, ben] = await Promise.all([open(cluster.node("n1").url, "Ann"), open(cluster.node("n2").url, "本")]);
    assert.equal(await ann.shown("#node"), nodes[0]);
    assert.equal(await ben.shown("#node"), nodes[1]);
    await eventually(async () => (await ann.shown("#transport")) === "websocket", "the page shows the upgrade");

    await ann.join(0);
    await ben.join(0);
    await ben.join(1);
    await ann.say(0, "Is there anybody on another node?");
    await ben.hears(0, "Is there anybody on another node?");
    await ben.say(0, "有人! <b onclick=alert(1)>me</b> & 🦀");
    await ann.hears(0, "有人! <b onclick=alert(1)>me</b> & 🦀");

    for (const page of [ann, ben]) {
      await page.hears(0, "有人! <b onclick=alert(1)>me</b> & 🦀");
      assert.deepEqual(await page.messages(0), [
        { name: "Ann", node: nodes[0], text: "Is there anybody on another node?", own: page === ann },
        { name: "本", node: nodes[1], text: "有人! <b onclick=alert(1)>me</b> & 🦀", own: page === ben },
      ]);
      assert.deepEqual(await page.messages(1), [], "the other room stays silent");
    }
    await ann.screenshot("conversation");

    await ben.leave(0);
    await ann.say(0, "Only for those who are here.");
    await ann.hears(0, "Only for those who are here.");
    await ann.join(1);
    await ann.say(1, "Over here!");
    await ben.hears(1, "Over here!");
    assert.equal((await ben.messages(0)).length, 2, "nothing came after leaving");
    assert.deepEqual([ann.complaints, ben.complaints], [[], []]);
  });

  cluster.test("on a phone in the dark, nothing sticks out of the page", async () => {
    const page = await open(cluster.node("n1").url, "Phone", { viewport: { width: 360, height: 740 }, colorScheme: "dark" });
    await page.join(0);
    await page.say(0, `a long word: ${"x".repeat(300)}`);
    await page.hears(0, `a long word: ${"x".repeat(300)}`);

    const overhang = await page.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

    assert.ok(overhang <= 0, `${overhang} px`);
    await page.screenshot("phone");
    assert.deepEqual(page.complaints, []);
  });

  cluster.test("a room name that the node refuses is explained", async () => {
    const page = await open(cluster.node("n1").url, "Curious");

    await page.room(0).locator("[name=room]").fill("~not joinable");
    await page.room(0).locator(".membership button").click();

    await page.page.locator("#notice", { hasText: "The server refused that" }).waitFor({ timeout: PATIENCE });
    assert.equal(await page.room(0).locator(".membership button").innerText(), "Join");
  });

  // The last one: it takes a node away.
  cluster.test("a page whose node is lost is in its room again, on another node", async () => {
    const nodes = await Promise.all(cluster.nodes.map(({ url }) => nodeId(url)));
    const [moving, staying] = await Promise.all([open(cluster.balancer.url, "Moving"), open(cluster.node("n1").url, "Staying")]);
    const lost = await eventually(async () => nodes.indexOf(await moving.shown("#node")) + 1, "the page shows a node of the cluster");
    const kept = 3 - lost;
    if (lost === 1) await staying.page.goto(cluster.node("n2").url);
    await Promise.all([moving.join(0), staying.join(0)]);

    await cluster.node(`n${lost}`).kill();

    await eventually(async () => (await moving.shown("#node")) === nodes[kept - 1], "the page is connected to the node that is left");
    await moving.room(0).locator(".composer [name=text]:enabled").waitFor({ timeout: PATIENCE });
    await staying.say(0, "Welcome back.");
    await moving.hears(0, "Welcome back.");
    await moving.say(0, "Here I am.");
    await staying.hears(0, "Here I am.");
    await moving.screenshot("moved");
  });

  async function nodeId(url) {
    return (await (await fetch(`${url}/node.json`)).json()).node;
  }

  /** Opens the page, waits until it is connected and knows its node, and takes the name `name` there. */
  async function open(url, name, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1100, height: 800 }, ...options });
    cluster.closeLater(() => context.close());
    const visitor = new Visitor(await context.newPage());
    await visitor.page.goto(url);
    await eventually(async () => (await visitor.shown("#node")) !== "–", "the page is connected and knows its node");
    await visitor.page.fill("#name", name);
    return visitor;
  }
});

/** Somebody who looks at the page: clicks, types and reads. */
class Visitor {
  constructor(page) {
    this.page = page;
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

  room(index) {
    return this.page.locator(".room").nth(index);
  }

  async shown(selector) {
    return this.page.locator(selector).innerText({ timeout: PATIENCE });
  }

  async join(index) {
    await this.room(index).getByRole("button", { name: "Join" }).click();
    await this.room(index).locator(".composer [name=text]:enabled").waitFor({ timeout: PATIENCE });
  }

  async leave(index) {
    await this.room(index).getByRole("button", { name: "Leave" }).click();
    await this.room(index).getByRole("button", { name: "Join" }).waitFor({ timeout: PATIENCE });
  }

  async say(index, text) {
    await this.room(index).getByLabel("Message", { exact: true }).fill(text);
    await this.room(index).getByRole("button", { name: "Send" }).click();
  }

  async hears(index, text) {
    const last = this.room(index).locator(".messages li .text").last();
    await eventually(async () => (await last.innerText()) === text, `the page shows "${text.slice(0, 60)}"`);
  }

  async messages(index) {
    return this.room(index).locator(".messages li").evaluateAll((items) =>
      items.map((item) => ({
        name: item.querySelector(".name").textContent,
        node: item.querySelector(".node").textContent,
        text: item.querySelector(".text").textContent,
        own: item.classList.contains("own"),
      })),
    );
  }

  /** Keeps a picture for people, where a folder for it is named. */
  async screenshot(name) {
    const folder = process.env.E2E_SCREENSHOTS;
    if (folder) await this.page.screenshot({ path: join(folder, `${name}.png`), fullPage: true });
  }
}
