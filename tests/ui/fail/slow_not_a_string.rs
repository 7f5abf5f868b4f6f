use monitored::monitored;

#[monitored(slow = 250)]
fn a() {}

#[monitored(slow = 250ms)]
fn b() {}

#[monitored(slow = LIMIT)]
fn c() {}

#[monitored(slow("1s"))]
fn d() {}

fn main() {
    a(); b(); c(); d();
}
