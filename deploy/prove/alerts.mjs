// Alerts, their tests and their pages: each alert has one of both, and nothing is left over.

import { existsSync, readdirSync, readFileSync } from 'node:fs';

const folder = new URL('../runbooks/', import.meta.url);
const HEADINGS = ['What it means', 'What clients notice', 'Look at', 'What to do', 'When it is a false alarm'];

/** What is wrong with the alerts; `files` are those of deploy/, parsed. */
export function alerts(files) {
  const wrong = [];
  const rules = files.get('deploy/prometheus/rules.yml').groups.flatMap((group) => group.rules).filter((rule) => rule.alert);
  const tests = files.get('deploy/prometheus/rules.test.yml').tests;
  const pages = readdirSync(folder).filter((name) => name !== 'README.md').map((name) => name.replace(/\.md$/, ''));
  const list = readFileSync(new URL('README.md', folder), 'utf8');

  // True for an alert that some test sees firing, and some time not.
  const tested = (name) => {
    const asked = tests.flatMap((test) => [
      ...(test.promql_expr_test ?? []).filter(({ expr }) => expr.includes(`"${name}"`)).map(({ exp_samples: found }) => found),
      ...(test.alert_rule_test ?? []).filter(({ alertname }) => alertname === name).map(({ exp_alerts: found }) => found),
    ]);
    return asked.some((found) => found.length > 0);
  };

  for (const { alert, labels, annotations } of rules) {
    if (!tested(alert)) wrong.push(`no test sees the alert ${alert} fire`);
    if (!['page', 'ticket'].includes(labels.severity)) wrong.push(`the alert ${alert} has no severity`);
    if (annotations.runbook_url !== `deploy/runbooks/${alert}.md`) wrong.push(`the alert ${alert} does not name its page`);
    if (!pages.includes(alert)) wrong.push(`the alert ${alert} has no page deploy/runbooks/${alert}.md`);
    if (!list.includes(`[${alert}](${alert}.md) | ${labels.severity} |`)) wrong.push(`runbooks/README.md has not ${alert} with its severity`);
  }
  for (const page of pages) {
    if (!rules.some((rule) => rule.alert === page)) wrong.push(`deploy/runbooks/${page}.md is of no alert`);
    const text = readFileSync(new URL(`${page}.md`, folder), 'utf8');
    if (!text.startsWith(`# ${page}\n`)) wrong.push(`deploy/runbooks/${page}.md has another title`);
    for (const heading of HEADINGS) {
      if (!text.includes(`\n## ${heading}\n\n`)) wrong.push(`deploy/runbooks/${page}.md does not say: ${heading}`);
    }
    for (const [, link] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (!existsSync(new URL(link, folder))) wrong.push(`deploy/runbooks/${page}.md leads to ${link}, which is not there`);
    }
  }
  return wrong;
}
