//! One request, under one deadline.

use std::{
    error, fs,
    io::{self, Read},
    path::Path,
    time::{Duration, Instant, SystemTime},
};

use ureq::{
    Agent, Body,
    http::Response,
    tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem},
};

use crate::{
    error::Error,
    notify::{Receipt, Refusal, Secret},
};

/// As much as is read of an answer that says what is wrong.
const READ: u64 = 512;

/// A client that follows no redirect, because a request that is signed, or has a token, is for its receiver alone; and that
/// trusts whom the system trusts, or the certificates in a file and no others.
pub(in crate::notify) fn agent(ca_file: Option<&Path>) -> Result<Agent, Error> {
    let roots = ca_file.map_or(Ok(RootCerts::PlatformVerifier), roots)?;
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .user_agent(concat!("monitored/", env!("CARGO_PKG_VERSION")))
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .build();
    Ok(config.into())
}

fn roots(path: &Path) -> Result<RootCerts, Error> {
    let wrong = |why: &str| {
        Error::setting(format!("the certificates in {} cannot be used ({why}); it should be PEM", path.display()))
    };
    let pem = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
    let items: Vec<PemItem<'_>> =
        parse_pem(&pem).collect::<Result<_, _>>().map_err(|error| wrong(&error.to_string()))?;
    let certificate = |item| if let PemItem::Certificate(certificate) = item { Some(certificate) } else { None };
    let certificates: Vec<Certificate<'static>> = items.into_iter().filter_map(certificate).collect();
    if certificates.is_empty() {
        return Err(wrong("there are none"));
    }
    Ok(RootCerts::new_with_certs(&certificates))
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
    let said_when = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let wait = said_when.and_then(|text| wait(text.trim(), SystemTime::now()));
    let mut said = Vec::new();
    let _ = response.body_mut().as_reader().take(READ).read_to_end(&mut said);
    let reason = format!("the receiver answered {status}: {}", String::from_utf8_lossy(&said));
    Err(match status.as_u16() {
        408 | 425 | 429 | 500.. => {
            let refusal = Refusal::transient(reason);
            match wait {
                Some(wait) => refusal.retry_after(wait),
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

/// How long a receiver wants to be left alone: seconds, or a date of RFC 9110.
fn wait(text: &str, now: SystemTime) -> Option<Duration> {
    let seconds = text.parse().map(Duration::from_secs).ok();
    let until = || httpdate::parse_http_date(text).ok();
    seconds.or_else(|| until().map(|until| until.duration_since(now).unwrap_or_default()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_says_in_seconds_or_by_date_when_it_may_be_asked_again() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_700);
        for (text, seconds) in [
            ("120", Some(120)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(77)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(77)),
            ("Sun Nov  6 08:49:37 1994", Some(77)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("", None),
        ] {
            assert_eq!(wait(text, now), seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (content, why) in [(None, "No such file"), (Some("planted"), "there are none")] {
            if let Some(content) = content {
                fs::write(&path, content).unwrap();
            }
            let error = agent(Some(&path)).err().unwrap().to_string();
            assert!(error.contains("ca.pem") && error.contains(why) && !error.contains("planted"), "{error}");
        }
    }
}
