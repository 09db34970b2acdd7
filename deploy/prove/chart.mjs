// What the chart repeats of the node: the keys of its configuration, in values.schema.json. `render.sh` has it write
// them; `check.mjs` asks whether they are still those of the node's own table.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../', import.meta.url);
const SCHEMA = new URL('deploy/helm/roomcast/values.schema.json', root);
const TABLE = new URL('node/src/config/key/table.rs', root);

// Set by the chart itself, or of no use to a node.
const OWN = ['listen', 'admin.listen', 'admin.url'];

const kinds = {
  Address: 'text', Url: 'text', Path: 'text', Text: 'text', Switch: 'switch', Count: 'count', Size: 'size', Duration: 'duration',
  List: 'list', RedisUrl: 'publicRedisUrl',
};

/** Every key of the node's table: its path, its schema, and whether it is secret. */
function keys() {
  const found = readFileSync(TABLE, 'utf8').split('Key::new(').slice(1).map((text) => {
    const [, path, kind, choices] = text.match(/^\s*"([\w.]+)",\s*Kind::(\w+)(?:\(&\[([^\]]*)\]\))?/) ?? [];
    const schema = choices ? { enum: [...choices.matchAll(/"([^"]*)"/g)].map((one) => one[1]) } : { $ref: `#/$defs/${kinds[kind]}` };
    if (path === undefined || (!choices && !kinds[kind])) throw new Error(`cannot read this key of ${TABLE.pathname}: ${text.slice(0, 80)}`);
    return { path, schema, secret: text.includes('.secret()') };
  });
  if (found.length < 30) throw new Error(`found only ${found.length} keys in ${TABLE.pathname}`);
  return found.filter(({ path }) => !OWN.includes(path));
}

/** An object's schema with these keys at their places and no others. */
function nested(entries) {
  const schema = { type: 'object', additionalProperties: false, properties: {} };
  for (const [path, leaf] of entries) {
    const names = path.split('.');
    let at = schema;
    for (const name of names.slice(0, -1)) {
      at = at.properties[name] ??= { type: 'object', additionalProperties: false, properties: {} };
    }
    at.properties[names.at(-1)] = leaf;
  }
  return schema;
}

/** The schema as it stands, and as it has to be. */
export function schemas() {
  const stands = readFileSync(SCHEMA, 'utf8');
  const schema = JSON.parse(stands);
  const all = keys();
  // The URL of Redis is a secret only where it has a password.
  const plain = all.filter(({ path, secret }) => !secret || path === 'redis.url');
  schema.properties.config = nested(plain.map((key) => [key.path, key.schema]));
  schema.properties.secrets = nested(all.filter((key) => key.secret).map((key) => [key.path, { $ref: '#/$defs/secret' }]));
  return { stands, wanted: `${JSON.stringify(schema, null, 2)}\n` };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(SCHEMA, schemas().wanted);
