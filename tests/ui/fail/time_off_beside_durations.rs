use monitored::monitored;

#[monitored(time = off, slow = "1s")]
fn a() {}

#[monitored(sample = 1/2, time = off)]
fn b() {}

#[monitored(time = off, objective(latency = "1s"))]
fn c() {}

fn main() {
    a(); b(); c();
}
