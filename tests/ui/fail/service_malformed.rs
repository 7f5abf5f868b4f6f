use monitored::monitored;

#[monitored(service = "")]
fn a() {}

#[monitored(service = "two\nlines")]
fn b() {}

fn main() {
    a(); b();
}
