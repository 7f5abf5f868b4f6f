use monitored::monitored;

#[monitored(tags(service = "a", function = "b", module = "c", outcome = "d", error_type = "e"))]
fn work() {}

fn main() {
    work();
}
