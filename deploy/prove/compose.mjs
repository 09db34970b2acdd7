// The composed cluster: its containers, what the balancer thinks of them, and what Prometheus has scraped.
// The project, the image and the compose command come from prove-compose.sh by the environment.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);
const [command, ...prefix] = process.env.COMPOSE.split(' ');

/** Runs the compose command; returns what it printed. Building an image takes its time. */
export async function compose(...args) {
  const { stdout } = await run(command, [...prefix, ...args], { timeout: 1_500_000, maxBuffer: 64 << 20 });
  return stdout.trim();
}

/** Runs the engine's client; returns what it printed. */
export async function docker(...args) {
  const { stdout } = await run('docker', args, { timeout: 120_000 });
  return stdout.trim();
}

/** The base URL of a service's port on this machine. */
export async function address(service, port) {
  const published = await compose('port', service, String(port));
  return `http://127.0.0.1:${published.split(':').pop()}`;
}

/** Every running container of a service: its id, its address in the network, and when it started. */
export async function containers(service) {
  const ids = (await compose('ps', '-q', service)).split('\n').filter(Boolean);
  if (ids.length === 0) return [];
  const all = JSON.parse(await docker('inspect', ...ids));
  return all
    .filter((one) => one.State.Running)
    .map((one) => ({
      id: one.Id,
      ip: Object.values(one.NetworkSettings.Networks)[0].IPAddress,
      started: one.State.StartedAt,
    }));
}

/** The balancer's view of one backend: a row for each replica it knows. */
export async function replicas(balancer, backend = 'nodes') {
  const response = await fetch(`${balancer}/;csv`);
  const [header, ...lines] = (await response.text()).trim().split('\n');
  const names = header.replace(/^# /, '').split(',');
  return lines
    .map((line) => Object.fromEntries(line.split(',').map((value, column) => [names[column], value])))
    .filter((row) => row.pxname === backend && row.svname !== 'BACKEND' && !row.status.startsWith('MAINT'))
    .map((row) => ({ name: row.svname, status: row.status, ip: row.addr.split(':')[0], cookie: row.cookie }));
}

/** Asks Prometheus for the present value of an expression; an error of Prometheus is thrown. */
export async function query(prometheus, expression) {
  const response = await fetch(`${prometheus}/api/v1/query`, {
    method: 'POST',
    body: new URLSearchParams({ query: expression }),
  });
  const answer = await response.json();
  if (answer.status !== 'success') throw new Error(`${answer.error}: ${expression}`);
  return answer.data.result.map(({ metric, value }) => ({ ...metric, value: Number(value[1]) }));
}
