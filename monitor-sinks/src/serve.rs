//! A monitor that answers over HTTP: Prometheus' interface and `/metrics`, over what is recorded and what is stored.
//!
//! The server belongs to the monitor and ends with it; whoever wants to end it earlier, or has settings for it, makes one of
//! [`Monitor::server`].

use std::net::SocketAddr;

use crate::{
    http::{Builder, Error, Server, parse_address},
    runtime::Monitor,
};

impl Monitor {
    /// Answers clients of Prometheus at `address`, such as `127.0.0.1:9900`, until the monitor ends. Returns where it
    /// listens; with port 0, a free one is found.
    ///
    /// Every user of this machine can ask, and nobody else: for an address that other machines can reach a token is
    /// needed, see [`server`](Self::server). Nobody can write.
    ///
    /// What is answered is what was recorded up to now, stored or not; see [`StoreSource`](crate::StoreSource).
    ///
    /// # Errors
    ///
    /// If the text is no address, the address is taken or not one of this machine's, or other machines could reach it.
    ///
    /// # Examples
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let path = folder.path().join("metrics.db");
    /// let monitor = monitor_sinks::Monitor::builder().sqlite(path).start()?;
    /// let address = monitor.serve("127.0.0.1:0")?;
    /// println!("curl http://{address}/metrics");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn serve(&self, address: &str) -> Result<SocketAddr, Error> {
        let server = self.server().listen(parse_address(address)?).start()?;
        let address = server.address();
        self.attach(server);
        Ok(address)
    }

    /// The settings of a server of this monitor's values: a token, other names, limits. It listens until it is stopped or
    /// dropped; once the monitor has ended, it answers what is stored.
    ///
    /// # Examples
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use monitor_sinks::{Monitor, http::Token};
    ///
    /// let monitor = Monitor::builder().sqlite("metrics.db").start()?;
    /// let token = Token::new(&std::env::var("METRICS_TOKEN")?).ok_or("a token has at least 32 characters")?;
    /// let server = monitor.server().listen("0.0.0.0:9900".parse()?).token(token).start()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn server(&self) -> Builder {
        Server::builder(self.promql_source())
    }
}
