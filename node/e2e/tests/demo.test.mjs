// What people do on the demo page, in Chromium: on two nodes, and by keyboard alone.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";
import { CLIENT_FILE, useVisitors } from "../lib/visitor.mjs";

const SECRET = "a secret of these tests, long enough for HS256";

describe("the demo page on two nodes", () => {
  const cluster = useCluster({ nodes: 2, balancer: true, env: { ROOMCAST_PAGES__CLIENT_FILE: CLIENT_FILE } });
  const visit = useVisitors(cluster);
  const visitBoth = () => Promise.all(["n1", "n2"].map((name) => visit(cluster.node(name).url)));
  const nodeIds = () => Promise.all(cluster.nodes.map(async ({ url }) => (await (await fetch(`${url}/node.json`)).json()).node));

  cluster.test("two people see each other come, talk, and go", async () => {
    const nodes = await nodeIds();
    const [ann, ben] = await visitBoth();

    await ann.joinChat("  Ann ");
    await ben.seesOnline("Ann");
    await ben.joinChat("本");
    for (const page of [ann, ben]) await page.seesOnline("Ann", "本");
    assert.match(await ann.shown("#people li:first-child"), new RegExp(`^Ann\\s+you\\s+on ${nodes[0]}$`));
    assert.equal(await ann.shown("#people li:last-child"), "本", "of others nobody says where they are");

    await ann.say("Is there anybody on another node?");
    await ben.hears("Is there anybody on another node?");
    await ben.say("有人! <b onclick=alert(1)>me</b> & 🦀");
    for (const page of [ann, ben]) {
      await page.hears("有人! <b onclick=alert(1)>me</b> & 🦀");
      assert.deepEqual(await page.messages(), [
        { name: "Ann", text: "Is there anybody on another node?", own: page === ann },
        { name: "本", text: "有人! <b onclick=alert(1)>me</b> & 🦀", own: page === ben },
      ]);
    }
    await ann.screenshot("chat");

    await ben.leaveChat();
    await ann.seesOnline("Ann");
    await ann.page.locator("#messages .note", { hasText: "本 is offline" }).waitFor();
    assert.ok(await ben.page.locator("#composer [name=message]").isDisabled(), "who has left cannot say anything");
    assert.deepEqual([ann.complaints, ben.complaints], [[], []]);
  });

  cluster.test("who changes their name is online under the new one alone", async () => {
    const [ann, ben] = await visitBoth();
    await ann.joinChat("Ann");
    await ben.seesOnline("Ann");

    await ann.joinChat("Anna");

    for (const page of [ann, ben]) await page.seesOnline("Anna");
  });

  cluster.test("typing shows while it lasts", async () => {
    const [ann, ben] = await visitBoth();
    await ann.joinChat("Ann");
    await ben.joinChat("Ben");

    await ann.page.getByLabel("Message", { exact: true }).pressSequentially("Wait, I", { delay: 20 });
    await eventually(async () => (await ben.shown("#typing")) === "Ann is typing…", "Ben sees Ann typing");
    assert.equal(await ann.shown("#typing"), "", "nobody is told of their own typing");
    assert.ok((await ann.page.locator("#lines li", { hasText: "typing" }).count()) < "Wait, I".length, "not with every key");
    await eventually(async () => (await ben.shown("#typing")) === "", "Ben sees that Ann has stopped");
  });

  cluster.test("a message to a room reaches those who are in it", async () => {
    const [ann, ben] = await visitBoth();
    await ann.joinChat("Ann");
    await ben.joinChat("Ben");
    await ann.enterRoom("kitchen");
    await ben.enterRoom("kitchen");

    await ann.say("Tea?", "kitchen");
    await ben.hears("Tea?");
    await ben.page.getByRole("button", { name: "Leave room kitchen" }).click();
    await eventually(async () => (await ben.page.locator("#rooms li").count()) === 0, "Ben has left the room");
    await ann.say("Biscuits?", "kitchen");
    await ann.hears("Biscuits?");
    await ann.say("To everyone.");
    await ben.hears("To everyone.");

    assert.deepEqual((await ben.messages()).map(({ text }) => text), ["Tea?", "To everyone."]);
  });

  cluster.test("what the node refuses is explained where it was asked for", async () => {
    const [ann] = await visitBoth();

    await ann.page.getByLabel("Your name").fill("   ");
    await ann.page.locator("#join").getByRole("button", { name: "Join" }).click();
    await ann.page.locator("#join-error", { hasText: /\w/ }).waitFor();
    await ann.joinChat("Ann");
    assert.ok(await ann.page.locator("#join-error").isHidden());
    await ann.page.getByLabel("Room", { exact: true }).fill("~not joinable");
    await ann.page.getByRole("button", { name: "Enter" }).click();
    await ann.page.locator("#room-error", { hasText: /\w/ }).waitFor();
    await ann.say("ü".repeat(2_049));
    await ann.page.locator("#composer-error", { hasText: /\w/ }).waitFor();
    assert.equal((await ann.page.getByLabel("Message", { exact: true }).inputValue()).length, 2_049, "what was written is not lost");

    assert.deepEqual(ann.complaints, []);
  });

  cluster.test("what one makes of the records, the other sees", async () => {
    const [ann, ben] = await visitBoth();
    for (const page of [ann, ben]) await page.watchesRecords();
    const before = await ann.page.locator("#rows tr").count();

    await ann.page.locator("#create textarea").fill('{"title":"Water the plants","done":false}');
    await ann.page.getByRole("button", { name: "Create" }).click();
    const id = await ann.page.locator("#rows tr").nth(before).getAttribute("data-id");
    await ben.record(id).getByText("created elsewhere").waitFor();
    assert.match(await ben.record(id).locator(".fields").innerText(), /Water the plants/);
    assert.equal(await ann.record(id).locator(".badge").count(), 0, "her own doing is nothing to point at");

    await ben.page.getByRole("button", { name: `Edit record ${id}` }).click();
    await ben.page.getByLabel(`Fields of record ${id}, as a JSON object`).fill('{"done":true}');
    await ben.page.getByRole("button", { name: "Save" }).click();
    await ann.record(id).getByText("updated elsewhere").waitFor();
    assert.match(await ann.record(id).locator(".fields").innerText(), /Water the plants.*true/s);
    await ann.screenshot("records");

    await ann.page.getByLabel("Watch for changes").uncheck();
    await ann.page.locator("#lines li", { hasText: "ack of unwatchAaa" }).waitFor();
    await ben.page.getByRole("button", { name: `Remove record ${id}` }).click();
    await eventually(async () => (await ben.record(id).count()) === 0, "the record is gone where it was removed");
    assert.equal(await ann.record(id).count(), 1, "who does not watch is not told");
    await ann.page.getByRole("button", { name: `Remove record ${id}` }).click();
    await ann.page.locator("#records-error", { hasText: `Aaa #${id} not found` }).waitFor();
    await ann.page.getByRole("button", { name: "Read again" }).click();
    await eventually(async () => (await ann.record(id).count()) === 0, "the record is gone where it is read again");
    assert.deepEqual([ann.complaints, ben.complaints], [[], []]);
  });

  cluster.test("everything can be done by keyboard", async () => {
    const [ann, ben] = await visitBoth();
    const { keyboard } = ann.page;
    await ann.watchesRecords();
    const before = await ann.page.locator("#rows tr").count();
    await ann.page.locator("#join button:enabled").first().waitFor();

    await keyboard.press("Tab");
    await keyboard.press("Enter");
    await ann.tabTo(ann.page.getByLabel("Your name"));
    assert.notEqual(await ann.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "none");
    await keyboard.press("ControlOrMeta+a");
    await keyboard.type("Ann");
    await keyboard.press("Enter");
    await ann.page.locator("#composer [name=message]:focus").waitFor();
    await keyboard.type("Hands off the mouse.");
    await keyboard.press("Enter");
    await ben.hears("Hands off the mouse.");

    await ann.tabTo(ann.page.getByLabel("Room", { exact: true }));
    await keyboard.type("kitchen");
    await keyboard.press("Enter");
    await ann.page.getByRole("button", { name: "Leave room kitchen" }).waitFor();
    await ann.tabTo(ann.page.getByRole("button", { name: "Create" }));
    await keyboard.press("Enter");
    const row = ann.page.locator("#rows tr").nth(before);
    await ann.tabTo(row.getByRole("button", { name: /^Edit record/ }));
    await keyboard.press("Enter");
    await row.locator("textarea:focus").waitFor();
    await keyboard.press("Escape");
    await row.locator("[name=edit]:focus").waitFor();
    await keyboard.press("Tab");
    await keyboard.press("Space");
    await ann.page.locator("#create textarea:focus").waitFor();

    await ann.tabTo(ann.page.getByRole("button", { name: "Send identity" }));
    await keyboard.press("Enter");
    await ann.seesAnswers("/events", "identity", "ack 42");
    assert.deepEqual(ann.complaints, []);
  });

  for (const [width, colorScheme] of [[360, "light"], [360, "dark"], [1280, "light"], [1280, "dark"]]) {
    cluster.test(`in use, nothing sticks out of a page of ${width} px, ${colorScheme}`, async () => {
      const [visitor, other] = await Promise.all([
        visit(cluster.node("n1").url, { viewport: { width, height: 800 }, colorScheme }),
        visit(cluster.node("n2").url),
      ]);
      await visitor.watchesRecords();
      await visitor.joinChat("W".repeat(64));
      await other.joinChat("Ben");
      await visitor.enterRoom("r".repeat(200));
      await other.say("Hello!");
      await visitor.say(`a long word: ${"x".repeat(300)}`);
      await visitor.hears(`a long word: ${"x".repeat(300)}`);
      await other.page.locator("#create textarea").fill(`{"title":"Water the plants","note":"${"y".repeat(200)}"}`);
      await other.page.getByRole("button", { name: "Create" }).click();
      await visitor.page.locator("#rows tr").last().getByText("created elsewhere").waitFor();
      await other.page.getByLabel("Message", { exact: true }).pressSequentially("So");
      await eventually(async () => (await visitor.shown("#typing")) === "Ben is typing…", "Ben is seen typing");

      assert.ok((await visitor.overhang()) <= 0, `${await visitor.overhang()} px`);
      await visitor.screenshot(`demo-${width}-${colorScheme}`);
      await visitor.page.locator("#rows tr").last().getByRole("button", { name: /^Edit record/ }).click();
      assert.ok((await visitor.overhang()) <= 0, `${await visitor.overhang()} px with an editor`);
      await visitor.screenshot(`editor-${width}-${colorScheme}`);
      assert.deepEqual(visitor.complaints, []);
    });
  }

  // The last one: it takes a node away.
  cluster.test("a page whose node is lost is in the chat and its room again, on another node", async () => {
    const nodes = await nodeIds();
    const moving = await visit(cluster.balancer.url);
    const lost = nodes.indexOf(await moving.shown("#node")) + 1;
    const kept = 3 - lost;
    const staying = await visit(cluster.node(`n${kept}`).url);
    await moving.joinChat("Moving");
    await moving.enterRoom("kitchen");
    await staying.joinChat("Staying");
    await staying.enterRoom("kitchen");

    await cluster.node(`n${lost}`).kill();

    await eventually(async () => (await moving.shown("#node")) === nodes[kept - 1], "the page is connected to the node that is left");
    await moving.page.locator("#composer [name=message]:enabled").waitFor();
    await staying.seesOnline("Moving", "Staying");
    await eventually(
      async () => (await moving.page.locator("#lines li", { hasText: "ack of joinRoom" }).count()) === 2,
      "the page is in its room again",
    );
    await staying.say("Welcome back.", "kitchen");
    await moving.hears("Welcome back.");
    await moving.say("Here I am.");
    await staying.hears("Here I am.");
  });
});

describe("the demo page of a node that asks for tokens", () => {
  const cluster = useCluster({
    nodes: 1,
    redis: true,
    env: { ROOMCAST_PAGES__CLIENT_FILE: CLIENT_FILE, ROOMCAST_JWT__SECRET: SECRET },
  });
  const visit = useVisitors(cluster);

  cluster.test("says what is missing, and takes a token", async () => {
    const visitor = await visit(cluster.node("n1").url);
    const error = visitor.page.locator("#chat-error");
    const connectWith = async (token) => {
      await visitor.page.getByLabel("A JWT").fill(token);
      await visitor.page.getByRole("button", { name: "Connect with it" }).click();
    };

    await error.getByText("This node asks for a token.").waitFor();
    await visitor.screenshot("token");
    await connectWith(`${token({ name: "Ann" })}x`);
    await error.getByText("This token is not valid here.").waitFor();
    await connectWith(token({ name: "Ann" }));
    await error.waitFor({ state: "hidden" });
    await visitor.joinChat("Mallory");

    await visitor.seesOnline("Ann");
    assert.equal(await visitor.page.getByLabel("Your name").inputValue(), "Ann");
    assert.equal(await visitor.page.locator("#lines", { hasText: token({ name: "Ann" }).split(".")[1] }).count(), 0, "the log keeps no secrets");
    assert.deepEqual(visitor.complaints, []);
  });
});

function token(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part({ exp: Math.floor(Date.now() / 3_600_000 + 2) * 3_600, ...claims })}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
