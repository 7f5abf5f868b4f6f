use monitored::monitored;

#[monitored(prefix = "")]
fn a() {}

#[monitored(prefix = "two words")]
fn b() {}

#[monitored(prefix = module)]
fn c() {}

fn main() {
    a(); b(); c();
}
