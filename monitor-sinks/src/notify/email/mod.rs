//! Messages as mails.
//!
//! The deadline is kept from outside: the client's own limit is one for each read, which a server that says a letter a
//! second never reaches. So the whole conversation is one future of a small runtime, which is dropped at the deadline.
//!
//! A password never travels in the clear: without encryption there is no login, and by default nothing is sent at all.

mod mail;
mod refusal;

use std::{
    fmt, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use lettre::{
    message::Mailbox,
    transport::smtp::{
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters},
        commands::{Auth, Data, Mail, Rcpt},
        extension::{ClientId, Extension, MailBodyParameter, MailParameter},
        response::Response,
    },
};
use tokio::{
    runtime::{self, Runtime},
    time::{Instant as TokioInstant, timeout, timeout_at},
};

use self::{
    mail::mail,
    refusal::{Stage, refusal},
};
use super::{Channel, Class, Message, Receipt, Refusal, Secret, Settings, Severity, secret::without};
use crate::error::Error;

/// How long it takes at most to say good-bye.
const GOOD_BYE: Duration = Duration::from_millis(200);

/// Sends each message as a mail, by SMTP.
///
/// The connection is encrypted by STARTTLS, on port 587, if nothing else is said, and the server's certificate is checked
/// against those that the system trusts. If the server refuses some of the recipients, the others get the mail at once;
/// those that were refused for now get it later, those that were refused for good are told through the other channels.
///
/// # Examples
///
/// ```no_run
/// use monitor_sinks::notify::{Email, Secret, Severity};
///
/// let email = Email::via("smtp.example.com")
///     .login("monitor", Secret::from_env("SMTP_PASSWORD")?)
///     .from("Monitor <monitor@example.com>")
///     .to("ops@example.com")
///     .min_severity(Severity::High)
///     .build()?;
/// # Ok::<(), monitor_sinks::Error>(())
/// ```
#[derive(Debug)]
pub struct Email {
    server: Server,
    from: Mailbox,
    to: Vec<Mailbox>,
    /// What a server may repeat and nobody may see.
    secrets: Vec<Secret>,
    settings: Settings,
    /// Taken when it is dropped.
    runtime: Option<Runtime>,
}

/// Whom to speak to, and how.
struct Server {
    host: String,
    port: u16,
    encryption: Encryption,
    /// `None` without encryption.
    tls: Option<TlsParameters>,
    login: Option<Credentials>,
}

/// The settings of an e-mail channel.
#[derive(Debug)]
#[must_use = "an e-mail channel is made by `build`"]
pub struct Builder {
    host: String,
    port: Option<u16>,
    encryption: Encryption,
    ca_file: Option<PathBuf>,
    login: Option<(String, Secret)>,
    from: Option<String>,
    to: Vec<String>,
    settings: Settings,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encryption {
    StartTls,
    Implicit,
    None,
}

impl Email {
    /// Through the mail server of this name or address.
    pub fn via(host: impl Into<String>) -> Builder {
        Builder {
            host: host.into(),
            port: None,
            encryption: Encryption::StartTls,
            ca_file: None,
            login: None,
            from: None,
            to: Vec::new(),
            settings: Settings::default(),
        }
    }

    /// Those that the message is still to be sent to.
    fn recipients(&self, message: &Message) -> Vec<Mailbox> {
        let wanted =
            |to: &&Mailbox| message.recipients.is_empty() || message.recipients.contains(&to.email.to_string());
        self.to.iter().filter(wanted).cloned().collect()
    }
}

impl Channel for Email {
    fn send(&mut self, message: &Message, deadline: Instant) -> Result<Receipt, Refusal> {
        let to = self.recipients(message);
        if to.is_empty() {
            return Err(Refusal::of_message("its recipient is not one of the channel any more"));
        }
        let mail = mail(message, &self.from, &to).map_err(Refusal::of_message)?;
        let runtime = self.runtime.as_ref().ok_or_else(|| Refusal::transient("it has ended"))?;
        let sent = runtime.block_on(async {
            let deadline = TokioInstant::from_std(deadline);
            let late = |_| Err(Refusal::transient("the mail server did not answer in time"));
            timeout_at(deadline, self.server.deliver(&self.from, &to, &mail)).await.unwrap_or_else(late)
        });
        without(sent, &self.secrets.iter().map(Secret::expose).collect::<Vec<_>>())
    }

    fn settings(&self) -> Settings {
        self.settings
    }
}

/// A name that is still being looked up is not waited for.
impl Drop for Email {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Server {
    async fn deliver(&self, from: &Mailbox, to: &[Mailbox], mail: &[u8]) -> Result<Receipt, Refusal> {
        let session = |error| refusal(&error, Stage::Session);
        let mut connection = self.connect().await?;
        connection
            .command(Mail::new(Some(from.email.clone()), parameters(&connection, mail)))
            .await
            .map_err(session)?;
        let mut refused = Vec::new();
        for recipient in to {
            if let Err(error) = connection.command(Rcpt::new(recipient.email.clone(), Vec::new())).await {
                if error.status().is_none() {
                    return Err(refusal(&error, Stage::Mail));
                }
                refused.push((recipient.email.to_string(), refusal(&error, Stage::Mail)));
            }
        }
        if refused.len() == to.len() {
            return Err(all(refused));
        }
        let content = |error| refusal(&error, Stage::Mail);
        connection.command(Data).await.map_err(content)?;
        let response = connection.message(mail).await.map_err(content)?;
        // The mail is delivered, whatever comes now.
        let _ = timeout(GOOD_BYE, connection.quit()).await;
        let receipt = Receipt::new(said(&response));
        Ok(refused.into_iter().fold(receipt, |receipt, (recipient, refusal)| receipt.except(recipient, refusal)))
    }

    /// A connection on which mails can be sent.
    async fn connect(&self) -> Result<AsyncSmtpConnection, Refusal> {
        let session = |error| refusal(&error, Stage::Session);
        let hello = ClientId::default();
        let implicit = self.tls.clone().filter(|_| self.encryption == Encryption::Implicit);
        let address = (self.host.as_str(), self.port);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1(address, None, &hello, implicit, None).await.map_err(session)?;
        if let (Encryption::StartTls, Some(tls)) = (self.encryption, &self.tls) {
            connection.starttls(tls.clone(), &hello).await.map_err(session)?;
        }
        if let Some(login) = &self.login {
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, login).await.map_err(session)?;
        }
        Ok(connection)
    }
}

fn parameters(connection: &AsyncSmtpConnection, mail: &[u8]) -> Vec<MailParameter> {
    let is_eight_bit = !mail.is_ascii() && connection.server_info().supports_feature(Extension::EightBitMime);
    if is_eight_bit { vec![MailParameter::Body(MailBodyParameter::EightBitMime)] } else { Vec::new() }
}

/// No recipient was taken: the mail waits if one of them may still take it.
fn all(refused: Vec<(String, Refusal)>) -> Refusal {
    let is_final = refused.iter().all(|(_, refusal)| refusal.class == Class::Message);
    let reasons: Vec<String> =
        refused.into_iter().map(|(recipient, refusal)| format!("{recipient}: {refusal}")).collect();
    let reason = reasons.join("; ");
    if is_final { Refusal::of_message(reason) } else { Refusal::transient(reason) }
}

fn said(response: &Response) -> String {
    format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" "))
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, encryption, .. } = self;
        write!(f, "{host}:{port} ({encryption:?})")
    }
}

impl Builder {
    /// The port; 587 if not said, 465 with implicit TLS, 25 without encryption.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Encrypts from the first byte on, instead of by STARTTLS.
    pub fn implicit_tls(mut self) -> Self {
        self.encryption = Encryption::Implicit;
        self
    }

    /// Sends in the clear: for a server on the same machine. It excludes a login.
    pub fn without_encryption(mut self) -> Self {
        self.encryption = Encryption::None;
        self
    }

    /// Trusts the certificates in this file of PEM, and no others.
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Self {
        self.ca_file = Some(path.as_ref().to_owned());
        self
    }

    /// Logs in, by AUTH PLAIN or LOGIN.
    pub fn login(mut self, user: impl Into<String>, password: Secret) -> Self {
        self.login = Some((user.into(), password));
        self
    }

    /// Who sends: `monitor@example.com` or `Monitor <monitor@example.com>`.
    pub fn from(mut self, address: impl Into<String>) -> Self {
        self.from = Some(address.into());
        self
    }

    /// Adds a recipient.
    pub fn to(mut self, address: impl Into<String>) -> Self {
        self.to.push(address.into());
        self
    }

    /// Leaves out alerts that are less bad.
    pub fn min_severity(mut self, severity: Severity) -> Self {
        self.settings.min_severity = severity;
        self
    }

    /// How long sending a mail may take, from looking up the name on; 10 seconds if not said.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// The channel.
    ///
    /// # Errors
    ///
    /// An address or the file of certificates makes no sense, the sender or all recipients are missing, or there is a login
    /// without encryption.
    pub fn build(self) -> Result<Email, Error> {
        let from = self.from.as_deref().ok_or_else(|| Error::setting("a mail needs a sender; add `from`"))?;
        if self.to.is_empty() {
            return Err(Error::setting("a mail needs a recipient; add `to`"));
        }
        if self.encryption == Encryption::None && self.login.is_some() {
            return Err(Error::setting(
                "a login without encryption would show the password to everybody; use STARTTLS or implicit TLS",
            ));
        }
        let to = self.to.iter().map(|address| mailbox(address)).collect::<Result<_, _>>()?;
        let port = self.port.unwrap_or(match self.encryption {
            Encryption::StartTls => 587,
            Encryption::Implicit => 465,
            Encryption::None => 25,
        });
        let tls = match self.encryption {
            Encryption::None => None,
            _ => Some(tls(&self.host, self.ca_file.as_deref())?),
        };
        let secrets = self.login.iter().flat_map(|(user, password)| forms(user, password)).collect();
        let login = self.login.map(|(user, password)| Credentials::new(user, password.expose().to_owned()));
        // One thread beside it may look up names.
        let runtime = runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build();
        let runtime = runtime.map_err(|error| Error::stream("start the runtime of an e-mail channel", error))?;
        let server = Server { host: self.host, port, encryption: self.encryption, tls, login };
        Ok(Email { server, from: mailbox(from)?, to, secrets, settings: self.settings, runtime: Some(runtime) })
    }
}

/// A password, and what is said instead of it in each way to log in.
fn forms(user: &str, password: &Secret) -> Vec<Secret> {
    let said = |mechanism, challenge: Option<&str>| {
        let login = Credentials::new(user.to_owned(), password.expose().to_owned());
        let command = Auth::new(mechanism, login, challenge.map(str::to_owned)).ok()?.to_string();
        command.split_whitespace().next_back().map(Secret::new)
    };
    let said = [said(Mechanism::Plain, None), said(Mechanism::Login, Some("Password"))];
    said.into_iter().flatten().chain([password.clone()]).collect()
}

fn mailbox(address: &str) -> Result<Mailbox, Error> {
    let wrong = |error| {
        Error::setting(format!("`{address}` is no mail address ({error}); it should look like Name <name@example.com>"))
    };
    address.parse().map_err(wrong)
}

fn tls(host: &str, ca_file: Option<&Path>) -> Result<TlsParameters, Error> {
    let mut builder = TlsParameters::builder(host.to_owned());
    if let Some(path) = ca_file {
        let wrong = |why: &str| {
            Error::setting(format!("the certificates in {} cannot be used ({why}); it should be PEM", path.display()))
        };
        let pem = fs::read(path).map_err(|error| wrong(&error.to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|error| wrong(&error.to_string()))?;
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(certificate);
    }
    builder.build().map_err(|error| Error::setting(format!("there can be no encryption with {host}: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complete() -> Builder {
        Email::via("localhost").from("Monitor <a@b.example>").to("ops@b.example")
    }

    #[test]
    fn mistakes_are_told_before_there_is_something_to_send() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        for (builder, part) in [
            (Email::via("localhost").to("ops@b.example"), "`from`"),
            (Email::via("localhost").from("a@b.example"), "`to`"),
            (complete().to("nobody"), "`nobody` is no mail address"),
            (complete().without_encryption().login("a", Secret::new("planted")), "show the password"),
            (complete().ca_file(&path), "ca.pem cannot be used"),
        ] {
            let error = builder.build().unwrap_err();
            assert!(error.is_invalid_setting() && error.to_string().contains(part), "{error}");
            assert!(!format!("{error:?}").contains("planted"));
        }
    }

    #[test]
    fn a_password_is_known_in_every_form_that_a_server_may_repeat() {
        let forms = forms("monitor", &Secret::new("planted-secret"));
        let forms: Vec<&str> = forms.iter().map(Secret::expose).collect();
        assert_eq!(forms, ["AG1vbml0b3IAcGxhbnRlZC1zZWNyZXQ=", "cGxhbnRlZC1zZWNyZXQ=", "planted-secret"]);
    }

    #[test]
    fn no_way_of_printing_shows_the_password() {
        let builder = || complete().login("monitor", Secret::new("planted"));
        let shown = format!("{:?} {:?}", builder(), builder().build().unwrap());
        assert!(shown.contains("localhost:587") && !shown.contains("planted"), "{shown}");
    }
}
