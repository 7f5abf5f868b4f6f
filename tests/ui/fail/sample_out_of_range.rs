use monitored::monitored;

#[monitored(sample = 1/0)]
fn a() {}

#[monitored(sample = 1/65537)]
fn b() {}

fn main() {
    a(); b();
}
