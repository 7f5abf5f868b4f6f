use monitored::monitored;

#[monitored(service = "a", name = "work", service = "b")]
fn work() {}

#[monitored(tags(a = "1"), tags(b = "2"))]
fn other() {}

fn main() {
    work(); other();
}
