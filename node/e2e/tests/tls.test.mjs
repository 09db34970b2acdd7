// A node that speaks TLS itself, as the stock client meets it, and a certificate that is renewed while clients are connected.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe } from "node:test";
import { connect } from "node:tls";

import { TRANSPORTS, Client } from "../lib/client.mjs";
import { useCluster } from "../lib/cluster.mjs";
import { eventually, within } from "../lib/deadline.mjs";

const folder = mkdtempSync(join(tmpdir(), "roomcast-e2e-"));
const [certificate, key] = ["cert.pem", "key.pem"].map((name) => join(folder, name));

/** Makes a certificate of that serial number, vouched for by itself, and its key. */
function renew(serial) {
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-set_serial", String(serial)];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
  execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", certificate], { stdio: "pipe" });
}

describe("a node that speaks TLS", () => {
  renew(1);
  const cluster = useCluster({ env: { ROOMCAST_TLS__CERT_FILE: certificate, ROOMCAST_TLS__KEY_FILE: key } });
  after(() => rmSync(folder, { recursive: true }));
  const url = () => cluster.nodes[0].url.replace("http:", "https:");
  const trusting = () => ({ ca: readFileSync(certificate) });

  for (const transport of Object.keys(TRANSPORTS)) {
    cluster.test(`${transport}: messages small and large arrive in order`, async () => {
      const client = await Client.connect(url(), { transport, ...trusting() });
      try {
        const large = "x".repeat(900_000);
        const texts = [...Array.from({ length: 200 }, (_, number) => `n${number}`), large, "last"];
        const answers = await Promise.all(texts.map((text) => client.ask("echo", text)));
        assert.deepEqual(answers, texts);
      } finally {
        client.close();
      }
    });
  }

  cluster.test("whoever does not trust the certificate does not connect", async () => {
    const client = new Client(url(), { reconnection: false });
    const error = await within(new Promise((resolve) => client.socket.once("connect_error", resolve)), () => "it is refused");
    client.close();
    assert.ok(error);
  });

  cluster.test("plain HTTP is not spoken, and pages tell browsers so", async () => {
    await assert.rejects(fetch(cluster.nodes[0].url));
    const headers = await new Promise((resolve, reject) => {
      get(url(), trusting(), (response) => resolve(response.resume().headers)).on("error", reject);
    });
    assert.match(headers["strict-transport-security"], /max-age/);
  });

  cluster.test("a renewed certificate is shown to who connects, and who is connected stays", async () => {
    const client = await Client.connect(url(), trusting());
    try {
      renew(2);
      await eventually(async () => (await serial(cluster.nodes[0].port)) === "02", "the new certificate is shown");
      assert.equal(await client.ask("echo", "still here"), "still here");
      assert.deepEqual(client.disconnects, []);
    } finally {
      client.close();
    }
  });
});

/** The serial number of the certificate that a port shows. */
async function serial(port) {
  const socket = connect({ host: "127.0.0.1", port, ca: readFileSync(certificate) });
  try {
    await within(new Promise((resolve, reject) => socket.once("secureConnect", resolve).once("error", reject)), () => "TLS begins");
    return socket.getPeerCertificate().serialNumber;
  } catch {
    // Between the writing of the two files the old certificate is shown, which nobody trusts any more.
    return undefined;
  } finally {
    socket.destroy();
  }
}
