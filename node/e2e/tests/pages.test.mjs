// What a browser is given: the demo page, its security policy and the client. What people do there is in demo.test.mjs.

import assert from "node:assert/strict";
import { describe } from "node:test";

import { useCluster } from "../lib/cluster.mjs";
import { eventually } from "../lib/deadline.mjs";
import { CLIENT_FILE, useVisitors } from "../lib/visitor.mjs";

describe("the public port", () => {
  const cluster = useCluster({ nodes: 1 });
  const get = (path) => fetch(`${cluster.node("n1").url}${path}`, { redirect: "manual" });

  cluster.test("serves the page and its parts, each as what it is", async () => {
    const parts = { "/": "text/html", "/style.css": "text/css", "/app.js": "text/javascript", "/icon.svg": "image/svg+xml" };
    const modules = [...(await (await get("/app.js")).text()).matchAll(/from "\.(\/\w+\.js)"/g)].map(([, path]) => path);
    assert.notEqual(modules.length, 0);
    for (const [path, type] of [...Object.entries(parts), ...modules.map((path) => [path, "text/javascript"])]) {
      const answer = await get(path);
      assert.equal(answer.status, 200, path);
      assert.ok(answer.headers.get("content-type").startsWith(type), `${path} is ${answer.headers.get("content-type")}`);
      assert.notEqual(await answer.text(), "");
    }
  });

  cluster.test("lets the page run its own scripts and those of Socket.IO's CDN, and no others", async () => {
    const directives = policyOf(await get("/"));

    assert.deepEqual(directives.get("default-src"), ["'self'"]);
    assert.deepEqual(directives.get("script-src"), ["'self'", "https://cdn.socket.io"]);
    assert.ok(![...directives.values()].flat().some((source) => source.includes("unsafe")));
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

describe("the demo page, with the client from a file", () => {
  const cluster = useCluster({ nodes: 1, env: { ROOMCAST_PAGES__CLIENT_FILE: CLIENT_FILE } });
  const visit = useVisitors(cluster);

  cluster.test("serves the client, and trusts nobody else's scripts", async () => {
    const { url } = cluster.node("n1");
    const client = await fetch(`${url}/socket.io/socket.io.js`);

    assert.equal(client.status, 200);
    assert.match(client.headers.get("content-type"), /^(text|application)\/javascript/);
    assert.match(await client.text(), /^\/\*!\s+\* Socket\.IO v4\./);
    assert.deepEqual(policyOf(await fetch(url)).get("script-src"), ["'self'"]);
  });

  cluster.test("shows its connection, and nothing that the browser objects to", async () => {
    const visitor = await visit(cluster.node("n1").url);
    const { node } = await (await fetch(`${cluster.node("n1").url}/node.json`)).json();

    assert.equal(await visitor.shown("#node"), node);
    await eventually(async () => (await visitor.shown("#transport")) === "websocket", "the page shows the upgrade");
    for (const namespace of ["/", "/events"]) {
      await visitor.page.locator(`#namespaces [data-namespace="${namespace}"][data-state=connected]`).waitFor();
    }
    assert.deepEqual(visitor.complaints, []);
  });

  cluster.test("makes no markup of text, even if a script of its own tried", async () => {
    const visitor = await visit(cluster.node("n1").url);

    const outcome = await visitor.page.evaluate(() => {
      try {
        document.body.insertAdjacentHTML("beforeend", "<b>markup</b>");
        return "made";
      } catch (error) {
        return error.name;
      }
    });

    assert.equal(outcome, "TypeError");
  });

  cluster.test("says so where the client cannot be loaded", async () => {
    const visitor = await visit("about:blank", { connects: false });
    await visitor.page.route("**/socket.io/socket.io.js", (route) => route.abort());

    await visitor.page.goto(cluster.node("n1").url);

    await visitor.page.locator("#notice", { hasText: "could not be loaded" }).waitFor();
  });

  cluster.test("a namespace can be left and come back to", async () => {
    const visitor = await visit(cluster.node("n1").url);
    const events = visitor.page.locator('#namespaces [data-namespace="/events"]');
    // A client that gives a seat up before it has it tells the server nothing, and its next request is a second one.
    await visitor.page.locator('#namespaces [data-namespace="/events"][data-state=connected]').waitFor();

    await events.getByRole("button", { name: "Disconnect /events" }).click();
    assert.equal(await events.locator(".state").innerText(), "disconnected");
    await visitor.sendReply("/events", "events");
    await visitor.reply("/events", "events").locator(".error", { hasText: "/events is not connected." }).waitFor();
    await events.getByRole("button", { name: "Connect /events" }).click();

    await visitor.page.locator('#namespaces [data-namespace="/events"][data-state=connected]').waitFor();
    await visitor.sendReply("/events", "events");
    await visitor.seesAnswers("/events", "events", 'ack {"text":"hello"}');
  });

  cluster.test("every kind of reply is shown below its event", async () => {
    const visitor = await visit(cluster.node("n1").url);
    await visitor.page.locator('#namespaces [data-namespace="/events"][data-state=connected]').waitFor();

    for (const [event, body, ...answers] of [
      ["events", '{"a":[1,null]}', 'ack {"a":[1,null]}'],
      ["identity", '{"id":7}', "ack 7"],
      ["response", '"back"', 'events "back"'],
      ["stream", '["a",2]', 'events "a"', "events 2"],
      ["stream", "", "events 1", "events 2", "events 3"],
      ["custom", "true", 'custom "Hey there!"', "ack true"],
      ["delayed", undefined, 'guang {"msg":"aaa"}', 'guang {"msg":"bbb"}', 'guang {"msg":"ccc"}'],
    ]) {
      await visitor.sendReply("/events", event, body);
      await visitor.seesAnswers("/events", event, ...answers);
    }
    await visitor.sendReply("/events", "events", '""');
    await visitor.reply("/events", "events").locator(".answers", { hasText: "数据不能为空！" }).waitFor();
    await visitor.sendReply("/events", "events", "{not JSON");
    await visitor.reply("/events", "events").locator(".error", { hasText: "That is not JSON" }).waitFor();
    await visitor.sendReply("/", "msgToServer");
    await visitor.seesAnswers("/", "msgToServer", 'msgToClient "服务端收到: hello"');
    await visitor.sendReply("/", "joinRoom");
    await visitor.seesAnswers("/", "joinRoom", 'ack {"room":"lobby","joined":true}');
    await visitor.sendReply("/", "sendToRoom");
    await visitor.reply("/", "sendToRoom").locator(".answers", { hasText: 'ack {"ok":true}' }).waitFor();
    await visitor.reply("/", "sendToRoom").locator(".answers", { hasText: 'roomMsg "hello"' }).waitFor();
    assert.deepEqual(visitor.complaints, []);
  });

  cluster.test("the log keeps the last 200 lines, and shows those that are asked for", async () => {
    const visitor = await visit(cluster.node("n1").url);
    const lines = visitor.page.locator("#lines li");
    await visitor.page.locator('#namespaces [data-namespace="/events"][data-state=connected]').waitFor();

    await visitor.sendReply("/events", "stream", JSON.stringify(Array.from({ length: 250 }, (_, index) => `item ${index}`)));
    await visitor.page.locator("#lines li", { hasText: "item 249" }).waitFor();
    assert.equal(await lines.count(), 200);
    await visitor.page.getByLabel("Only lines with").fill("Item 24");

    assert.equal(await lines.filter({ visible: true }).count(), 10);
    assert.equal(await visitor.shown("#log-count"), "10 of 200");
    await visitor.page.locator("#log").getByRole("button", { name: "Clear" }).click();
    assert.equal(await lines.count(), 0);
  });

  cluster.test("every field and button has a name to be read aloud", async () => {
    const visitor = await visit(cluster.node("n1").url);

    const nameless = await visitor.page.evaluate(() =>
      [...document.querySelectorAll("input, select, textarea, button")]
        .filter((one) => !one.ariaLabel && !one.textContent.trim() && ![...(one.labels ?? [])].some((label) => label.textContent.trim()))
        .map((one) => one.outerHTML),
    );

    assert.deepEqual(nameless, []);
  });

  for (const [width, colorScheme] of [[360, "light"], [360, "dark"], [1280, "light"], [1280, "dark"]]) {
    cluster.test(`nothing sticks out of a page of ${width} px, ${colorScheme}`, async () => {
      const visitor = await visit(cluster.node("n1").url, { viewport: { width, height: 800 }, colorScheme });
      await visitor.page.locator('#namespaces [data-namespace="/events"][data-state=connected]').waitFor();
      await visitor.page.locator("#groups details:not([open]) summary").evaluateAll((all) => all.forEach((one) => one.click()));
      await visitor.sendReply("/events", "events", JSON.stringify("x".repeat(300)));
      await visitor.reply("/events", "events").locator(".answers", { hasText: "xxx" }).waitFor();

      assert.ok((await visitor.overhang()) <= 0, `${await visitor.overhang()} px`);
      await visitor.screenshot(`page-${width}-${colorScheme}`);
      assert.deepEqual(visitor.complaints, []);
    });
  }
});

function policyOf(answer) {
  const policy = answer.headers.get("content-security-policy");
  return new Map(policy.split(";").map((one) => one.trim().split(/\s+/)).map(([name, ...rest]) => [name, rest]));
}
