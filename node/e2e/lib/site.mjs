// Web pages of another origin than the node's: those of the folder `site`, which look for a server on port 3000.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

export class Site {
  /** Starts to serve the pages; they find their server at the `url` that `talksTo` gives when a page is asked for. */
  static async start(talksTo) {
    const http = createServer(async ({ url }, answer) => {
      // A browser asks for it with every page.
      if (url === "/favicon.ico") return answer.writeHead(204).end();
      try {
        const page = await readFile(new URL(`../site${url.replaceAll("..", "")}`, import.meta.url), "utf8");
        answer.writeHead(200, { "content-type": "text/html; charset=utf-8" });
        answer.end(page.replaceAll("http://localhost:3000", talksTo()));
      } catch {
        answer.writeHead(404).end();
      }
    });
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    return new Site(http, `http://127.0.0.1:${http.address().port}`);
  }

  constructor(http, origin) {
    this.http = http;
    this.origin = origin;
  }

  async stop() {
    this.http.closeAllConnections();
    await new Promise((resolve) => this.http.close(resolve));
  }
}
