use monitored::monitored;

#[monitored(tags)]
fn a() {}

#[monitored(tags = "region")]
fn b() {}

#[monitored(tags { region = "eu" })]
fn c() {}

fn main() {
    a(); b(); c();
}
