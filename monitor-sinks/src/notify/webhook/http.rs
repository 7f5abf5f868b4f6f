//! One request, under one deadline.

use std::{
    error, io,
    io::Read,
    time::{Duration, Instant},
};

use ureq::{
    Agent, Body,
    http::Response,
    tls::{RootCerts, TlsConfig},
};

use crate::notify::{Receipt, Refusal, Secret};

/// As much as is read of an answer that says what is wrong.
const READ: u64 = 512;

/// A client that follows no redirect, because a request that is signed, or has a token, is for its receiver alone; and that
/// trusts whom the system trusts.
pub(in crate::notify) fn agent() -> Agent {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .user_agent(concat!("monitored/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(RootCerts::PlatformVerifier).build())
        .build()
        .into()
}

/// Sends `body`, and sorts what comes back. Reasons do not hold the address, which may be a secret.
pub(in crate::notify) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    deadline: Instant,
) -> Result<Receipt, Refusal> {
    // No time at all would mean that there is no limit.
    let time = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    let mut request = agent.post(url).config().timeout_global(Some(time)).build();
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match request.send(body) {
        Ok(response) => answered(response),
        Err(error) => Err(failed(&error)),
    }
}

/// What of headers a receiver may repeat and nobody may see. Of `Bearer TOKEN` that is the token alone as well.
pub(in crate::notify) fn secrets(headers: &[(String, Secret)]) -> impl Iterator<Item = &str> {
    let values = headers.iter().map(|(_, value)| value.expose());
    let tokens = values.clone().filter_map(|value| value.rsplit_once(' ')).map(|(_, token)| token);
    values.chain(tokens)
}

/// What an answer means. The body is of interest only if it says what is wrong.
fn answered(mut response: Response<Body>) -> Result<Receipt, Refusal> {
    let status = response.status();
    if status.is_success() {
        return Ok(Receipt::new(status.to_string()));
    }
    let wait = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let mut said = Vec::new();
    let _ = response.body_mut().as_reader().take(READ).read_to_end(&mut said);
    let reason = format!("the receiver answered {status}: {}", String::from_utf8_lossy(&said));
    Err(match status.as_u16() {
        408 | 425 | 429 | 500.. => {
            let refusal = Refusal::transient(reason);
            match wait {
                Some(seconds) => refusal.retry_after(Duration::from_secs(seconds)),
                None => refusal,
            }
        }
        300..=399 => {
            Refusal::of_channel(format!("{reason}; redirects are not followed, name the address that it leads to"))
        }
        401 | 403 | 404 | 405 | 407 | 410 => Refusal::of_channel(reason),
        _ => Refusal::of_message(reason),
    })
}

/// What no answer means.
fn failed(error: &ureq::Error) -> Refusal {
    match error {
        ureq::Error::Timeout(what) => Refusal::transient(format!("the receiver did not answer in time ({what})")),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Refusal::of_channel("its address or a header is not valid"),
        ureq::Error::Tls(_) | ureq::Error::Pem(_) | ureq::Error::Rustls(_) => Refusal::of_channel(error.to_string()),
        error if is_of_tls(error) => Refusal::of_channel(error.to_string()),
        error => Refusal::transient(error.to_string()),
    }
}

/// Whether there was a connection, and no trust: TLS says so by this kind of failure of reading and writing only.
fn is_of_tls(error: &ureq::Error) -> bool {
    let mut cause: Option<&(dyn error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if let Some(ureq::Error::Io(io)) = error.downcast_ref()
            && io.kind() == io::ErrorKind::InvalidData
        {
            return true;
        }
        cause = error.source();
    }
    false
}
