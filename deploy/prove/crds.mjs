// Holds the objects of the Prometheus Operator in rendered files against the operator's own types, which Kubernetes'
// do not contain. The compiler is asked, since it also minds what is there too much. helm/check.sh runs it:
// `node crds.mjs FILE…`.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseAllDocuments } from 'yaml';

const KINDS = ['PrometheusRule', 'ServiceMonitor'];

const objects = process.argv.slice(2)
  .flatMap((path) => parseAllDocuments(readFileSync(path, 'utf8'), { strict: true }).map((document) => document.toJS()))
  .filter((object) => object?.apiVersion === 'monitoring.coreos.com/v1');
const unknown = objects.find(({ kind }) => !KINDS.includes(kind));
if (unknown) throw new Error(`the Prometheus Operator's ${unknown.kind} is not known here`);
for (const kind of KINDS) {
  if (!objects.some((object) => object.kind === kind)) throw new Error(`none of the files has a ${kind}`);
}

const folder = new URL('node_modules/.cache/', import.meta.url);
mkdirSync(folder, { recursive: true });
const types = KINDS.map((kind) => `I${kind}`).join(', ');
const lines = objects.map((object, index) => `export const object${index}: I${object.kind} = ${JSON.stringify(object, null, 1)};`);
writeFileSync(new URL('crds.ts', folder),
  `import type { ${types} } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';\n${lines.join('\n')}\n`);
try {
  execFileSync(process.execPath, [
    fileURLToPath(new URL('node_modules/typescript/bin/tsc', import.meta.url)),
    '--noEmit', '--strict', '--skipLibCheck', '--target', 'es2022', '--module', 'nodenext',
    fileURLToPath(new URL('crds.ts', folder)),
  ], { encoding: 'utf8' });
} catch (error) {
  console.error(`the Prometheus Operator would not take what the chart makes:\n${error.stdout || error.message}`);
  process.exit(1);
}
