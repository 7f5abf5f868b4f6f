//! A program that answers questions about itself while it runs: the HTTP interface of Prometheus, and `/metrics`.
//!
//! ```text
//! cargo run --features http --example serve -- 127.0.0.1:9900 60
//! ```
//!
//! The first argument is where it listens, `127.0.0.1:9900` if not said; the second is for how many seconds, a minute
//! if not said. Nothing of what is seen needs a flush: the server knows what was recorded up to now.

use std::{
    error::Error,
    thread,
    time::{Duration, Instant},
};

use monitored::prelude::*;

#[monitored]
fn price(order: u64) -> Result<u64, String> {
    thread::sleep(Duration::from_millis(order % 7));
    if order.is_multiple_of(11) {
        return Err(format!("order {order} has no items"));
    }
    counter!("orders_priced_total", 1, "kind" => if order.is_multiple_of(3) { "gift" } else { "sale" });
    Ok(order * 3)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let listen = arguments.next().unwrap_or_else(|| String::from("127.0.0.1:9900"));
    let seconds = arguments.next().map_or(Ok(60), |seconds| seconds.parse())?;

    let folder = tempfile::tempdir()?;
    let monitor = Monitor::builder().service("shop").sqlite(folder.path().join("metrics.db")).start()?;
    let address = monitor.serve(&listen)?;
    println!("listening at http://{address} for {seconds} s; ask it, or point Grafana at it as a Prometheus:");
    println!("  curl http://{address}/metrics");
    println!("  curl http://{address}/api/v1/query --data-urlencode 'query=sum(rate(function_calls_total[1m]))'");
    println!(
        "  curl http://{address}/api/v1/query --data-urlencode \
         'query=histogram_quantile(0.99, rate(function_calls_duration_seconds[1m]))'"
    );

    let end = Instant::now() + Duration::from_secs(seconds);
    let mut failed = 0_u64;
    for order in 1.. {
        failed += u64::from(price(order).is_err());
        if Instant::now() >= end {
            break;
        }
    }
    let calls = monitor.promql("sum(function_calls_total)").newest()?;
    println!("{} orders priced, {failed} of them refused", calls.first_float().unwrap_or_default());
    // Ends the server as well.
    monitor.shutdown()?;
    Ok(())
}
