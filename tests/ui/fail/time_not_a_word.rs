use monitored::monitored;

#[monitored(time = "wall")]
fn a() {}

#[monitored(time = 3)]
fn b() {}

#[monitored(time(wall))]
fn c() {}

#[monitored(time)]
fn d() {}

fn main() {
    a(); b(); c(); d();
}
