use monitored::monitored;

#[monitored(sample = 16)]
fn a() {}

#[monitored(sample = 0.5)]
fn b() {}

#[monitored(sample = 2/16)]
fn c() {}

#[monitored(sample = "1/16")]
fn d() {}

#[monitored(sample)]
fn e() {}

fn main() {
    a(); b(); c(); d(); e();
}
