//! What is replied: data in the envelope of Prometheus, a text, or a failure with its kind and status.

use std::fmt::Write as _;

use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use super::json;
use crate::promql;

/// A reply to a question that could be answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// The data as JSON, with the remarks that go with it.
    Data { json: String, warnings: Vec<String>, infos: Vec<String> },
    /// Something that is no JSON.
    Text { content_type: &'static str, text: String },
}

/// A question that could not be answered.
#[derive(Debug, PartialEq)]
pub(super) struct Failure {
    kind: FailureKind,
    message: String,
}

/// The kinds of failure that Prometheus knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The question makes no sense.
    BadData,
    /// It does, but not with this data or these limits.
    Execution,
    Timeout,
    Internal,
    TooLarge,
    /// There is no room for the answer.
    Unavailable,
}

impl Answer {
    pub(super) fn data(json: impl Into<String>) -> Self {
        Self::Data { json: json.into(), warnings: Vec::new(), infos: Vec::new() }
    }

    /// A list of texts, cut at `limit`.
    pub(super) fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>, is_cut: bool) -> Self {
        let mut json = String::new();
        json::list(&mut json, texts, |out, text| json::text(out, text.as_ref()));
        Self::data(json).cut(is_cut)
    }

    /// With the warning that something was left out, if `is_cut`.
    pub(super) fn cut(mut self, is_cut: bool) -> Self {
        if let Self::Data { warnings, .. } = &mut self
            && is_cut
        {
            warnings.push(String::from("results truncated due to limit"));
        }
        self
    }
}

impl Failure {
    pub(super) fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    pub(super) fn bad_data(message: impl Into<String>) -> Self {
        Self::new(FailureKind::BadData, message)
    }

    /// A parameter that cannot be read.
    pub(super) fn parameter(name: &str, message: impl std::fmt::Display) -> Self {
        Self::bad_data(format!("invalid parameter {name:?}: {message}"))
    }

    /// A query that has no answer.
    pub(super) fn of_query(error: &promql::Error) -> Self {
        if error.is_syntax() {
            return Self::parameter("query", error);
        }
        let kind = if error.is_timeout() {
            FailureKind::Timeout
        } else if error.is_source() {
            FailureKind::Internal
        } else if error.is_invalid_setting() {
            FailureKind::BadData
        } else {
            FailureKind::Execution
        };
        Self::new(kind, error.to_string())
    }

    /// Data that cannot be read.
    pub(super) fn of_source(error: &promql::Error) -> Self {
        Self::new(FailureKind::Internal, error.to_string())
    }
}

impl FailureKind {
    fn name_and_status(self) -> (&'static str, StatusCode) {
        match self {
            Self::BadData => ("bad_data", StatusCode::BAD_REQUEST),
            Self::Execution => ("execution", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Timeout => ("timeout", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("internal", StatusCode::INTERNAL_SERVER_ERROR),
            Self::Unavailable => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
            Self::TooLarge => ("bad_data", StatusCode::PAYLOAD_TOO_LARGE),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        match self {
            Self::Text { content_type, text } => response(StatusCode::OK, content_type, text),
            Self::Data { json, warnings, infos } => {
                let mut body = String::with_capacity(json.len() + 64);
                body += r#"{"status":"success","data":"#;
                body += &json;
                for (name, remarks) in [("warnings", warnings), ("infos", infos)] {
                    if !remarks.is_empty() {
                        let _ = write!(body, r#","{name}":"#);
                        json::list(&mut body, remarks, |out, remark| json::text(out, &remark));
                    }
                }
                body.push('}');
                response(StatusCode::OK, "application/json", body)
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (name, status) = self.kind.name_and_status();
        let mut body = format!(r#"{{"status":"error","errorType":"{name}","error":"#);
        json::text(&mut body, &self.message);
        body.push('}');
        response(status, "application/json", body)
    }
}

fn response(status: StatusCode, content_type: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
