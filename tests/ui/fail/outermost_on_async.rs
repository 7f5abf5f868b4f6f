use monitored::monitored;
use std::future::Future;
use std::pin::Pin;

#[monitored(outermost)]
async fn a() {}

#[monitored(outermost)]
fn b() -> impl Future<Output = ()> {
    a()
}

#[monitored(outermost)]
fn c() -> Pin<Box<dyn Future<Output = ()>>> {
    Box::pin(a())
}

fn main() {
    drop((a(), b(), c()));
}
