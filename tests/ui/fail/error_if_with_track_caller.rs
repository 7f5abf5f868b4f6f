use monitored::monitored;

#[monitored(error_if = |n| *n > 1)]
#[track_caller]
fn a() -> u8 {
    1
}

#[monitored(error = code)]
fn b() -> ! {
    panic!()
}

fn main() {
    a(); b();
}
