use monitored::monitored;

#[monitored(objective)]
fn a() {}

#[monitored(objective())]
fn b() {}

#[monitored(objective = "250ms")]
fn c() {}

fn main() {
    a(); b(); c();
}
