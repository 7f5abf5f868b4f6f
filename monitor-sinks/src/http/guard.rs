//! Who may ask: in front of every route, those that do not exist as well.
//!
//! A page in a browser can send requests to this machine, and by a name that it makes point here (DNS rebinding) read
//! the answers. So the host that a request names must be one of ours, and where a browser says that a page asks, it must
//! be a page of this server. No header allows others to read answers (CORS).

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::token::Token;

/// What is asked of every request.
#[derive(Debug)]
pub(super) struct Guard {
    pub(super) address: SocketAddr,
    /// Names, as `name` or `name:port`, in lower case.
    pub(super) hosts: Vec<String>,
    pub(super) token: Option<Token>,
}

/// On every response. Answers are nothing that a browser should show, keep, or let other pages use.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Lets a request pass to the routes, or answers it with the status that refuses it.
pub(super) async fn guard(State(guard): State<std::sync::Arc<Guard>>, request: Request, next: Next) -> Response {
    let mut response = match guard.check(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(status) => status.into_response(),
    };
    if response.status() == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Guard {
    fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), StatusCode> {
        let named = only(headers, &header::HOST).filter(|host| self.is_own(host));
        let is_own = named.is_some() && uri.authority().is_none_or(|authority| self.is_own(authority.as_str()));
        if !is_own {
            return Err(StatusCode::MISDIRECTED_REQUEST);
        }
        let is_same_page = |name: &HeaderName, fits: &dyn Fn(&str) -> bool| {
            !headers.contains_key(name) || only(headers, name).is_some_and(fits)
        };
        let origin = |origin: &str| {
            let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
            host.is_some_and(|host| self.is_own(host))
        };
        let site = |site: &str| matches!(site, "same-origin" | "none");
        if !is_same_page(&header::ORIGIN, &origin) || !is_same_page(&HeaderName::from_static("sec-fetch-site"), &site) {
            return Err(StatusCode::FORBIDDEN);
        }
        let Some(token) = &self.token else { return Ok(()) };
        let shown = only(headers, &header::AUTHORIZATION).and_then(|shown| shown.split_once(' '));
        let fits =
            |(scheme, secret): (&str, &str)| scheme.eq_ignore_ascii_case("bearer") && token.is(secret.as_bytes());
        if shown.is_some_and(fits) { Ok(()) } else { Err(StatusCode::UNAUTHORIZED) }
    }

    /// Whether a host, with or without port, is a name of this server.
    fn is_own(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let (name, port) = split(&host);
        if self.hosts.iter().any(|known| *known == host || known == name) {
            return true;
        }
        let is_address = |address: IpAddr| {
            address.is_loopback() || address == self.address.ip() || self.address.ip().is_unspecified()
        };
        let address = name.trim_start_matches('[').trim_end_matches(']').parse();
        (name == "localhost" || address.is_ok_and(is_address)) && port.unwrap_or(80) == self.address.port()
    }
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

/// A host and its port; a port that is none belongs to the host, which then is no name of anything.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':').map(|(name, port)| (name, port.parse())) {
        Some((name, Ok(port))) if !name.contains(':') || name.ends_with(']') => (name, Some(port)),
        _ => (host, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(address: &str, hosts: &[&str]) -> Guard {
        Guard {
            address: address.parse().unwrap(),
            hosts: hosts.iter().map(|host| (*host).to_owned()).collect(),
            token: None,
        }
    }

    fn checked(guard: &Guard, headers: &[(&str, &str)]) -> Result<(), StatusCode> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
        }
        guard.check(&Uri::from_static("/metrics"), &map)
    }

    #[test]
    fn only_names_of_this_server_are_answered() {
        let loopback = guard("127.0.0.1:9090", &["metrics.example", "other.example:80"]);
        for own in
            ["localhost:9090", "LOCALHOST:9090", "127.0.0.1:9090", "[::1]:9090", "metrics.example", "metrics.example:7"]
        {
            assert!(loopback.is_own(own), "{own}");
        }
        for foreign in [
            "",
            "localhost",
            "localhost:9091",
            "localhost.evil.example:9090",
            "evil.example:9090",
            "10.0.0.1:9090",
            "127.0.0.1:9090:9090",
            "::1:9090",
            "[::1",
            "localhost:",
            "metrics.example.evil.example",
            "other.example",
        ] {
            assert!(!loopback.is_own(foreign), "{foreign}");
        }
        assert!(guard("0.0.0.0:9090", &[]).is_own("10.0.0.1:9090"));
        assert!(guard("10.0.0.1:9090", &[]).is_own("10.0.0.1:9090"));
    }

    #[test]
    fn a_host_must_be_named_once() {
        let guard = guard("127.0.0.1:9090", &[]);
        let own = ("host", "localhost:9090");
        assert_eq!(checked(&guard, &[own]), Ok(()));
        assert_eq!(checked(&guard, &[]), Err(StatusCode::MISDIRECTED_REQUEST));
        assert_eq!(checked(&guard, &[own, own]), Err(StatusCode::MISDIRECTED_REQUEST));
        let named = Uri::from_static("http://evil.example/metrics");
        let headers = [(header::HOST, HeaderValue::from_static("localhost:9090"))].into_iter().collect();
        assert_eq!(guard.check(&named, &headers), Err(StatusCode::MISDIRECTED_REQUEST));
    }

    #[test]
    fn pages_of_others_are_refused() {
        let guard = guard("127.0.0.1:9090", &[]);
        let own = ("host", "localhost:9090");
        assert_eq!(checked(&guard, &[own, ("origin", "http://localhost:9090")]), Ok(()));
        assert_eq!(checked(&guard, &[own, ("sec-fetch-site", "same-origin")]), Ok(()));
        for foreign in [
            ("origin", "null"),
            ("origin", "http://evil.example"),
            ("origin", "localhost:9090"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            assert_eq!(checked(&guard, &[own, foreign]), Err(StatusCode::FORBIDDEN), "{foreign:?}");
        }
    }

    #[test]
    fn the_token_must_be_shown_where_there_is_one() {
        let secret = "0123456789abcdef0123456789abcdef";
        let guard = Guard { token: Token::new(secret), ..guard("127.0.0.1:9090", &[]) };
        let shown = |value: &str| checked(&guard, &[("host", "localhost:9090"), ("authorization", value)]);
        assert_eq!(shown(&format!("Bearer {secret}")), Ok(()));
        for wrong in ["", "Bearer", "Bearer ", secret, &format!("Basic {secret}"), &format!("Bearer {secret}0")] {
            assert_eq!(shown(wrong), Err(StatusCode::UNAUTHORIZED), "{wrong}");
        }
        assert_eq!(checked(&guard, &[("host", "localhost:9090")]), Err(StatusCode::UNAUTHORIZED));
    }
}
