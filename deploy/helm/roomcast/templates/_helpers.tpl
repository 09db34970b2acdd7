{{/* Names, labels and the node's configuration as environment variables. */}}

{{- define "roomcast.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "roomcast.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "roomcast.name" . -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "roomcast.selector" -}}
app.kubernetes.io/name: {{ include "roomcast.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* The component is what Prometheus takes as the job's name, which the alerts and the dashboard look for. */}}
{{- define "roomcast.labels" -}}
{{ include "roomcast.selector" . }}
app.kubernetes.io/component: node
app.kubernetes.io/version: {{ .Values.image.tag | default .Chart.AppVersion | trunc 63 | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "roomcast.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "roomcast.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* A duration as the node reads it ("1m30s") in whole seconds, rounded up. */}}
{{- define "roomcast.seconds" -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 -}}
{{- $number := regexFind "[0-9]+" . | int -}}
{{- if hasSuffix "ms" . -}}{{- $sum = add $sum (div (add $number 999) 1000) -}}
{{- else if hasSuffix "h" . -}}{{- $sum = add $sum (mul $number 3600) -}}
{{- else if hasSuffix "m" . -}}{{- $sum = add $sum (mul $number 60) -}}
{{- else -}}{{- $sum = add $sum $number -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* How long a pod may take to end: longer than its drain, or clients are dropped in the middle of it. */}}
{{- define "roomcast.grace" -}}
{{- $drain := dig "drain" "deadline" "60s" .Values.config -}}
{{- $deadline := include "roomcast.seconds" $drain | int -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- add $deadline 15 -}}
{{- else -}}
{{- $grace := .Values.terminationGracePeriodSeconds | int -}}
{{- if lt $grace (add $deadline 10 | int) -}}
{{- fail (printf "terminationGracePeriodSeconds is %d, and a drain may take config.drain.deadline (%s) and 10 s: leave it out, or make it %d or more" $grace $drain (add $deadline 10)) -}}
{{- end -}}
{{- $grace -}}
{{- end -}}
{{- end -}}

{{/* Each key of `config` as its environment variable, in alphabetical order. Takes a dict: prefix, values. */}}
{{- define "roomcast.environment" -}}
{{- $prefix := .prefix -}}
{{- range $key, $value := .values -}}
{{- $name := printf "%s%s" $prefix (upper $key) -}}
{{- if kindIs "map" $value -}}
{{- include "roomcast.environment" (dict "prefix" (printf "%s__" $name) "values" $value) -}}
{{- else if not (kindIs "invalid" $value) }}
- name: {{ $name }}
  {{- if kindIs "slice" $value }}
  value: {{ join "," $value | quote }}
  {{- else if and (kindIs "float64" $value) (eq $value (float64 (int64 $value))) }}
  value: {{ int64 $value | toString | quote }}
  {{- else }}
  value: {{ $value | toString | quote }}
  {{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The secrets that are named, as lines of KEY|SECRET|KEY-IN-IT. */}}
{{- define "roomcast.secrets" -}}
{{- range $group, $keys := .Values.secrets -}}
{{- range $key, $from := $keys -}}
{{- if $from.name }}
{{ $group }}.{{ $key }}|{{ $from.name }}|{{ $from.key }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
