//! Messages as requests of HTTP: to a program of the user's own, and to the services that many use.

pub(super) mod http;
mod preset;
mod signature;
mod template;

use std::{
    fmt,
    path::{Path, PathBuf},
    time::{Duration, Instant, SystemTime},
};

use ureq::{
    Agent,
    http::{HeaderName, HeaderValue, Uri},
};

use self::{preset::Format, signature::signature, template::Template};
use super::{Channel, Message, Receipt, Refusal, Secret, Settings, Severity, secret::without};
use crate::{error::Error, util::time::to_micros};

/// The address of PagerDuty's events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";

/// Posts each message to an address.
///
/// The body is the message as JSON, with its `key` and `incident_key`. Each request has the header `Idempotency-Key`, equal
/// in all attempts. Answers of 408, 425, 429 and from 500 on are tried again, when `Retry-After` says so if the answer has
/// it; 401, 403, 404, 405, 407, 410 and redirects, which are not followed, need somebody to act; other answers
/// mean that the message was refused.
///
/// # Examples
///
/// ```
/// use monitor_sinks::notify::{Secret, Webhook};
///
/// let own = Webhook::new("https://ops.example/alerts").sign(Secret::new("shared key")).build()?;
/// let chat = Webhook::slack(Secret::new("https://hooks.slack.com/services/T0/B0/xyz")).build()?;
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug)]
pub struct Webhook {
    url: Secret,
    headers: Vec<(String, Secret)>,
    key: Option<Secret>,
    format: Format,
    agent: Agent,
    settings: Settings,
}

/// The settings of a webhook.
#[must_use = "a webhook is made by `build`"]
pub struct Builder {
    url: Secret,
    headers: Vec<(String, Secret)>,
    key: Option<Secret>,
    format: Format,
    template: Option<String>,
    ca_file: Option<PathBuf>,
    settings: Settings,
}

impl Webhook {
    /// Posts JSON to this address of `http` or `https`.
    #[expect(clippy::new_ret_no_self, reason = "what it makes has settings")]
    pub fn new(url: impl Into<String>) -> Builder {
        Builder::of(Secret::new(url), Format::Json)
    }

    /// Posts to the address of an incoming webhook of Slack, which is a secret.
    pub fn slack(url: Secret) -> Builder {
        Builder::of(url, Format::Slack)
    }

    /// Posts to the address of a webhook of Discord, which is a secret. Texts of more than 2,000 bytes are cut.
    pub fn discord(url: Secret) -> Builder {
        Builder::of(url, Format::Discord)
    }

    /// Posts adaptive cards to the address of a workflow of Teams, which is a secret.
    pub fn teams(url: Secret) -> Builder {
        Builder::of(url, Format::Teams)
    }

    /// Triggers, acknowledges and resolves incidents of PagerDuty, by an integration key of its second interface of events.
    /// There are no digests: each alert is an incident.
    pub fn pagerduty(routing_key: Secret) -> Builder {
        let mut builder = Builder::of(Secret::new(PAGERDUTY), Format::PagerDuty(routing_key));
        builder.settings.digest = false;
        builder
    }

    /// What a receiver may repeat and nobody may see. Of an address that is its path.
    fn secrets(&self) -> Vec<&str> {
        let url = self.url.expose();
        let path = url.split_once("://").and_then(|(_, rest)| rest.find(['/', '?']).map(|at| &rest[at..]));
        let key = if let Format::PagerDuty(key) = &self.format { Some(key.expose()) } else { None };
        [url].into_iter().chain(path).chain(http::secrets(&self.headers)).chain(key).collect()
    }

    fn post(&self, message: &Message, body: &str, deadline: Instant) -> Result<Receipt, Refusal> {
        let key = header_safe(&message.idempotency_key());
        let signature = self.key.as_ref().map(|key| signature(key, seconds(), body));
        let mut headers = vec![("Content-Type", "application/json"), ("Idempotency-Key", key.as_str())];
        headers.extend(signature.as_deref().map(|signature| ("X-Monitored-Signature", signature)));
        headers.extend(self.headers.iter().map(|(name, value)| (name.as_str(), value.expose())));
        http::post(&self.agent, self.url.expose(), &headers, body, deadline)
    }
}

impl Channel for Webhook {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        let bodies = self.format.bodies(message).map_err(Refusal::of_channel)?;
        let sent = bodies.iter().try_fold(Receipt::default(), |_, body| self.post(message, body, deadline));
        without(sent, &self.secrets())
    }

    fn settings(&self) -> Settings {
        self.settings
    }
}

/// A key as a header may have it: names of channels and rules may be in any alphabet.
fn header_safe(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_graphic() { c } else { '-' }).collect()
}

fn seconds() -> i64 {
    to_micros(SystemTime::now()).div_euclid(1_000_000)
}

impl Builder {
    fn of(url: Secret, format: Format) -> Self {
        let settings = Settings::default();
        Self { url, headers: Vec::new(), key: None, format, template: None, ca_file: None, settings }
    }

    /// Posts to another address than that of the service, such as a proxy.
    pub fn url(mut self, url: Secret) -> Self {
        self.url = url;
        self
    }

    /// Signs each request with this key, in the header `X-Monitored-Signature: t=SECONDS,v1=HEX`. `HEX` is the HMAC-SHA256
    /// of `SECONDS`, a dot, and the body.
    pub fn sign(mut self, key: Secret) -> Self {
        self.key = Some(key);
        self
    }

    /// Adds a header, such as `Authorization`.
    pub fn header(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.headers.push((name.into(), value));
        self
    }

    /// The body, as a template of minijinja over the fields of [`Message`], `key`, `incident_key`, and the texts `headline`
    /// and `body`. The filter `tojson` quotes a value.
    pub fn template(mut self, source: impl Into<String>) -> Self {
        self.template = Some(source.into());
        self
    }

    /// Trusts the certificates in this file of PEM, and no others; those that the system trusts if not said.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_file = Some(path.as_ref().to_owned());
        self
    }

    /// Leaves out alerts that are less bad.
    pub fn min_severity(mut self, severity: Severity) -> Self {
        self.settings.min_severity = severity;
        self
    }

    /// How long a request may take, from looking up the name to the answer; 10 seconds if not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The webhook.
    ///
    /// # Errors
    ///
    /// The address, a header, the template, or the file of certificates makes no sense.
    pub fn build(self) -> Result<Webhook, Error> {
        let Self { url, headers, key, mut format, template, ca_file, settings } = self;
        check_url(url.expose())?;
        for (name, value) in &headers {
            let is_valid = name.parse::<HeaderName>().is_ok() && value.expose().parse::<HeaderValue>().is_ok();
            if !is_valid {
                return Err(Error::setting(format!("the header {name:?} of a webhook is not valid; see RFC 9110")));
            }
        }
        if let Some(source) = template {
            format = Format::Template(Box::new(Template::new(source).map_err(Error::setting)?));
        }
        let agent = http::agent(ca_file.as_deref())?;
        Ok(Webhook { url, headers, key, format, agent, settings })
    }
}

/// The address is not in the message: it may be a secret.
pub(super) fn check_url(url: &str) -> Result<(), Error> {
    let parsed = url.parse::<Uri>().ok();
    let is_good = parsed.is_some_and(|uri| {
        uri.host().is_some_and(|host| !host.is_empty()) && matches!(uri.scheme_str(), Some("http" | "https"))
    });
    let wrong = "the address of a webhook makes no sense; it should look like https://host/path";
    if is_good { Ok(()) } else { Err(Error::setting(wrong)) }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("format", &self.format)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_are_told_without_what_may_be_secret() {
        for url in ["", "planted", "ftp://planted/", "http:///planted", "http://pla nted/"] {
            let error = Webhook::new(url).build().unwrap_err();
            assert!(error.is_invalid_setting() && !error.to_string().contains("planted"), "{error}");
        }
        let error = Webhook::new("http://a/").header("a b", Secret::new("planted")).build().unwrap_err();
        assert!(error.to_string().contains("\"a b\"") && !format!("{error:?}").contains("planted"), "{error}");
        let error = Webhook::new("http://a/").template("{{ x").build().unwrap_err();
        assert!(error.to_string().contains("template"), "{error}");
    }

    #[test]
    fn no_way_of_printing_shows_a_secret() {
        let secret = || Secret::new("https://planted/");
        let shown = format!(
            "{:?} {:?} {:?}",
            Webhook::slack(secret()).header("Authorization", secret()).sign(secret()),
            Webhook::slack(secret()).header("Authorization", secret()).sign(secret()).build().unwrap(),
            Webhook::pagerduty(Secret::new("planted")).build().unwrap(),
        );
        assert!(!shown.contains("planted"), "{shown}");
    }
}
