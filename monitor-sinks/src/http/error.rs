//! What can keep a server from starting, in one opaque type.

use std::{error, fmt, io, net::SocketAddr, sync::Arc};

/// A server that could not be started.
#[derive(Debug, Clone)]
pub struct Error {
    kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Bind { address: SocketAddr, source: Arc<io::Error> },
    Thread { source: Arc<io::Error> },
    Open { address: SocketAddr },
    Setting { message: String },
}

/// The address that a text is, such as `127.0.0.1:9900` or `[::1]:9900`.
///
/// # Errors
///
/// If it is none. Names of hosts are not looked up: they may stand for addresses that other machines can reach.
pub fn parse_address(text: &str) -> Result<SocketAddr, Error> {
    text.parse().map_err(|_| {
        let message = format!("`{text}` is no address to listen at; write a number and a port, such as 127.0.0.1:9900");
        Kind::Setting { message }.into()
    })
}

impl Error {
    /// Whether another program listens at the address already.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        matches!(&self.kind, Kind::Bind { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }

    /// Whether a setting makes no sense, or would let other machines ask without a token.
    #[must_use]
    pub fn is_invalid_setting(&self) -> bool {
        matches!(self.kind, Kind::Setting { .. } | Kind::Open { .. })
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Bind { address, source } if source.kind() == io::ErrorKind::AddrInUse => {
                write!(f, "cannot listen at {address}: another program does; choose another port, or 0 for a free one")
            }
            Kind::Bind { address, source } => write!(f, "cannot listen at {address}: {source}"),
            Kind::Thread { source } => write!(f, "cannot start the thread of the server: {source}"),
            Kind::Open { address } => write!(
                f,
                "other machines can reach {address}, so clients must show a token; set one, or listen at 127.0.0.1"
            ),
            Kind::Setting { message } => f.write_str(message),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.kind {
            Kind::Bind { source, .. } | Kind::Thread { source } => Some(source.as_ref()),
            Kind::Open { .. } | Kind::Setting { .. } => None,
        }
    }
}
