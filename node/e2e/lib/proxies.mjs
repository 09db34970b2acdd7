// The other balancers, each with the configuration that is deployed: nginx, Caddy, Envoy and Traefik. What is changed in
// it: addresses and ports are those of this machine. Nodes have the same ports at different addresses, as in earnest.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

import { eventually } from "./deadline.mjs";
import { freePort } from "./ports.mjs";
import { Program } from "./program.mjs";

const DEPLOY = fileURLToPath(new URL("../../../deploy/", import.meta.url));
const TOOLS = fileURLToPath(new URL("../../../target/tools/python/bin/", import.meta.url));
const SETUP = "`make setup` installs it.";

/** The address of the node with this number, counted from 0: those of the deployed files, on this machine. */
export const addressOf = (index) => `127.0.0.${11 + index}`;

/** How each is started. What a file has beside its name must be replaced in it. */
const PRODUCTS = {
  nginx: {
    file: "nginx",
    // One process, so that ending it leaves none behind.
    args: (folder) => ["-e", "stderr", "-p", folder, "-c", join(folder, "nginx.conf"), "-g", "daemon off; master_process off;"],
    files: (folder) => ({
      "nginx/nginx.conf": [
        ["worker_processes auto;", `pid ${folder}/nginx.pid;`],
        ["worker_rlimit_nofile 200000;", ""],
        ["worker_connections 100000;", "worker_connections 1000;"],
        ["http {", `http {\n${temporary(folder)}`],
        ["/var/log/nginx", folder],
        ["listen 3000;", "listen PUBLIC;"],
      ],
    }),
  },
  caddy: {
    file: "caddy",
    args: (folder) => ["run", "--adapter", "caddyfile", "--config", join(folder, "Caddyfile")],
    files: () => ({
      "caddy/Caddyfile": [
        ["{\n\tservers {", "{\n\tadmin off\n\tservers {"],
        ["\n:3000 {", "\nhttp://PUBLIC {"],
      ],
    }),
  },
  envoy: {
    file: join(TOOLS, "envoy"),
    // Two on one machine would share memory otherwise.
    args: (folder) => ["-c", join(folder, "envoy.yaml"), "--concurrency", "1", "--use-dynamic-base-id", "-l", "warning"],
    files: () => ({
      "envoy/envoy.yaml": [["address: 0.0.0.0, port_value: 3000", "address: 127.0.0.1, port_value: PUBLIC_PORT"]],
    }),
  },
  traefik: {
    file: join(TOOLS, "traefik"),
    args: (folder) => [`--configfile=${join(folder, "traefik.yml")}`],
    files: (folder) => ({
      "traefik/traefik.yml": [
        ["/etc/traefik/roomcast.yml", join(folder, "roomcast.yml")],
        ['":3000"', '"PUBLIC"'],
      ],
      "traefik/roomcast.yml": [],
    }),
  },
};

/** The names of the products. */
export const NAMES = Object.keys(PRODUCTS);

/** A running balancer. */
export class Proxy {
  /** Starts the product in front of nodes that all have these ports, and waits until it answers. */
  static async start(product, { port, adminPort }) {
    const { files, file, args } = PRODUCTS[product];
    const publicPort = await freePort();
    const folder = await mkdtemp(join(tmpdir(), "roomcast-e2e-"));
    for (const [path, changes] of Object.entries(files(folder))) {
      const text = changed(path, await readFile(join(DEPLOY, path), "utf8"), changes, { port, adminPort, publicPort });
      await writeFile(join(folder, basename(path)), text);
    }
    const home = { XDG_DATA_HOME: folder, XDG_CONFIG_HOME: folder, HOME: folder };
    const env = { ...process.env, ...home };
    // Nothing here goes through a proxy of this machine.
    for (const name of Object.keys(env)) if (/_proxy$/i.test(name)) delete env[name];
    const program = await Program.start({ name: product, file, args: args(folder), env, install: SETUP });
    const proxy = new Proxy(product, program, folder, `http://127.0.0.1:${publicPort}`);
    await eventually(async () => {
      program.assertRunning();
      return (await proxy.get("/node.json")).status === 200;
    }, `${product} answers`);
    return proxy;
  }

  constructor(product, program, folder, url) {
    this.product = product;
    this.program = program;
    this.folder = folder;
    this.url = url;
  }

  /** What the path is answered with. */
  async get(path, headers = {}) {
    return fetch(`${this.url}${path}`, { headers: { connection: "close", ...headers }, signal: AbortSignal.timeout(5_000) });
  }

  /** Ends it, without the patience that some have for open connections, and removes its files. */
  async stop() {
    await this.program.end("SIGKILL");
    await rm(this.folder, { recursive: true });
  }
}

/** nginx keeps large bodies in folders of the system's, unless told otherwise. */
function temporary(folder) {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`).join("\n");
}

function changed(path, deployed, changes, { port, adminPort, publicPort }) {
  const named = changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`deploy/${path} has no "${from}" any more: change lib/proxies.mjs with it`);
    return text.replaceAll(from, to);
  }, deployed);
  const text = named
    .replaceAll(/10\.0\.0\.(1\d)(:|, port_value: )3000/g, `127.0.0.$1$2${port}`)
    .replaceAll(/\b9090\b/g, String(adminPort))
    .replaceAll("PUBLIC_PORT", String(publicPort))
    .replaceAll("PUBLIC", `127.0.0.1:${publicPort}`);
  if (/10\.0\.0\.|\b3000\b/.test(text.replaceAll(/^\s*#.*$/gm, ""))) {
    throw new Error(`deploy/${path} has an address or a port that lib/proxies.mjs does not replace`);
  }
  return text;
}
