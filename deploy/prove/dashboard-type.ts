// What a dashboard of ours must look like: Grafana's own types, of the release that docker-compose.yml runs, for
// the panels that we use. `check.mjs` has the compiler hold grafana/dashboards/*.json against `OurDashboard`.

import type { AnnotationQuery, Dashboard, Panel, RowPanel } from '@grafana/schema/dist/esm/raw/dashboard/x/Dashboard_types.gen';
import type * as StateTimeline from '@grafana/schema/dist/esm/raw/composable/statetimeline/panelcfg/x/StateTimelinePanelCfg_types.gen';
import type * as Stat from '@grafana/schema/dist/esm/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen';
import type * as TimeSeries from '@grafana/schema/dist/esm/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen';

/** A type as JSON can hold it: the values of enums instead of their names. */
type Json<T> = T extends string
  ? `${T}`
  : T extends readonly (infer Item)[]
    ? Json<Item>[]
    : T extends object
      ? { [Key in keyof T]: Json<T[Key]> }
      : T;

/** The one data source that is provisioned. */
type Source = { type: 'prometheus'; uid: 'prometheus' };

type Query = {
  refId: string;
  datasource: Source;
  editorMode: 'code';
  expr: string;
  legendFormat: string;
  range: true;
};

type PanelOf<Kind extends string, Options, Custom = never> = Omit<
  Json<Panel>,
  'type' | 'title' | 'description' | 'datasource' | 'options' | 'fieldConfig' | 'targets'
> & {
  type: Kind;
  title: string;
  /** What the graph shows and what is normal: who looks at it is in a hurry. */
  description: string;
  datasource: Source;
  options: Json<Options>;
  fieldConfig: {
    defaults: Omit<Json<NonNullable<Panel['fieldConfig']>['defaults']>, 'custom'> & { custom?: Json<Custom> };
    overrides: [];
  };
  targets: [Query, ...Query[]];
};

/** Marks in the graphs. What the data source is asked is its own affair, so Grafana's type leaves it out. */
type Marks = Json<AnnotationQuery> & { datasource: Source; expr: string; titleFormat: string; textFormat: string };

export type OurDashboard = Omit<Json<Dashboard>, 'annotations' | 'panels'> & {
  uid: string;
  title: string;
  annotations: { list: Marks[] };
  panels: (
    | Json<RowPanel>
    | PanelOf<'stat', Stat.Options>
    | PanelOf<'state-timeline', StateTimeline.Options, StateTimeline.FieldConfig>
    | PanelOf<'timeseries', TimeSeries.Options, TimeSeries.FieldConfig>
  )[];
};
