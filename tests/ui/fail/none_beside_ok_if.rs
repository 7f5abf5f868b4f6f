use monitored::monitored;

#[monitored(none = error, ok_if = Option::is_some)]
fn work() -> Option<u8> { None }

fn main() {
    work();
}
