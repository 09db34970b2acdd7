// Checks the files that nothing else reads before a cluster starts: that they are well formed, that Grafana
// will take its own, and that what two files say about one thing agrees. check.sh runs it.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';
import { alerts } from './alerts.mjs';
import { schemas } from './chart.mjs';
import { queries } from './dashboard.mjs';

const root = new URL('../../', import.meta.url);
const text = (path) => readFileSync(new URL(path, root), 'utf8');
const wrong = [];

/** Notes `message` unless `holds`. */
function expect(holds, message) {
  if (!holds) wrong.push(message);
}

/** Reads YAML, or JSON, which is a part of it: with no key twice, and nothing that the parser only puts up with. */
function parse(path) {
  const documents = parseAllDocuments(text(path), { strict: true, uniqueKeys: true, version: '1.2' });
  for (const problem of documents.flatMap((one) => [...one.errors, ...one.warnings])) wrong.push(`${path}: ${problem.message}`);
  if (path.endsWith('.json')) {
    try {
      JSON.parse(text(path));
    } catch (error) {
      wrong.push(`${path}: ${error.message}`);
    }
  }
  return documents.length > 1 ? documents.map((one) => one.toJS()) : documents[0]?.toJS();
}

/** Checks that `value` has the keys of `shape` and no others; a `?` marks those that may be missing. */
function shaped(path, value, shape) {
  const known = new Map(Object.entries(shape).map(([key, kind]) => [key.replace('?', ''), { kind, optional: key.endsWith('?') }]));
  for (const key of Object.keys(value ?? {})) expect(known.has(key), `${path}: Grafana knows no ${key} here`);
  for (const [key, { kind, optional }] of known) {
    const found = value?.[key];
    if (found === undefined) expect(optional, `${path}: ${key} is missing`);
    else if (Array.isArray(kind)) {
      expect(Array.isArray(found) && found.length > 0, `${path}: ${key} is no list`);
      for (const item of [].concat(found)) shaped(`${path} ${key}`, item, kind[0]);
    } else if (typeof kind === 'object') shaped(`${path} ${key}`, found, kind);
    else expect(typeof found === kind, `${path}: ${key} is no ${kind}`);
  }
}

/** Has the compiler hold a dashboard against the types of Grafana's release. */
function typed(path) {
  const folder = new URL('node_modules/.cache/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL('dashboard.ts', folder),
    `import type { OurDashboard } from '../../dashboard-type';\nexport const dashboard: OurDashboard = ${text(path)};\n`);
  try {
    execFileSync(process.execPath, [
      fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url)),
      '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler',
      fileURLToPath(new URL('dashboard.ts', folder)),
    ], { encoding: 'utf8' });
  } catch (error) {
    wrong.push(`${path} is no dashboard as Grafana has them:\n${error.stdout || error.message}`);
  }
}

/** True if the two rectangles of Grafana's grid share a place. */
function overlap(a, b) {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}

/** Seconds of a duration such as `75s` or `1m30s`. */
function seconds(duration) {
  const parts = [...duration.matchAll(/(\d+)(s|m|h)/g)];
  return parts.reduce((sum, [, count, unit]) => sum + count * { s: 1, m: 60, h: 3600 }[unit], 0);
}

// Well formed.
const files = new Map(
  ['docker-compose.yml', ...readdirSync(new URL('deploy', root), { recursive: true }).map((path) => `deploy/${path}`)]
    // Helm's templates are no YAML yet; helm/check.sh looks at what they make.
    .filter((path) => /\.(ya?ml|json)$/.test(path) && !/node_modules|\/templates\//.test(path))
    .map((path) => [path, parse(path)]),
);
const compose = files.get('docker-compose.yml');
const { node, grafana } = compose.services;

// Grafana takes its files, and finds what they name.
const sources = files.get('deploy/grafana/provisioning/datasources/prometheus.yml');
shaped('datasources/prometheus.yml', sources, {
  apiVersion: 'number',
  datasources: [{
    name: 'string', uid: 'string', type: 'string', access: 'string', url: 'string', isDefault: 'boolean', editable: 'boolean',
    jsonData: { httpMethod: 'string', timeInterval: 'string' },
  }],
});
const providers = files.get('deploy/grafana/provisioning/dashboards/cluster.yml');
shaped('dashboards/cluster.yml', providers, {
  apiVersion: 'number',
  providers: [{
    name: 'string', type: 'string', 'folder?': 'string', disableDeletion: 'boolean', allowUiUpdates: 'boolean',
    updateIntervalSeconds: 'number', options: { path: 'string', foldersFromFilesStructure: 'boolean' },
  }],
});
const prometheus = files.get('deploy/prometheus/prometheus.yml');
const interval = sources.datasources[0].jsonData.timeInterval;
expect(interval === prometheus.global.scrape_interval, `Grafana thinks that Prometheus scrapes every ${interval}`);
const mounted = (path) => grafana.volumes.map((one) => one.split(':')).find(([, inside]) => path.startsWith(inside))?.[0];
const folder = providers.providers[0].options.path;
expect(mounted(folder)?.endsWith('deploy/grafana/dashboards'), `nothing is mounted at ${folder}`);
const home = grafana.environment.GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH;
expect(files.has(home.replace(folder, 'deploy/grafana/dashboards')), `the first page of Grafana, ${home}, is not there`);

for (const [path, dashboard] of files) {
  if (!path.startsWith('deploy/grafana/dashboards/')) continue;
  typed(path);
  const { panels } = dashboard;
  expect(new Set(panels.map((panel) => panel.id)).size === panels.length, `${path}: two panels have one id`);
  panels.forEach((panel, index) => panels.slice(index + 1).forEach((other) =>
    expect(!overlap(panel.gridPos, other.gridPos), `${path}: ${panel.title} and ${other.title} lie on each other`)));
  panels.forEach((panel) => expect(panel.gridPos.x + panel.gridPos.w <= 24, `${path}: ${panel.title} is wider than the page`));
  expect(queries(dashboard).length > 0, `${path} asks nothing`);
}

// What two files say about one thing.
wrong.push(...alerts(files));
const schema = schemas();
expect(schema.stands === schema.wanted, 'helm/roomcast/values.schema.json has not the keys of the node: run deploy/render.sh');
const version = (path, name) => files.get(path).dependencies[name];
const client = version('deploy/docker/client/package.json', 'socket.io-client');
expect(client === version('deploy/prove/package.json', 'socket.io-client'), 'the image and the proof use different clients');
const types = version('deploy/prove/package.json', '@grafana/schema');
expect(grafana.image === `grafana/grafana:${types}`, `compose runs ${grafana.image}, the types are of ${types}`);
const rust = text('rust-toolchain.toml').match(/channel = "(\d+\.\d+)/)[1];
expect(text('deploy/docker/Dockerfile').includes(`FROM rust:${rust}-`), `the image is not built with Rust ${rust}`);
expect(existsSync(new URL('.dockerignore', root)) && text('.dockerignore') === text('deploy/docker/Dockerfile.dockerignore'),
  '.dockerignore is not deploy/docker/Dockerfile.dockerignore: the classic builder needs a link there');
expect(seconds(node.stop_grace_period) >= seconds(node.environment.ROOMCAST_DRAIN__DEADLINE) + 10,
  'a node is killed before its drain is over: stop_grace_period must exceed the deadline by ten seconds');
const deadline = text('node/src/config/key/table.rs').match(/"drain\.deadline",[^)]*\)\s*\.default\("(\w+)"\)/)[1];
const patience = text('deploy/systemd/roomcast.service').match(/^TimeoutStopSec=(.*)$/m)[1];
expect(seconds(patience) >= seconds(deadline) + 10, `systemd waits ${patience} for a drain of up to ${deadline}`);
expect(!node.ports && !node.container_name, 'a node with a published port or a name of its own cannot be scaled');
for (const [name, service] of Object.entries(compose.services)) {
  const [, tag] = service.image.match(/:([^:}]+)}?$/) ?? [];
  expect(tag && tag !== 'latest', `the image of ${name} names no version`);
}

if (wrong.length > 0) {
  console.error(wrong.join('\n'));
  process.exit(1);
}
console.log(`${files.size} files are well formed and agree`);
