{{- define "kafkascope.labels" -}}
app.kubernetes.io/name: kafkascope
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "kafkascope.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "kafkascope.secret" -}}
{{ .Values.link.existingSecret | default "kafkascope-link" }}
{{- end }}

{{- define "kafkascope.pullSecrets" -}}
{{- with .Values.image.pullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "kafkascope.hostNetwork" -}}
{{- /* Packets are read from the node's interfaces, so from its network. */ -}}
{{ or .Values.agent.hostNetwork (eq .Values.agent.source "packet") }}
{{- end }}
