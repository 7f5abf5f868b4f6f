use monitored::monitored;

#[monitored(none = err)]
fn a() -> Option<u8> {
    None
}

#[monitored(none)]
fn b() -> Option<u8> {
    None
}

#[monitored(none = "ok")]
fn c() -> Option<u8> {
    None
}

#[monitored(none = separate)]
fn d() -> Option<u8> {
    None
}

fn main() {
    a(); b(); c(); d();
}
