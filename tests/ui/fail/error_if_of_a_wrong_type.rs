use monitored::monitored;

#[monitored(error_if = |text| text.len())]
fn work() -> String {
    String::new()
}

fn main() {
    work();
}
