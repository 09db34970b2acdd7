// Holds the objects of the Prometheus Operator in a rendered file against the operator's own definitions, which
// Kubernetes' do not contain. helm/check.sh runs it: `node crds.mjs FILE`.

import { readFileSync } from 'node:fs';
import { PrometheusRule, ServiceMonitor } from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { parseAllDocuments } from 'yaml';

const known = { PrometheusRule, ServiceMonitor };

for (const document of parseAllDocuments(readFileSync(process.argv[2], 'utf8'), { strict: true })) {
  const object = document.toJS();
  if (object?.apiVersion !== 'monitoring.coreos.com/v1') continue;
  const Model = known[object.kind];
  if (!Model) throw new Error(`the Prometheus Operator's ${object.kind} is not known here`);
  try {
    new Model(object).validate();
  } catch (error) {
    console.error(`${process.argv[2]}: ${object.kind}: ${error.message}`);
    process.exit(1);
  }
}
