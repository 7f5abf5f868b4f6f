use monitored::monitored;

#[monitored(name = "")]
fn a() {}

#[monitored(name = "two words")]
fn b() {}

#[monitored(name = "9lives")]
fn c() {}

fn main() {
    a(); b(); c();
}
