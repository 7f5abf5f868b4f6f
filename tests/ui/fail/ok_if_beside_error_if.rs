use monitored::monitored;

#[monitored(ok_if = is_ok, error_if = is_error)]
fn work() -> u8 { 1 }

fn main() {
    work();
}
