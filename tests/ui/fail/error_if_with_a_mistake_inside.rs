use monitored::monitored;

#[monitored(error_if = |text| text.is_emtpy())]
fn work() -> String {
    String::new()
}

fn main() {
    work();
}
