//! Traces: how one event of a client goes through the cluster, told to an OpenTelemetry collector. Off unless configured.
//!
//! A span begins when an event's turn comes, and one on each other node when a broadcast of its handler comes there. What
//! joins them travels with the broadcast.

mod export;

use std::time::{Duration, SystemTime};

use opentelemetry::{
    Context, KeyValue,
    trace::{
        FutureExt as _, Span as _, SpanContext, SpanId, SpanKind, TraceContextExt as _, TraceFlags,
        TraceId, TraceState, Tracer as _, TracerProvider as _,
    },
};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracer, SdkTracerProvider},
};
use roomcast_adapter::wire::Trace;

use crate::config;
pub(crate) use export::Exporting;

/// How long the last spans may take to leave.
const LAST_SPANS: Duration = Duration::from_secs(2);

/// Where spans are made. A cheap handle; the default makes none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(Option<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
}

impl Traces {
    /// Traces as they are configured, of this node; and the task that sends them, if there are any.
    pub(crate) fn new(config: &config::Traces, node: &str) -> (Self, Option<Exporting>) {
        let Some(endpoint) = &config.endpoint else {
            return (Self::default(), None);
        };
        let (exporter, exporting) = export::exporter(endpoint);
        let share = 1.0 / f64::from(config.one_in.max(1));
        // Whoever made a trace has decided about all of it.
        let sampler = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(share)));
        let resource = Resource::builder_empty()
            .with_service_name("roomcast")
            .with_attributes([
                KeyValue::new("service.version", crate::VERSION),
                KeyValue::new("service.instance.id", node.to_owned()),
            ]);
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("roomcast");
        (Self(Some(Parts { tracer, provider })), Some(exporting))
    }

    /// A span for an event of a client, from now until the context is dropped. `None` where it is not recorded.
    pub(crate) fn event(&self, namespace: &str, event: &str) -> Option<Context> {
        let Parts { tracer, .. } = self.0.as_ref()?;
        let span = tracer
            .span_builder("event")
            .with_kind(SpanKind::Server)
            .with_attributes([
                KeyValue::new("socketio.namespace", namespace.to_owned()),
                KeyValue::new("socketio.event", event.to_owned()),
            ])
            .start_with_context(tracer, &Context::new());
        let is_recorded = span.span_context().is_sampled();
        is_recorded.then(|| Context::new().with_span(span))
    }

    /// The trace that whatever runs now is part of, for a broadcast to take along.
    pub(crate) fn current(&self) -> Option<Trace> {
        self.0.as_ref()?;
        Context::map_current(|context| {
            let span = context.span();
            let span = span.span_context();
            span.is_sampled().then(|| Trace {
                trace: span.trace_id().to_bytes(),
                span: span.span_id().to_bytes(),
                flags: span.trace_flags().to_u8(),
            })
        })
    }

    /// A broadcast of another node was delivered here: it came so long ago.
    pub(crate) fn delivered(&self, trace: Trace, took: Duration, namespace: &str) {
        let Some(Parts { tracer, .. }) = &self.0 else {
            return;
        };
        let parent = SpanContext::new(
            TraceId::from_bytes(trace.trace),
            SpanId::from_bytes(trace.span),
            TraceFlags::new(trace.flags),
            true,
            TraceState::NONE,
        );
        let ended = SystemTime::now();
        let mut span = tracer
            .span_builder("deliver")
            .with_kind(SpanKind::Consumer)
            .with_start_time(ended.checked_sub(took).unwrap_or(ended))
            .with_attributes([KeyValue::new("socketio.namespace", namespace.to_owned())])
            .start_with_context(tracer, &Context::new().with_remote_span_context(parent));
        span.end_with_timestamp(ended);
    }

    /// Sends what is left. For the end of a node.
    pub(crate) async fn end(self) {
        let Some(Parts { provider, .. }) = self.0 else {
            return;
        };
        // It waits for a thread that waits for a task of this runtime.
        let ending =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(LAST_SPANS));
        if let Ok(Err(error)) = ending.await {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

/// Runs `work` as a part of the trace in `context`, if there is one.
pub(crate) async fn within<T>(context: Option<Context>, work: impl Future<Output = T>) -> T {
    match context {
        Some(context) => work.with_context(context).await,
        None => work.await,
    }
}
