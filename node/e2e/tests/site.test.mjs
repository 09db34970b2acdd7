// Web pages as tutorials of NestJS's gateways have them, of another origin, in Chromium: they talk to a node as they stand.

import assert from "node:assert/strict";
import { after, before, describe } from "node:test";

import { SignJWT } from "jose";

import { Cluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";
import { Site } from "../lib/site.mjs";
import { CLIENT_FILE, useVisitors } from "../lib/visitor.mjs";

const SECRET = "a secret of these tests, long enough for HS256";

describe("pages of an origin that is listed", () => {
  const { cluster, open } = useSite((origin) => ({ ROOMCAST_CORS__ORIGINS: origin }));

  cluster.test("replies: acks, events, streams, exceptions, and what comes later", async () => {
    const page = await open("replies.html");

    await page.shows("guang ccc");
    const lines = await page.lines();
    const of = (event) => lines.filter((line) => line.startsWith(event));
    assert.deepEqual(lines.slice(0, 4), ["connected", 'ack of events {"test":"test"}', "ack of identity 0", "events back"]);
    // What comes by and by comes beside what was asked later.
    assert.deepEqual(of("events"), ["events back", "events 1", "events 2"]);
    assert.deepEqual(of("guang"), ["guang aaa", "guang bbb", "guang ccc"]);
    assert.deepEqual(of("exception"), [
      'exception {"status":"error","message":"数据不能为空！","cause":{"pattern":"events","data":""}}',
    ]);
    assert.deepEqual(page.complaints, []);
  });

  cluster.test("records: created, found, changed, removed", async () => {
    const page = await open("records.html");

    await page.shows('exception "Aaa #1 not found"');
    assert.deepEqual(await page.lines(), [
      "created 1",
      'found "one"',
      'updated "other"',
      'all ["other"]',
      'removed "other"',
      'exception "Aaa #1 not found"',
    ]);
    assert.deepEqual(page.complaints, []);
  });

  cluster.test("messages, over a WebSocket from the beginning", async () => {
    const page = await open("messages.html");
    await page.shows("connected");

    await page.fill("Text", "你好");
    await page.press("Send");

    await page.shows("服务端收到: 你好");
    assert.deepEqual(page.complaints, []);
  });

  cluster.test("chat: two people on two nodes", async () => {
    const [ann, ben] = [await open("chat.html", "n1"), await open("chat.html", "n2")];
    for (const [page, name] of [[ann, "Ann"], [ben, "Ben"]]) {
      await page.fill("Name", name);
      await page.fill("Group", "red");
      await page.press("Enter");
      await page.shows("in red");
      await page.shows(`${name}: 成功加入聊天室`);
    }
    await ann.shows("Ben is online");

    await ben.fill("Text", "hello");
    await eventually(async () => (await ann.text("#typing")) === "Ben is typing", "Ann sees Ben typing");
    await ben.press("To all");
    await ann.shows("Ben says hello");
    await ben.press("To the group");
    await ann.shows("the group hears hello");
    await ben.close();
    await ann.shows("Ben is offline");
    assert.deepEqual(ann.complaints, []);
  });
});

describe("pages where tokens are needed", () => {
  const { cluster, open } = useSite((origin) => ({ ROOMCAST_CORS__ORIGINS: origin, ROOMCAST_JWT__SECRET: SECRET }));

  cluster.test("chat: who has no token is told so, and who has one is called what it says", async () => {
    const page = await open("chat.html");
    await page.shows("refused: 未提供认证令牌 token_missing");

    const claims = new SignJWT({ name: "Ann" }).setProtectedHeader({ alg: "HS256" }).setExpirationTime("1h");
    await page.keep("token", await claims.sign(new TextEncoder().encode(SECRET)));
    await page.reload();
    await page.fill("Name", "somebody else");
    await page.fill("Group", "red");
    await page.press("Enter");

    await page.shows("Ann: 成功加入聊天室");
    // A client that is refused ends its session, for which a poll may be on its way: there is none any more.
    assert.deepEqual(page.complaints.filter((complaint) => !/\b400\b/.test(complaint)), []);
  });
});

describe("pages of an origin that is not listed", () => {
  const { cluster, open } = useSite(() => ({ ROOMCAST_CORS__ORIGINS: "https://app.example" }));

  cluster.test("are not let in, and the browser says why", async () => {
    const page = await open("replies.html");

    await page.shows("connect_error xhr poll error");
    assert.ok(page.complaints.some((complaint) => complaint.includes("CORS")), page.complaints.join("\n"));
  });
});

/** Gives a `describe` a site, two nodes with the environment that `env` makes of the site's origin, and Chromium. */
function useSite(env) {
  const cluster = new Cluster({ nodes: 2, env: { ROOMCAST_PAGES__CLIENT_FILE: CLIENT_FILE } });
  let site;
  let talksTo = "n1";
  before(async () => {
    site = await Site.start(() => cluster.node(talksTo).url);
    Object.assign(cluster.options.env, env(site.origin));
    await cluster.start();
  });
  const visit = useVisitors(cluster);
  after(async () => {
    await cluster.stop();
    await site.stop();
  });

  /** Opens a page, in a browser of its own, that talks to that node. */
  const open = async (name, node = "n1") => {
    talksTo = node;
    const visitor = await visit(`${site.origin}/${name}`, { connects: false });
    return new SitePage(visitor);
  };
  return { cluster, open };
}

class SitePage {
  constructor({ page, complaints }) {
    this.page = page;
    this.complaints = complaints;
  }

  async lines() {
    return this.page.locator("li").allTextContents();
  }

  async shows(line) {
    const shown = () => this.lines();
    await eventually(async () => (await shown()).includes(line), `the page shows "${line}"`);
  }

  async text(selector) {
    return this.page.locator(selector).innerText();
  }

  async fill(placeholder, text) {
    await this.page.getByPlaceholder(placeholder, { exact: true }).fill(text);
  }

  async press(button) {
    await this.page.getByRole("button", { name: button }).click();
  }

  async keep(name, value) {
    await this.page.evaluate(([name, value]) => (localStorage[name] = value), [name, value]);
  }

  async reload() {
    await this.page.reload();
  }

  async close() {
    await this.page.close();
  }
}
