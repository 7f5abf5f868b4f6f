use monitored::monitored;

#[monitored(name = work)]
fn a() {}

#[monitored(name("work"))]
fn b() {}

#[monitored(name)]
fn c() {}

#[monitored(name = )]
fn d() {}

fn main() {
    a(); b(); c(); d();
}
