use monitored::monitored;

#[monitored(objective(latency = "250ms", target = 100))]
fn a() {}

#[monitored(objective(errors = 0))]
fn b() {}

#[monitored(objective(errors = 0.1%))]
fn c() {}

#[monitored(objective(errors = -1))]
fn d() {}

fn main() {
    a(); b(); c(); d();
}
