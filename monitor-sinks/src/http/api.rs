//! The table of routes, and how a question gets to a thread that may take its time.
//!
//! The thread that serves connections only reads parameters and waits. A handler runs on a thread of its own once it is
//! its turn; turns are bounded, because each may hold as many samples as the limit allows. A question whose client has
//! gone keeps its turn until it is answered or late, so that asking and leaving gains nobody more than waiting would.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Router,
    body::{Body, HttpBody, to_bytes},
    extract::{RawPathParams, Request},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use tokio::{
    sync::Semaphore,
    time::{timeout, timeout_at},
};

use super::{
    answer::{Answer, Failure, FailureKind},
    evaluate, expose,
    parameter::Parameters,
    series, status, tree,
    unread::Room,
};
use crate::{promql::Source, util::time::to_micros};

/// What answers need.
pub(super) struct Api {
    pub(super) source: Arc<dyn Source + Send + Sync>,
    pub(super) limits: Limits,
    pub(super) address: SocketAddr,
    pub(super) started: SystemTime,
    pub(super) turns: Arc<Semaphore>,
    pub(super) room: Room,
}

/// What a question may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// From its head to its answer.
    pub(super) time: Duration,
    /// Samples in memory.
    pub(super) samples: usize,
    /// How many may be answered at a time.
    pub(super) at_once: usize,
}

/// A question, to be answered off the thread that serves connections.
pub(super) struct Question {
    pub(super) api: Arc<Api>,
    pub(super) parameters: Parameters,
    /// The part of the path that varies.
    pub(super) name: String,
    /// The formats that the client takes.
    pub(super) accept: String,
    /// Milliseconds since 1970.
    pub(super) now: i64,
    pub(super) deadline: Instant,
}

type Handler = fn(&Question) -> Result<Answer, Failure>;

/// The longest body of a request. A query has at most 64 KiB, three times that when each byte is escaped.
const LONGEST_BODY: usize = 256 << 10;
/// How much later than its deadline an answer may come, because a source looks at the clock only now and then.
const TOLERANCE: Duration = Duration::from_secs(2);

/// What can be asked with parameters in the address or in a form.
const FORMS: [(&str, Handler); 7] = [
    ("/api/v1/query", evaluate::query),
    ("/api/v1/query_range", evaluate::query_range),
    ("/api/v1/query_exemplars", evaluate::query_exemplars),
    ("/api/v1/format_query", evaluate::format_query),
    ("/api/v1/parse_query", tree::parse_query),
    ("/api/v1/labels", series::labels),
    ("/api/v1/series", series::series),
];

/// What can be asked with parameters in the address.
const PAGES: [(&str, Handler); 13] = [
    ("/api/v1/label/{name}/values", series::label_values),
    ("/api/v1/metadata", status::metadata),
    ("/api/v1/rules", status::rules),
    ("/api/v1/alerts", status::alerts),
    ("/api/v1/alertmanagers", status::alertmanagers),
    ("/api/v1/targets", status::targets),
    ("/api/v1/targets/metadata", status::targets_metadata),
    ("/api/v1/status/buildinfo", status::buildinfo),
    ("/api/v1/status/runtimeinfo", status::runtimeinfo),
    ("/api/v1/status/flags", status::flags),
    ("/api/v1/status/tsdb", status::tsdb),
    ("/metrics", expose::metrics),
    ("/federate", expose::federate),
];

impl Api {
    /// All routes, none of them guarded yet.
    pub(super) fn router(self: Arc<Self>) -> Router {
        let all = FORMS.map(|route| (route, true)).into_iter().chain(PAGES.map(|route| (route, false)));
        let router = all.fold(Router::new(), |router, ((path, handler), is_form)| {
            let api = self.clone();
            let answer = move |path, request| api.answer(handler, path, request);
            router.route(path, if is_form { get(answer.clone()).post(answer) } else { get(answer) })
        });
        router
            .route("/-/healthy", get("Prometheus Server is Healthy.\n"))
            .route("/-/ready", get("Prometheus Server is Ready.\n"))
            .fallback(StatusCode::NOT_FOUND)
    }

    async fn answer(self: Arc<Self>, handler: Handler, path: RawPathParams, request: Request) -> Response {
        let most = self.limits.time + TOLERANCE;
        let name = path.iter().next().map(|(_, value)| value.to_owned()).unwrap_or_default();
        match timeout(most, self.ask(handler, name, request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(failure)) => failure.into_response(),
            Err(_) => Failure::new(FailureKind::Timeout, "query timed out in query execution").into_response(),
        }
    }

    async fn ask(self: Arc<Self>, handler: Handler, name: String, request: Request) -> Result<Response, Failure> {
        let begin = Instant::now();
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let accept = accept.unwrap_or_default().to_owned();
        let parameters = read(request).await?;
        let deadline = begin + parameters.time_limit(self.limits.time)?;
        let turn = timeout_at(deadline.into(), self.turns.clone().acquire_owned()).await;
        let Ok(Ok(turn)) = turn else {
            return Err(Failure::new(FailureKind::Timeout, "query timed out in query queue"));
        };
        let now = to_micros(SystemTime::now()).div_euclid(1000);
        let question = Question { api: self.clone(), parameters, name, accept, now, deadline };
        let work = tokio::task::spawn_blocking(move || {
            let answered = question.in_time().and_then(|()| handler(&question)).map(IntoResponse::into_response);
            drop(turn);
            answered
        });
        let panicked = |_| Err(Failure::new(FailureKind::Internal, "the question could not be answered: it panicked"));
        let (head, body) = work.await.unwrap_or_else(panicked)?.into_parts();
        let body = to_bytes(body, usize::MAX).await.ok().and_then(|body| self.room.keep(body));
        let full =
            || Failure::new(FailureKind::Unavailable, "too many large answers wait for clients that read slowly");
        Ok(Response::from_parts(head, Body::new(body.ok_or_else(full)?)))
    }
}

impl Question {
    /// Fails once it is too late for an answer.
    pub(super) fn in_time(&self) -> Result<(), Failure> {
        let late = || Failure::new(FailureKind::Timeout, "query timed out in query execution");
        if Instant::now() < self.deadline { Ok(()) } else { Err(late()) }
    }
}

async fn read(request: Request<Body>) -> Result<Parameters, Failure> {
    let (head, body) = request.into_parts();
    let too_large = || {
        let message = format!("the body has more than {LONGEST_BODY} bytes, or ended early");
        Failure::new(FailureKind::TooLarge, message)
    };
    // A length that is declared need not be waited for.
    if body.size_hint().lower() > LONGEST_BODY as u64 {
        return Err(too_large());
    }
    let body = to_bytes(body, LONGEST_BODY).await.map_err(|_| too_large())?;
    Ok(Parameters::new(&body, head.uri.query().unwrap_or_default()))
}
