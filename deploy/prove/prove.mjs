// The proof, step by step, against a composed cluster of three nodes that prove-compose.sh has just started.
// Each step prints what it has shown; the first that fails ends the run with what was waited for.

import { readFile } from 'node:fs/promises';
import { address, compose, containers, docker, query, replicas } from './compose.mjs';
import { Client, allHearAll } from './clients.mjs';
import { queries } from './dashboard.mjs';
import { check, until } from './wait.mjs';

const transports = [['polling'], ['polling', 'websocket'], ['websocket']];
const begun = Date.now();
const url = await address('haproxy', 3000);
const balancer = await address('haproxy', 8404);
const prometheus = await address('prometheus', 9090);
let clients = [];

/** Until the balancer gives new sessions to `count` replicas, and Prometheus scrapes as many. */
async function nodesServe(count, seconds = 30) {
  await until(`the balancer finds ${count} ready nodes`, seconds, async () => {
    const up = (await replicas(balancer)).filter((one) => one.status === 'UP');
    return up.length === count;
  });
  await until(`Prometheus scrapes ${count} nodes`, seconds, async () => {
    const scraped = await query(prometheus, 'up{job="node"} == 1');
    return scraped.length === count;
  });
}

/** The number of sockets on the node with this address, as Prometheus saw it last. */
async function connected(ip) {
  const [answer] = await query(prometheus, `socket_io_connected{instance="${ip}:9090"}`);
  return answer?.value ?? 0;
}

/** True if Prometheus knows the alert for this label and value, firing or about to. */
async function alerted(name, label, value) {
  return (await query(prometheus, `ALERTS{alertname="${name}", ${label}="${value}"}`)).length > 0;
}

/** The cookie that the balancer gives to a request which brings `cookie`; the same one if it gives none. */
async function cookieAfter(cookie) {
  const response = await fetch(url, { headers: { cookie: `roomcast-node=${cookie}` }, redirect: 'manual' });
  const given = response.headers.getSetCookie().find((one) => one.startsWith('roomcast-node='));
  return given ? given.split(';')[0].split('=')[1] : cookie;
}

/** The clients that `happening` must not touch: each still has the connection that it had. */
async function undisturbed(untouched, happening) {
  const before = untouched.map((client) => client.lost);
  await happening();
  untouched.forEach((client, index) =>
    check(client.lost === before[index], `${client.name} lost its connection to a node that was not touched`));
}

const steps = {
  async 'three nodes serve; the balancer and Prometheus have found them'() {
    await nodesServe(3);
  },

  async 'the image serves the page and the official client, and keeps its admin port to itself'() {
    const page = await fetch(url);
    check(page.ok && page.headers.get('content-type').startsWith('text/html'), `the page at / answers ${page.status}`);
    const script = await fetch(`${url}/socket.io/socket.io.js`, { redirect: 'manual' });
    check(script.ok && (await script.text()).includes('Socket.IO v4.'), `the client's file answers ${script.status}`);
    for (const path of ['/metrics', '/ready', '/api/v1/nodes']) {
      const { status } = await fetch(`${url}${path}`);
      check(status === 404, `${path} answers ${status} on the public port`);
    }
    const user = await compose('exec', '-T', 'node', 'id', '-u');
    check(user !== '0', 'the node runs as root');
  },

  async 'clients on each node, by each transport, hear each other'() {
    for (const node of await replicas(balancer)) {
      for (const each of transports) {
        clients.push(new Client(url, { name: `${node.name} ${each.join('+')}`, transports: each, cookie: node.cookie }));
        clients.at(-1).ip = node.ip;
      }
    }
    await allHearAll(clients);
    for (const node of await replicas(balancer)) {
      await until(`${node.name} has its three clients`, 15, async () => (await connected(node.ip)) === 3);
    }
  },

  async 'two more nodes are found without a restart, and get the next clients'() {
    const started = async () => (await Promise.all(['haproxy', 'prometheus'].map(containers))).flat().map((one) => one.started);
    const before = await started();
    const known = (await replicas(balancer)).map((one) => one.ip);
    await undisturbed(clients, async () => {
      await compose('up', '--detach', '--no-recreate', '--no-deps', '--scale', 'node=5', 'node');
      await nodesServe(5);
    });
    check((await started()).join() === before.join(), 'the balancer or Prometheus was restarted');

    for (let index = 0; index < 6; index += 1) {
      clients.push(await new Client(url, { name: `newcomer ${index}`, transports: ['websocket'] }).ready());
    }
    for (const node of (await replicas(balancer)).filter((one) => !known.includes(one.ip))) {
      await until(`the new node ${node.name} has clients`, 15, async () => (await connected(node.ip)) > 0);
    }
    await allHearAll(clients);
  },

  async 'a killed node is noticed, and its clients come back on the others'() {
    const victim = clients[0].ip;
    const [touched, untouched] = [clients.filter((one) => one.ip === victim), clients.filter((one) => one.ip && one.ip !== victim)];
    const container = (await containers('node')).find((one) => one.ip === victim);
    await undisturbed(untouched, async () => {
      await docker('kill', '--signal', 'KILL', container.id);
      await until('its clients notice', 10, () => touched.every((one) => one.lost > 0));
      await allHearAll(clients, 15);
      await nodesServe(4);
    });
    touched.forEach((one) => delete one.ip);
    await until('the alert NodeLost', 20, () => alerted('NodeLost', 'instance', `${victim}:9090`));
  },

  async 'a draining node keeps its sessions, gets no others, and ends with 0'() {
    const leaving = clients.find((one) => one.ip).ip;
    const { cookie } = (await replicas(balancer)).find((one) => one.ip === leaving);
    const [touched, untouched] = [clients.filter((one) => one.ip === leaving), clients.filter((one) => one.ip && one.ip !== leaving)];
    const container = (await containers('node')).find((one) => one.ip === leaving);
    check((await cookieAfter(cookie)) === cookie, 'a browser comes back to its node while that is ready');
    await undisturbed(untouched, async () => {
      const stopped = docker('stop', container.id);
      await until('the balancer sees it draining', 10, async () =>
        (await replicas(balancer)).some((one) => one.ip === leaving && one.status === 'NOLB')
        && (await replicas(balancer, 'returning')).some((one) => one.ip === leaving && one.status.startsWith('DOWN')));
      const held = touched.find((one) => one.name.endsWith(' polling'));
      check(held.lost === 0 && (await held.answers()), 'a polling session is held while its node drains');
      check((await cookieAfter(cookie)) !== cookie, 'a browser with its cookie is given another node');
      await stopped;
      await allHearAll(clients, 15);
    });
    touched.forEach((one) => delete one.ip);
    const code = await docker('inspect', '--format', '{{.State.ExitCode}}', container.id);
    check(code === '0', `the drained node ended with ${code}`);
    await nodesServe(3);
    check(!(await alerted('NodeLost', 'instance', `${leaving}:9090`)), 'a drained node is not reported as lost');
  },

  async 'a rolling update under load: every client is back within 3 s, and no node restarts by itself'() {
    // Those that the steps before have ended would count among the three.
    await compose('rm', '--force', 'node');
    const crowd = Array.from({ length: 60 }, (_, index) =>
      new Client(url, { name: `crowd ${index}`, transports: transports[index % transports.length] }));
    await Promise.all(crowd.map((client) => client.ready()));
    let saying = 0;
    // A message that is lost with its client's connection is no fault here: what matters is that there is load.
    const load = setInterval(() => crowd.find((client) => client.joined)?.say().then(() => { saying += 1; }, () => {}), 50);
    try {
      for (const { id } of await containers('node')) {
        await docker('stop', id);
        check((await docker('inspect', '--format', '{{.State.ExitCode}}', id)) === '0', 'a replaced node did not end with 0');
        await docker('rm', id);
        await compose('up', '--detach', '--no-recreate', '--no-deps', '--scale', 'node=3', 'node');
        await nodesServe(3);
        await Promise.all(crowd.map((client) => client.ready()));
      }
    } finally {
      clearInterval(load);
    }
    const longest = Math.max(0, ...crowd.flatMap((client) => client.absences));
    check(crowd.some((client) => client.absences.length > 0), 'nobody was moved');
    check(longest <= 3_000, `a client was away for ${longest} ms`);
    check(saying > 0, 'nothing was said meanwhile');
    for (const { id } of await containers('node')) {
      check((await docker('inspect', '--format', '{{.RestartCount}}', id)) === '0', 'a node has restarted by itself');
    }
    clients.forEach((client) => delete client.ip);
    await allHearAll([...clients, ...crowd], 15);
    crowd.forEach((client) => client.close());
  },

  async 'without Redis the outage backend serves, and clients on one node hear each other'() {
    await undisturbed(clients, async () => {
      await compose('stop', '--timeout', '5', 'redis');
      await until('no node is ready', 30, async () => (await replicas(balancer)).every((one) => one.status === 'NOLB'));
    });
    for (const node of await replicas(balancer, 'outage')) {
      check(node.status === 'UP', `${node.name} is ${node.status} in the outage backend`);
      const pair = transports.slice(0, 2).map((each) =>
        new Client(url, { name: `${node.name} in the outage, ${each.join('+')}`, transports: each, cookie: node.cookie }));
      await allHearAll(pair);
      clients.push(...pair);
      check((await cookieAfter(node.cookie)) === node.cookie, 'cookies are honoured in the outage backend');
    }
    const stranger = await new Client(url, { name: 'newcomer in the outage' }).ready();
    clients.push(stranger);
    await until('the alert ClusterDeaf', 20, async () => (await query(prometheus, 'ALERTS{alertname="ClusterDeaf"}')).length === 3);
    await until('the alert NoNodeReady', 20, () => alerted('NoNodeReady', 'proxy', 'nodes'));
  },

  async 'with Redis back, all hear all again within five seconds'() {
    await undisturbed(clients, async () => {
      await compose('start', 'redis');
      await until('Redis answers', 10, async () => (await compose('exec', '-T', 'redis', 'redis-cli', 'ping')) === 'PONG');
      await until('a message crosses the cluster', 5, () => allHearAll(clients, 0.5).then(() => true));
    });
    await nodesServe(3);
    await allHearAll(clients);
  },

  async 'every query of the dashboard answers, with data'() {
    const dashboard = JSON.parse(await readFile(new URL('../grafana/dashboards/cluster.json', import.meta.url), 'utf8'));
    const asked = queries(dashboard);
    check(asked.length > 20, `only ${asked.length} queries found in the dashboard`);
    await until('all of them have data', 30, async () => {
      const answers = await Promise.all(asked.map(async (one) => ({ ...one, rows: await query(prometheus, one.expression) })));
      const empty = answers.filter((one) => one.rows.length === 0).map((one) => `${one.panel}: ${one.expression}`);
      check(empty.length === 0, `without data:\n  ${empty.join('\n  ')}`);
      return true;
    });
  },
};

for (const [name, step] of Object.entries(steps)) {
  const start = Date.now();
  try {
    await step();
  } catch (error) {
    console.error(`FAILED  ${name}\n  ${error.message}`);
    for (let cause = error.cause; cause; cause = cause.cause) console.error(`  because: ${cause.message}`);
    process.exit(1);
  }
  console.log(`ok  ${((Date.now() - start) / 1000).toFixed(1).padStart(5)} s  ${name}`);
}
clients.forEach((client) => client.close());
console.log(`all ${Object.keys(steps).length} steps in ${Math.round((Date.now() - begun) / 1000)} s`);
