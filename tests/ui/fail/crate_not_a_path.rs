use monitored::monitored;

#[monitored(crate = "monitored")]
fn a() {}

#[monitored(crate = 3)]
fn b() {}

#[monitored(crate)]
fn c() {}

fn main() {
    a(); b(); c();
}
