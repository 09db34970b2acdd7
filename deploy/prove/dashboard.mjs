// What a Grafana dashboard asks of Prometheus.

/** Every query of `dashboard`, with Grafana's own variables filled in as it would for all nodes. */
export function queries(dashboard) {
  const panels = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
  return panels.flatMap((panel) =>
    (panel.targets ?? []).map((target) => ({
      panel: panel.title,
      expression: target.expr.replaceAll('$__rate_interval', '1m').replaceAll('$instance', '.*'),
    })));
}
