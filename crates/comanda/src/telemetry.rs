//! Traces over OTLP/HTTP, where the settings name a collector.
//!
//! A request is one span; where it had a commit, its stages are spans below it. They are made when
//! the request is answered, of moments that were noted on the way. Finished spans wait in a bounded
//! queue for a thread of their own that sends them: what does not fit is dropped.
//!
//! Never: a request that waits for a collector; personal data in a span.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result};
use opentelemetry::trace::{
    Span, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer as _, TracerProvider,
};
use opentelemetry::{Context as Parents, KeyValue};
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use web::trace::{Finished, Parent, Tracer};

use crate::config::Installation;

/// Spans that may wait to be sent; more are dropped. About 4 MiB.
const QUEUE_SPANS_MAX: usize = 8_192;
/// Spans of one message to the collector.
const MESSAGE_SPANS_MAX: usize = 512;
/// How often waiting spans are sent.
const SEND_EVERY: Duration = Duration::from_secs(2);
/// Longest a collector may take over one message.
const SEND_PATIENCE: Duration = Duration::from_secs(5);
/// Longest a stop of the server waits for the last spans to be sent.
const CLOSE_PATIENCE: Duration = Duration::from_secs(2);
/// Most bytes of a collector's answer that are read.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// Traces on their way to a collector.
pub(crate) struct Traces {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    percent: u64,
}

impl Traces {
    /// As the settings say; nothing where they name no collector.
    pub(crate) fn start(installation: &Installation) -> Result<Option<Self>> {
        let settings = &installation.telemetry;
        let Some(endpoint) = &settings.otlp_endpoint else { return Ok(None) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Collector::new())
            .with_endpoint(format!("{}/v1/traces", endpoint.0))
            .with_timeout(SEND_PATIENCE)
            .build()
            .with_context(|| format!("send traces to {}", endpoint.0))?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_SPANS_MAX)
            .with_max_export_batch_size(MESSAGE_SPANS_MAX)
            .with_scheduled_delay(SEND_EVERY)
            .build();
        let sender = BatchSpanProcessor::builder(exporter).with_batch_config(batches).build();
        let resource = Resource::builder()
            .with_service_name("comanda")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")));
        let provider = SdkTracerProvider::builder()
            .with_span_processor(sender)
            // What is not wanted is not told: `wants` decides, before anything is noted.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("comanda");
        Ok(Some(Self { provider, tracer, percent: settings.sample_percent.0 }))
    }

    /// Sends what waits, as long as that may take.
    pub(crate) fn close(&self) {
        // A collector that does not answer has been told of in the log.
        drop(self.provider.shutdown_with_timeout(CLOSE_PATIENCE));
    }
}

impl Tracer for Traces {
    fn wants(&self, parent: Option<&Parent>) -> bool {
        match parent {
            Some(parent) => parent.sampled,
            None => fastrand::u64(0..100) < self.percent,
        }
    }

    fn tell(&self, request: &Finished<'_>) {
        let clock = Clock { now: Instant::now(), wall: SystemTime::now() };
        let parents = request.parent.as_ref().map_or_else(Parents::new, remote);
        let mut span = self
            .tracer
            .span_builder(format!("{} {}", request.method, request.route))
            .with_kind(SpanKind::Server)
            .with_start_time(clock.time(request.began))
            .with_attributes([
                KeyValue::new("http.request.method", request.method.to_owned()),
                KeyValue::new("http.route", request.route),
                KeyValue::new("http.response.status_code", i64::from(request.status)),
                KeyValue::new("request.id", request.id.to_owned()),
            ])
            .start_with_context(&self.tracer, &parents);
        if request.status >= 500 {
            span.set_status(Status::error(request.status.to_string()));
        }
        let below = parents.with_remote_span_context(span.span_context().clone());
        if let Some(moments) = request.moments {
            self.stage("prepare", &clock, &below, request.began, moments.queued);
            self.stage("queue", &clock, &below, moments.queued, moments.taken);
            self.stage("decide", &clock, &below, moments.taken, moments.decided);
            self.stage("commit", &clock, &below, moments.decided, moments.synced);
            self.stage("answer", &clock, &below, moments.synced, request.ended);
        }
        span.end_with_timestamp(clock.time(request.ended));
    }
}

impl Traces {
    fn stage(
        &self,
        name: &'static str,
        clock: &Clock,
        below: &Parents,
        from: Instant,
        until: Instant,
    ) {
        let stage = self.tracer.span_builder(name).with_kind(SpanKind::Internal);
        let stage = stage.with_start_time(clock.time(from));
        stage.start_with_context(&self.tracer, below).end_with_timestamp(clock.time(until));
    }
}

/// What time a moment was.
struct Clock {
    now: Instant,
    wall: SystemTime,
}

impl Clock {
    fn time(&self, moment: Instant) -> SystemTime {
        self.wall - self.now.saturating_duration_since(moment)
    }
}

fn remote(parent: &Parent) -> Parents {
    let (trace, span) = (TraceId::from_bytes(parent.trace_id), SpanId::from_bytes(parent.span_id));
    let flags = TraceFlags::default().with_sampled(parent.sampled);
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    Parents::new().with_remote_span_context(context)
}

/// The way to the collector, by the HTTP client that the commands use. Blocks the one thread that
/// sends.
#[derive(Debug)]
struct Collector {
    agent: ureq::Agent,
    failing: AtomicBool,
}

impl Collector {
    fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(SEND_PATIENCE));
        Self { agent: config.build().into(), failing: AtomicBool::new(false) }
    }

    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (parts, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(parts, body.to_vec()))?;
        let (parts, mut body) = answer.into_parts();
        let bytes = body.with_config().limit(ANSWER_BYTES_MAX).read_to_vec()?;
        Ok(Response::from_parts(parts, bytes.into()))
    }
}

#[async_trait::async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.send(request);
        let wrong = match &sent {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(answer.status().to_string()),
            Err(error) => Some(error.to_string()),
        };
        // Said once until it works again: spans are sent every two seconds.
        match (wrong, self.failing.load(Ordering::Relaxed)) {
            (Some(error), false) => {
                self.failing.store(true, Ordering::Relaxed);
                tracing::warn!(error, "traces are not taken by the collector: {error}");
            }
            (None, true) => {
                self.failing.store(false, Ordering::Relaxed);
                tracing::info!("traces are taken by the collector again");
            }
            (Some(_), true) | (None, false) => {}
        }
        sent
    }
}
